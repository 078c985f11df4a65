/* SPDX-License-Identifier: Apache-2.0 */
/* Counters by name, see counters.h: through the statistics' own directory, as control reads
 * them. */
#include "tests/wire/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define READINGS 256

static struct {
	const uint64_t *counter;
	uint64_t value;
} readings[READINGS];
static unsigned reading_count;

static const uint64_t *by_enum(const uint64_t *base, unsigned count, const char *name,
	const char *(*name_of)(unsigned), const char *what)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(name_of(i), name) == 0)
			return &base[i];
	wire_fail("no %s of the name %s", what, name);
}

static const char *drop_of(unsigned i)
{
	return drop_name((enum drop)i);
}

static const char *reason_of(unsigned i)
{
	return reason_name((enum reason)i);
}

const uint64_t *counter_find(struct world *w, const char *name)
{
	char group[32] = "", field[64] = "";
	const char *at = strchr(name, '@');
	uint32_t index = 0, worker = at ? (uint32_t)text_number(at + 1, "worker") : 0;
	const struct stats *stats = &w->at[worker % WORLD_WORKERS].stats;

	if (worker >= w->workers)
		wire_fail("there is no worker %u", worker);
	if (at)
		name = wire_text("%.*s", (int)(at - name), name);
	if (sscanf(name, "%31[a-z_][%u].%63s", group, &index, field) != 3) {
		index = 0;
		if (sscanf(name, "%31[a-z_].%63s", group, field) != 2)
			wire_fail("not a counter's name: %s", name);
	}
	if (strcmp(group, "drop") == 0)
		return by_enum(stats->drop, DROP_COUNT, field, drop_of, "drop");
	if (strcmp(group, "reason") == 0)
		return by_enum(stats->reason, REASON_COUNT, field, reason_of, "reason");
	for (uint32_t i = 0; i < stats->entries; i++) {
		const struct stats_entry *e = &stats->directory[i];

		if (strcmp(e->name, group) != 0 || index >= e->count)
			continue;
		for (uint32_t f = 0; f < e->fields; f++) {
			const char *known = stats_field_name(e, f);

			if (known && strcmp(known, field) == 0)
				return (const uint64_t *)(const void
						       *)((const char *)stats->segment.base +
							  e->offset + index * e->stride) +
				       f;
		}
	}
	wire_fail("no counter of the name %s", name);
}

uint64_t counter_since(const uint64_t *counter)
{
	uint64_t before = 0, now = *(const volatile uint64_t *)counter;
	unsigned i = 0;

	while (i < reading_count && readings[i].counter != counter)
		i++;
	if (i < reading_count)
		before = readings[i].value;
	else if (reading_count < READINGS)
		readings[reading_count++].counter = counter;
	else
		wire_fail("more than %d counters in one script", READINGS);
	readings[i].value = now;
	return now - before;
}

void counters_forget(void)
{
	reading_count = 0;
}

static void show(struct bytes *out, const char *kind, const char *name, uint64_t value)
{
	const char *text = wire_text(" %s.%s=%" PRIu64, kind, name, value);

	if (value)
		bytes_put(out, text, (uint32_t)strlen(text));
}

char *counters_show(struct world *w)
{
	struct bytes out = { 0 };

	for (unsigned i = 0; i < DROP_COUNT; i++)
		show(&out, "drop", drop_of(i), w->at[0].stats.drop[i]);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		show(&out, "reason", reason_of(i), w->at[0].stats.reason[i]);
	bytes_put(&out, "", 1);
	return (char *)out.data;
}
