/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumers and endpoints that are added, removed or moved to another plan, in copies of a
 * snapshot's sections. Slots follow the rules of compile/slots.c: a name that comes back has its
 * slot again, new ones get those above the highest, then free ones, then those of consumers that
 * were removed first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/changes_priv.h"

void change_edit_free(struct change_edit *e)
{
	free(e->consumers);
	free(e->keys);
	free(e->retired);
	free(e->endpoints);
	free(e->callers_strings);
	free(e->endpoints_strings);
	*e = (struct change_edit){ 0 };
}

/* A copy of a section's records, with room for @p more. */
static void *edit_copy(
	const struct snapshot *s, enum snap_section_id id, size_t record_bytes, size_t more)
{
	const struct snap_array *from = &s->sections[id];
	void *out = calloc(from->count + more + 1, record_bytes);

	if (out && from->count)
		memcpy(out, from->records, from->count * record_bytes);
	return out;
}

static bool edit_begin_callers(struct change_edit *e, const struct snapshot *s, uint32_t more)
{
	e->consumers = edit_copy(s, SNAP_CONSUMERS, sizeof(*e->consumers), more);
	e->keys = edit_copy(s, SNAP_KEYS, sizeof(*e->keys), 0);
	e->retired = edit_copy(s, SNAP_RETIRED, sizeof(*e->retired), more);
	e->callers_strings =
		edit_copy(s, SNAP_CALLERS_STRINGS, 1, (size_t)more * CHANGE_NAME_BYTES);
	e->s.sections[SNAP_CONSUMERS].records = e->consumers;
	e->s.sections[SNAP_KEYS].records = e->keys;
	e->s.sections[SNAP_RETIRED].records = e->retired;
	e->s.sections[SNAP_CALLERS_STRINGS].records = e->callers_strings;
	return e->consumers && e->keys && e->retired && e->callers_strings;
}

static bool edit_begin_endpoints(struct change_edit *e, const struct snapshot *s, uint32_t more)
{
	e->endpoints = edit_copy(s, SNAP_ENDPOINTS, sizeof(*e->endpoints), more);
	e->endpoints_strings =
		edit_copy(s, SNAP_ENDPOINTS_STRINGS, 1, (size_t)more * CHANGE_NAME_BYTES);
	e->s.sections[SNAP_ENDPOINTS].records = e->endpoints;
	e->s.sections[SNAP_ENDPOINTS_STRINGS].records = e->endpoints_strings;
	return e->endpoints && e->endpoints_strings;
}

static uint32_t *edit_count(struct change_edit *e, enum snap_section_id id)
{
	return &e->s.sections[id].count;
}

/* @param strings  those of @p kind */
static struct snap_text edit_text(
	struct change_edit *e, enum snap_kind kind, char *strings, const char *text)
{
	uint32_t *used = edit_count(e, SNAP_STRINGS + kind);
	const struct snap_text out = { (uint32_t)kind << SNAP_TEXT_BITS | *used,
		(uint32_t)strlen(text) };

	memcpy(strings + *used, text, out.length);
	*used += out.length;
	return out;
}

/* Which slots are in use, with what is asked of them. */
struct edit_slots {
	uint8_t *used;
	uint32_t capacity, end; /* above the highest */
};

static void edit_slot_use(struct edit_slots *slots, uint32_t slot)
{
	if (slot >= slots->capacity)
		return;
	slots->used[slot] = 1;
	if (slot >= slots->end)
		slots->end = slot + 1;
}

/* @return SNAP_NONE when all are in use */
static uint32_t edit_slot_free(const struct edit_slots *slots)
{
	if (slots->end < slots->capacity)
		return slots->end;
	for (uint32_t i = 0; i < slots->capacity; i++)
		if (!slots->used[i])
			return i;
	return SNAP_NONE;
}

static void edit_forget_retired(struct change_edit *e, uint32_t i)
{
	uint32_t *count = edit_count(e, SNAP_RETIRED);

	--*count;
	memmove(&e->retired[i], &e->retired[i + 1], (*count - i) * sizeof(*e->retired));
}

