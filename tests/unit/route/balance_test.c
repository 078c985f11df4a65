/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted choice: exact in any window, spread out, and what happens when endpoints refuse. */
#include "dataplane/route/balance.h"
#include "tests/unit/route/snap_fixture.h"

#define SECOND        UINT64_C(1000000000)
#define RETRY_MS      10000
#define ENDPOINTS_MAX 16

static void open_backend(struct snapshot *snapshot, const uint32_t *weights, uint32_t n)
{
	struct fixture f = fixture_begin();

	fixture_backend(&f, "orders", weights, n, RETRY_MS);
	fixture_open(&f, 1, snapshot);
}

static uint32_t sum(const uint32_t *weights, uint32_t n)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += weights[i];
	return total;
}

/* Every window of sum-of-weights picks holds each endpoint as often as its weight says. */
static void assert_exact(struct balance *balance, const uint32_t *weights, uint32_t n, uint64_t now)
{
	const uint32_t total = sum(weights, n), picks = 3 * total;
	uint32_t *chosen = calloc(picks, sizeof(*chosen)), counts[ENDPOINTS_MAX] = { 0 };

	for (uint32_t i = 0; i < picks; i++) {
		chosen[i] = balance_pick(balance, 0, NULL, 0, now);
		assert_true(chosen[i] < n);
		counts[chosen[i]]++;
		if (i >= total)
			counts[chosen[i - total]]--;
		if (i + 1 >= total)
			assert_memory_equal(counts, weights, n * sizeof(*weights));
	}
	free(chosen);
}

static void any_window_is_exact_for_random_weights(void **state)
{
	uint64_t seed = 99;

	for (unsigned round = 0; round < 200; round++) {
		uint32_t weights[ENDPOINTS_MAX],
			n = 1 + (uint32_t)(fixture_random(&seed) % ENDPOINTS_MAX);
		struct snapshot snapshot;
		struct balance *balance;

		for (uint32_t i = 0; i < n; i++)
			weights[i] =
				1 + (uint32_t)(fixture_random(&seed) % (round % 3 == 0 ? 100 : 7));
		open_backend(&snapshot, weights, n);
		balance = balance_create(&snapshot, NULL, fixture_random(&seed));
		assert_exact(balance, weights, n, 0);
		balance_destroy(balance);
		snapshot_close(&snapshot);
	}
}

