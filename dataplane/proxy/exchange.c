/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response: which endpoint gets it, what happens when that endpoint fails, and
 * how it ends. A request may be sent to another endpoint as long as nothing of it reached the first
 * one, or when a pooled connection turned out to be closed and repeating the method is safe (RFC
 * 9110 §9.2.2).
 */
#include "dataplane/proxy/h1.h"
#include "dataplane/proxy/task.h"
#include "lib/base/bytes.h"

static void exchange_copy_names(struct exchange *ex, const struct http_head *head)
{
	ex->host_bytes = (uint8_t)RTE_MIN(head->host.len, (uint32_t)EVENT_HOST_BYTES);
	/* HTTP/1.0 has requests without a host. */
	if (ex->host_bytes)
		bytes_copy(ex->names, head->host.data, ex->host_bytes);
	/* One byte more than there is room for says that it was cut. */
	ex->path_bytes = (uint16_t)RTE_MIN(head->path.len, (uint32_t)EVENT_PATH_BYTES + 1);
	bytes_copy(exchange_path(ex), head->path.data,
		RTE_MIN(head->path.len, (uint32_t)EVENT_PATH_BYTES));
}

struct exchange *exchange_begin(struct proxy *p, struct client *c, const struct decision *d)
{
	struct exchange *ex = slab_get(&p->exchanges);

	if (!ex)
		return NULL;
	bytes_clear(ex, offsetof(struct exchange, names));
	ex->client = c;
	ex->generation = p->tables->snapshot.generation;
	ex->api_slot = ex->consumer_slot = ex->attempt.slot = SNAP_NONE;
	ex->api = ex->plan = ex->backend = SNAP_NONE;
	ex->limit.limit = SNAP_NONE;
	ex->method = HTTP_OTHER;
	ex->start_ns = c->first_byte_ns ? c->first_byte_ns : p->now_ns;
	ex->request_id = (uint64_t)p->config.worker_index << 48 |
			 (++p->request_id & UINT64_C(0xffffffffffff));
	if (d) {
		ex->method = decision_head(d)->method_id;
		ex->flags |= EX_HEAD_HELD;
		h1_begin_request(ex, d);
		exchange_copy_names(ex, decision_head(d));
	}
	c->exchange = ex;
	if (likely(!exchange_is_internal(ex)))
		pressure_watch(p, c);
	c->state = CLIENT_EXCHANGE;
	return ex;
}

/* Of its response: what did not come is not changed. */
static __attribute__((noinline)) void exchange_forget_changes(struct exchange *ex)
{
	if (ex->flags & EX_EDIT_RESPONSE)
		edit_forget(ex);
	if (ex->flags & EX_CORS)
		cors_forget(ex);
	if (ex->flags & EX_KEPT)
		retry_let_go(ex);
}

void exchange_end(struct proxy *p, struct exchange *ex, enum reason why)
{
	struct client *c = ex->client;

	ex->reason = why;
	if (unlikely(ex->flags & EX_TUNNEL))
		p->counters->tunnels_open--;
	if (unlikely(ex->attempt.outcome == OUTCOME_OPEN))
		attempt_end(p, ex, OUTCOME_ABANDONED);
	if (exchange_is_internal(ex)) {
		task_note(c, ex);
	} else {
		record_exchange(p, ex);
		if (unlikely(p->config.hooks))
			suspend_over(p, ex);
	}
	if (unlikely(ex->flags & (EX_EDIT_RESPONSE | EX_CORS | EX_KEPT)))
		exchange_forget_changes(ex);
	if (c->exchange == ex)
		c->exchange = NULL;
	slab_put(&p->exchanges, ex);
}

/* All endpoints were tried: another one than the latest is better than that, and that than none. */
static __attribute__((noinline)) uint32_t exchange_pick_again(
	struct proxy *p, const struct exchange *ex, uint32_t latest)
{
	const uint32_t endpoint =
		balance_pick(p->backends.balance, ex->backend, &latest, 1, p->now_ns);

	return endpoint != SNAP_NONE
		       ? endpoint
		       : balance_pick(p->backends.balance, ex->backend, NULL, 0, p->now_ns);
}

/* @return index into SNAP_ENDPOINTS, or SNAP_NONE when none is left */
static uint32_t exchange_pick(struct proxy *p, const struct exchange *ex)
{
	uint32_t tried[TRIED_MAX], n = 0, picked;

	if (ex->tried_count == TRIED_MAX)
		return SNAP_NONE;
	for (uint32_t i = 0; i < ex->tried_count; i++) {
		uint32_t endpoint = tables_endpoint(p->tables, ex->tried[i]);

		if (endpoint != SNAP_NONE)
			tried[n++] = endpoint;
	}
	picked = balance_pick(p->backends.balance, ex->backend, tried, n, p->now_ns);
	if (unlikely(picked == SNAP_NONE && n > 0 && ex->flags & EX_RETRY && ex->retry.again))
		return exchange_pick_again(p, ex, tried[n - 1]);
	return picked;
}

