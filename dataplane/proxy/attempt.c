/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try of an exchange at one endpoint. It begins once the endpoint is chosen, its head is sent once
 * there is a connection, and it ends once, with one outcome, which is reported to backend/outcome.c.
 * An exchange has one attempt at a time; what the latest one came to stays with it for the record.
 */
#include "dataplane/proxy/proxy_priv.h"

bool attempt_begin(
	struct proxy *p, struct exchange *ex, const struct decision *d, uint32_t endpoint)
{
	struct attempt *a = &ex->attempt;

	/* The one before, if any, left no head and no connection. */
	a->slot = SNAP_AT(&p->tables->snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint)->slot;
	a->outcome = OUTCOME_OPEN;
	a->sent_ns = a->answered_ns = 0;
	if (head_write(p, ex, d, endpoint) &&
		upstream_get(p, ex, endpoint, ex->flags & EX_RETRIED)) {
		a->number++;
		if (unlikely(ex->flags & EX_RETRY))
			retry_begin(p, ex);
		return true;
	}
	attempt_end(p, ex, OUTCOME_ABANDONED);
	return false;
}

void attempt_sent(struct proxy *p, struct exchange *ex)
{
	struct attempt *a = &ex->attempt;

	a->sent_ns = p->now_ns;
	a->reused = a->upstream->reused;
	if (!exchange_is_internal(ex))
		outcome_sent(&p->backends, a->slot, a->reused);
}

void attempt_answered(struct proxy *p, struct exchange *ex)
{
	struct attempt *a = &ex->attempt;

	a->answered_ns = p->now_ns;
	if (!exchange_is_internal(ex))
		outcome_response(&p->backends, a->slot, ex->status, a->answered_ns - a->sent_ns);
}

void attempt_end(struct proxy *p, struct exchange *ex, enum outcome outcome)
{
	struct attempt *a = &ex->attempt;

	if (a->outcome != OUTCOME_OPEN)
		return;
	a->outcome = (uint8_t)outcome;
	if (a->sent_ns && !exchange_is_internal(ex))
		outcome_ended(&p->backends, a->slot, outcome);
	if (unlikely(a->head != NULL))
		rte_pktmbuf_free(a->head);
	a->head = NULL;
	if (a->upstream)
		upstream_abort(p, a->upstream);
}