static void picks_are_spread_out(void **state)
{
	static const uint32_t weights[] = { 5, 1, 1 };
	struct snapshot snapshot;
	struct balance *balance;
	uint32_t in_a_row = 0, longest = 0;

	open_backend(&snapshot, weights, 3);
	balance = balance_create(&snapshot, NULL, 7);
	for (unsigned i = 0; i < 70; i++) {
		in_a_row = balance_pick(balance, 0, NULL, 0, 0) == 0 ? in_a_row + 1 : 0;
		longest = in_a_row > longest ? in_a_row : longest;
	}
	assert_true(longest <= 4); /* a a b a c a a: over the end of a cycle, not five */
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void a_drained_endpoint_is_never_chosen(void **state)
{
	static const uint32_t weights[] = { 1, 0, 2 }, none[] = { 0, 0 };
	const uint32_t tried[] = { 0, 2 };
	struct snapshot snapshot;
	struct balance *balance;

	open_backend(&snapshot, weights, 3);
	balance = balance_create(&snapshot, NULL, 3);
	assert_exact(balance, weights, 3, 0);
	assert_int_equal(balance_pick(balance, 0, tried, 2, 0), SNAP_NONE);
	/* Not for want of others either. */
	balance_failed(balance, 0, false, 0);
	balance_failed(balance, 2, false, 0);
	for (uint64_t now = 0; now < 5; now++)
		assert_int_not_equal(balance_pick(balance, 0, NULL, 0, now), 1);
	balance_destroy(balance);
	snapshot_close(&snapshot);
	open_backend(&snapshot, none, 2);
	balance = balance_create(&snapshot, NULL, 3);
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 0), SNAP_NONE);
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void workers_do_not_begin_with_the_same_endpoint(void **state)
{
	static const uint32_t weights[] = { 1, 1, 1, 1 };
	struct snapshot snapshot;
	uint32_t first[4] = { 0 };

	open_backend(&snapshot, weights, 4);
	for (uint64_t worker = 1; worker <= 64; worker++) {
		struct balance *balance =
			balance_create(&snapshot, NULL, worker * UINT64_C(0x9e3779b97f4a7c15));

		first[balance_pick(balance, 0, NULL, 0, 0)]++;
		balance_destroy(balance);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(first[i] > 4);
	snapshot_close(&snapshot);
}

static void an_endpoint_that_refused_is_ejected_until_it_accepts(void **state)
{
	static const uint32_t weights[] = { 3, 2, 1 }, without[] = { 3, 0, 1 };
	struct snapshot snapshot;
	struct balance *balance;

	open_backend(&snapshot, weights, 3);
	balance = balance_create(&snapshot, NULL, 1);
	assert_true(balance_failed(balance, 1, false, SECOND));
	assert_false(balance_failed(balance, 1, false, 2 * SECOND));
	assert_int_equal(balance_ejected_until(balance, 1), 12 * SECOND);
	assert_int_equal(balance_ejected_until(balance, 0), 0);
	assert_exact(balance, without, 3, 11 * SECOND);
	assert_exact(balance, without, 3, 100 * SECOND); /* time alone brings no request to it */
	balance_succeeded(balance, 1);
	assert_int_equal(balance_ejected_until(balance, 1), 0);
	assert_exact(balance, weights, 3, 100 * SECOND);
	assert_true(balance_failed(balance, 1, false, 101 * SECOND));
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void an_ejected_endpoint_is_probed_once_a_pause(void **state)
{
	static const uint32_t weights[] = { 3, 2, 1 };
	struct snapshot snapshot;
	struct balance *balance;

	open_backend(&snapshot, weights, 3);
	balance = balance_create(&snapshot, NULL, 1);
	assert_int_equal(balance_probe(balance, SECOND), SNAP_NONE);
	balance_failed(balance, 2, false, 1 * SECOND);
	balance_failed(balance, 0, true, 3 * SECOND);
	assert_int_equal(balance_probe(balance, 11 * SECOND - 1), SNAP_NONE);
	assert_int_equal(balance_probe(balance, 11 * SECOND), 2);
	assert_int_equal(balance_probe(balance, 11 * SECOND), SNAP_NONE);
	assert_int_equal(balance_probe(balance, 13 * SECOND), 0); /* that of 2 has not ended */
	balance_failed(balance, 2, true, 14 * SECOND);
	assert_int_equal(balance_probe(balance, 23 * SECOND), SNAP_NONE);
	assert_int_equal(balance_probe(balance, 24 * SECOND), 2);
	balance_succeeded(balance, 2);
	balance_succeeded(balance, 0);
	assert_int_equal(balance_probe(balance, 100 * SECOND), SNAP_NONE);
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void a_retry_takes_another_and_leaves_the_rounds_exact(void **state)
{
	static const uint32_t weights[] = { 4, 3, 2, 1 };
	struct snapshot snapshot;
	struct balance *balance;
	uint32_t counts[4] = { 0 };

	open_backend(&snapshot, weights, 4);
	balance = balance_create(&snapshot, NULL, 5);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t tried[4];

		tried[0] = balance_pick(balance, 0, NULL, 0, 0);
		counts[tried[0]]++;
		for (uint32_t n = 1; n < 4; n++) {
			tried[n] = balance_pick(balance, 0, tried, n, 0);
			assert_true(tried[n] < 4);
			for (uint32_t j = 0; j < n; j++)
				assert_int_not_equal(tried[j], tried[n]);
		}
		assert_int_equal(balance_pick(balance, 0, tried, 4, 0), SNAP_NONE);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(counts[i], 10 * weights[i]);
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void when_all_are_ejected_one_is_given_all_the_same(void **state)
{
	static const uint32_t weights[] = { 1, 1, 1 };
	struct snapshot snapshot;
	struct balance *balance;

	open_backend(&snapshot, weights, 3);
	balance = balance_create(&snapshot, NULL, 5);
	balance_failed(balance, 2, false, 1 * SECOND);
	balance_failed(balance, 0, false, 2 * SECOND);
	balance_failed(balance, 1, false, 3 * SECOND);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(balance_pick(balance, 0, NULL, 0, 4 * SECOND), 2);
	assert_int_equal(balance_pick(balance, 0, (const uint32_t[]){ 2 }, 1, 4 * SECOND), 0);
	balance_failed(balance, 2, false, 4 * SECOND); /* to the end of the line */
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 4 * SECOND), 0);
	balance_succeeded(balance, 0);
	assert_exact(balance, (const uint32_t[]){ 1, 0, 0 }, 3, 4 * SECOND);
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void when_all_are_silent_each_is_given_once_a_pause(void **state)
{
	static const uint32_t weights[] = { 1, 1 };
	struct snapshot snapshot;
	struct balance *balance;

	open_backend(&snapshot, weights, 2);
	balance = balance_create(&snapshot, NULL, 5);
	balance_failed(balance, 1, true, 1 * SECOND);
	balance_failed(balance, 0, true, 2 * SECOND);
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 4 * SECOND), 1);
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 4 * SECOND), 0);
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 5 * SECOND), SNAP_NONE);
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 14 * SECOND), 1);
	balance_failed(balance, 0, false, 15 * SECOND); /* it answers again, with a refusal */
	assert_int_equal(balance_pick(balance, 0, NULL, 0, 15 * SECOND), 0);
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void random_ejections_never_give_an_ejected_endpoint(void **state)
{
	static const uint32_t weights[] = { 5, 3, 2, 2, 1 };
	struct snapshot snapshot;
	struct balance *balance;
	uint64_t seed = 4711, now = 0;
	uint32_t probes = 0;

	open_backend(&snapshot, weights, 5);
	balance = balance_create(&snapshot, NULL, 5);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t pick, left = 0;

		now += fixture_random(&seed) % SECOND;
		pick = balance_pick(balance, 0, NULL, 0, now);
		for (uint32_t e = 0; e < 5; e++)
			left += balance_ejected_until(balance, e) == 0;
		if (left > 0)
			assert_int_equal(balance_ejected_until(balance, pick), 0);
		if (pick != SNAP_NONE && fixture_random(&seed) % 4 == 0)
			balance_failed(balance, pick, fixture_random(&seed) % 2, now);
		else if (pick != SNAP_NONE)
			balance_succeeded(balance, pick);
		for (uint32_t e; (e = balance_probe(balance, now)) != SNAP_NONE; probes++) {
			assert_in_range(balance_ejected_until(balance, e), 1, now);
			if (fixture_random(&seed) % 2)
				balance_succeeded(balance, e);
			else
				balance_failed(balance, e, true, now);
		}
	}
	assert_true(probes > 100);
	now += 100 * SECOND;
	for (uint32_t e; (e = balance_probe(balance, now)) != SNAP_NONE;)
		balance_succeeded(balance, e);
	assert_exact(balance, weights, 5, now);
	balance_destroy(balance);
	snapshot_close(&snapshot);
}

