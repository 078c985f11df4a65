/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns are tried in a child with limits. What judges them is faked: it can take for ever, all
 * memory, or its process's life. Nothing here has a sanitizer, whose addresses have no limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control/compile/patterns.h"
#include "control/compile/trial.h"

#define PIECE (16u << 20)

void pattern_judge(const char *pattern, char *why, size_t why_bytes)
{
	uint64_t held = 0;

	why[0] = '\0';
	if (strcmp(pattern, "endless") == 0)
		for (volatile uint64_t i = 0;; i++)
			;
	if (strcmp(pattern, "deadly") == 0)
		abort();
	if (strcmp(pattern, "bad") == 0)
		snprintf(why, why_bytes, "invalid pattern: bad");
	if (strcmp(pattern, "large") == 0) {
		while (mmap(NULL, PIECE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
			MAP_FAILED)
			held += PIECE;
		snprintf(why, why_bytes, "%s", held <= UINT64_C(1) << 30 ? "within" : "beyond");
	}
}

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const char *const rows[][2] = { __VA_ARGS__ };                              \
		check(rows, sizeof(rows) / sizeof(rows[0]));                                       \
	} while (0)

/* @param rows  patterns, and what is to be said of each */
static void check(const char *const (*rows)[2], uint32_t count)
{
	const char *patterns[8];
	struct trial out[8];

	memset(out, 'x', sizeof(out));
	for (uint32_t i = 0; i < count; i++)
		patterns[i] = rows[i][0];
	trial_patterns(patterns, count, out);
	for (uint32_t i = 0; i < count; i++)
		assert_string_equal(out[i].why, rows[i][1]);
}

static void each_pattern_is_judged(void **state)
{
	CHECK({ "good", "" }, { "bad", "invalid pattern: bad" }, { "good", "" });
}

static void a_pattern_that_takes_too_long_is_named(void **state)
{
	CHECK({ "bad", "invalid pattern: bad" },
		{ "endless", "the patterns up to this one take longer than 5 s to compile" },
		{ "bad", "" });
	CHECK({ "good", "" });
}

static void a_pattern_has_bounded_memory(void **state)
{
	CHECK({ "large", "within" });
}

static void a_pattern_that_ends_its_process_is_named(void **state)
{
	CHECK({ "good", "" },
		{ "deadly",
			"this pattern ended the process that tried it, which may take 5 s and 1024 MiB" },
		{ "bad", "" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pattern_is_judged),
		cmocka_unit_test(a_pattern_that_takes_too_long_is_named),
		cmocka_unit_test(a_pattern_has_bounded_memory),
		cmocka_unit_test(a_pattern_that_ends_its_process_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
