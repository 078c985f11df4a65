/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: which APIs they open, and their limits taken together. */
#include "dataplane/policy/policy.h"
#include "tests/unit/policy/eal.h"
#include "tests/unit/route/snap_fixture.h"

#define SECOND UINT64_C(1000000000)
#define NOW    (1000 * SECOND)
#define NOON   (UINT64_C(20000) * 86400 + 43200)

enum { PLAN_BOTH, PLAN_NONE, PLAN_SOFT, PLAN_TWO_RATES, PLAN_COUNT };

static void add_rate(struct fixture *f, const char *name, uint32_t word, uint64_t amount,
	uint64_t window_s, uint64_t burst)
{
	const uint64_t interval = window_s * SECOND / amount;
	struct snap_limit limit = { fixture_text(f, SNAP_KIND_CALLERS, name), SNAP_LIMIT_RATE, word,
		interval, interval * burst, window_s, amount, burst };

	snapshot_builder_add(f->b, SNAP_LIMITS, &limit);
}

static void add_quota(struct fixture *f, const char *name, uint32_t word, uint64_t amount)
{
	struct snap_limit limit = { .name = fixture_text(f, SNAP_KIND_CALLERS, name),
		.kind = SNAP_LIMIT_QUOTA,
		.word = word,
		.window_s = 86400,
		.amount = amount };

	snapshot_builder_add(f->b, SNAP_LIMITS, &limit);
}

static void add_plan(struct fixture *f, const char *name, uint32_t limits, const uint32_t *apis,
	uint32_t api_count, uint32_t soft)
{
	struct snap_plan plan = { .name = fixture_text(f, SNAP_KIND_CALLERS, name),
		.apis = { fixture_count(f, SNAP_PLAN_APIS), api_count },
		.limits = { fixture_count(f, SNAP_LIMITS) - limits, limits },
		.slot = fixture_count(f, SNAP_PLANS),
		.soft = soft };

	for (uint32_t i = 0; i < api_count; i++)
		snapshot_builder_add(f->b, SNAP_PLAN_APIS, &apis[i]);
	snapshot_builder_add(f->b, SNAP_PLANS, &plan);
}

static struct snapshot snapshot;
static struct policy *policy;
static struct policy_scratch *scratch;

static int begin(void **state)
{
	static const char *const hosts[] = { "*" };
	struct fixture f = fixture_begin();
	struct snap_consumer consumer = { fixture_text(&f, SNAP_KIND_CALLERS, "acme"), 0, 0 };
	char why[200];

	for (unsigned i = 0; i < 70; i++) {
		struct snap_api api = fixture_api(&f, "api", NULL, 0, hosts, 1);

		fixture_api_end(&f, &api);
	}
	add_rate(&f, "rate", 0, 10, 1, 5);
	add_quota(&f, "da\"y", 2, 8);
	add_plan(&f, "both", 2, (const uint32_t[]){ 0, 69 }, 2, 0);
	add_plan(&f, "none", 0, (const uint32_t[]){ 64 }, 1, 0);
	add_rate(&f, "rate", 1, 1, 60, 1);
	add_quota(&f, "quota", 3, 2);
	add_plan(&f, "soft", 2, NULL, 0, 1);
	add_rate(&f, "fast", 0, 10, 1, 10);
	add_rate(&f, "slow", 1, 6, 60, 3);
	add_plan(&f, "two", 2, NULL, 0, 0);
	snapshot_builder_add(f.b, SNAP_CONSUMERS, &consumer);
	fixture_open(&f, 1, &snapshot);
	if (eal_begin(state) != 0)
		return -1;
	policy = policy_create(&snapshot, NULL, NULL, why, sizeof(why));
	scratch = policy == NULL ? NULL : policy_scratch_create(policy);
	return scratch == NULL ? -1 : 0;
}

static int end(void **state)
{
	policy_scratch_destroy(scratch);
	policy_destroy(policy);
	snapshot_close(&snapshot);
	return eal_end(state);
}

static void plans_open_their_apis(void **state)
{
	for (uint32_t api = 0; api < 200; api++) {
		assert_int_equal(policy_plan_allows(policy, PLAN_BOTH, api), api == 0 || api == 69);
		assert_int_equal(policy_plan_allows(policy, PLAN_NONE, api), api == 64);
		assert_false(policy_plan_allows(policy, PLAN_SOFT, api));
		assert_false(policy_plan_allows(policy, PLAN_COUNT, api));
	}
}

