/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a snapshot: sections grow in private memory and are copied into the segments of their
 * kinds once at the end. Equal texts of a kind share their bytes, found through an open-addressing
 * table. A failed allocation is kept in mind, so that the code that adds a thousand records checks
 * one result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/crc32c.h"
#include "lib/shm/snapshot_priv.h"
#include "lib/shm/snapshot_rows.h"

struct section_buffer {
	uint8_t *data;
	uint32_t count;
	size_t room_bytes;
};

/* The texts of a kind. */
struct text_table {
	struct snap_text *texts; /* hash table; length 0 marks a free place */
	uint32_t count;
	uint32_t places; /* power of two, or 0 */
};

struct snapshot_builder {
	struct section_buffer sections[SNAP_SECTION_COUNT];
	struct text_table texts[SNAP_KINDS];
	unsigned kept; /* bits 1 << kind */
	int error;
};

void snapshot_settings_defaults(struct snap_settings *out)
{
	memset(out, 0, sizeof(*out));
	snap_rows_defaults(snap_rows_settings, out);
}

struct snapshot_builder *snapshot_builder_new(void)
{
	return calloc(1, sizeof(struct snapshot_builder));
}

void snapshot_builder_free(struct snapshot_builder *b)
{
	if (!b)
		return;
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++)
		free(b->sections[id].data);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		free(b->texts[kind].texts);
	free(b);
}

/* Append records; false after an error, which is remembered. */
static bool section_append(
	struct snapshot_builder *b, enum snap_section_id id, const void *data, size_t count)
{
	struct section_buffer *s = &b->sections[id];
	const size_t size = snap_section_infos[id].record_bytes;
	size_t wanted;

	if (b->error)
		return false;
	if (count > snap_section_infos[id].count_max - s->count) {
		b->error = -E2BIG;
		return false;
	}
	wanted = (s->count + count) * size;
	if (wanted > s->room_bytes) {
		const size_t room = wanted + wanted / 2 + 256;
		uint8_t *grown = realloc(s->data, room);

		if (!grown) {
			b->error = -ENOMEM;
			return false;
		}
		s->data = grown;
		s->room_bytes = room;
	}
	if (count)
		memcpy(s->data + (size_t)s->count * size, data, count * size);
	s->count += (uint32_t)count;
	return true;
}

static const char *text_bytes(const struct snapshot_builder *b, struct snap_text t)
{
	return (const char *)b->sections[SNAP_STRINGS + (t.offset >> SNAP_TEXT_BITS)].data +
	       (t.offset & SNAP_TEXT_MASK);
}

/* The place of a text in the table, or the free one where it belongs. */
static struct snap_text *text_place(
	const struct snapshot_builder *b, const struct text_table *table, struct str text)
{
	uint32_t i = crc32c(0, text.data, text.len) & (table->places - 1);

	for (;; i = (i + 1) & (table->places - 1)) {
		struct snap_text *t = &table->texts[i];

		if (t->length == 0 || (t->length == text.len &&
					      memcmp(text_bytes(b, *t), text.data, text.len) == 0))
			return t;
	}
}

static bool texts_grow(struct snapshot_builder *b, struct text_table *table)
{
	struct snap_text *old = table->texts;
	const uint32_t old_places = table->places;
	const uint32_t places = old_places ? old_places * 2 : 64;

	table->texts = calloc(places, sizeof(*table->texts));
	if (!table->texts) {
		table->texts = old;
		b->error = -ENOMEM;
		return false;
	}
	table->places = places;
	for (uint32_t i = 0; i < old_places; i++)
		if (old[i].length)
			*text_place(b, table,
				(struct str){ text_bytes(b, old[i]), old[i].length }) = old[i];
	free(old);
	return true;
}

struct snap_text snapshot_builder_text(
	struct snapshot_builder *b, enum snap_kind kind, struct str text)
{
	const struct snap_text none = { 0, 0 };
	struct text_table *table = &b->texts[kind];
	struct snap_text *place;
	struct snap_text t;

	if (text.len == 0 || b->error)
		return none;
	if (table->count >= table->places / 2 && !texts_grow(b, table))
		return none;
	place = text_place(b, table, text);
	if (place->length)
		return *place;
	t.offset = (uint32_t)kind << SNAP_TEXT_BITS | b->sections[SNAP_STRINGS + kind].count;
	t.length = text.len;
	if (!section_append(b, SNAP_STRINGS + kind, text.data, text.len))
		return none;
	*place = t;
	table->count++;
	return t;
}

