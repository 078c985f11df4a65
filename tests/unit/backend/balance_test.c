/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted choice: exact in any window, spread out, and what happens when endpoints refuse. */
#include <errno.h>

#include "dataplane/backend/balance.h"
#include "dataplane/backend/eject.h"
#include "tests/unit/route/snap_fixture.h"

#define SECOND        UINT64_C(1000000000)
#define RETRY_MS      10000
#define ENDPOINTS_MAX 16

/* What a worker has, and what was made for it. */
struct choice {
	struct balance_plan *plan;
	struct balance_rounds *rounds;
	struct balance *balance;
};

static struct choice choice_make(const struct snapshot *snapshot, uint64_t seed)
{
	struct choice c = { .plan = balance_plan_create(snapshot, NULL) };

	c.rounds = balance_rounds_create(c.plan);
	c.balance = balance_create(ENDPOINTS_MAX, seed);
	balance_follow(c.balance, c.plan, c.rounds);
	return c;
}

static void choice_follow(struct choice *c, const struct snapshot *snapshot)
{
	struct choice old = *c;

	c->plan = balance_plan_create(snapshot, old.plan);
	c->rounds = balance_rounds_create(c->plan);
	balance_follow(c->balance, c->plan, c->rounds);
	balance_rounds_destroy(old.rounds);
	balance_plan_destroy(old.plan);
}

static void choice_free(struct choice *c)
{
	balance_destroy(c->balance);
	balance_rounds_destroy(c->rounds);
	balance_plan_destroy(c->plan);
}

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
		struct choice c;

		for (uint32_t i = 0; i < n; i++)
			weights[i] =
				1 + (uint32_t)(fixture_random(&seed) % (round % 3 == 0 ? 100 : 7));
		open_backend(&snapshot, weights, n);
		c = choice_make(&snapshot, fixture_random(&seed));
		assert_exact(c.balance, weights, n, 0);
		choice_free(&c);
		snapshot_close(&snapshot);
	}
}

