/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities, suggestions and name tables. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "control/config/names.h"
#include "control/config/nearest.h"
#include "control/config/units.h"

static void durations_need_a_unit(void **state)
{
	uint64_t ms;

	assert_int_equal(unit_duration(STR("250ms"), &ms), 0);
	assert_int_equal(ms, 250);
	assert_int_equal(unit_duration(STR("2s"), &ms), 0);
	assert_int_equal(ms, 2000);
	assert_int_equal(unit_duration(STR("1 h"), &ms), 0);
	assert_int_equal(ms, 3600000);
	assert_int_equal(unit_duration(STR("0"), &ms), 0);
	assert_int_equal(ms, 0);
	for (const char *const *bad = (const char *const[]){ "", "10", "s", "1.5s", "-1s", "1S",
		     "1ss", "s1", " 1s", "9999999999999999999s", "9223372036854775807h", NULL };
		*bad; bad++)
		if (unit_duration(str_of(*bad), &ms) == 0)
			fail_msg("%s", *bad);
}

static void sizes_count_in_powers_of_two(void **state)
{
	uint64_t bytes;

	assert_int_equal(unit_size(STR("16KiB"), &bytes), 0);
	assert_int_equal(bytes, 16384);
	assert_int_equal(unit_size(STR("3GiB"), &bytes), 0);
	assert_int_equal(bytes, UINT64_C(3) << 30);
	assert_int_equal(unit_size(STR("16KB"), &bytes), -EINVAL);
	assert_int_equal(unit_size(STR("99999999999GiB"), &bytes), -EINVAL);
}

static void rates_have_an_amount_and_a_window(void **state)
{
	uint64_t amount, window_s;

	assert_int_equal(unit_rate(STR("600/min"), &amount, &window_s), 0);
	assert_int_equal(amount, 600);
	assert_int_equal(window_s, 60);
	assert_int_equal(unit_rate(STR("100/15min"), &amount, &window_s), 0);
	assert_int_equal(window_s, 900);
	for (const char *const *bad = (const char *const[]){ "0/s", "1/0s", "/s", "1/", "1s",
		     "1/year", "1//s", "1/100month", NULL };
		*bad; bad++)
		if (unit_rate(str_of(*bad), &amount, &window_s) == 0)
			fail_msg("%s", *bad);
}

/* Every day of some centuries, against the C library. */
static void dates_end_with_their_day(void **state)
{
	for (time_t day = 0; day < 400 * 366; day++) {
		time_t at = day * 86400;
		struct tm tm;
		char text[16];
		uint64_t unix_s;

		gmtime_r(&at, &tm);
		strftime(text, sizeof(text), "%Y-%m-%d", &tm);
		assert_int_equal(unit_date(str_of(text), &unix_s), 0);
		assert_int_equal(unix_s, at + 86400);
	}
}

static void instants_are_exact_and_wrong_days_refused(void **state)
{
	uint64_t unix_s;

	assert_int_equal(unit_date(STR("2027-06-30T12:34:56Z"), &unix_s), 0);
	assert_int_equal(unix_s, 1814358896);
	assert_int_equal(unit_date(STR("2028-02-29"), &unix_s), 0);
	for (const char *const *bad = (const char *const[]){ "2027-02-29", "2100-02-29",
		     "2027-13-01", "2027-00-01", "2027-01-00", "2027-1-1", "2027-01-01T24:00:00Z",
		     "2027-01-01 00:00:00", "1969-12-31", "2027-01-01Z", "", NULL };
		*bad; bad++)
		if (unit_date(str_of(*bad), &unix_s) == 0)
			fail_msg("%s", *bad);
}

static void edit_distance_counts_slips_of_the_hand(void **state)
{
	assert_int_equal(edit_distance(STR("weight"), STR("weight"), 9), 0);
	assert_int_equal(edit_distance(STR("wieght"), STR("weight"), 9), 1);
	assert_int_equal(edit_distance(STR("weigt"), STR("weight"), 9), 1);
	assert_int_equal(edit_distance(STR("weighht"), STR("weight"), 9), 1);
	assert_int_equal(edit_distance(STR("WEIGHT"), STR("weight"), 9), 0);
	assert_int_equal(edit_distance(STR(""), STR("abc"), 9), 3);
	assert_int_equal(edit_distance(STR("kitten"), STR("sitting"), 9), 3);
	assert_int_equal(edit_distance(STR("kitten"), STR("sitting"), 1), 2);
}

static void only_what_is_near_is_suggested(void **state)
{
	struct nearest n = nearest_begin(STR("adress"));

	nearest_offer(&n, STR("address"));
	nearest_offer(&n, STR("addresses"));
	assert_true(str_equal(n.best, STR("address")));
	n = nearest_begin(STR("ab"));
	nearest_offer(&n, STR("cd"));
	nearest_offer(&n, STR("weight"));
	assert_null(n.best.data);
}

static void names_are_found_among_many(void **state)
{
	const uint32_t count = 50000;
	struct names *names = names_new(0);
	char(*texts)[16] = calloc(count, sizeof(*texts));

	for (uint32_t i = 0; i < count; i++) {
		snprintf(texts[i], sizeof(texts[i]), "name%u", i);
		assert_int_equal(names_add(names, str_of(texts[i]), i), i);
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(names_find(names, str_of(texts[i])), i);
		assert_int_equal(names_add(names, str_of(texts[i]), 7), i);
	}
	assert_int_equal(names_find(names, STR("name")), NAMES_NONE);
	assert_int_equal(names_find(NULL, STR("name")), NAMES_NONE);
	names_set(names, STR("name9"), 1234);
	assert_int_equal(names_find(names, STR("name9")), 1234);
	names_free(names);
	free(texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(sizes_count_in_powers_of_two),
		cmocka_unit_test(rates_have_an_amount_and_a_window),
		cmocka_unit_test(dates_end_with_their_day),
		cmocka_unit_test(instants_are_exact_and_wrong_days_refused),
		cmocka_unit_test(edit_distance_counts_slips_of_the_hand),
		cmocka_unit_test(only_what_is_near_is_suggested),
		cmocka_unit_test(names_are_found_among_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