/* The slot of a consumer that is added; SNAP_NONE: there is none. @return 0 or -ENOMEM */
static int edit_consumer_slot(struct change_edit *e, const char *name, uint32_t *slot)
{
	struct edit_slots slots = { .capacity = snap_settings(&e->s)->consumer_capacity };

	for (uint32_t i = 0; i < *edit_count(e, SNAP_RETIRED); i++)
		if (str_equal(snap_str(&e->s, e->retired[i].name), str_of(name))) {
			*slot = e->retired[i].slot;
			edit_forget_retired(e, i);
			return 0;
		}
	slots.used = calloc((size_t)slots.capacity + 1, 1);
	if (!slots.used)
		return -ENOMEM;
	for (uint32_t i = 0; i < *edit_count(e, SNAP_CONSUMERS); i++)
		edit_slot_use(&slots, e->consumers[i].slot);
	for (uint32_t i = 0; i < *edit_count(e, SNAP_RETIRED); i++)
		edit_slot_use(&slots, e->retired[i].slot);
	*slot = edit_slot_free(&slots);
	free(slots.used);
	if (*slot == SNAP_NONE && *edit_count(e, SNAP_RETIRED) > 0) {
		*slot = e->retired[0].slot;
		edit_forget_retired(e, 0);
	}
	return 0;
}

static void edit_drop_keys(struct change_edit *e, uint32_t consumer)
{
	uint32_t *count = edit_count(e, SNAP_KEYS), kept = 0;

	for (uint32_t i = 0; i < *count; i++)
		if (e->keys[i].consumer != consumer)
			e->keys[kept++] = e->keys[i];
	*count = kept;
}

static void edit_consumer_remove(struct change_edit *e, uint32_t consumer)
{
	const struct snap_consumer *gone = &e->consumers[consumer];
	uint32_t *count = edit_count(e, SNAP_CONSUMERS);

	edit_drop_keys(e, consumer);
	e->retired[(*edit_count(e, SNAP_RETIRED))++] = (struct snap_retired){ .name = gone->name,
		.limits = SNAP_AT(&e->s, SNAP_PLANS, snap_plan, gone->plan)->limits,
		.slot = gone->slot };
	--*count;
	memmove(&e->consumers[consumer], &e->consumers[consumer + 1],
		(*count - consumer) * sizeof(*e->consumers));
	for (uint32_t i = 0; i < *edit_count(e, SNAP_KEYS); i++)
		e->keys[i].consumer -= e->keys[i].consumer > consumer;
}

static int edit_consumer_add(struct change_edit *e, const char *name, uint32_t plan)
{
	struct snap_consumer added = { .plan = plan };
	int rc = edit_consumer_slot(e, name, &added.slot);

	if (rc || added.slot == SNAP_NONE)
		return rc;
	added.name = edit_text(e, SNAP_KIND_CALLERS, e->callers_strings, name);
	e->consumers[(*edit_count(e, SNAP_CONSUMERS))++] = added;
	return 0;
}

static int edit_consumer(struct change_edit *e, const struct change *c)
{
	const uint32_t found = change_find_consumer(&e->s, c->of);
	uint32_t plan;

	if (c->kind == CHANGE_CONSUMER_REMOVE) {
		if (found != SNAP_NONE)
			edit_consumer_remove(e, found);
		return 0;
	}
	if (found != SNAP_NONE && c->without_keys)
		edit_drop_keys(e, found);
	plan = change_find_plan(&e->s, c->name);
	if (plan == SNAP_NONE)
		return 0; /* it rests */
	if (found != SNAP_NONE)
		e->consumers[found].plan = plan;
	else if (c->kind == CHANGE_CONSUMER_ADD)
		return edit_consumer_add(e, c->of, plan);
	return 0;
}

