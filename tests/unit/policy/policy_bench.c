/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs: digest, look-up among many keys (one at a time and in bulk), limits, and
 * building the table: `meson test --benchmark policy`. Without hugepages the look-ups pay for the TLB too.
 */
#include <stdio.h>
#include <x86intrin.h>

#include "dataplane/policy/digest.h"
#include "dataplane/policy/policy.h"
#include "tests/unit/policy/eal.h"
#include "tests/unit/route/snap_fixture.h"

#define KEYS    100000
#define LOOKUPS 32000

static uint8_t digests[KEYS][SNAP_DIGEST_BYTES];

static void open_keys(struct snapshot *snapshot)
{
	struct fixture f = fixture_begin();
	struct snap_limit rate = { fixture_text(&f, SNAP_KIND_CALLERS, "rate"), SNAP_LIMIT_RATE, 0,
		1, 10, 1, 1000, 10 };
	struct snap_limit quota = { .name = fixture_text(&f, SNAP_KIND_CALLERS, "quota"),
		.kind = SNAP_LIMIT_QUOTA,
		.word = 1,
		.window_s = 86400,
		.amount = UINT64_C(1) << 39 };
	struct snap_plan plan = { .name = fixture_text(&f, SNAP_KIND_CALLERS, "plan"),
		.limits = { 0, 2 } };
	struct snap_key key = { .id = fixture_text(&f, SNAP_KIND_CALLERS, "k") };

	snapshot_builder_add(f.b, SNAP_LIMITS, &rate);
	snapshot_builder_add(f.b, SNAP_LIMITS, &quota);
	snapshot_builder_add(f.b, SNAP_PLANS, &plan);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct snap_consumer consumer = { fixture_text(&f, SNAP_KIND_CALLERS, "consumer"),
			0, i };

		snapshot_builder_add(f.b, SNAP_CONSUMERS, &consumer);
		digest_sha256((struct str){ (const char *)&i, sizeof(i) }, digests[i]);
		memcpy(key.digest, digests[i], sizeof(key.digest));
		key.consumer = i;
		snapshot_builder_add(f.b, SNAP_KEYS, &key);
	}
	fixture_open(&f, 1, snapshot);
}

/* @p asked_for  how many different keys: few stay in the cache */
static void measure_lookup(const struct policy *policy, uint32_t bulk, uint32_t asked_for)
{
	uint64_t seed = 9, cycles = 0;
	uint32_t found = 0;

	for (uint32_t i = 0; i < LOOKUPS / bulk; i++) {
		struct policy_caller callers[POLICY_BULK];
		uint8_t asked[POLICY_BULK][SNAP_DIGEST_BYTES];
		uint64_t start;

		for (uint32_t k = 0; k < bulk; k++)
			memcpy(asked[k], digests[fixture_random(&seed) % asked_for],
				sizeof(asked[k]));
		start = __rdtsc();
		found += (uint32_t)__builtin_popcount(policy_lookup_bulk(
			policy, (const uint8_t(*)[SNAP_DIGEST_BYTES])asked, bulk, callers));
		cycles += __rdtsc() - start;
	}
	printf("look-up of %6u among %u keys, %2u at once: %4llu cycles each (%u found)\n",
		asked_for, KEYS, bulk, (unsigned long long)(cycles / LOOKUPS), found);
}

static void measure_limits(const struct policy *policy, struct policy_scratch *scratch)
{
	struct usage_line line = { 0 };
	struct policy_limit_verdict verdict;
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < 20; round++) {
		uint64_t start = __rdtsc();

		for (unsigned i = 0; i < 10000; i++)
			policy_take(policy, scratch, 0, &line, (round * 10000 + i) * 100,
				1700000000, &verdict);
		start = (__rdtsc() - start) / 10000;
		best = start < best ? start : best;
	}
	printf("policy_take, a rate and a quota: %llu cycles\n", (unsigned long long)best);
}

static void measure_digest(void)
{
	const struct str key = STR("ak_live_0123456789abcdefABCDEF0123456789");
	uint8_t digest[1][SNAP_DIGEST_BYTES];
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < 20; round++) {
		uint64_t start = __rdtsc();

		for (unsigned i = 0; i < 10000; i++)
			digest_sha256_bulk(&key, 1, digest);
		start = (__rdtsc() - start) / 10000;
		best = start < best ? start : best;
	}
	printf("digest of a key of 40 bytes: %llu cycles\n", (unsigned long long)best);
}

int main(void)
{
	struct snapshot snapshot;
	struct policy *policy;
	struct policy_scratch *scratch;
	uint64_t start;
	char why[200];

	if (eal_begin(NULL) != 0)
		return 1;
	open_keys(&snapshot);
	start = __rdtsc();
	policy = policy_create(&snapshot, NULL, NULL, why, sizeof(why));
	if (policy == NULL)
		return 1;
	printf("table made: %llu cycles a key\n", (unsigned long long)((__rdtsc() - start) / KEYS));
	measure_digest();
	for (uint32_t bulk = 1; bulk <= POLICY_BULK; bulk *= 4) {
		measure_lookup(policy, bulk, 100);
		measure_lookup(policy, bulk, KEYS);
	}
	scratch = policy_scratch_create(policy);
	if (scratch)
		measure_limits(policy, scratch);
	policy_scratch_destroy(scratch);
	policy_destroy(policy);
	snapshot_close(&snapshot);
	return eal_end(NULL) < 0;
}
