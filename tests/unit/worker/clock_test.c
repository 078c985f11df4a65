/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock's seconds, which `Date` tells, begin when they begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/clock.h"

#define MS UINT64_C(1000000)

static void wall_seconds_change_with_the_wall_clock(void **state)
{
	/* The wall says 1000.1 s when the monotonic clock says 10.9 s. */
	const uint64_t offset = 1000100 * MS - 10900 * MS;

	assert_int_equal(clock_wall_s(10900 * MS, offset), 1000);
	assert_int_equal(clock_wall_s(11000 * MS, offset), 1000);
	assert_int_equal(clock_wall_s(11800 * MS - 1, offset), 1000);
	assert_int_equal(clock_wall_s(11800 * MS, offset), 1001);
	assert_int_equal(clock_wall_s(12799 * MS, offset), 1001);
	assert_int_equal(clock_wall_s(12800 * MS, offset), 1002);
}

static void a_wall_clock_behind_the_monotonic_one_works(void **state)
{
	const uint64_t offset = 3500 * MS - 10900 * MS; /* modulo 2^64 */

	assert_int_equal(clock_wall_s(10900 * MS, offset), 3);
	assert_int_equal(clock_wall_s(11400 * MS, offset), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_seconds_change_with_the_wall_clock),
		cmocka_unit_test(a_wall_clock_behind_the_monotonic_one_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
