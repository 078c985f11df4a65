/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of records are made of, see snapshot_prove_priv.h. */
#include <string.h>

#include "lib/shm/snapshot_prove_priv.h"

#define TEXT_MAX 65535u
#define RANGE_TOTAL_MAX                                                                            \
	(1u << 24) /* ranges may share records; what following all costs is bounded */

/* The first byte that a name must not hold, or -1. */
static int text_find_control(const char *data, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if ((uint8_t)data[i] < 0x20 || data[i] == 0x7f)
			return (uint8_t)data[i];
	return -1;
}

/* A text that may hold any bytes, at most so many. */
bool snap_prove_long_bytes(
	struct snap_check *c, const char *field, struct snap_text text, uint32_t min, uint32_t max)
{
	const uint32_t room = c->snapshot->sections[SNAP_STRINGS + c->kind].count;
	const uint32_t offset = text.offset & SNAP_TEXT_MASK;

	/* Texts without bytes lie at the start of any strings. */
	if (text.offset >> SNAP_TEXT_BITS != c->kind && (text.offset || text.length))
		return snap_refuse(c, "%s: a text of another kind of segment", field);
	if (offset > room || text.length > room - offset)
		return snap_refuse(c, "%s: %u bytes at %u, beyond the %u bytes of strings", field,
			text.length, offset, room);
	if (text.length < min)
		return snap_refuse(c, "%s: empty", field);
	if (text.length > max)
		return snap_refuse(c, "%s: longer than %u bytes", field, max);
	return true;
}

bool snap_prove_bytes(struct snap_check *c, const char *field, struct snap_text text, uint32_t min)
{
	return snap_prove_long_bytes(c, field, text, min, TEXT_MAX);
}

/* A text without control characters. */
bool snap_prove_text(struct snap_check *c, const char *field, struct snap_text text, uint32_t min)
{
	int found;

	if (!snap_prove_bytes(c, field, text, min))
		return false;
	found = text_find_control(snap_str(c->snapshot, text).data, text.length);
	if (found >= 0)
		return snap_refuse(c, "%s: control character 0x%02x", field, (unsigned)found);
	return true;
}

bool snap_prove_lower(struct snap_check *c, const char *field, struct snap_text text, uint32_t min)
{
	struct str s;

	if (!snap_prove_text(c, field, text, min))
		return false;
	s = snap_str(c->snapshot, text);
	for (uint32_t i = 0; i < s.len; i++)
		if (s.data[i] >= 'A' && s.data[i] <= 'Z')
			return snap_refuse(c, "%s: not in lower case", field);
	return true;
}

bool snap_prove_range(struct snap_check *c, const char *field, struct snap_range range,
	enum snap_section_id target)
{
	const uint32_t count = c->snapshot->sections[target].count;

	if (range.first > count || range.count > count - range.first)
		return snap_refuse(c, "%s: %u records from %u, beyond the %u of section %s", field,
			range.count, range.first, count, snap_section_name(target));
	c->range_total[target] += range.count;
	if (c->range_total[target] > RANGE_TOTAL_MAX)
		return snap_refuse(c, "%s: ranges into section %s name more than %u records", field,
			snap_section_name(target), RANGE_TOTAL_MAX);
	return true;
}

bool snap_prove_index(
	struct snap_check *c, const char *field, uint32_t index, enum snap_section_id target)
{
	const uint32_t count = c->snapshot->sections[target].count;

	if (index >= count)
		return snap_refuse(c, "%s: index %u, beyond the %u of section %s", field, index,
			count, snap_section_name(target));
	return true;
}

bool snap_prove_between(
	struct snap_check *c, const char *field, uint64_t value, uint64_t low, uint64_t high)
{
	if (value < low || value > high)
		return snap_refuse(c, "%s: %llu is not within %llu and %llu", field,
			(unsigned long long)value, (unsigned long long)low,
			(unsigned long long)high);
	return true;
}

bool snap_prove_slot(struct snap_check *c, uint32_t slot, uint32_t capacity)
{
	if (slot >= capacity)
		return snap_refuse(
			c, "slot: %u, beyond the %u reserved in settings", slot, capacity);
	return true;
}

/* The members of a record that are settings: their rows say what they may be. */
bool snap_prove_rows(struct snap_check *c, const struct snap_row *rows, const void *record)
{
	struct snap_text text;

	for (; rows->member; rows++) {
		if (rows->store == SNAP_IS_text) {
			memcpy(&text, (const char *)record + rows->offset, sizeof(text));
			if (!snap_prove_text(c, rows->member, text, 0))
				return false;
		} else if (snap_row_number(rows, record) != rows->fallback &&
			   !snap_prove_between(c, rows->member, snap_row_number(rows, record),
				   rows->low, rows->high)) {
			return false;
		}
	}
	return true;
}