static void assert_text(struct str s, const char *expected)
{
	if (!str_equal(s, str_of(expected)))
		fail_msg("%.*s", (int)s.len, s.data);
}

static void names_and_headers(void **state)
{
	assert_text(policy_plan_header(policy, PLAN_BOTH),
		"\"rate\";q=10;w=1, \"da\\\"y\";q=8;w=86400");
	assert_text(policy_plan_header(policy, PLAN_NONE), "");
	assert_text(policy_plan_header(policy, PLAN_COUNT), "");
	assert_text(policy_plan_name(policy, PLAN_SOFT), "soft");
	assert_text(policy_limit_name(policy, 5), "slow");
	assert_text(policy_limit_name(policy, SNAP_NONE), "");
}

static struct policy_limit_verdict take(
	uint32_t plan, struct usage_line *line, uint64_t now_ns, uint64_t wall_s)
{
	struct policy_limit_verdict v;

	policy_take(policy, scratch, plan, line, now_ns, wall_s, &v);
	return v;
}

static void the_limit_nearest_to_its_end_is_reported(void **state)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict v;

	v = take(PLAN_BOTH, &line, NOW, NOON); /* rate 4 left, quota 7 */
	assert_true(v.allowed && !v.over);
	assert_int_equal(v.limit, 0);
	assert_int_equal(v.remaining, 4);
	assert_int_equal(v.reset_s, 1); /* 100 ms, rounded up */
	for (unsigned i = 1; i < 5; i++)
		v = take(PLAN_BOTH, &line, NOW, NOON);
	assert_true(v.allowed);
	assert_int_equal(v.remaining, 0);
	v = take(PLAN_BOTH, &line, NOW, NOON);
	assert_false(v.allowed);
	assert_int_equal(v.reason, REASON_RATE_LIMITED);
	assert_int_equal(v.retry_after_s, 1);
	assert_int_equal(line.limit[2] & 0xff, 5);          /* the refused request took nothing */
	v = take(PLAN_BOTH, &line, NOW + SECOND, NOON + 1); /* rate 4, quota 2 */
	assert_int_equal(v.limit, 1);
	assert_int_equal(v.remaining, 2);
	assert_int_equal(v.reset_s, 43199);
}

static void what_a_later_limit_refuses_is_given_back(void **state)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict v;
	uint64_t full_at;

	for (unsigned i = 0; i < 8; i++)
		assert_true(take(PLAN_BOTH, &line, NOW + i * SECOND, NOON).allowed);
	full_at = line.limit[0];
	v = take(PLAN_BOTH, &line, NOW + 7 * SECOND, NOON);
	assert_false(v.allowed);
	assert_int_equal(v.reason, REASON_QUOTA_EXCEEDED);
	assert_int_equal(v.limit, 1);
	assert_int_equal(v.remaining, 0);
	assert_int_equal(v.retry_after_s, 43200);
	assert_int_equal(line.limit[0], full_at);
	assert_true(take(PLAN_BOTH, &line, NOW + 8 * SECOND, NOON + 43200).allowed);
}

static void the_longest_wait_is_told(void **state)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict v;

	for (unsigned i = 0; i < 5; i++)
		take(PLAN_BOTH, &line, NOW, NOON);
	for (unsigned i = 0; i < 3; i++)
		take(PLAN_BOTH, &line, NOW + SECOND, NOON);
	line.limit[0] = NOW + SECOND + SECOND / 2; /* both are used up now, the rate asked first */
	v = take(PLAN_BOTH, &line, NOW + SECOND, NOON);
	assert_false(v.allowed);
	assert_int_equal(v.limit, 1);
	assert_int_equal(v.reason, REASON_QUOTA_EXCEEDED);
	assert_int_equal(v.retry_after_s, 43200);
}