static int edit_endpoint_slot(struct change_edit *e, uint32_t *slot)
{
	struct edit_slots slots = { .capacity = snap_settings(&e->s)->endpoint_capacity };

	slots.used = calloc((size_t)slots.capacity + 1, 1);
	if (!slots.used)
		return -ENOMEM;
	for (uint32_t i = 0; i < *edit_count(e, SNAP_ENDPOINTS); i++)
		edit_slot_use(&slots, e->endpoints[i].slot);
	*slot = edit_slot_free(&slots);
	free(slots.used);
	return 0;
}

/* It is put behind the backend's others. */
static int edit_endpoint_add(struct change_edit *e, const struct change *c, uint32_t backend)
{
	struct snap_endpoint added = { .weight = c->weight,
		.backend = SNAP_AT(&e->s, SNAP_BACKENDS, snap_backend, backend)->slot };
	uint32_t *count = edit_count(e, SNAP_ENDPOINTS), at = *count;
	uint16_t port;
	int rc;

	if (ip_port_parse(str_of(c->name), &added.addr, &port) < 0)
		return 0;
	rc = edit_endpoint_slot(e, &added.slot);
	if (rc || added.slot == SNAP_NONE)
		return rc;
	added.tcp_port = port;
	added.name = edit_text(e, SNAP_KIND_ENDPOINTS, e->endpoints_strings, c->name);
	for (uint32_t i = 0; i < *count; i++)
		if (e->endpoints[i].backend == added.backend)
			at = i + 1;
	memmove(&e->endpoints[at + 1], &e->endpoints[at], (*count - at) * sizeof(added));
	e->endpoints[at] = added;
	++*count;
	return 0;
}

static int edit_endpoint(struct change_edit *e, const struct change *c)
{
	const uint32_t backend = change_find_backend(&e->s, c->of);
	uint32_t *count = edit_count(e, SNAP_ENDPOINTS), found;

	if (backend == SNAP_NONE)
		return 0;
	found = change_find_address(&e->s, backend, c->name);
	if (c->kind == CHANGE_ENDPOINT_ADD)
		return found == SNAP_NONE ? edit_endpoint_add(e, c, backend) : 0;
	if (found == SNAP_NONE)
		return 0;
	/* One that is the last stays, and gets no request. */
	if (change_count_endpoints(&e->s, backend) == 1) {
		e->endpoints[found].weight = 0;
		return 0;
	}
	--*count;
	memmove(&e->endpoints[found], &e->endpoints[found + 1],
		(*count - found) * sizeof(*e->endpoints));
	return 0;
}

static bool edit_wants(const struct change *c, uint64_t after)
{
	return c->number > after && change_needs_part(c->kind);
}

/* Only kinds that change are copied: callers may be a million. */
static bool edit_begin(struct change_edit *e, const struct changes *changes, uint64_t after,
	const struct snapshot *s)
{
	bool callers = false, endpoints = false;

	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *c = &changes->list[i];

		if (!edit_wants(c, after))
			continue;
		callers |= change_target(c->kind) == CHANGE_OF_CONSUMER;
		endpoints |= change_target(c->kind) == CHANGE_OF_ENDPOINT;
	}
	e->s = *s;
	return (!callers || edit_begin_callers(e, s, changes->count)) &&
	       (!endpoints || edit_begin_endpoints(e, s, changes->count));
}

/* Removals come last, when it is known what else there is. */
static int edit_all(
	struct change_edit *e, const struct changes *changes, uint64_t after, bool removals)
{
	int rc = 0;

	for (uint32_t i = 0; i < changes->count && rc == 0; i++) {
		const struct change *c = &changes->list[i];

		if (!edit_wants(c, after) || (c->kind == CHANGE_ENDPOINT_REMOVE) != removals)
			continue;
		rc = change_target(c->kind) == CHANGE_OF_CONSUMER ? edit_consumer(e, c)
								  : edit_endpoint(e, c);
	}
	return rc;
}

int change_edit(const struct changes *changes, uint64_t after, const struct snapshot *s,
	struct change_edit *out)
{
	int rc;

	*out = (struct change_edit){ 0 };
	if (!edit_begin(out, changes, after, s))
		return -ENOMEM;
	rc = edit_all(out, changes, after, false);
	return rc ? rc : edit_all(out, changes, after, true);
}
