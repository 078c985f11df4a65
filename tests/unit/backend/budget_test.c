/* SPDX-License-Identifier: Apache-2.0 */
/* Retry budgets: a share of the requests of all workers, exact while they count and ask at once, over windows
 * and over generations. */
#include "dataplane/backend/budget.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/route/snap_fixture.h"

#define WORKERS 4
#define START   (1000 * BUDGET_WINDOW_NS)
#define SLOT    3

static void count(struct budget *b, uint32_t worker, uint32_t n, uint64_t now_ns)
{
	while (n-- > 0)
		budget_count(b, worker, SLOT, now_ns);
}

/* Ask until the answer is no. @return how often it was yes */
static uint32_t take_all(struct budget *b, uint32_t share, uint64_t now_ns)
{
	uint32_t taken = 0;

	while (budget_take(b, SLOT, share, now_ns))
		taken++;
	return taken;
}

static void a_share_of_all_workers_requests(void **state)
{
	struct budget *b = budget_create(WORKERS);

	assert_non_null(b);
	count(b, 0, 30, START);
	count(b, 1, 29, START);
	count(b, 3, 40, START);
	/* 19.8 */
	assert_int_equal(take_all(b, 2000, START), 19);
	count(b, 2, 1, START);
	assert_int_equal(take_all(b, 2000, START), 1);
	/* Another share of the same. */
	assert_int_equal(take_all(b, 2525, START), 5);
	/* The others' requests are none of it. */
	budget_count(b, 0, SLOT + 1, START);
	assert_int_equal(take_all(b, 2525, START), 0);
	budget_destroy(b);
}

static void a_few_need_no_requests(void **state)
{
	struct budget *b = budget_create(WORKERS);

	assert_int_equal(take_all(b, 100, START), BUDGET_LEAST);
	count(b, 1, 100 * BUDGET_LEAST + 99, START);
	assert_int_equal(take_all(b, 100, START), 0);
	count(b, 1, 1, START);
	assert_int_equal(take_all(b, 100, START), 1);
	budget_destroy(b);
}

static void the_window_before_counts(void **state)
{
	const uint64_t next = START + BUDGET_WINDOW_NS, then = next + BUDGET_WINDOW_NS;
	struct budget *b = budget_create(WORKERS);

	count(b, 0, 100, START);
	assert_int_equal(take_all(b, 2000, START), 20);
	assert_int_equal(take_all(b, 2000, next), 0);
	count(b, 1, 50, next);
	assert_int_equal(take_all(b, 2000, next), 10);
	/* Of the first window nothing counts any more: 50 requests, and 10 of them spent. */
	assert_int_equal(take_all(b, 2000, then), 0);
	count(b, 1, 50, then);
	assert_int_equal(take_all(b, 2000, then), 10);
	/* Nothing happened for a while. */
	assert_int_equal(take_all(b, 2000, then + 5 * BUDGET_WINDOW_NS), BUDGET_LEAST);
	budget_destroy(b);
}

static void a_worker_that_is_behind_gets_nothing_more(void **state)
{
	const uint64_t next = START + BUDGET_WINDOW_NS;
	struct budget *b = budget_create(WORKERS);

	count(b, 0, 100, START);
	count(b, 0, 100, next);
	assert_true(budget_take(b, SLOT, 2000, next));
	/* By its time it is the window before. */
	assert_int_equal(take_all(b, 2000, START), 39);
	assert_int_equal(take_all(b, 2000, next), 0);
	budget_destroy(b);
}

struct thread {
	struct budget *budget;
	uint32_t worker;
	uint32_t windows;                   /* that pass meanwhile */
	_Atomic uint32_t *requests, *taken; /* of all threads */
	pthread_t thread;
};

#define THREAD_REQUESTS 80000 /* of all threads together, by which time passes */
#define THREAD_SHARE    700

static void *thread_run(void *arg)
{
	struct thread *t = arg;

	for (uint32_t i; (i = atomic_fetch_add(t->requests, 1)) < THREAD_REQUESTS;) {
		const uint64_t now_ns =
			START + (uint64_t)i * t->windows * BUDGET_WINDOW_NS / THREAD_REQUESTS;

		budget_count(t->budget, t->worker, SLOT, now_ns);
		for (unsigned n = 0; n < 3; n++)
			if (budget_take(t->budget, SLOT, THREAD_SHARE, now_ns))
				atomic_fetch_add(t->taken, 1);
	}
	return NULL;
}

