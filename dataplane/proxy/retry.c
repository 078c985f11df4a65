/* SPDX-License-Identifier: Apache-2.0 */
/* When a request is tried again, and what for, see retry.h. */
#include "dataplane/proxy/retry.h"

#include "dataplane/proxy/h1.h"

#define RETRY_DROP_BYTES                                                                           \
	16384 /* of a response that is read to its end, so that its connection stays */

static struct stats_api *retry_api(struct proxy *p, const struct exchange *ex)
{
	return record_api(p, ex->api_slot);
}

void retry_note(struct proxy *p, struct exchange *ex, const struct decision *d)
{
	const struct tables *t = p->tables;
	const uint32_t index =
		SNAP_AT(&t->snapshot, SNAP_ROUTES, snap_route, d->match.route)->retry;
	struct retry *retry = &ex->retry;
	const uint32_t slot = t->budget ? budget_plan_slot(t->budget_slots, index) : SNAP_NONE;

	/* An upgrade ends HTTP on its connection; it is not tried again. */
	if (!hold_method_repeats(ex->method) || ex->flags & EX_UPGRADE)
		return;
	if (!(ex->flags & EX_RETRY_NOTED))
		*retry = (struct retry){ .slot = SNAP_NONE };
	retry->settings = *SNAP_AT(&t->snapshot, SNAP_RETRIES, snap_retry, index);
	if (slot != SNAP_NONE && slot != retry->slot)
		budget_count(t->budget, p->config.worker_index, slot, p->now_ns);
	retry->slot = slot;
	ex->flags |= EX_RETRY | EX_RETRY_NOTED;
}

void retry_begin(struct proxy *p, struct exchange *ex)
{
	ex->retry.since_ns = p->now_ns;
	ex->retry.streaming = false;
}

/* What is sent of the request is here, or nothing was sent. */
static bool retry_repeats(const struct exchange *ex)
{
	return ex->flags & (EX_REPEATS | EX_HEAD_HELD | EX_KEPT);
}

static bool retry_allowed(const struct exchange *ex)
{
	return !(ex->flags & EX_RESPONDING) && ex->bytes_out == 0 && ex->retry.slot != SNAP_NONE &&
	       ex->attempt.number < ex->retry.settings.attempts && retry_repeats(ex);
}

bool retry_pay(struct proxy *p, struct exchange *ex)
{
	const struct retry *retry = &ex->retry;

	if (retry->slot == SNAP_NONE)
		return false;
	if (!budget_take(p->tables->budget, retry->slot, retry->settings.budget_share, p->now_ns)) {
		retry_api(p, ex)->retry_budget_empty++;
		return false;
	}
	retry_api(p, ex)->retries++;
	return true;
}

/* Put what was kept back in front of what came since. */
static void retry_rewind(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;

	stream_put_back(&c->rx, &p->heads, &ex->retry.kept);
	/* Its content is unread again, also for a response that comes before the next try. */
	if (ex->request_body.framing == HTTP1_BODY_LENGTH)
		ex->request_body.left += ex->body_bytes;
	ex->flags &= ~(uint32_t)EX_KEPT;
	ex->flags |= EX_HEAD_HELD;
	ex->bytes_in = ex->head_bytes;
	ex->body_bytes = 0;
}

/* The attempt has ended: the next one. @param paid  the budget was asked already */
static void retry_again(struct proxy *p, struct exchange *ex, enum reason why, bool paid)
{
	outcome_retried(&p->backends, ex->attempt.slot);
	if (ex->tried_count < TRIED_MAX)
		ex->tried[ex->tried_count++] = ex->attempt.slot;
	if (ex->flags & EX_KEPT)
		retry_rewind(p, ex);
	if (ex->attempt.reused)
		ex->flags |= EX_RETRIED; /* over a new connection: others may be closed, too */
	ex->flags &= ~(uint32_t)EX_REQUEST_DONE;
	ex->status = 0;
	ex->retry.again = true;
	exchange_again(p, ex, why, paid);
}

/* Read a response that is all here to its end: its connection serves another request. */
static void retry_drop_response(struct proxy *p, struct exchange *ex, const struct http1_head *head)
{
	struct upstream *u = ex->attempt.upstream;
	const bool empty = head->framing == HTTP1_BODY_NONE || head->message.content_length == 0;
	struct http1_body body;
	uint32_t bytes = 0;

	if (!u->reusable || !(ex->flags & EX_REQUEST_DONE))
		return;
	http1_body_begin(&body, head, false);
	if (!empty)
		bytes = hold_body_bytes(&u->rx, head->head_bytes, &body, RETRY_DROP_BYTES);
	if (!empty && bytes == 0)
		return;
	stream_consume_head(&u->rx, &p->heads, head->head_bytes);
	chain_drop(&u->rx.chain, bytes);
	upstream_release(p, u);
}

