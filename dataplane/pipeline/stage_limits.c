/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller's plan allows: the API, and one more request now. */
#include "dataplane/pipeline/pipeline_priv.h"

void stage_plan(struct burst *b, uint32_t mask)
{
	for (uint32_t left = mask; left;) {
		const uint32_t i = burst_first(&left);
		const struct decision *d = &b->decisions[i];

		if (!policy_plan_allows(b->pipeline->policy, d->caller.plan, d->plan->api_slot))
			burst_reply(b, i, REASON_API_NOT_IN_PLAN);
	}
}

void stage_limits(struct burst *b, uint32_t mask)
{
	for (uint32_t left = mask; left;) {
		const uint32_t i = burst_first(&left);
		struct decision *d = &b->decisions[i];

		if (d->paid)
			continue;
		policy_take(b->pipeline->policy, b->scratch, d->caller.plan,
			&b->pipeline->usage->lines[d->caller.slot], b->now_ns, b->wall_s,
			&d->limit);
		d->has_limit = true;
		if (!d->limit.allowed)
			burst_reply(b, i, d->limit.reason);
	}
}