static void picks_are_spread_out(void **state)
{
	static const uint32_t weights[] = { 5, 1, 1 };
	struct snapshot snapshot;
	struct choice c;
	uint32_t in_a_row = 0, longest = 0;

	open_backend(&snapshot, weights, 3);
	c = choice_make(&snapshot, 7);
	for (unsigned i = 0; i < 70; i++) {
		in_a_row = balance_pick(c.balance, 0, NULL, 0, 0) == 0 ? in_a_row + 1 : 0;
		longest = in_a_row > longest ? in_a_row : longest;
	}
	assert_true(longest <= 4); /* a a b a c a a: over the end of a cycle, not five */
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void a_drained_endpoint_is_never_chosen(void **state)
{
	static const uint32_t weights[] = { 1, 0, 2 }, none[] = { 0, 0 };
	const uint32_t tried[] = { 0, 2 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 3);
	c = choice_make(&snapshot, 3);
	assert_exact(c.balance, weights, 3, 0);
	assert_int_equal(balance_pick(c.balance, 0, tried, 2, 0), SNAP_NONE);
	/* Not for want of others either. */
	eject_failed(c.balance, 0, false, 0);
	eject_failed(c.balance, 2, false, 0);
	for (uint64_t now = 0; now < 5; now++)
		assert_int_not_equal(balance_pick(c.balance, 0, NULL, 0, now), 1);
	choice_free(&c);
	snapshot_close(&snapshot);
	open_backend(&snapshot, none, 2);
	c = choice_make(&snapshot, 3);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 0), SNAP_NONE);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void workers_do_not_begin_with_the_same_endpoint(void **state)
{
	static const uint32_t weights[] = { 1, 1, 1, 1 };
	struct snapshot snapshot;
	uint32_t first[4] = { 0 };

	open_backend(&snapshot, weights, 4);
	for (uint64_t worker = 1; worker <= 64; worker++) {
		struct choice c = choice_make(&snapshot, worker * UINT64_C(0x9e3779b97f4a7c15));

		first[balance_pick(c.balance, 0, NULL, 0, 0)]++;
		choice_free(&c);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(first[i] > 4);
	snapshot_close(&snapshot);
}

static void an_endpoint_that_refused_is_ejected_until_it_accepts(void **state)
{
	static const uint32_t weights[] = { 3, 2, 1 }, without[] = { 3, 0, 1 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 3);
	c = choice_make(&snapshot, 1);
	assert_true(eject_failed(c.balance, 1, false, SECOND));
	assert_false(eject_failed(c.balance, 1, false, 2 * SECOND));
	assert_int_equal(eject_until(c.balance, 1), 12 * SECOND);
	assert_int_equal(eject_until(c.balance, 0), 0);
	assert_exact(c.balance, without, 3, 11 * SECOND);
	assert_exact(c.balance, without, 3, 100 * SECOND); /* time alone brings no request to it */
	eject_succeeded(c.balance, 1);
	assert_int_equal(eject_until(c.balance, 1), 0);
	assert_exact(c.balance, weights, 3, 100 * SECOND);
	assert_true(eject_failed(c.balance, 1, false, 101 * SECOND));
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void an_ejected_endpoint_is_probed_once_a_pause(void **state)
{
	static const uint32_t weights[] = { 3, 2, 1 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 3);
	c = choice_make(&snapshot, 1);
	assert_int_equal(eject_probe(c.balance, SECOND), SNAP_NONE);
	eject_failed(c.balance, 2, false, 1 * SECOND);
	eject_failed(c.balance, 0, true, 3 * SECOND);
	assert_int_equal(eject_probe(c.balance, 11 * SECOND - 1), SNAP_NONE);
	assert_int_equal(eject_probe(c.balance, 11 * SECOND), 2);
	assert_int_equal(eject_probe(c.balance, 11 * SECOND), SNAP_NONE);
	assert_int_equal(eject_probe(c.balance, 13 * SECOND), 0); /* that of 2 has not ended */
	eject_failed(c.balance, 2, true, 14 * SECOND);
	assert_int_equal(eject_probe(c.balance, 23 * SECOND), SNAP_NONE);
	assert_int_equal(eject_probe(c.balance, 24 * SECOND), 2);
	eject_succeeded(c.balance, 2);
	eject_succeeded(c.balance, 0);
	assert_int_equal(eject_probe(c.balance, 100 * SECOND), SNAP_NONE);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void a_retry_takes_another_and_leaves_the_rounds_exact(void **state)
{
	static const uint32_t weights[] = { 4, 3, 2, 1 };
	struct snapshot snapshot;
	struct choice c;
	uint32_t counts[4] = { 0 };

	open_backend(&snapshot, weights, 4);
	c = choice_make(&snapshot, 5);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t tried[4];

		tried[0] = balance_pick(c.balance, 0, NULL, 0, 0);
		counts[tried[0]]++;
		for (uint32_t n = 1; n < 4; n++) {
			tried[n] = balance_pick(c.balance, 0, tried, n, 0);
			assert_true(tried[n] < 4);
			for (uint32_t j = 0; j < n; j++)
				assert_int_not_equal(tried[j], tried[n]);
		}
		assert_int_equal(balance_pick(c.balance, 0, tried, 4, 0), SNAP_NONE);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(counts[i], 10 * weights[i]);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void when_all_are_ejected_one_is_given_all_the_same(void **state)
{
	static const uint32_t weights[] = { 1, 1, 1 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 3);
	c = choice_make(&snapshot, 5);
	eject_failed(c.balance, 2, false, 1 * SECOND);
	eject_failed(c.balance, 0, false, 2 * SECOND);
	eject_failed(c.balance, 1, false, 3 * SECOND);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 4 * SECOND), 2);
	assert_int_equal(balance_pick(c.balance, 0, (const uint32_t[]){ 2 }, 1, 4 * SECOND), 0);
	eject_failed(c.balance, 2, false, 4 * SECOND); /* to the end of the line */
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 4 * SECOND), 0);
	eject_succeeded(c.balance, 0);
	assert_exact(c.balance, (const uint32_t[]){ 1, 0, 0 }, 3, 4 * SECOND);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void when_all_are_silent_each_is_given_once_a_pause(void **state)
{
	static const uint32_t weights[] = { 1, 1 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 2);
	c = choice_make(&snapshot, 5);
	eject_failed(c.balance, 1, true, 1 * SECOND);
	eject_failed(c.balance, 0, true, 2 * SECOND);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 4 * SECOND), 1);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 4 * SECOND), 0);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 5 * SECOND), SNAP_NONE);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 14 * SECOND), 1);
	eject_failed(c.balance, 0, false, 15 * SECOND); /* it answers again, with a refusal */
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 15 * SECOND), 0);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void random_ejections_never_give_an_ejected_endpoint(void **state)
{
	static const uint32_t weights[] = { 5, 3, 2, 2, 1 };
	struct snapshot snapshot;
	struct choice c;
	uint64_t seed = 4711, now = 0;
	uint32_t probes = 0;

	open_backend(&snapshot, weights, 5);
	c = choice_make(&snapshot, 5);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t pick, left = 0;

		now += fixture_random(&seed) % SECOND;
		pick = balance_pick(c.balance, 0, NULL, 0, now);
		for (uint32_t e = 0; e < 5; e++)
			left += eject_until(c.balance, e) == 0;
		if (left > 0)
			assert_int_equal(eject_until(c.balance, pick), 0);
		if (pick != SNAP_NONE && fixture_random(&seed) % 4 == 0)
			eject_failed(c.balance, pick, fixture_random(&seed) % 2, now);
		else if (pick != SNAP_NONE)
			eject_succeeded(c.balance, pick);
		for (uint32_t e; (e = eject_probe(c.balance, now)) != SNAP_NONE; probes++) {
			assert_in_range(eject_until(c.balance, e), 1, now);
			if (fixture_random(&seed) % 2)
				eject_succeeded(c.balance, e);
			else
				eject_failed(c.balance, e, true, now);
		}
	}
	assert_true(probes > 100);
	now += 100 * SECOND;
	for (uint32_t e; (e = eject_probe(c.balance, now)) != SNAP_NONE;)
		eject_succeeded(c.balance, e);
	assert_exact(c.balance, weights, 5, now);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void a_new_generation_takes_over_health_and_place(void **state)
{
	static const uint32_t weights[] = { 3, 2, 1 }, changed[] = { 3, 2, 5 };
	struct snapshot first, second, third;
	struct choice c, twin;

	open_backend(&first, weights, 3);
	open_backend(&second, weights, 3);
	open_backend(&third, changed, 3);
	c = choice_make(&first, 3);
	twin = choice_make(&first, 3);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 0),
			balance_pick(twin.balance, 0, NULL, 0, 0));
	choice_follow(&c, &second);
	choice_follow(&c, &second); /* and when nothing was asked in between */
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 0),
			balance_pick(twin.balance, 0, NULL, 0, 0));
	eject_failed(c.balance, 1, false, SECOND);
	choice_follow(&c, &third);
	assert_int_equal(eject_until(c.balance, 1), 11 * SECOND);
	assert_exact(c.balance, (const uint32_t[]){ 3, 0, 5 }, 3, 2 * SECOND);
	choice_follow(&c, &second); /* an old cycle does not come back */
	assert_exact(c.balance, (const uint32_t[]){ 3, 0, 1 }, 3, 2 * SECOND);
	choice_follow(&c, &third);
	assert_int_equal(eject_probe(c.balance, 11 * SECOND), 1);
	eject_succeeded(c.balance, 1);
	assert_exact(c.balance, changed, 3, 20 * SECOND);
	choice_free(&c);
	choice_free(&twin);
	snapshot_close(&first);
	snapshot_close(&second);
	snapshot_close(&third);
}