bool retry_instead(struct proxy *p, struct exchange *ex, const struct http1_head *head)
{
	/* Nothing is dropped that the running configuration might not ask for again. */
	if (!snap_retry_has_status(&ex->retry.settings, head->message.status) ||
		ex->generation != p->tables->snapshot.generation || !retry_allowed(ex) ||
		!retry_pay(p, ex))
		return false;
	ex->status = head->message.status;
	attempt_answered(p, ex);
	h1_note_connection(ex, head);
	retry_drop_response(p, ex, head);
	attempt_end(p, ex, OUTCOME_RESPONSE);
	ex->reason = REASON_PROXIED;
	retry_again(p, ex, REASON_OVERLOADED, true);
	return true;
}

bool retry_names(const struct exchange *ex, enum reason why)
{
	uint32_t kinds = 1u << SNAP_RETRY_RESET;

	if (why == REASON_BACKEND_TIMEOUT)
		kinds = 1u << SNAP_RETRY_TIMEOUT;
	else if (why == REASON_CONNECT_TIMEOUT)
		kinds = 1u << SNAP_RETRY_TIMEOUT | 1u << SNAP_RETRY_CONNECT;
	else if (!ex->attempt.sent_ns)
		kinds = 1u << SNAP_RETRY_CONNECT;
	return ex->retry.settings.on & kinds;
}

void retry_failed(struct proxy *p, struct exchange *ex, enum reason why)
{
	/* The budget is that of a generation: another one's is asked once the request was decided by
	 * it. */
	const bool pays = ex->generation == p->tables->snapshot.generation;

	ex->reason = why;
	if (!retry_allowed(ex) || (pays && !retry_pay(p, ex))) {
		exchange_refuse(p, ex, why);
		return;
	}
	retry_again(p, ex, why, pays);
}

void retry_keep_head(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;
	const uint64_t length =
		ex->request_body.framing == HTTP1_BODY_LENGTH ? ex->request_body.left : 0;

	if (length > ex->retry.settings.body_max || tcp_pool_level(p->tcp) != TCP_POOL_FINE ||
		!stream_take_head(
			&c->rx, &p->heads, ex->head_bytes, &ex->retry.kept, p->config.pool)) {
		hold_drop(p, ex);
		return;
	}
	ex->flags &= ~(uint32_t)EX_HEAD_HELD;
	ex->flags |= EX_KEPT;
}

void retry_keep_body(struct proxy *p, struct exchange *ex, const struct rte_mbuf *m)
{
	struct chain *kept = &ex->retry.kept;

	if (kept->bytes - ex->head_bytes + m->pkt_len > ex->retry.settings.body_max ||
		tcp_pool_level(p->tcp) != TCP_POOL_FINE ||
		!chain_put_reference(kept, m, p->config.pool))
		retry_let_go(ex);
}

void retry_let_go(struct exchange *ex)
{
	chain_free(&ex->retry.kept);
	ex->flags &= ~(uint32_t)EX_KEPT;
}

void retry_over(struct exchange *ex)
{
	if (ex->flags & EX_KEPT)
		retry_let_go(ex);
	if (ex->flags & EX_RESPONDING)
		ex->flags &= ~(uint32_t)EX_RETRY;
}

/* The time of a try is its backend's: it does not run while the client sends its body. */
uint64_t retry_end(struct proxy *p, struct exchange *ex)
{
	struct retry *retry = &ex->retry;
	const bool connecting = ex->attempt.upstream->state == UPSTREAM_CONNECTING;
	const uint64_t try_ns = (uint64_t)retry->settings.per_try_timeout_ms * 1000000;
	uint64_t end = UINT64_MAX;

	if (ex->bytes_out > 0)
		return end; /* interim responses: no other try follows */
	if (!connecting && !(ex->flags & EX_REQUEST_DONE)) {
		retry->streaming = true;
		return end;
	}
	if (!connecting && retry->streaming) {
		retry->streaming = false;
		retry->since_ns = p->now_ns;
	}
	if (!connecting && !retry->end_ns)
		retry->end_ns = p->now_ns + (uint64_t)ex->timeout_ms * 1000000;
	if (!client_has_room(ex->client))
		return end;
	if (try_ns)
		end = retry->since_ns + try_ns;
	return retry->end_ns ? RTE_MIN(end, retry->end_ns) : end;
}

void retry_late(struct proxy *p, struct exchange *ex)
{
	const bool all = ex->retry.end_ns && ex->retry.end_ns <= p->now_ns;

	if (!all && ex->attempt.upstream->state == UPSTREAM_CONNECTING) {
		upstream_connect_late(p, ex->attempt.upstream);
		return;
	}
	attempt_end(p, ex, OUTCOME_TIMEOUT);
	if (all)
		exchange_refuse(p, ex, REASON_BACKEND_TIMEOUT);
	else
		retry_failed(p, ex, REASON_BACKEND_TIMEOUT);
}