/* @return how many retries all threads were granted */
static uint32_t threads_run(struct budget *b, uint32_t windows)
{
	struct thread threads[WORKERS];
	_Atomic uint32_t requests = 0, taken = 0;

	for (uint32_t i = 0; i < WORKERS; i++) {
		threads[i] = (struct thread){ .budget = b,
			.worker = i,
			.windows = windows,
			.requests = &requests,
			.taken = &taken };
		assert_int_equal(
			pthread_create(&threads[i].thread, NULL, thread_run, &threads[i]), 0);
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(threads[i].thread, NULL);
	return taken;
}

static void exact_over_workers(void **state)
{
	const uint32_t all = THREAD_REQUESTS / 10000 * THREAD_SHARE;

	for (unsigned round = 0; round < 10; round++) {
		struct budget *b = budget_create(WORKERS);
		const uint32_t taken = threads_run(b, 0);

		assert_in_range(taken, BUDGET_LEAST, all);
		/* What they left, and no more. */
		assert_int_equal(taken + take_all(b, THREAD_SHARE, START), all);
		budget_destroy(b);
	}
}

/* Over any number of windows: each retry has its share of requests. */
static void never_beyond_over_windows(void **state)
{
	const uint32_t all = THREAD_REQUESTS / 10000 * THREAD_SHARE;

	for (unsigned round = 0; round < 10; round++) {
		struct budget *b = budget_create(WORKERS);

		assert_in_range(threads_run(b, 7), BUDGET_LEAST, all + BUDGET_LEAST);
		budget_destroy(b);
	}
}

/* A generation whose routes of these paths have retries. */
static void open_routes(
	struct snapshot *out, uint64_t generation, const char *const *paths, uint32_t count)
{
	static const uint32_t weights[] = { 1 };
	const char *const hosts[] = { "*" };
	const struct snap_retry retry = { .attempts = 2, .budget_share = 2000 };
	struct fixture f = fixture_begin();
	const uint32_t backend = fixture_backend(&f, "orders", weights, 1, 1000);
	struct snap_api api = fixture_api(&f, "orders", NULL, 0, hosts, 1);

	for (uint32_t i = 0; i < count; i++) {
		f.retry = i + 1;
		fixture_route(&f, &api, paths[i], SNAP_PATH_EXACT, 1, backend);
		snapshot_builder_add(f.b, SNAP_RETRIES, &retry);
	}
	fixture_api_end(&f, &api);
	fixture_open(&f, generation, out);
}

static void a_route_keeps_its_slot(void **state)
{
	static const char *const first[] = { "/a", "/b", "/c" }, *const second[] = { "/c", "/d",
		"/a" };
	struct budget *b = budget_create(WORKERS);
	struct snapshot one, two;
	struct budget_plan *p, *q;

	open_routes(&one, 1, first, 3);
	open_routes(&two, 2, second, 3);
	p = budget_plan_create(b, &one, NULL);
	q = budget_plan_create(b, &two, p);
	assert_non_null(q);
	assert_int_equal(budget_plan_slot(q, 0), budget_plan_slot(p, 2));
	assert_int_equal(budget_plan_slot(q, 2), budget_plan_slot(p, 0));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_not_equal(budget_plan_slot(q, 1), budget_plan_slot(p, i));
	budget_plan_destroy(p);
	budget_plan_destroy(q);
	snapshot_close(&one);
	snapshot_close(&two);
	budget_destroy(b);
}

/* A route that comes finds nothing of another one that had its slot. */
static void a_slot_begins_empty(void **state)
{
	static const char *const old[] = { "/old" }, *const new[] = { "/new" };
	struct budget *b = budget_create(1);
	struct snapshot one, two;
	struct budget_plan *p;
	uint32_t slot;

	open_routes(&one, 1, old, 1);
	open_routes(&two, 2, new, 1);
	for (uint32_t i = 0; i <= BUDGET_SLOTS; i++) {
		p = budget_plan_create(b, i % 2 ? &two : &one, NULL);
		slot = budget_plan_slot(p, 0);
		assert_true(budget_take(b, slot, 2000, START));
		if (i % 16384 == 0) {
			for (uint32_t n = 0; n < 1000; n++)
				budget_count(b, 0, slot, START);
			for (uint32_t n = 1; n < 200; n++)
				assert_true(budget_take(b, slot, 2000, START));
			assert_false(budget_take(b, slot, 2000, START));
		}
		budget_plan_destroy(p);
	}
	snapshot_close(&one);
	snapshot_close(&two);
	budget_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_of_all_workers_requests),
		cmocka_unit_test(a_few_need_no_requests),
		cmocka_unit_test(the_window_before_counts),
		cmocka_unit_test(a_worker_that_is_behind_gets_nothing_more),
		cmocka_unit_test(exact_over_workers),
		cmocka_unit_test(never_beyond_over_windows),
		cmocka_unit_test(a_route_keeps_its_slot),
		cmocka_unit_test(a_slot_begins_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
