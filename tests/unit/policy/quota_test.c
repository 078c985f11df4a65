/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: counting, the edges of windows, clocks on both sides of one, giving back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/policy/quota.h"

#define DAY 86400

static struct quota_result take(_Atomic uint64_t *word, uint64_t amount, uint64_t wall_s)
{
	struct quota_result look, r;

	quota_look(word, amount, DAY, wall_s, &look);
	quota_take(word, amount, DAY, wall_s, false, &r);
	assert_int_equal(look.allowed, r.allowed);
	assert_int_equal(look.remaining, r.remaining);
	return r;
}

static void a_window_admits_its_amount(void **state)
{
	const uint64_t midnight = UINT64_C(20000) * DAY;
	_Atomic uint64_t word = 0;

	for (unsigned i = 0; i < 5; i++) {
		struct quota_result r = take(&word, 5, midnight + i);

		assert_true(r.allowed);
		assert_int_equal(r.remaining, 4 - i);
		assert_int_equal(r.reset_s, DAY - i);
	}
	assert_false(take(&word, 5, midnight + 6).allowed);
	assert_false(take(&word, 5, midnight + DAY - 1).allowed);
	assert_int_equal(take(&word, 5, midnight + DAY - 1).reset_s, 1);
	assert_true(take(&word, 5, midnight + DAY).allowed);
	assert_int_equal(take(&word, 5, midnight + DAY).remaining, 3);
	assert_int_equal(take(&word, 5, midnight + 40 * DAY).remaining, 4);
}

static void a_clock_behind_counts_in_the_window_that_others_are_in(void **state)
{
	const uint64_t edge = UINT64_C(20001) * DAY;
	_Atomic uint64_t word = 0;
	struct quota_result r;

	take(&word, 5, edge - 10);
	assert_int_equal(take(&word, 5, edge).remaining, 4);
	r = take(&word, 5, edge - 1);
	assert_int_equal(r.remaining, 3);
	assert_int_equal(r.reset_s, DAY + 1);
	assert_int_equal(take(&word, 5, edge).remaining, 2);
}

static void refunds_stay_in_their_window(void **state)
{
	const uint64_t edge = UINT64_C(20001) * DAY;
	_Atomic uint64_t word = 0;

	quota_refund(&word, DAY, edge);
	assert_int_equal(take(&word, 5, edge - 1).remaining, 4);
	quota_refund(&word, DAY, edge - 1);
	assert_int_equal(take(&word, 5, edge - 1).remaining, 4);
	quota_refund(&word, DAY, edge); /* nothing was taken in the new window */
	assert_int_equal(take(&word, 5, edge).remaining, 4);
	quota_refund(&word, DAY, edge);
	assert_int_equal(take(&word, 5, edge).remaining, 4);
}

static void over_the_amount_only_a_soft_quota_counts(void **state)
{
	_Atomic uint64_t word = 0;
	struct quota_result r;

	for (unsigned i = 0; i < 10; i++)
		quota_take(&word, 4, DAY, DAY, true, &r);
	assert_false(r.allowed);
	assert_int_equal(word & 0xffffffffff, 10);
	word = 0;
	for (unsigned i = 0; i < 10; i++)
		quota_take(&word, 4, DAY, DAY, false, &r);
	assert_int_equal(word & 0xffffffffff, 4);
	quota_take(&word, 0, DAY, DAY, false, &r);
	assert_false(r.allowed);
}

static void the_count_does_not_run_into_the_window(void **state)
{
	const uint64_t most = (UINT64_C(1) << 40) - 1;
	_Atomic uint64_t word = UINT64_C(1) << 40 | most;
	struct quota_result r;

	quota_take(&word, most, DAY, DAY, true, &r);
	assert_false(r.allowed);
	assert_int_equal(word, UINT64_C(1) << 40 | most);
}

static void window_numbers_wrap(void **state)
{
	const uint64_t wrap = UINT64_C(1)
			      << 24; /* windows of a second: in July 1970, and each 194 days */
	_Atomic uint64_t word = 0;
	struct quota_result r;

	quota_take(&word, 3, 1, 100 * wrap - 1, false, &r);
	quota_take(&word, 3, 1, 100 * wrap, false, &r);
	assert_int_equal(r.remaining, 2);
	quota_take(&word, 3, 1, 100 * wrap - 1, false, &r);
	assert_int_equal(r.remaining, 1);
	quota_take(&word, 3, 0, 100 * wrap + 1, false, &r);
	assert_int_equal(r.remaining, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_admits_its_amount),
		cmocka_unit_test(a_clock_behind_counts_in_the_window_that_others_are_in),
		cmocka_unit_test(refunds_stay_in_their_window),
		cmocka_unit_test(over_the_amount_only_a_soft_quota_counts),
		cmocka_unit_test(the_count_does_not_run_into_the_window),
		cmocka_unit_test(window_numbers_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
