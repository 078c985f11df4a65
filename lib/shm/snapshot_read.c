/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a part of a snapshot: its kind and the table of sections. Sections lie in the order of
 * their numbers, so that one pass shows that they neither overlap nor leave the segment; then the
 * records are checked (snapshot_check.c). Nothing is copied: the segment is sealed, and stays as it
 * was checked.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/shm/snapshot_priv.h"

const struct snap_section_info snap_section_infos[SNAP_SECTION_COUNT] = {
#define SECTION_INFO(ID, KIND, type, name, max)                                                    \
	[SNAP_##ID] = { name, sizeof(type), max, SNAP_KIND_##KIND },
	SNAP_SECTIONS(SECTION_INFO)
#undef SECTION_INFO
};

const char *snap_section_name(enum snap_section_id id)
{
	return (unsigned)id < SNAP_SECTION_COUNT ? snap_section_infos[id].name : "unknown";
}

const char *snap_kind_name(enum snap_kind kind)
{
	static const char *const names[SNAP_KINDS] = { "gateway", "routing", "callers",
		"endpoints" };

	return (unsigned)kind < SNAP_KINDS ? names[kind] : "unknown";
}

enum snap_kind snap_section_kind(enum snap_section_id id)
{
	return snap_section_infos[id].kind;
}

bool snap_refuse(struct snap_check *c, const char *format, ...)
{
	va_list args;
	int n;

	if (c->why_bytes == 0)
		return false;
	if (c->record == SNAP_NONE)
		n = snprintf(c->why, c->why_bytes, "section %s: ", snap_section_name(c->section));
	else
		n = snprintf(c->why, c->why_bytes,
			"section %s, record %u: ", snap_section_name(c->section), c->record);
	if (n < 0 || (size_t)n >= c->why_bytes)
		return false;
	va_start(args, format);
	vsnprintf(c->why + n, c->why_bytes - (size_t)n, format, args);
	va_end(args);
	return false;
}

/* Check one row of the table. @p end is where the section before it ended; moved on. */
static bool section_check(
	struct snap_check *c, const struct snap_section *section, uint64_t length, uint64_t *end)
{
	const struct snap_section_info *info = &snap_section_infos[c->section];

	if (section->count > 0 && info->kind != c->kind)
		return snap_refuse(c, "%u records in a segment of kind %s", section->count,
			snap_kind_name(c->kind));
	if (section->record_bytes != info->record_bytes)
		return snap_refuse(c, "records of %u bytes instead of %u", section->record_bytes,
			info->record_bytes);
	if (section->count > info->count_max)
		return snap_refuse(c, "%u records, more than %u", section->count, info->count_max);
	if (section->offset % SHM_ALIGN)
		return snap_refuse(c, "offset %llu is no multiple of %d",
			(unsigned long long)section->offset, SHM_ALIGN);
	if (section->offset < *end)
		return snap_refuse(c,
			"offset %llu lies in what comes before it, which ends at %llu",
			(unsigned long long)section->offset, (unsigned long long)*end);
	if (section->offset > length ||
		(uint64_t)section->count * section->record_bytes > length - section->offset)
		return snap_refuse(c, "%u records at offset %llu do not fit in %llu bytes",
			section->count, (unsigned long long)section->offset,
			(unsigned long long)length);
	*end = section->offset + (uint64_t)section->count * section->record_bytes;
	return true;
}

/* @param view  gets the sections' places */
static bool sections_check(
	struct snap_check *c, const struct segment *segment, struct snapshot *view)
{
	const uint8_t *base = segment->base;
	const struct snap_section *table = (const void *)(base + SNAP_TABLE_OFFSET);
	uint64_t end = SNAP_TABLE_END;

	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		c->section = id;
		if (!section_check(c, &table[id], segment->length, &end))
			return false;
		view->sections[id].records = base + table[id].offset;
		view->sections[id].count = table[id].count;
	}
	c->section = SNAP_SETTINGS;
	if (c->kind == SNAP_KIND_GATEWAY && view->sections[SNAP_SETTINGS].count != 1)
		return snap_refuse(c, "no record");
	return true;
}

static bool header_check(struct snap_check *c, const struct segment *segment)
{
	const uint8_t *base = segment->base;
	const struct snap_header *header = (const void *)(base + sizeof(struct segment_header));
	struct snap_header expected = { 0 };

	c->section = SNAP_STRINGS;
	c->record = SNAP_NONE;
	if (segment->length < SNAP_TABLE_END)
		return snap_refuse(
			c, "no room for the table of sections in %zu bytes", segment->length);
	expected.kind = header->kind;
	if (header->kind >= SNAP_KINDS)
		return snap_refuse(c, "in a segment of kind %u, which is none", header->kind);
	c->kind = header->kind;
	return memcmp(header, &expected, sizeof(expected)) == 0 ||
	       snap_refuse(c, "spare members of the header are not 0");
}

int snapshot_part_open(
	struct segment *segment, struct snapshot_part **out, char *why, size_t why_bytes)
{
	struct snapshot view = { 0 };
	struct snap_check c = { .snapshot = &view, .why = why, .why_bytes = why_bytes };
	struct snapshot_part *part;

	*out = NULL;
	if (!header_check(&c, segment) || !sections_check(&c, segment, &view) ||
		!snapshot_check_records(&c))
		return -EBADMSG;
	part = malloc(sizeof(*part));
	if (!part) {
		c.record = SNAP_NONE;
		snap_refuse(&c, "out of memory");
		return -ENOMEM;
	}
	*part = (struct snapshot_part){
		.segment = *segment,
		.kind = c.kind,
		.generation = ((const struct segment_header *)segment->base)->generation,
		.shares = 1,
		.slots_end = snapshot_slots_end(&view, c.kind),
	};
	memcpy(part->sections, view.sections, sizeof(part->sections));
	*segment = segment_none();
	*out = part;
	return 0;
}

struct snapshot_part *snapshot_part_hold(struct snapshot_part *part)
{
	atomic_fetch_add_explicit(&part->shares, 1, memory_order_relaxed);
	return part;
}

void snapshot_part_release(struct snapshot_part *part)
{
	if (!part || atomic_fetch_sub_explicit(&part->shares, 1, memory_order_acq_rel) > 1)
		return;
	segment_close(&part->segment);
	free(part);
}

bool snapshot_part_same(const struct snapshot_part *a, const struct snapshot_part *b)
{
	/* The builder is deterministic: equal content has equal bytes after the common header. */
	const size_t header = sizeof(struct segment_header);
	const struct segment_header *x = a->segment.base, *y = b->segment.base;

	return a == b || (a->segment.length == b->segment.length && x->crc32c == y->crc32c &&
				 memcmp((const char *)a->segment.base + header,
					 (const char *)b->segment.base + header,
					 a->segment.length - header) == 0);
}