uint32_t snapshot_builder_add(
	struct snapshot_builder *b, enum snap_section_id id, const void *record)
{
	const uint32_t index = b->sections[id].count;

	section_append(b, id, record, 1);
	return index;
}

void snapshot_builder_bytes(
	struct snapshot_builder *b, enum snap_section_id id, const void *data, size_t len)
{
	section_append(b, id, data, len / snap_section_infos[id].record_bytes);
}

uint32_t snapshot_builder_count(const struct snapshot_builder *b, enum snap_section_id id)
{
	return b->sections[id].count;
}

const void *snapshot_builder_at(
	const struct snapshot_builder *b, enum snap_section_id id, uint32_t index)
{
	return index < b->sections[id].count
		       ? b->sections[id].data + (size_t)index * snap_section_infos[id].record_bytes
		       : NULL;
}

static int key_compare(const void *a, const void *b)
{
	const struct snap_key *x = a, *y = b;

	return memcmp(x->digest, y->digest, SNAP_DIGEST_BYTES);
}

static int keys_sort(struct section_buffer *s)
{
	struct snap_key *keys = (struct snap_key *)(void *)s->data;

	if (s->count == 0)
		return 0;
	qsort(keys, s->count, sizeof(*keys), key_compare);
	for (uint32_t i = 1; i < s->count; i++)
		if (key_compare(&keys[i - 1], &keys[i]) == 0)
			return -EEXIST;
	return 0;
}

/* Where each section of a kind goes. @return bytes of the segment */
static uint64_t sections_place(
	const struct snapshot_builder *b, enum snap_kind kind, struct snap_section *table)
{
	uint64_t end = shm_round_up(SNAP_TABLE_END);

	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		table[id].offset = end;
		table[id].count = snap_section_infos[id].kind == kind ? b->sections[id].count : 0;
		table[id].record_bytes = snap_section_infos[id].record_bytes;
		end += shm_round_up((uint64_t)table[id].count * table[id].record_bytes);
	}
	return end;
}

static int part_make(const struct snapshot_builder *b, enum snap_kind kind, uint64_t generation,
	uint64_t boot_id, struct segment *out)
{
	static const char *const names[SNAP_KINDS] = { "sluice-gateway", "sluice-routing",
		"sluice-callers", "sluice-endpoints" };
	struct snap_section table[SNAP_SECTION_COUNT];
	uint64_t length = sections_place(b, kind, table);
	int err = segment_create(names[kind], SEGMENT_SNAPSHOT, length, boot_id, out);
	struct snap_header *header;

	if (err)
		return err;
	header = (void *)((uint8_t *)out->base + sizeof(struct segment_header));
	header->kind = kind;
	memcpy((uint8_t *)out->base + SNAP_TABLE_OFFSET, table, sizeof(table));
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++)
		if (table[id].count)
			memcpy((uint8_t *)out->base + table[id].offset, b->sections[id].data,
				(size_t)table[id].count * table[id].record_bytes);
	err = segment_seal(out, generation);
	if (err)
		segment_close(out);
	return err;
}

/* Would the part be the same? Records lie in the order in which they were added, texts too. */
static bool part_same(
	const struct snapshot_builder *b, enum snap_kind kind, const struct snapshot_part *part)
{
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		const struct section_buffer *s = &b->sections[id];

		if (snap_section_infos[id].kind != kind)
			continue;
		if (s->count != part->sections[id].count)
			return false;
		if (s->count &&
			memcmp(s->data, part->sections[id].records,
				(size_t)s->count * snap_section_infos[id].record_bytes) != 0)
			return false;
	}
	return true;
}

void snapshot_builder_keep(struct snapshot_builder *b, enum snap_kind kind)
{
	b->kept |= 1u << kind;
}

int snapshot_builder_finish(struct snapshot_builder *b, const struct snapshot *previous,
	uint64_t generation, uint64_t boot_id, struct segment out[SNAP_KINDS])
{
	int err = b->error;

	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		out[kind] = segment_none();
	if (!err)
		err = keys_sort(&b->sections[SNAP_KEYS]);
	if (!err && !(b->kept & 1u << SNAP_KIND_GATEWAY) && b->sections[SNAP_SETTINGS].count != 1)
		err = -EINVAL;
	for (unsigned kind = 0; kind < SNAP_KINDS && !err; kind++)
		if (!(b->kept & 1u << kind) &&
			(!previous || !part_same(b, kind, previous->parts[kind])))
			err = part_make(b, kind, generation, boot_id, &out[kind]);
	for (unsigned kind = 0; kind < SNAP_KINDS && err; kind++)
		segment_close(&out[kind]);
	return err;
}
