/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a running generation's callers, which deltas bring. */
#include <errno.h>

#include "dataplane/policy/consumers.h"
#include "dataplane/policy/policy_priv.h"
#include "lib/shm/delta.h"

int policy_apply_delta(struct policy *policy, const struct delta *delta)
{
	switch ((enum delta_op)delta->op) {
	case DELTA_KEY_ADD:
		return consumers_key_add(
			policy->consumers, delta->digest, delta->consumer, delta->expires);
	case DELTA_KEY_REMOVE:
		return consumers_key_remove(policy->consumers, delta->digest);
	case DELTA_CONSUMER_PLAN:
		if (delta->plan >= policy->plan_count)
			return -EINVAL;
		return consumers_set_plan(policy->consumers, delta->consumer, delta->plan);
	case DELTA_ENDPOINT_WEIGHT: /* the backends', see gateway.c */
		break;
	}
	return -EINVAL;
}

void policy_reclaim(struct policy *policy)
{
	consumers_reclaim(policy->consumers);
}
