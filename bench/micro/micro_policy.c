/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, digests, key lookup among few and many, limits on one core and on two. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_pause.h>

#include "bench/common/world.h"
#include "bench/engine/engine.h"
#include "bench/micro/micro.h"
#include "dataplane/http/h1/http1.h"
#include "dataplane/policy/digest.h"
#include "dataplane/policy/gcra.h"
#include "dataplane/policy/policy.h"
#include "dataplane/backend/balance.h"

#define BETWEEN_CYCLES 500
#define SPACED_SAMPLES 1001
#define SPACED_CALLS   64
#define LEASED         8
#define DIGESTS        (1u << 16) /* looked up in turn: too many for the caches to know the answers */

struct keys {
	struct snapshot snapshot;
	struct policy *policy;
	struct policy_scratch *scratch;
	uint8_t (*digests)[SNAP_DIGEST_BYTES];
	char (*texts)[ENGINE_KEY_BYTES];
	uint32_t at;
	struct usage_line *lines;
	uint32_t *order;
	struct http1_head head;
	uint64_t now_ns;
};

static const uint32_t weights[] = { 5, 3, 2 };

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t lookup(void *ctx, uint32_t n)
{
	struct keys *k = ctx;
	struct policy_caller callers[POLICY_BULK];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += policy_lookup_bulk(k->policy,
			(const uint8_t(*)[SNAP_DIGEST_BYTES])k->digests + k->at, POLICY_BULK,
			callers);
		sum += callers[0].slot;
		k->at = (k->at + POLICY_BULK) % DIGESTS;
	}
	return sum;
}

/* From the credential to its caller, as a burst of requests asks. */
static uint64_t inquire(void *ctx, uint32_t n)
{
	struct keys *k = ctx;
	struct policy_inquiry inquiry;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		policy_inquiry_begin(&inquiry);
		for (uint32_t j = 0; j < POLICY_BULK; j++)
			policy_inquiry_add(k->policy, &inquiry,
				(struct str){ k->texts[k->at + j], ENGINE_KEY_BYTES });
		policy_inquiry_end(k->policy, &inquiry);
		sum += inquiry.found + inquiry.callers[0].slot;
		k->at = (k->at + POLICY_BULK) % DIGESTS;
	}
	return sum;
}

static uint64_t digest(void *ctx, uint32_t n)
{
	char text[ENGINE_KEY_BYTES];
	const struct str key = { text, sizeof(text) };
	uint8_t out[1][SNAP_DIGEST_BYTES];
	uint64_t sum = 0;

	engine_key_text(7, text);
	for (uint32_t i = 0; i < n; i++) {
		digest_sha256_bulk(&key, 1, out);
		text[20] = (char)('a' + out[0][0] % 16);
		sum += out[0][1];
	}
	return sum;
}

static uint64_t digest_bulk(void *ctx, uint32_t n)
{
	char text[ENGINE_KEY_BYTES];
	uint8_t out[POLICY_BULK][SNAP_DIGEST_BYTES];
	struct str credentials[POLICY_BULK];
	uint64_t sum = 0;

	engine_key_text(7, text);
	for (uint32_t i = 0; i < POLICY_BULK; i++)
		credentials[i] = (struct str){ text, sizeof(text) };
	for (uint32_t i = 0; i < n; i++) {
		digest_sha256_bulk(credentials, POLICY_BULK, out);
		text[20] = (char)('a' + out[0][0] % 16);
		sum += out[1][1];
	}
	return sum;
}

static uint64_t find_credential(void *ctx, uint32_t n)
{
	struct keys *k = ctx;
	const uint32_t accepted = 0;
	struct policy_credential found;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += policy_find_credential(
			       k->policy, k->scratch, &k->head.message, &accepted, 1, &found) +
		       found.value.len;
	return sum;
}

static uint64_t take_limits(void *ctx, uint32_t n)
{
	struct keys *k = ctx;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct policy_limit_verdict verdict;

		policy_take(
			k->policy, k->scratch, 0, k->lines, k->now_ns += 100, 1700000000, &verdict);
		sum += verdict.remaining;
	}
	return sum;
}

static void keys_begin(struct keys *k, uint32_t keys)
{
	struct world_options options = { 1, 1024, keys, 1, 3, weights, 1000000000, true, true };
	uint64_t random = 88172645463325252u;
	char why[256] = "", text[ENGINE_KEY_BYTES];

	memset(k, 0, sizeof(*k));
	world_snapshot(&options, &k->snapshot, NULL);
	k->policy = policy_create(&k->snapshot, NULL, NULL, why, sizeof(why));
	k->scratch = k->policy ? policy_scratch_create(k->policy) : NULL;
	k->digests = malloc(DIGESTS * SNAP_DIGEST_BYTES);
	k->texts = malloc((size_t)DIGESTS * ENGINE_KEY_BYTES);
	k->lines = aligned_alloc(64, sizeof(*k->lines));
	if (!k->scratch || !k->digests || !k->texts || !k->lines) {
		progress("micro: no memory for %u keys %s", keys, why);
		exit(1);
	}
	memset(k->lines, 0, sizeof(*k->lines));
	for (uint32_t i = 0; i < DIGESTS; i++) {
		engine_key_text(next_random(&random) % keys, text);
		memcpy(k->texts[i], text, sizeof(text));
		digest_sha256_bulk(&(struct str){ text, sizeof(text) }, 1, &k->digests[i]);
	}
}

static void keys_end(struct keys *k)
{
	policy_scratch_destroy(k->scratch);
	policy_destroy(k->policy);
	snapshot_close(&k->snapshot);
	free(k->digests);
	free(k->texts);
	free(k->lines);
}

