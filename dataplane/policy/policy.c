/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One generation's policy: the credentials to look for, the table of keys (shared with the
 * generation before when nothing in it changed) and the plans, flattened so that a decision follows
 * no index.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/policy/consumers.h"
#include "dataplane/policy/digest.h"
#include "dataplane/policy/policy_priv.h"

/* Make room for every plan's bits and header at once. */
static bool plans_alloc(struct policy *policy)
{
	const struct snapshot *s = policy->snapshot;

	policy->plan_count = s->sections[SNAP_PLANS].count;
	policy->header_bytes = 1;
	for (uint32_t i = 0; i < s->sections[SNAP_PLAN_APIS].count; i++)
		if (SNAP_INDEX_AT(s, SNAP_PLAN_APIS, i) / 64 >= policy->api_words)
			policy->api_words = SNAP_INDEX_AT(s, SNAP_PLAN_APIS, i) / 64 + 1;
	for (uint32_t i = 0; i < policy->plan_count; i++)
		policy->header_bytes += plan_header_bytes_max(s, i);
	policy->plans = calloc((size_t)policy->plan_count + 1, sizeof(*policy->plans));
	policy->api_bits =
		calloc((size_t)policy->plan_count * policy->api_words + 1, sizeof(uint64_t));
	policy->headers = malloc(policy->header_bytes);
	return policy->plans != NULL && policy->api_bits != NULL && policy->headers != NULL;
}

static void plans_fill(struct policy *policy)
{
	const struct snapshot *s = policy->snapshot;
	size_t used = 0;

	for (uint32_t i = 0; i < policy->plan_count; i++) {
		const struct snap_plan *from = SNAP_AT(s, SNAP_PLANS, snap_plan, i);
		uint64_t *bits = policy->api_bits + (size_t)i * policy->api_words;
		struct plan *plan = &policy->plans[i];

		plan_init(plan, s, i);
		plan->header = (struct str){ policy->headers + used,
			plan_header_write(
				s, i, policy->headers + used, policy->header_bytes - used) };
		used += plan->header.len;
		for (uint32_t a = from->apis.first; a < from->apis.first + from->apis.count; a++) {
			const uint32_t slot = SNAP_INDEX_AT(s, SNAP_PLAN_APIS, a);

			bits[slot / 64] |= UINT64_C(1) << (slot % 64);
		}
	}
}

/* A part that is the same needs no look at what is in it, unless deltas changed what was made of
 * it. */
static bool keys_stay(struct policy *previous, const struct snapshot *snapshot)
{
	if (snapshot_shares(previous->snapshot, snapshot, 1u << SNAP_KIND_CALLERS) &&
		!policy_changed(previous))
		return true;
	return consumers_match(previous->consumers, snapshot);
}

bool policy_changed(const struct policy *policy)
{
	return consumers_changed(policy->consumers);
}

struct policy *policy_create(const struct snapshot *snapshot, struct policy *previous,
	const struct pattern_compiler *compiler, char *why, size_t why_bytes)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	snprintf(why, why_bytes, "out of memory for the tables of policy");
	if (policy == NULL)
		return NULL;
	policy->snapshot = snapshot;
	if (!plans_alloc(policy))
		goto fail;
	plans_fill(policy);
	policy->credentials = credential_set_create(snapshot, compiler, why, why_bytes);
	if (policy->credentials == NULL)
		goto fail;
	if (previous != NULL && keys_stay(previous, snapshot))
		policy->consumers = consumers_hold(previous->consumers);
	else
		policy->consumers = consumers_create(snapshot);
	if (policy->consumers == NULL) {
		snprintf(why, why_bytes, "out of memory for a table of %u keys",
			snapshot->sections[SNAP_KEYS].count);
		goto fail;
	}
	return policy;
fail:
	policy_destroy(policy);
	return NULL;
}