/* Without a new generation: at the next choice, and exact from there on. */
static void a_weight_that_is_changed_holds_at_once(void **state)
{
	static const uint32_t before[] = { 3, 2, 4 }, drained[] = { 3, 0, 4 },
			      after[] = { 3, 7, 4 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, before, 3);
	c = choice_make(&snapshot, 5);
	assert_exact(c.balance, before, 3, 0);
	balance_pick(c.balance, 0, NULL, 0, 0);
	assert_int_equal(balance_plan_set_weight(c.plan, 1, 0), 0);
	assert_exact(c.balance, drained, 3, 0);
	balance_pick(c.balance, 0, NULL, 0, 0);
	assert_int_equal(balance_plan_set_weight(c.plan, 1, 7), 0);
	assert_exact(c.balance, after, 3, 0);
	/* A generation that says the same goes on with the cycle, one that does not begins another. */
	snapshot_close(&snapshot);
	open_backend(&snapshot, after, 3);
	choice_follow(&c, &snapshot);
	assert_exact(c.balance, after, 3, 0);
	assert_int_equal(balance_plan_set_weight(c.plan, 3, 1), -EINVAL);
	assert_int_equal(balance_plan_set_weight(c.plan, 0, SNAP_WEIGHT_MAX + 1), -EINVAL);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void when_all_are_drained_none_is_chosen(void **state)
{
	static const uint32_t weights[] = { 1, 1 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 2);
	c = choice_make(&snapshot, 5);
	assert_int_equal(balance_plan_set_weight(c.plan, 0, 0), 0);
	assert_int_equal(balance_plan_set_weight(c.plan, 1, 0), 0);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 0), SNAP_NONE);
	assert_int_equal(balance_plan_set_weight(c.plan, 1, 1), 0);
	assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 0), 1);
	choice_free(&c);
	snapshot_close(&snapshot);
}