void micro_keys(struct micro *m, uint32_t keys)
{
	struct keys k;
	char names[2][48];

	snprintf(names[0], sizeof(names[0]), "key lookup, bulk, %u keys", keys);
	snprintf(names[1], sizeof(names[1]), "digest and lookup, %u keys", keys);
	if (!micro_wanted(m, names[0]) && !micro_wanted(m, names[1]))
		return;
	keys_begin(&k, keys);
	micro_run(m, names[0], POLICY_BULK, lookup, &k);
	micro_run(m, names[1], POLICY_BULK, inquire, &k);
	keys_end(&k);
}

/* One of those who take of the word. */
struct taker {
	_Atomic uint64_t *word;
	micro_fn take;
	uint64_t now_ns;
	uint64_t own; /* of a lease */
	uint32_t left;
};

/* What the other core is told: a line that nobody writes while it runs. */
struct contender {
	_Alignas(64) struct taker taker;
	_Alignas(64) _Atomic bool stop;
};

static uint64_t gcra(void *ctx, uint32_t n)
{
	struct taker *t = ctx;
	struct gcra_result result;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		gcra_take(t->word, 100, 1000000000, t->now_ns += 1000, &result);
		sum += result.remaining;
	}
	return sum;
}

/* Bursts of eight requests of one consumer. */
static uint64_t gcra_leased(void *ctx, uint32_t n)
{
	struct taker *t = ctx;
	struct gcra_result result;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (t->left == 0)
			t->left = gcra_lease(
				t->word, 100, 1000000000, t->now_ns += 8000, LEASED, &t->own);
		t->left--;
		gcra_take_leased(&t->own, 100, 1000000000, t->now_ns, &result);
		sum += result.remaining;
	}
	return sum;
}

static uint64_t nothing(void *ctx, uint32_t n)
{
	return n;
}

/* In a worker, some thousand cycles pass between two takes, enough for the other core to have the
 * word. In a tight loop one of the two keeps it, and nothing is seen. */
static void let_others(void)
{
	uint64_t end = rte_rdtsc() + BETWEEN_CYCLES;

	while (rte_rdtsc() < end)
		rte_pause();
}

static int other_core(void *ctx)
{
	struct contender *c = ctx;

	while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
		let_others();
		c->taker.take(&c->taker, 1);
	}
	return 0;
}

/* Cycles of a call without the pauses between calls, each by itself from end to end. */
static double spaced_cycles(micro_fn take, struct taker *t)
{
	static double samples[SPACED_SAMPLES];

	for (uint32_t i = 0; i < SPACED_SAMPLES; i++) {
		samples[i] = 0;
		for (uint32_t k = 0; k < SPACED_CALLS; k++) {
			let_others();
			samples[i] += micro_sample(take, t, 1) / SPACED_CALLS;
		}
	}
	return median(samples, SPACED_SAMPLES);
}

/* A row with the other core at the same word. */
static void micro_contended(struct micro *m, const char *name, micro_fn take)
{
	static _Alignas(64) _Atomic uint64_t word;
	static struct contender other;
	_Alignas(64) struct taker mine = { &word, take, 1000000000000u, 0, 0 };
	double clock;

	if (!micro_wanted(m, name))
		return;
	if (rte_lcore_count() < 2) {
		report_unmeasured(m->report, name, "cycles", "", "there is no other core");
		return;
	}
	other = (struct contender){ .taker = mine };
	clock = spaced_cycles(nothing, &mine);
	rte_eal_remote_launch(other_core, &other, 1);
	micro_row(m, name, spaced_cycles(take, &mine) - clock);
	atomic_store(&other.stop, true);
	rte_eal_wait_lcore(1);
}

static void micro_gcra(struct micro *m)
{
	static _Alignas(64) _Atomic uint64_t word;
	struct taker t = { .word = &word, .now_ns = 1000000000000u };

	micro_run(m, "GCRA, own word", 1, gcra, &t);
	micro_contended(m, "GCRA, word shared by two cores", gcra);
	micro_contended(m, "GCRA, leased by eights of a word shared by two cores", gcra_leased);
}

static uint64_t pick(void *ctx, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += balance_pick(ctx, 0, NULL, 0, 1000);
	return sum;
}

static void micro_balance(struct micro *m, const struct snapshot *snapshot)
{
	struct balance_plan *plan = balance_plan_create(snapshot, NULL);
	struct balance_rounds *rounds = plan ? balance_rounds_create(plan) : NULL;
	struct balance *balance = balance_create(snap_settings(snapshot)->endpoint_capacity, 1);

	if (rounds && balance) {
		balance_follow(balance, plan, rounds);
		micro_run(m, "weighted pick among 3", 1, pick, balance);
	}
	balance_destroy(balance);
	balance_rounds_destroy(rounds);
	balance_plan_destroy(plan);
}

void micro_policy(struct micro *m)
{
	static const struct http1_limits limits = { 16384, 8192, 100 };
	static char request[512];
	char text[ENGINE_KEY_BYTES];
	enum reason reason;
	struct keys k;

	keys_begin(&k, 1000);
	engine_key_text(7, text);
	snprintf(request, sizeof(request),
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: bench\r\nX-API-Key: %.*s\r\n\r\n",
		ENGINE_KEY_BYTES, text);
	http1_parse_request(request, strlen(request), 0, &limits, &k.head, &reason);
	k.now_ns = 1000000000000u;
	micro_run(m, "credential in header", 1, find_credential, &k);
	micro_run(m, "digest, SHA-256 of a key", 1, digest, &k);
	micro_run(m, "digest, SHA-256 of a burst's keys", POLICY_BULK, digest_bulk, &k);
	micro_run(m, "limits of a plan with one rate", 1, take_limits, &k);
	micro_gcra(m);
	micro_balance(m, &k.snapshot);
	keys_end(&k);
}