static void a_new_generation_takes_over_health_and_place(void **state)
{
	static const uint32_t weights[] = { 3, 2, 1 }, changed[] = { 3, 2, 5 };
	struct snapshot first, second, third;
	struct balance *a, *twin, *b, *c;

	open_backend(&first, weights, 3);
	open_backend(&second, weights, 3);
	open_backend(&third, changed, 3);
	a = balance_create(&first, NULL, 3);
	twin = balance_create(&first, NULL, 3);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(balance_pick(a, 0, NULL, 0, 0), balance_pick(twin, 0, NULL, 0, 0));
	b = balance_create(&second, a, 12345);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(balance_pick(b, 0, NULL, 0, 0), balance_pick(twin, 0, NULL, 0, 0));
	balance_failed(b, 1, false, SECOND);
	c = balance_create(&third, b, 1);
	assert_int_equal(balance_ejected_until(c, 1), 11 * SECOND);
	assert_exact(c, (const uint32_t[]){ 3, 0, 5 }, 3, 2 * SECOND);
	assert_int_equal(balance_probe(c, 11 * SECOND), 1);
	balance_succeeded(c, 1);
	assert_exact(c, changed, 3, 20 * SECOND);
	balance_destroy(a);
	balance_destroy(twin);
	balance_destroy(b);
	balance_destroy(c);
	snapshot_close(&first);
	snapshot_close(&second);
	snapshot_close(&third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_window_is_exact_for_random_weights),
		cmocka_unit_test(picks_are_spread_out),
		cmocka_unit_test(a_drained_endpoint_is_never_chosen),
		cmocka_unit_test(workers_do_not_begin_with_the_same_endpoint),
		cmocka_unit_test(an_endpoint_that_refused_is_ejected_until_it_accepts),
		cmocka_unit_test(an_ejected_endpoint_is_probed_once_a_pause),
		cmocka_unit_test(a_retry_takes_another_and_leaves_the_rounds_exact),
		cmocka_unit_test(when_all_are_ejected_one_is_given_all_the_same),
		cmocka_unit_test(when_all_are_silent_each_is_given_once_a_pause),
		cmocka_unit_test(random_ejections_never_give_an_ejected_endpoint),
		cmocka_unit_test(a_new_generation_takes_over_health_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
