/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel of deadlines: none early, none later than a tick or two, none lost however time
 * jumps. */
#include <stdlib.h>

#include "dataplane/proxy/deadline.h"

#include "tests/unit/proxy/proxy_rig.h"

#define COUNT  500
#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct deadline_wheel wheel;
static struct deadline deadlines[COUNT];
static uint64_t now, late_most;
static unsigned fired;

static void on_due(void *ctx, struct deadline *d)
{
	uint64_t *wanted = ctx;
	unsigned i = (unsigned)(d - deadlines);

	assert_true(wanted[i] != 0);
	assert_true(now >= wanted[i]);
	if (now - wanted[i] > late_most)
		late_most = now - wanted[i];
	wanted[i] = 0;
	fired++;
}

static int setup(void **state)
{
	memset(deadlines, 0, sizeof(deadlines));
	now = 5 * SECOND;
	late_most = fired = 0;
	deadline_wheel_init(&wheel, now);
	return 0;
}

/* Set, moved and removed at random, over hours of steps from microseconds to minutes. */
static void random_deadlines_fire_once_and_in_time(void **state)
{
	static uint64_t wanted[COUNT];
	uint64_t random = 11;

	memset(wanted, 0, sizeof(wanted));
	for (unsigned round = 0; round < 200000; round++) {
		unsigned i = (unsigned)(rig_random(&random) % COUNT);

		switch (rig_random(&random) % 4) {
		case 0:
		case 1:
			wanted[i] = now + 1 + rig_random(&random) % (40 * SECOND);
			deadline_set(&wheel, &deadlines[i], wanted[i]);
			break;
		case 2:
			wanted[i] = 0;
			if (rig_random(&random) % 2)
				deadline_remove(&deadlines[i]);
			else
				deadline_clear(&deadlines[i]);
			break;
		case 3:
			now += rig_random(&random) % (20 * MS);
			deadline_run(&wheel, now, on_due, wanted);
			break;
		}
	}
	now += 60 * SECOND;
	deadline_run(&wheel, now, on_due, wanted);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(wanted[i], 0);
	assert_true(fired > 1000);
}

static void none_is_later_than_two_ticks(void **state)
{
	static uint64_t wanted[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		wanted[i] = now + 1 + i * 61 * MS; /* up to three turns of the wheel */
		deadline_set(&wheel, &deadlines[i], wanted[i]);
	}
	while (fired < COUNT) {
		now += MS;
		deadline_run(&wheel, now, on_due, wanted);
	}
	assert_true(late_most <= 2 * DEADLINE_TICK_NS);
}

static void one_that_moves_later_waits_for_its_new_time(void **state)
{
	uint64_t wanted[COUNT] = { 0 };

	deadline_set(&wheel, &deadlines[0], now + SECOND);
	wanted[0] = now + 5 * SECOND;
	deadline_set(&wheel, &deadlines[0], wanted[0]);
	for (unsigned i = 0; i < 600 && fired == 0; i++) {
		now += 10 * MS;
		deadline_run(&wheel, now, on_due, wanted);
	}
	assert_int_equal(fired, 1);
	assert_true(late_most <= 2 * DEADLINE_TICK_NS);
}

static void one_that_moves_earlier_fires_earlier(void **state)
{
	uint64_t wanted[COUNT] = { 0 };

	deadline_set(&wheel, &deadlines[0], now + 9 * SECOND);
	wanted[0] = now + SECOND;
	deadline_set(&wheel, &deadlines[0], wanted[0]);
	now += SECOND + 2 * DEADLINE_TICK_NS;
	deadline_run(&wheel, now, on_due, wanted);
	assert_int_equal(fired, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(random_deadlines_fire_once_and_in_time, setup),
		cmocka_unit_test_setup(none_is_later_than_two_ticks, setup),
		cmocka_unit_test_setup(one_that_moves_later_waits_for_its_new_time, setup),
		cmocka_unit_test_setup(one_that_moves_earlier_fires_earlier, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
