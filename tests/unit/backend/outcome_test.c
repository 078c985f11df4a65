/* SPDX-License-Identifier: Apache-2.0 */
/* What is reported of an endpoint is counted under its slot, and connections that fail eject it. */
#include "dataplane/backend/outcome.h"

#include "dataplane/backend/eject.h"
#include "tests/unit/route/snap_fixture.h"

#define SECOND   UINT64_C(1000000000)
#define RETRY_MS 10000
#define SLOTS    4

static const uint32_t weights[] = { 1, 1 };

/* A worker with two endpoints at slots 0 and 1. */
struct rig {
	struct snapshot snapshot;
	struct stats stats;
	struct balance_plan *plan;
	struct balance_rounds *rounds;
	uint32_t indices[SLOTS];
	struct backends b;
};

static void rig_begin(struct rig *r)
{
	struct fixture f = fixture_begin();

	fixture_backend(&f, "orders", weights, 2, RETRY_MS);
	fixture_open(&f, 1, &r->snapshot);
	assert_int_equal(stats_create(0, &(struct stats_shape){ .endpoints = 2 }, 1, &r->stats), 0);
	r->plan = balance_plan_create(&r->snapshot, NULL);
	r->rounds = balance_rounds_create(r->plan);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		r->indices[slot] = slot < 2 ? slot : SNAP_NONE;
	assert_int_equal(backends_init(&r->b, SLOTS, &r->stats, NULL, 1), 0);
	backends_follow(
		&r->b, &(struct backends_generation){ r->plan, r->rounds, r->indices, SLOTS });
}

static void rig_end(struct rig *r)
{
	backends_fini(&r->b);
	balance_rounds_destroy(r->rounds);
	balance_plan_destroy(r->plan);
	stats_close(&r->stats);
	snapshot_close(&r->snapshot);
}

static void a_failed_connection_ejects_until_one_is_accepted(void **state)
{
	struct rig r;
	const struct stats_endpoint *stats;

	rig_begin(&r);
	stats = &r.stats.endpoint[1];
	outcome_connecting(&r.b, 1, false);
	assert_int_equal(stats->open, 1);
	assert_int_equal(stats->connects, 1);
	outcome_connect_failed(&r.b, 1, true, SECOND);
	outcome_closed(&r.b, 1);
	outcome_connect_failed(&r.b, 1, false, SECOND); /* it was ejected before */
	assert_int_equal(stats->open, 0);
	assert_int_equal(stats->connect_failures, 2);
	assert_int_equal(stats->ejections, 1);
	assert_int_equal(stats->ejected, 1);
	assert_int_equal(stats->probe_ns, 11 * SECOND);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(balance_pick(r.b.balance, 0, NULL, 0, 2 * SECOND), 0);
	assert_int_equal(eject_probe(r.b.balance, 11 * SECOND), 1);
	outcome_connecting(&r.b, 1, true);
	assert_int_equal(stats->probes, 1);
	outcome_connected(&r.b, 1);
	assert_int_equal(stats->ejected, 0);
	assert_int_equal(stats->probe_ns, 0);
	assert_int_equal(eject_until(r.b.balance, 1), 0);
	rig_end(&r);
}

static void a_probe_that_is_skipped_is_due_again(void **state)
{
	struct rig r;

	rig_begin(&r);
	outcome_connect_failed(&r.b, 0, false, SECOND);
	assert_int_equal(eject_probe(r.b.balance, 11 * SECOND), 0);
	outcome_probe_skipped(&r.b, 0, 11 * SECOND);
	assert_int_equal(eject_probe(r.b.balance, 21 * SECOND - 1), SNAP_NONE);
	assert_int_equal(eject_probe(r.b.balance, 21 * SECOND), 0);
	assert_int_equal(r.stats.endpoint[0].connect_failures, 1);
	rig_end(&r);
}

static void attempts_are_counted_by_their_result(void **state)
{
	static const unsigned statuses[] = { 200, 304, 404, 503, 599 };
	const struct stats_endpoint *stats;
	struct rig r;

	rig_begin(&r);
	stats = &r.stats.endpoint[0];
	for (unsigned i = 0; i < 5; i++) {
		outcome_sent(&r.b, 0, i > 0);
		outcome_response(&r.b, 0, statuses[i], 5000 * i);
	}
	assert_int_equal(stats->requests, 5);
	assert_int_equal(stats->reused, 4);
	assert_int_equal(stats->active, 5);
	assert_int_equal(stats->status_2xx, 1);
	assert_int_equal(stats->status_4xx, 1);
	assert_int_equal(stats->status_5xx, 2);
	assert_int_equal(stats->latency_us[hist_bucket(0)], 1);
	assert_int_equal(stats->latency_us[hist_bucket(20)], 1);
	outcome_ended(&r.b, 0, OUTCOME_RESPONSE);
	outcome_ended(&r.b, 0, OUTCOME_RESET);
	outcome_ended(&r.b, 0, OUTCOME_TIMEOUT);
	outcome_ended(&r.b, 0, OUTCOME_INVALID);
	assert_int_equal(stats->timeouts, 1);
	assert_int_equal(stats->invalid, 1);
	assert_int_equal(stats->active, 1);
	rig_end(&r);
}

/* A connection may outlive its endpoint, and then another one's statistics are not touched. */
static void an_endpoint_that_is_gone_counts_for_nothing(void **state)
{
	struct rig r;
	uint32_t slot;

	rig_begin(&r);
	slot = backends_slot_gone(&r.b);
	outcome_connecting(&r.b, slot, false);
	outcome_connect_failed(&r.b, slot, true, SECOND);
	outcome_connected(&r.b, slot);
	outcome_probe_skipped(&r.b, slot, SECOND);
	outcome_sent(&r.b, slot, true);
	outcome_response(&r.b, slot, 200, 0);
	outcome_ended(&r.b, slot, OUTCOME_TIMEOUT);
	outcome_closed(&r.b, slot);
	for (unsigned i = 0; i < 2; i++) {
		static const struct stats_endpoint none;

		assert_memory_equal(&r.stats.endpoint[i], &none, sizeof(none));
		assert_int_equal(eject_until(r.b.balance, i), 0);
	}
	rig_end(&r);
}

static void a_pool_gives_the_latest_first(void **state)
{
	struct pool_entry entries[3];
	struct pool pool;

	pool_init(&pool);
	assert_null(pool_first(&pool));
	for (unsigned i = 0; i < 3; i++)
		pool_put(&pool, &entries[i]);
	assert_int_equal(pool.count, 3);
	assert_ptr_equal(pool_first(&pool), &entries[2]);
	pool_remove(&pool, &entries[1]); /* its idle timeout */
	assert_ptr_equal(pool_next(&entries[2]), &entries[0]);
	pool_remove(&pool, &entries[2]);
	assert_ptr_equal(pool_first(&pool), &entries[0]);
	assert_null(pool_next(&entries[0]));
	assert_int_equal(pool.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_connection_ejects_until_one_is_accepted),
		cmocka_unit_test(a_probe_that_is_skipped_is_due_again),
		cmocka_unit_test(attempts_are_counted_by_their_result),
		cmocka_unit_test(an_endpoint_that_is_gone_counts_for_nothing),
		cmocka_unit_test(a_pool_gives_the_latest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