static void two_rates_hold_together(void **state)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict v;

	for (unsigned i = 0; i < 3; i++)
		v = take(PLAN_TWO_RATES, &line, NOW, NOON);
	assert_true(v.allowed);
	assert_int_equal(v.limit, 5);
	v = take(PLAN_TWO_RATES, &line, NOW + SECOND, NOON);
	assert_false(v.allowed);
	assert_int_equal(v.limit, 5);
	assert_int_equal(v.retry_after_s, 9);
	assert_int_equal(v.reset_s, 29);
}

static void a_soft_plan_counts_and_never_refuses(void **state)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict v = take(PLAN_SOFT, &line, NOW, NOON);

	assert_true(v.allowed && !v.over);
	for (unsigned i = 1; i < 6; i++) {
		v = take(PLAN_SOFT, &line, NOW, NOON);
		assert_true(v.allowed && v.over);
	}
	assert_int_equal(v.limit, 3);
	assert_int_equal(v.remaining, 0);
	assert_int_equal(line.limit[3] & 0xff, 6);
}

static void a_plan_without_limits_admits(void **state)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict v = take(PLAN_NONE, &line, NOW, NOON);

	assert_true(v.allowed && !v.over);
	assert_int_equal(v.limit, SNAP_NONE);
	assert_false(take(PLAN_COUNT, &line, NOW, NOON).allowed);
}

/* A burst of the same consumer, leased, beside the same requests one by one on another line. */
static void leased_burst_agrees(uint32_t plan, struct usage_line *leased, struct usage_line *single,
	uint32_t requests, uint32_t unmade, uint64_t now_ns)
{
	for (uint32_t i = 0; i < requests + unmade; i++)
		policy_expect(scratch, leased);
	for (uint32_t i = 0; i < requests; i++) {
		struct policy_limit_verdict a = take(plan, leased, now_ns, NOON);
		struct policy_limit_verdict b;

		/* The other line's is a consumer of whom no request is expected. */
		b = take(plan, single, now_ns, NOON);
		assert_int_equal(a.allowed, b.allowed);
		assert_int_equal(a.over, b.over);
		assert_int_equal(a.limit, b.limit);
		assert_int_equal(a.remaining, b.remaining);
		assert_int_equal(a.reset_s, b.reset_s);
		assert_int_equal(a.retry_after_s, b.retry_after_s);
	}
	policy_burst_end(scratch);
	assert_memory_equal(leased, single, sizeof(*leased));
}

static void leases_change_no_answer(void **state)
{
	static _Alignas(64) struct usage_line lines[2];
	uint64_t now_ns = NOW;

	for (uint32_t plan = 0; plan < PLAN_COUNT; plan++) {
		memset(lines, 0, sizeof(lines));
		for (uint32_t burst = 0; burst < 2000; burst++) {
			now_ns += (uint64_t)rand() % SECOND;
			leased_burst_agrees(plan, &lines[0], &lines[1], (uint32_t)rand() % 9,
				(uint32_t)rand() % 3, now_ns);
		}
	}
}

/* Several consumers of one burst, two of them in one place of the table of leases. */
static void consumers_of_a_burst_do_not_share_leases(void **state)
{
	static _Alignas(64) struct usage_line lines[130];

	for (uint32_t i = 0; i < 130; i++)
		for (uint32_t k = 0; k < 3; k++)
			policy_expect(scratch, &lines[i]);
	for (uint32_t k = 0; k < 4; k++)
		for (uint32_t i = 0; i < 130; i++)
			assert_int_equal(take(PLAN_TWO_RATES, &lines[i], NOW, NOON).allowed, k < 3);
	policy_burst_end(scratch);
	for (uint32_t i = 1; i < 130; i++)
		assert_memory_equal(&lines[i], &lines[0], sizeof(lines[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_open_their_apis),
		cmocka_unit_test(names_and_headers),
		cmocka_unit_test(the_limit_nearest_to_its_end_is_reported),
		cmocka_unit_test(what_a_later_limit_refuses_is_given_back),
		cmocka_unit_test(the_longest_wait_is_told),
		cmocka_unit_test(two_rates_hold_together),
		cmocka_unit_test(a_soft_plan_counts_and_never_refuses),
		cmocka_unit_test(a_plan_without_limits_admits),
		cmocka_unit_test(leases_change_no_answer),
		cmocka_unit_test(consumers_of_a_burst_do_not_share_leases),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
