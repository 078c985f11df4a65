/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection gets a place, and which one gives its place up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/base/places.h"

#define COUNT 4
#define SHARE 2

enum { READER = 1, ADMIN = 2 };

static struct place place(uint32_t uid, uint8_t rank, uint64_t since)
{
	return (struct place){ .taken = true, .uid = uid, .rank = rank, .since = since };
}

static int choose(const struct place *places, uint32_t uid, uint8_t rank)
{
	struct place fresh = place(uid, rank, 100);

	return place_choose(places, COUNT, &fresh, SHARE);
}

static void a_user_has_its_share_and_its_oldest_silent_connection_goes(void **state)
{
	struct place places[COUNT] = { { 0 }, place(7, READER, 5), place(7, READER, 3) };

	assert_int_equal(choose(places, 8, READER), 0);
	assert_int_equal(choose(places, 7, READER), 2);
	places[2].asked = true;
	assert_int_equal(choose(places, 7, READER), 1);
	places[1].asked = true;
	assert_int_equal(choose(places, 7, READER), -1);
	assert_int_equal(choose(places, 7, PLACE_RANK_ALL), 0);
}

static void the_lower_rank_gives_its_place_up_silent_or_not(void **state)
{
	struct place places[COUNT] = { place(0, PLACE_RANK_ALL, 1), place(7, READER, 9),
		place(8, READER, 4), place(9, ADMIN, 2) };

	assert_int_equal(choose(places, 0, PLACE_RANK_ALL), 2);
	places[2].asked = true;
	assert_int_equal(choose(places, 0, PLACE_RANK_ALL), 1);
	places[1].asked = true;
	assert_int_equal(choose(places, 10, ADMIN), 2);
	assert_int_equal(choose(places, 10, READER), -1);
	places[1].kept = places[2].kept = true;
	assert_int_equal(choose(places, 0, PLACE_RANK_ALL), 3);
	places[3].kept = true;
	assert_int_equal(choose(places, 0, PLACE_RANK_ALL), 0);
	places[0].asked = true;
	assert_int_equal(choose(places, 0, PLACE_RANK_ALL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_has_its_share_and_its_oldest_silent_connection_goes),
		cmocka_unit_test(the_lower_rank_gives_its_place_up_silent_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
