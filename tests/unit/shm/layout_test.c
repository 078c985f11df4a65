/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden layout: offset and size of each field in shared memory, in layout.golden beside this
 * file. A change of it means that two builds no longer understand each other: see what changed, and
 * write it with `--write`. Counters are left out: a directory in the segment describes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/shm/link.h"
#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/stats.h"

#define FIELD(type, field)                                                                         \
	{                                                                                          \
#type "." #field, offsetof(struct type, field), sizeof(((struct type *)0)->field)  \
	}

/* What every segment and every message begins with. */
static const struct layout_field common[] = {
	{ "segment_header", 0, sizeof(struct segment_header) },
	FIELD(segment_header, magic),
	FIELD(segment_header, type),
	FIELD(segment_header, abi_major),
	FIELD(segment_header, abi_minor),
	FIELD(segment_header, length),
	FIELD(segment_header, crc32c),
	FIELD(segment_header, layout),
	FIELD(segment_header, generation),
	FIELD(segment_header, boot_id),
	{ "link_message", 0, sizeof(struct link_message) },
	FIELD(link_message, magic),
	FIELD(link_message, type),
	FIELD(link_message, abi_major),
	FIELD(link_message, abi_minor),
	FIELD(link_message, role),
	FIELD(link_message, state),
	FIELD(link_message, segment),
	FIELD(link_message, index),
	FIELD(link_message, status),
	FIELD(link_message, generation),
	FIELD(link_message, boot_id),
	FIELD(link_message, workers),
	FIELD(link_message, pid),
	FIELD(link_message, text),
};

static const char *golden_path;

static bool is_counter(const char *name)
{
	static const char *const groups[] = { "drop.", "reason.", "stage.", "stats_worker.",
		"stats_tcp.", "stats_port.", "stats_listener.", "stats_api.", "stats_endpoint." };

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strncmp(name, groups[i], strlen(groups[i])) == 0)
			return true;
	return false;
}

static void write_fields(FILE *out, const struct layout_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_counter(fields[i].name))
			fprintf(out, "%s %u %u\n", fields[i].name, fields[i].offset,
				fields[i].size);
}

static void write_layout(FILE *out)
{
	write_fields(out, common, sizeof(common) / sizeof(common[0]));
	for (unsigned type = SEGMENT_SNAPSHOT; type <= SEGMENT_ASK; type++) {
		size_t count;
		const struct layout_field *fields = segment_fields(type, &count);

		write_fields(out, fields, count);
	}
}

static void fields_lie_where_they_always_lay(void **state)
{
	char line[256], made[256];
	FILE *golden = fopen(golden_path, "r"), *now = tmpfile();
	bool more, more_made;

	assert_non_null(golden);
	assert_non_null(now);
	write_layout(now);
	rewind(now);
	do {
		more = fgets(line, sizeof(line), golden) != NULL;
		more_made = fgets(made, sizeof(made), now) != NULL;
		if (more && more_made)
			assert_string_equal(line, made);
	} while (more && more_made);
	assert_false(more);
	assert_false(more_made);
	fclose(golden);
	fclose(now);
}

static void numbers_mean_what_they_always_meant(void **state)
{
	assert_int_equal(SEGMENT_SNAPSHOT, 1);
	assert_int_equal(SEGMENT_SECRETS, 2);
	assert_int_equal(SEGMENT_STATS, 3);
	assert_int_equal(SEGMENT_USAGE, 4);
	assert_int_equal(SEGMENT_EVENTS, 5);
	assert_int_equal(SEGMENT_DELTA, 6);
	assert_int_equal(SEGMENT_ASK, 7);
	assert_int_equal(LINK_PONG, 7);
	assert_int_equal(LINK_BELL, 8);
	assert_int_equal(LINK_ROOT, 9);
	assert_int_equal(SNAP_KIND_GATEWAY, 0);
	assert_int_equal(SNAP_KIND_ENDPOINTS, 3);
	assert_int_equal(SNAP_STRINGS, 0);
	assert_int_equal(SNAP_SETTINGS, 4);
	assert_int_equal(SNAP_WAYS, 8);
	assert_int_equal(SNAP_PEERS, 17);
	assert_int_equal(SNAP_ROUTES, 23);
	assert_int_equal(SNAP_REPLIES, 24);
	assert_int_equal(SNAP_PIECES, 25);
	assert_int_equal(SNAP_HEALTHS, 26);
	assert_int_equal(SNAP_EDITS, 27);
	assert_int_equal(SNAP_FIELDS, 28);
	assert_int_equal(SNAP_CORS, 29);
	assert_int_equal(SNAP_ORIGINS, 30);
	assert_int_equal(SNAP_RETRIES, 31);
	assert_int_equal(SNAP_RETIRED, 38);
	assert_int_equal(SNAP_SECTION_COUNT, 40);
	assert_int_equal(HIST_BUCKETS, 337);
}

static void each_type_has_a_layout_of_its_own(void **state)
{
	for (unsigned a = SEGMENT_SNAPSHOT; a <= SEGMENT_ASK; a++) {
		assert_int_not_equal(segment_layout(a), 0);
		for (unsigned b = SEGMENT_SNAPSHOT; b < a; b++)
			assert_int_not_equal(segment_layout(a), segment_layout(b));
	}
	assert_int_equal(segment_layout(8), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_lie_where_they_always_lay),
		cmocka_unit_test(numbers_mean_what_they_always_meant),
		cmocka_unit_test(each_type_has_a_layout_of_its_own),
	};
	FILE *out;

	if (argc == 3 && strcmp(argv[2], "--write") == 0) {
		out = fopen(argv[1], "w");
		if (!out)
			return 1;
		write_layout(out);
		return fclose(out) == 0 ? 0 : 1;
	}
	golden_path = argv[argc > 1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
