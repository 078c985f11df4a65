/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of cmocka as the tests need that also run on aarch64: Debian has no cmocka for its cross
 * compiler. A failed assertion ends the program, which is one failed test more than none.
 */
#ifndef SLUICE_TESTS_AARCH64_CMOCKA_H
#define SLUICE_TESTS_AARCH64_CMOCKA_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
	{                                                                                          \
#function, function                                                                \
	}

#define fail_msg(...)                                                                              \
	do {                                                                                       \
		printf("not ok - %s\n%s:%d: ", cmocka_running, __FILE__, __LINE__);                \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		exit(1);                                                                           \
	} while (0)

#define assert_true(c)                                                                             \
	do {                                                                                       \
		if (!(c))                                                                          \
			fail_msg("%s", #c);                                                        \
	} while (0)

#define assert_int_equal(a, b)                                                                     \
	do {                                                                                       \
		unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b);     \
                                                                                                   \
		if (a_ != b_)                                                                      \
			fail_msg("%s is %llx, %s is %llx", #a, a_, #b, b_);                        \
	} while (0)

#define assert_false(c)            assert_true(!(c))
#define assert_null(p)             assert_true((p) == NULL)
#define assert_non_null(p)         assert_true((p) != NULL)
#define assert_int_not_equal(a, b) assert_true((a) != (b))
#define assert_ptr_not_equal(a, b) assert_true((a) != (b))
#define assert_in_range(v, low, high)                                                              \
	assert_true((uintmax_t)(v) - (uintmax_t)(low) <= (uintmax_t)(high) - (uintmax_t)(low))
#define assert_string_equal(a, b)       assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)

static const char *cmocka_running;

static inline int cmocka_run(const struct CMUnitTest *tests, size_t n, int (*setup)(void **state),
	int (*teardown)(void **state))
{
	void *state = NULL;

	if (setup && setup(&state))
		return 1;
	for (size_t i = 0; i < n; i++) {
		cmocka_running = tests[i].name;
		tests[i].run(&state);
		printf("ok - %s\n", cmocka_running);
	}
	return teardown ? teardown(&state) : 0;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
	cmocka_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