static void a_slot_that_is_forgotten_is_another_endpoint(void **state)
{
	static const uint32_t weights[] = { 1, 1, 1 };
	struct snapshot first, second;
	struct choice c;

	open_backend(&first, weights, 3);
	open_backend(&second, weights, 3);
	c = choice_make(&first, 3);
	eject_failed(c.balance, 0, false, 1 * SECOND);
	eject_failed(c.balance, 1, true, 2 * SECOND);
	eject_failed(c.balance, 2, true, 3 * SECOND);
	balance_forget(c.balance, 0);
	choice_follow(&c, &second);
	assert_int_equal(eject_until(c.balance, 0), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(balance_pick(c.balance, 0, NULL, 0, 4 * SECOND), 0);
	assert_int_equal(eject_probe(c.balance, 12 * SECOND), 1);
	assert_int_equal(eject_probe(c.balance, 13 * SECOND), 2);
	assert_int_equal(eject_probe(c.balance, 100 * SECOND), SNAP_NONE);
	choice_free(&c);
	snapshot_close(&first);
	snapshot_close(&second);
}

/* Whatever of two backends' endpoints refuse and accept while generations go by: every look finds
 * each endpoint whose probe is due, and only these. */
static void probes_miss_none_over_generations(void **state)
{
	static const uint32_t weights[] = { 2, 1, 3, 1, 1, 2, 1, 4 };
	uint64_t seed = 17, now = SECOND, until[8] = { 0 };
	struct snapshot snapshot;
	struct choice c;

	open_backend(&snapshot, weights, 8);
	c = choice_make(&snapshot, 3);
	for (unsigned i = 0; i < 20000; i++) {
		const uint32_t e = (uint32_t)(fixture_random(&seed) % 8);

		now += fixture_random(&seed) % SECOND;
		switch (fixture_random(&seed) % 4) {
		case 0:
			eject_failed(c.balance, e, fixture_random(&seed) % 2, now);
			until[e] = now + RETRY_MS * UINT64_C(1000000);
			break;
		case 1:
			eject_succeeded(c.balance, e);
			until[e] = 0;
			break;
		case 2:
			choice_follow(&c, &snapshot);
			break;
		default: /* one of those that are due, and it refuses again */
			for (uint32_t slot; (slot = eject_probe(c.balance, now)) != SNAP_NONE;) {
				assert_in_range(until[slot], 1, now);
				eject_failed(c.balance, slot, true, now);
				until[slot] = now + RETRY_MS * UINT64_C(1000000);
			}
			for (unsigned k = 0; k < 8; k++)
				assert_true(until[k] == 0 || until[k] > now);
		}
	}
	choice_free(&c);
	snapshot_close(&snapshot);
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
		cmocka_unit_test(a_weight_that_is_changed_holds_at_once),
		cmocka_unit_test(when_all_are_drained_none_is_chosen),
		cmocka_unit_test(a_slot_that_is_forgotten_is_another_endpoint),
		cmocka_unit_test(probes_miss_none_over_generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