void policy_destroy(struct policy *policy)
{
	if (policy == NULL)
		return;
	consumers_release(policy->consumers);
	credential_set_destroy(policy->credentials);
	free(policy->plans);
	free(policy->api_bits);
	free(policy->headers);
	free(policy);
}

struct policy_scratch *policy_scratch_create(const struct policy *policy)
{
	struct policy_scratch *scratch = calloc(1, sizeof(*scratch));

	if (scratch == NULL)
		return NULL;
	scratch->credentials = credential_scratch_create(policy->credentials);
	if (scratch->credentials != NULL)
		return scratch;
	free(scratch);
	return NULL;
}

void policy_scratch_destroy(struct policy_scratch *scratch)
{
	if (scratch == NULL)
		return;
	credential_scratch_destroy(scratch->credentials);
	free(scratch);
}

enum reason policy_find_credential(const struct policy *policy, struct policy_scratch *scratch,
	const struct http_head *head, const uint32_t *accepted, uint32_t n,
	struct policy_credential *out)
{
	return credential_find(policy->credentials, scratch->credentials, head, accepted, n, out);
}

uint32_t policy_lookup_bulk(const struct policy *policy,
	const uint8_t (*digests)[SNAP_DIGEST_BYTES], uint32_t n, struct policy_caller *callers)
{
	void *records[POLICY_BULK];
	uint32_t found;

	n = n < POLICY_BULK ? n : POLICY_BULK;
	found = consumers_find(policy->consumers, digests, n, records);
	consumers_callers(policy->consumers, records, n, callers);
	return found;
}

/* Credentials that are digested and looked up together: rte_hash waits for memory once for all of
 * them. (With 4 of them, a request of keys-1M takes 4 % more cycles than with 16.) */
#define INQUIRY_STEP 16

/* Each credential one step on. */
static void inquiry_step(const struct policy *policy, struct policy_inquiry *q)
{
	const struct consumers *c = policy->consumers;
	const uint8_t(*digests)[SNAP_DIGEST_BYTES] =
		(const uint8_t(*)[SNAP_DIGEST_BYTES])q->digests;
	const uint32_t known = q->known, located = q->located;

	if (located < q->count) {
		digest_sha256_bulk(
			q->credentials + located, q->count - located, q->digests + located);
		q->found |= consumers_find(
				    c, digests + located, q->count - located, q->records + located)
			    << located;
	}
	consumers_callers(c, q->records + known, located - known, q->callers + known);
	q->located = q->count;
	q->known = located;
}

void policy_inquiry_add(
	const struct policy *policy, struct policy_inquiry *q, struct str credential)
{
	q->credentials[q->count++] = credential;
	if (q->count - q->located == INQUIRY_STEP)
		inquiry_step(policy, q);
}

void policy_inquiry_end(const struct policy *policy, struct policy_inquiry *q)
{
	while (q->known < q->count)
		inquiry_step(policy, q);
}

bool policy_plan_allows(const struct policy *policy, uint32_t plan, uint32_t slot)
{
	if (plan >= policy->plan_count || slot / 64 >= policy->api_words)
		return false;
	return policy->api_bits[(size_t)plan * policy->api_words + slot / 64] >> (slot % 64) & 1;
}

struct str policy_plan_header(const struct policy *policy, uint32_t plan)
{
	return plan < policy->plan_count ? policy->plans[plan].header : STR("");
}

struct str policy_plan_name(const struct policy *policy, uint32_t plan)
{
	const struct snapshot *s = policy->snapshot;

	if (plan >= policy->plan_count)
		return STR("");
	return snap_str(s, SNAP_AT(s, SNAP_PLANS, snap_plan, plan)->name);
}

struct str policy_limit_name(const struct policy *policy, uint32_t limit)
{
	const struct snapshot *s = policy->snapshot;

	if (limit >= s->sections[SNAP_LIMITS].count)
		return STR("");
	return snap_str(s, SNAP_AT(s, SNAP_LIMITS, snap_limit, limit)->name);
}
