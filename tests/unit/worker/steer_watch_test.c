/* SPDX-License-Identifier: Apache-2.0 */
/* When a port's RSS raises an alarm, and when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/steer_watch.h"

#define SECOND  UINT64_C(1000000000)
#define WORKERS 2
#define PORTS   2

static struct stats_port ports[WORKERS][PORTS];
static struct stats stats[WORKERS] = { { .port = ports[0] }, { .port = ports[1] } };
static struct steer_watch watch;
static uint64_t now_ns;

static int fresh(void **state)
{
	(void)state;
	memset(ports, 0, sizeof(ports));
	watch = (struct steer_watch){ 0 };
	now_ns = 100 * SECOND;
	steer_watch_look(&watch, stats, WORKERS, 1, now_ns);
	return 0;
}

/* A time in which each worker receives so much on the second port. @return whether the alarm is on then */
static bool pass(uint64_t seconds, uint64_t received, uint64_t missteered)
{
	now_ns += seconds * SECOND;
	for (unsigned w = 0; w < WORKERS; w++) {
		ports[w][1].rx_packets += received;
		ports[w][1].missteered += missteered;
	}
	steer_watch_look(&watch, stats, WORKERS, 1, now_ns);
	assert_int_equal(ports[0][0].missteering, 0); /* the other port's */
	assert_int_equal(ports[1][1].missteering, 0); /* the first worker's segment says it */
	return ports[0][1].missteering;
}

static void one_of_a_thousand_is_borne(void **state)
{
	(void)state;
	assert_false(pass(5, 100000, 100));
	assert_true(pass(5, 100000, 101));
}

static void a_period_is_judged_as_a_whole(void **state)
{
	(void)state;
	for (unsigned s = 0; s < 4; s++)
		assert_false(pass(1, 1000, 500));
	assert_true(pass(1, 1000, 500));
}

static void it_ends_with_a_good_period(void **state)
{
	(void)state;
	assert_true(pass(5, 1000, 500));
	assert_true(pass(4, 1000, 0));
	assert_false(pass(6, 100000, 0));
	assert_true(pass(5, 1000, 500));
	assert_false(pass(5, 0, 0));
}

static void a_few_are_not_worth_a_word(void **state)
{
	(void)state;
	assert_false(pass(5, 20, 7));
	assert_true(pass(5, 20, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_of_a_thousand_is_borne, fresh),
		cmocka_unit_test_setup(a_period_is_judged_as_a_whole, fresh),
		cmocka_unit_test_setup(it_ends_with_a_good_period, fresh),
		cmocka_unit_test_setup(a_few_are_not_worth_a_word, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