/* @return false when the request cannot be forwarded: it has its response then */
static __attribute__((noinline)) bool exchange_edit(
	struct proxy *p, struct exchange *ex, struct decision *d)
{
	const enum reason fault = edit_request(p, ex, d);

	d->match.rewritten = true; /* head.c looks for more then */
	if (fault != REASON_PROXIED)
		problem(p, ex, fault, d);
	return fault == REASON_PROXIED;
}

void exchange_dispatch(struct proxy *p, struct exchange *ex, struct decision *d)
{
	enum reason why = ex->reason == REASON_PROXIED ? REASON_NO_ENDPOINT : ex->reason;
	uint32_t endpoint;

	if (unlikely(d->plan->edit != SNAP_NONE) && !exchange_edit(p, ex, d))
		return;

	while ((endpoint = exchange_pick(p, ex)) != SNAP_NONE) {
		if (attempt_begin(p, ex, d, endpoint)) {
			stream_forget_head(&ex->client->rx, &p->heads);
			if (ex->attempt.upstream->state == UPSTREAM_BUSY)
				forward_send_head(p, ex);
			else
				wait_update(p, ex);
			return;
		}
		why = REASON_OVERLOADED;
		ex->tried[ex->tried_count++] = ex->attempt.slot;
	}
	problem(p, ex, why, NULL);
}

/* Parse the request once more, where it was received, and decide it in the running generation.
 * @param why  what the last attempt failed by @return false when it is not to be sent again: it has
 * its response then */
static bool exchange_decide_again(
	struct proxy *p, struct exchange *ex, struct decision *d, enum reason why)
{
	enum reason verdict;

	if (unlikely(ex->flags & EX_EDIT_RESPONSE))
		edit_forget(ex); /* its route may be another one now */
	if (!h1_read_request_again(p, ex->client, d)) {
		exchange_refuse(p, ex, why);
		return false;
	}
	verdict = decide_again(p, ex, d);
	if (verdict != REASON_PROXIED) {
		reply_verdict(p, ex, verdict, d);
		return false;
	}
	return true;
}

static void exchange_dispatch_again(struct proxy *p, struct exchange *ex, enum reason why)
{
	struct decision *d = &p->again;

	if (!exchange_decide_again(p, ex, d, why))
		return;
	p->counters->retries++;
	exchange_dispatch(p, ex, d);
}

void exchange_again(struct proxy *p, struct exchange *ex, enum reason why, bool paid)
{
	struct decision *d = &p->again;

	if (!exchange_decide_again(p, ex, d, why))
		return;
	/* Its body is forwarded from the beginning, unless it is held and goes with the head. */
	if (!(ex->flags & EX_REPEATS))
		http1_body_begin(&ex->request_body, decision_received(d), true);
	if (!paid && !((ex->flags & EX_RETRY) && retry_pay(p, ex))) {
		exchange_refuse(p, ex, why);
		return;
	}
	p->counters->retries++;
	exchange_dispatch(p, ex, d);
}

static bool exchange_repeats(const struct exchange *ex, enum reason why)
{
	return why == REASON_BACKEND_CLOSED && ex->attempt.reused && (ex->flags & EX_REPEATS) &&
	       !(ex->flags & EX_RETRIED) && hold_method_repeats(ex->method);
}

void exchange_failed(struct proxy *p, struct exchange *ex, enum reason why)
{
	ex->reason = why;
	if (exchange_is_internal(ex)) {
		/* It was about this endpoint. */
		exchange_refuse(p, ex, why);
		return;
	}
	if (unlikely(ex->flags & EX_RETRY) && retry_names(ex, why)) {
		retry_failed(p, ex, why);
		return;
	}
	if (!ex->attempt.sent_ns) {
		if (ex->tried_count < TRIED_MAX)
			ex->tried[ex->tried_count++] = ex->attempt.slot;
	} else if (exchange_repeats(ex, why)) {
		/* A pooled connection turned out to be closed. */
		ex->flags &= ~(uint32_t)EX_REQUEST_DONE;
		ex->flags |= EX_RETRIED;
		ex->reason = REASON_PROXIED;
	} else {
		exchange_refuse(p, ex, why);
		return;
	}
	exchange_dispatch_again(p, ex, why);
}

void exchange_refuse(struct proxy *p, struct exchange *ex, enum reason why)
{
	if (ex->flags & EX_RESPONDING) {
		/* Half an answer is out: only a reset tells the client that the rest will not
		 * come. */
		client_break(p, ex->client, why);
		return;
	}
	problem(p, ex, why, NULL);
}
