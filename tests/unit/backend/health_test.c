/* SPDX-License-Identifier: Apache-2.0 */
/* What health checks find: in a row, over workers, and in the choice of an endpoint. */
#include "dataplane/backend/health.h"

#include "dataplane/backend/backend.h"
#include "dataplane/backend/eject.h"
#include "tests/unit/route/snap_fixture.h"

#define SECOND   UINT64_C(1000000000)
#define RETRY_MS 10000
#define SLOTS    130
#define WORKERS  2

static const uint32_t weights[] = { 1, 1, 1 };

/* Two workers behind whom are three endpoints at slots 0 to 2. */
struct rig {
	struct snapshot snapshot;
	struct health health;
	struct stats stats[WORKERS];
	struct balance_plan *plan;
	struct balance_rounds *rounds[WORKERS];
	uint32_t indices[SLOTS];
	struct backends b[WORKERS];
};

static void rig_begin(struct rig *r)
{
	struct fixture f = fixture_begin();

	memset(r, 0, sizeof(*r));
	fixture_backend(&f, "orders", weights, 3, RETRY_MS);
	fixture_open(&f, 1, &r->snapshot);
	r->plan = balance_plan_create(&r->snapshot, NULL);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		r->indices[slot] = slot < 3 ? slot : SNAP_NONE;
	for (unsigned w = 0; w < WORKERS; w++) {
		assert_int_equal(stats_create(w, &(struct stats_shape){ .endpoints = SLOTS }, 1,
					 &r->stats[w]),
			0);
		r->rounds[w] = balance_rounds_create(r->plan);
		assert_int_equal(
			backends_init(&r->b[w], SLOTS, &r->stats[w], &r->health, w + 1), 0);
		backends_follow(&r->b[w],
			&(struct backends_generation){ r->plan, r->rounds[w], r->indices, SLOTS });
	}
}

static void rig_end(struct rig *r)
{
	for (unsigned w = 0; w < WORKERS; w++) {
		backends_fini(&r->b[w]);
		balance_rounds_destroy(r->rounds[w]);
		stats_close(&r->stats[w]);
	}
	balance_plan_destroy(r->plan);
	snapshot_close(&r->snapshot);
}

/* How often each endpoint is chosen in 30 choices of a worker. */
static void rig_choose(struct rig *r, unsigned w, unsigned counts[3])
{
	memset(counts, 0, 3 * sizeof(*counts));
	for (unsigned i = 0; i < 30; i++) {
		const uint32_t endpoint = balance_pick(r->b[w].balance, 0, NULL, 0, SECOND);

		assert_true(endpoint < 3);
		counts[endpoint]++;
	}
}

static void assert_chosen(struct rig *r, unsigned a, unsigned b, unsigned c)
{
	for (unsigned w = 0; w < WORKERS; w++) {
		unsigned counts[3];

		backends_follow_health(&r->b[w]);
		rig_choose(r, w, counts);
		assert_int_equal(counts[0], a);
		assert_int_equal(counts[1], b);
		assert_int_equal(counts[2], c);
	}
}

static void so_many_in_a_row_bring_down_and_up(void **state)
{
	struct health_run run = { 0 };

	assert_false(health_run_add(&run, false, 2, 3));
	assert_false(health_run_add(&run, false, 2, 3));
	assert_false(health_run_add(&run, true, 2, 3)); /* the row begins again */
	assert_false(health_run_add(&run, false, 2, 3));
	assert_false(health_run_add(&run, false, 2, 3));
	assert_true(health_run_add(&run, false, 2, 3));
	assert_true(run.down);
	assert_false(health_run_add(&run, false, 2, 3));
	assert_false(health_run_add(&run, true, 2, 3));
	assert_false(health_run_add(&run, false, 2, 3));
	assert_false(health_run_add(&run, true, 2, 3));
	assert_true(health_run_add(&run, true, 2, 3));
	assert_false(run.down);
}

static void a_smaller_number_holds_for_what_was_counted_before(void **state)
{
	struct health_run run = { 0 };

	for (unsigned i = 0; i < 5; i++)
		assert_false(health_run_add(&run, false, 2, 10));
	assert_true(health_run_add(&run, false, 2, 3));
}

static void all_workers_pass_over_what_one_found_down(void **state)
{
	struct rig r;

	rig_begin(&r);
	assert_chosen(&r, 10, 10, 10);
	health_set(&r.health, 1, true);
	assert_chosen(&r, 15, 0, 15);
	health_set(&r.health, 1, true); /* it was known */
	assert_int_equal(atomic_load(&r.health.changes), 1);
	health_set(&r.health, 1, false);
	assert_chosen(&r, 10, 10, 10);
	rig_end(&r);
}

static void one_that_is_down_is_chosen_for_want_of_others(void **state)
{
	struct rig r;

	rig_begin(&r);
	health_set(&r.health, 0, true);
	health_set(&r.health, 2, true);
	for (unsigned w = 0; w < WORKERS; w++) {
		backends_follow_health(&r.b[w]);
		eject_failed(r.b[w].balance, 1, false, SECOND / 2);
	}
	/* One that only refused a connection comes before those that are down. */
	assert_chosen(&r, 0, 30, 0);
	health_set(&r.health, 1, true);
	for (unsigned w = 0; w < WORKERS; w++)
		eject_succeeded(r.b[w].balance, 1);
	/* None is better than another: each has its share. */
	assert_chosen(&r, 10, 10, 10);
	for (unsigned w = 0; w < WORKERS; w++)
		eject_failed(r.b[w].balance, 1, true, SECOND / 2);
	assert_chosen(&r, 15, 0, 15);
	for (unsigned w = 0; w < WORKERS; w++) {
		const uint32_t tried[] = { 0, 2, 1 };

		assert_int_equal(balance_pick(r.b[w].balance, 0, tried, 1, SECOND), 2);
		assert_int_equal(balance_pick(r.b[w].balance, 0, tried, 2, SECOND), 1);
		assert_int_equal(balance_pick(r.b[w].balance, 0, tried, 3, SECOND), SNAP_NONE);
		/* It did not answer before, and is no longer ejected. */
		eject_succeeded(r.b[w].balance, 1);
	}
	assert_chosen(&r, 10, 10, 10);
	health_set(&r.health, 2, false);
	assert_chosen(&r, 0, 0, 30);
	rig_end(&r);
}

static void what_has_the_slot_next_is_up(void **state)
{
	struct rig r;

	rig_begin(&r);
	health_set(&r.health, 2, true);
	health_set(&r.health, 129, true); /* in no endpoint's slot yet */
	assert_chosen(&r, 15, 15, 0);
	/* The worker that checks it forgets it, and each its own state. */
	health_set(&r.health, 2, false);
	for (unsigned w = 0; w < WORKERS; w++)
		backends_forget(&r.b[w], 2);
	assert_chosen(&r, 10, 10, 10);
	/* One worker is still to hear of it when another has forgotten. */
	health_set(&r.health, 2, true);
	for (unsigned w = 0; w < WORKERS; w++)
		backends_forget(&r.b[w], 2);
	assert_chosen(&r, 15, 15, 0);
	health_set(&r.health, 2, false);
	assert_chosen(&r, 10, 10, 10);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_in_a_row_bring_down_and_up),
		cmocka_unit_test(a_smaller_number_holds_for_what_was_counted_before),
		cmocka_unit_test(all_workers_pass_over_what_one_found_down),
		cmocka_unit_test(one_that_is_down_is_chosen_for_want_of_others),
		cmocka_unit_test(what_has_the_slot_next_is_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
