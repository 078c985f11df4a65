/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots are found by name in a table of the previous generation. New names get numbers above the
 * highest one first, then free ones, and only then those of names that are gone, the one first that
 * went first: a slot rests for as long as it can before it means something else.
 */
#include "control/compile/slots.h"

#include <stdlib.h>

#include "control/config/names.h"

enum { SLOT_FREE, SLOT_GONE, SLOT_KEPT };

struct slots {
	struct names *had;
	uint8_t *state; /* of each slot */
	uint32_t capacity;
	uint32_t next;    /* where the search for a free one goes on */
	bool full;        /* none is free */
	uint32_t *order;  /* slots that names had, in the order of slots_had() */
	uint32_t ordered; /* entries of it */
	uint32_t taken;   /* of these, looked at for one that is gone */
	char **texts;
	uint32_t text_count;
};

struct slots *slots_new(uint32_t capacity)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return NULL;
	slots->had = names_new(16);
	slots->state = calloc((size_t)capacity + 1, 1);
	slots->order = calloc((size_t)capacity + 1, sizeof(*slots->order));
	slots->capacity = capacity;
	if (!slots->had || !slots->state || !slots->order) {
		slots_free(slots);
		return NULL;
	}
	return slots;
}

void slots_free(struct slots *slots)
{
	if (!slots)
		return;
	names_free(slots->had);
	for (uint32_t i = 0; i < slots->text_count; i++)
		free(slots->texts[i]);
	free(slots->texts);
	free(slots->order);
	free(slots->state);
	free(slots);
}

#define NAME_BYTES 512

/* A single text is used as it is, two are joined into @p room. */
static struct str join(struct slot_name name, char *room)
{
	if (name.b.len == 0 || name.a.len + name.b.len + 1 > NAME_BYTES)
		return name.a;
	memcpy(room, name.a.data, name.a.len);
	room[name.a.len] = '/';
	memcpy(room + name.a.len + 1, name.b.data, name.b.len);
	return (struct str){ room, name.a.len + 1 + name.b.len };
}

/* A text that lives as long as the table. */
static struct str keep(struct slots *slots, struct str text)
{
	char **texts = slots->texts;
	char *copy = malloc(text.len + 1);

	if ((slots->text_count & (slots->text_count - 1)) == 0)
		texts = reallocarray(
			texts, slots->text_count ? slots->text_count * 2 : 1, sizeof(*texts));
	if (texts)
		slots->texts = texts;
	if (!texts || !copy) {
		free(copy);
		return (struct str){ 0 };
	}
	texts[slots->text_count++] = copy;
	memcpy(copy, text.data, text.len);
	return (struct str){ copy, text.len };
}

void slots_had(struct slots *slots, struct slot_name name, uint32_t slot)
{
	char room[NAME_BYTES];
	struct str text = join(name, room);

	if (slot >= slots->capacity)
		return;
	if (text.data == room)
		text = keep(slots, text);
	names_add(slots->had, text, slot);
	if (slots->state[slot] == SLOT_FREE)
		slots->order[slots->ordered++] = slot;
	slots->state[slot] = SLOT_GONE;
	if (slot >= slots->next)
		slots->next = slot + 1;
}

void slots_want(struct slots *slots, struct slot_name name)
{
	char room[NAME_BYTES];
	uint32_t slot = names_find(slots->had, join(name, room));

	if (slot != NAMES_NONE)
		slots->state[slot] = SLOT_KEPT;
}

static uint32_t slots_take_free(struct slots *slots)
{
	for (uint32_t n = 0; n < slots->capacity && !slots->full; n++) {
		uint32_t slot = slots->next < slots->capacity ? slots->next : 0;

		slots->next = slot + 1;
		if (slots->state[slot] == SLOT_FREE) {
			slots->state[slot] = SLOT_KEPT;
			return slot;
		}
	}
	slots->full = true;
	return SNAP_NONE;
}

static uint32_t slots_take_gone(struct slots *slots)
{
	while (slots->taken < slots->ordered) {
		uint32_t slot = slots->order[slots->taken++];

		if (slots->state[slot] == SLOT_GONE) {
			slots->state[slot] = SLOT_KEPT;
			return slot;
		}
	}
	return SNAP_NONE;
}

uint32_t slots_take(struct slots *slots, struct slot_name name)
{
	char room[NAME_BYTES];
	uint32_t slot = names_find(slots->had, join(name, room));

	if (slot != NAMES_NONE)
		return slot;
	slot = slots_take_free(slots);
	return slot != SNAP_NONE ? slot : slots_take_gone(slots);
}

bool slots_rests(const struct slots *slots, uint32_t slot)
{
	return slot < slots->capacity && slots->state[slot] == SLOT_GONE;
}
