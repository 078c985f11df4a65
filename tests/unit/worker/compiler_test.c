/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler's limits, with Hyperscan itself: patterns that take too much of the processor or too
 * much memory are refused with the limit named, and the next ones compile. Nothing here has a
 * sanitizer, whose addresses have no limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/compiler.h"
#include "dataplane/io/eal.h"

#define MIB       (UINT64_C(1) << 20)
#define TEXT_ROOM 64
#define WHY_ROOM  256

/* One of them takes a fourth of a second and some MiB. */
#define HEAVY "^k%u([a-f]{3,90}[c-z]{3,90}){12}$"
#define LIGHT "^k%u[a-z]{4}$"

/* io/eal.h, for the list of drivers that comes with the system calls. */
bool eal_is_pci(const char *device)
{
	return false;
}

static uint64_t own_bytes(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/statm", "re");

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	return strtoul(line, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What patterns_collect() would make of so many. */
static struct patterns patterns_make(const char *format, uint32_t count)
{
	struct patterns p = { .data = malloc(count * (2 * sizeof(uint32_t) + TEXT_ROOM)) };

	assert_non_null(p.data);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t head[2] = { i };

		head[1] = (uint32_t)snprintf(p.data + p.bytes + sizeof(head), TEXT_ROOM, format, i);
		memcpy(p.data + p.bytes, head, sizeof(head));
		p.bytes += sizeof(head) + head[1] + 1;
	}
	return p;
}

static int compile(struct compiler *c, const char *format, uint32_t count, char *why)
{
	const struct pattern_compiler *compiler = compiler_patterns(c);
	struct patterns p = patterns_make(format, count);
	char *database = NULL;
	size_t bytes = 0;
	int err = compiler->compile(compiler->ctx, &p, &database, &bytes, why, WHY_ROOM);

	assert_true(err ? database == NULL : bytes > 0);
	free(database);
	free(p.data);
	return err;
}

static void check_refused(
	const struct compiler_limits *limits, uint32_t count, const char *expected)
{
	const struct privileges privileges = { .unconfined = true };
	struct compiler *c;
	char why[WHY_ROOM] = "";

	assert_int_equal(compiler_start(&privileges, limits, &c), 0);
	assert_int_equal(compile(c, LIGHT, 1, why), 0);
	assert_int_equal(compile(c, HEAVY, count, why), -EINVAL);
	assert_string_equal(why, expected);
	assert_int_equal(compile(c, LIGHT, 1, why), 0);
	compiler_stop(c);
}

static void patterns_that_take_too_long_are_refused(void **state)
{
	const struct compiler_limits limits = { .processor_s = 1, .memory_bytes = 1024 * MIB };

	(void)state;
	check_refused(&limits, 512, "the patterns take longer than 1 s to compile");
}

static void patterns_that_take_too_much_memory_are_refused(void **state)
{
	const struct compiler_limits limits = { .processor_s = 60,
		.memory_bytes = (own_bytes() / MIB + 32) * MIB };
	char expected[WHY_ROOM];

	(void)state;
	snprintf(expected, sizeof(expected),
		"the patterns do not compile: Unable to allocate memory. (at most 60 s and %u MiB)",
		(unsigned)(limits.memory_bytes / MIB));
	check_refused(&limits, 64, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_that_take_too_long_are_refused),
		cmocka_unit_test(patterns_that_take_too_much_memory_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
