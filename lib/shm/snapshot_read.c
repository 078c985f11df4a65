/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a snapshot: the table of sections. Sections lie in the order of their numbers, so that one
 * pass shows that they neither overlap nor leave the segment; then the records are checked
 * (snapshot_check.c). Nothing is copied: the segment is sealed, and stays as it was checked.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/shm/snapshot_priv.h"

const struct snap_section_info snap_section_infos[SNAP_SECTION_COUNT] = {
#define SECTION_INFO(ID, type, name, max) [SNAP_##ID] = { name, sizeof(type), max },
	SNAP_SECTIONS(SECTION_INFO)
#undef SECTION_INFO
};

const char *snap_section_name(enum snap_section_id id)
{
	return (unsigned)id < SNAP_SECTION_COUNT ? snap_section_infos[id].name : "unknown";
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
static bool section_check(struct snap_check *c, const struct snap_section *section, uint64_t *end)
{
	const struct snap_section_info *info = &snap_section_infos[c->section];
	const uint64_t length = c->snapshot->segment.length;

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

static bool sections_check(struct snap_check *c, struct snapshot *s)
{
	const uint8_t *base = s->segment.base;
	const struct snap_section *table = (const void *)(base + SNAP_TABLE_OFFSET);
	uint64_t end = SNAP_TABLE_END;

	c->record = SNAP_NONE;
	if (s->segment.length < SNAP_TABLE_END) {
		c->section = SNAP_STRINGS;
		return snap_refuse(
			c, "no room for the table of sections in %zu bytes", s->segment.length);
	}
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		c->section = id;
		if (!section_check(c, &table[id], &end))
			return false;
		s->sections[id].records = base + table[id].offset;
		s->sections[id].count = table[id].count;
	}
	c->section = SNAP_SETTINGS;
	if (s->sections[SNAP_SETTINGS].count != 1)
		return snap_refuse(c, "no record");
	return true;
}

int snapshot_open(struct segment *segment, struct snapshot *out, char *why, size_t why_bytes)
{
	struct snapshot s = { .segment = *segment };
	struct snap_check c = { .snapshot = &s, .why = why, .why_bytes = why_bytes };

	*out = (struct snapshot){ .segment = segment_none() };
	if (!sections_check(&c, &s) || !snapshot_check_records(&c))
		return -EBADMSG;
	s.generation = ((const struct segment_header *)s.segment.base)->generation;
	*out = s;
	*segment = segment_none();
	return 0;
}

void snapshot_close(struct snapshot *snapshot)
{
	segment_close(&snapshot->segment);
	*snapshot = (struct snapshot){ .segment = segment_none() };
}
