/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is calling: the credential in the head, then the consumer by its digest. All of the burst are
 * looked up together, and what the later stages read of each is fetched ahead.
 */
#include <string.h>

#include "dataplane/pipeline/pipeline_priv.h"

void stage_credential(struct burst *b, uint32_t mask)
{
	for (uint32_t left = mask; left;) {
		const uint32_t i = burst_first(&left);
		struct decision *d = &b->decisions[i];
		enum reason why = policy_find_credential(b->pipeline->policy, b->scratch, d->head,
			route_plan_credentials(b->pipeline, d->plan), d->plan->credential_count,
			&d->credential);

		if (why != REASON_PROXIED)
			burst_reply(b, i, why);
	}
}

/* Fetch the usage lines of the callers that are known by now. @param i  the first that was not
 * known before */
static void caller_expect(struct burst *b, const struct policy_inquiry *inquiry, uint32_t i)
{
	for (; i < inquiry->known; i++) {
		const struct usage_line *line;

		if (!(inquiry->found >> i & 1))
			continue;
		line = &b->pipeline->usage->lines[inquiry->callers[i].slot];
		__builtin_prefetch(line, 1);
		policy_expect(b->scratch, line);
	}
}

/* @param n  its number in the inquiry */
static void caller_take(
	struct burst *b, uint32_t i, const struct policy_inquiry *inquiry, uint32_t n)
{
	struct decision *d = &b->decisions[i];

	if (!(inquiry->found >> n & 1)) {
		burst_reply(b, i, REASON_KEY_UNKNOWN);
		return;
	}
	d->caller = inquiry->callers[n];
	memcpy(&d->key, inquiry->digests[n], sizeof(d->key));
	if (d->caller.expires && d->caller.expires <= b->wall_s) {
		burst_reply(b, i, REASON_KEY_EXPIRED);
		return;
	}
	d->has_caller = true;
}

void stage_caller(struct burst *b, uint32_t mask)
{
	const struct policy *policy = b->pipeline->policy;
	struct policy_inquiry inquiry;
	uint32_t known, n = 0;

	policy_inquiry_begin(&inquiry);
	for (uint32_t left = mask; left;) {
		known = inquiry.known;
		policy_inquiry_add(
			policy, &inquiry, b->decisions[burst_first(&left)].credential.value);
		caller_expect(b, &inquiry, known);
	}
	known = inquiry.known;
	policy_inquiry_end(policy, &inquiry);
	caller_expect(b, &inquiry, known);
	for (uint32_t left = mask; left; n++)
		caller_take(b, burst_first(&left), &inquiry, n);
}
