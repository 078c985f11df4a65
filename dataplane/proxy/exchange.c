/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer: which endpoint gets it, what happens when that endpoint fails, and
 * how it ends. A request may be sent to another endpoint as long as nothing of it reached the first
 * one, or when a pooled connection turned out to be closed and repeating the method is safe (RFC
 * 9110 §9.2.2).
 */
#include "dataplane/proxy/proxy_priv.h"
#include "lib/base/bytes.h"

static void copy_names(struct exchange *ex, const struct http_head *head)
{
	ex->host_bytes = (uint8_t)RTE_MIN(head->host.len, (uint32_t)EVENT_HOST_BYTES);
	/* HTTP/1.0 has requests without a host. */
	if (ex->host_bytes)
		bytes_copy(ex->host, head->host.data, ex->host_bytes);
	/* One byte more than there is room for says that it was cut. */
	ex->path_bytes = (uint16_t)RTE_MIN(head->path.len, (uint32_t)EVENT_PATH_BYTES + 1);
	bytes_copy(ex->path, head->path.data, RTE_MIN(head->path.len, (uint32_t)EVENT_PATH_BYTES));
}

struct exchange *exchange_begin(struct proxy *p, struct client *c, const struct decision *d)
{
	struct exchange *ex = slab_get(&p->exchanges);

	if (!ex)
		return NULL;
	bytes_clear(ex, offsetof(struct exchange, host));
	ex->client = c;
	ex->generation = p->tables->snapshot.generation;
	ex->api_slot = ex->endpoint_slot = ex->consumer_slot = ex->backend_slot = SNAP_NONE;
	ex->api = ex->plan = ex->backend = SNAP_NONE;
	ex->limit.limit = SNAP_NONE;
	ex->method = HTTP_OTHER;
	ex->start_ns = c->first_byte_ns ? c->first_byte_ns : p->now_ns;
	ex->request_id = (uint64_t)p->config.worker_index << 48 |
			 (++p->request_id & UINT64_C(0xffffffffffff));
	if (d) {
		const struct http1_head *head = &d->received;

		ex->method = head->message.method_id;
		ex->head_bytes = head->head_bytes;
		ex->bytes_in = head->head_bytes;
		if (head->message.expect_continue && head->framing != HTTP1_BODY_NONE)
			ex->flags |= EX_EXPECT;
		if (head->version_minor == 0)
			ex->flags |= EX_HTTP10;
		http1_body_begin(&ex->request_body, head, true);
		c->keep_alive = head->keep_alive;
		copy_names(ex, &head->message);
	}
	c->exchange = ex;
	pressure_watch(p, c);
	c->state = CLIENT_EXCHANGE;
	return ex;
}

void exchange_end(struct proxy *p, struct exchange *ex, enum reason why)
{
	struct client *c = ex->client;

	ex->reason = why;
	record_exchange(p, ex);
	if (ex->upstream) {
		ex->upstream->exchange = NULL;
		upstream_abort(p, ex->upstream);
	}
	rte_pktmbuf_free(ex->head);
	if (c->exchange == ex)
		c->exchange = NULL;
	slab_put(&p->exchanges, ex);
}

/* Route it by the names that were kept, unless they were cut. It was admitted to its API and stays
 * there. */
static bool route_again(struct proxy *p, struct exchange *ex)
{
	uint32_t listener = tables_listener(p->tables, ex->client->listener_slot);
	struct str host = { ex->host, ex->host_bytes }, path = { ex->path, ex->path_bytes };
	struct route_match match;

	if (listener == SNAP_NONE || ex->host_bytes == EVENT_HOST_BYTES ||
		ex->path_bytes > EVENT_PATH_BYTES)
		return false;
	if (route_find(p->tables->routes, listener, host, path, ex->method, &match) !=
		REASON_PROXIED)
		return false;
	if (SNAP_AT(&p->tables->snapshot, SNAP_APIS, snap_api, match.api)->slot != ex->api_slot)
		return false;
	ex->backend = match.backend;
	return true;
}

/* The backend in the running generation: an apply may have come between two tries, and the endpoint
 * that failed may be gone with it. */
static bool refresh_backend(struct proxy *p, struct exchange *ex)
{
	uint32_t endpoint;

	if (ex->generation == p->tables->snapshot.generation || route_again(p, ex))
		return true;
	endpoint = tables_endpoint(p->tables, ex->endpoint_slot);
	if (endpoint == SNAP_NONE)
		return false;
	ex->backend =
		SNAP_AT(&p->tables->snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint)->backend;
	return true;
}

static uint32_t pick(struct proxy *p, struct exchange *ex)
{
	uint32_t tried[TRIED_MAX], n = 0;

	if (ex->tried_count == TRIED_MAX || !refresh_backend(p, ex))
		return SNAP_NONE;
	for (uint32_t i = 0; i < ex->tried_count; i++) {
		uint32_t endpoint = tables_endpoint(p->tables, ex->tried[i]);

		if (endpoint != SNAP_NONE)
			tried[n++] = endpoint;
	}
	return balance_pick(p->backends.balance, ex->backend, tried, n, p->now_ns);
}

void exchange_dispatch(struct proxy *p, struct exchange *ex)
{
	enum reason why = ex->reason == REASON_PROXIED ? REASON_NO_ENDPOINT : ex->reason;
	uint32_t endpoint;

	while ((endpoint = pick(p, ex)) != SNAP_NONE) {
		struct upstream *u;

		ex->endpoint_slot =
			SNAP_AT(&p->tables->snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint)
				->slot;
		u = upstream_get(p, ex, endpoint, ex->flags & EX_RETRIED);
		if (u) {
			if (u->state == UPSTREAM_BUSY)
				forward_send_head(p, ex);
			else
				wait_update(p, ex);
			return;
		}
		why = REASON_OVERLOADED;
		ex->tried[ex->tried_count++] = ex->endpoint_slot;
	}
	respond(p, ex, why, NULL);
}

/* Make the request for the backend again from the client's, which was held.
 * @return REASON_PROXIED, or what to answer instead */
static enum reason rewrite_head(struct proxy *p, struct exchange *ex, enum reason why)
{
	struct decision *d = &p->again;
	struct request_parse args = { &p->limits, &d->received, REASON_PROXIED };
	enum reason verdict;

	if (stream_parse_again(&ex->client->rx, &p->heads, client_parse_request, &args) !=
		STREAM_HEAD)
		return why;
	verdict = decide_again(p, ex, d);
	if (verdict == REASON_PROXIED &&
		!(forward_write_head(p, ex, d) && hold_send_again(p, ex, d)))
		verdict = why;
	stream_forget_head(&ex->client->rx, &p->heads);
	return verdict;
}

static bool may_repeat(const struct exchange *ex, enum reason why)
{
	return why == REASON_BACKEND_CLOSED && (ex->flags & EX_WAS_REUSED) &&
	       (ex->flags & EX_HEAD_HELD) && !(ex->flags & EX_RETRIED) &&
	       hold_method_repeats(ex->method);
}

/* A pooled connection turned out to be closed. */
static void repeat(struct proxy *p, struct exchange *ex, enum reason why)
{
	why = rewrite_head(p, ex, why);
	if (why != REASON_PROXIED) {
		exchange_refuse(p, ex, why);
		return;
	}
	ex->flags &= ~(uint32_t)(EX_SENT | EX_REQUEST_DONE | EX_WAS_REUSED);
	ex->flags |= EX_RETRIED;
	ex->reason = REASON_PROXIED;
	p->counters->retries++;
	exchange_dispatch(p, ex);
}

void exchange_failed(struct proxy *p, struct exchange *ex, enum reason why)
{
	ex->reason = why;
	record_inactive(p, ex);
	if (!(ex->flags & EX_SENT)) {
		if (ex->tried_count < TRIED_MAX)
			ex->tried[ex->tried_count++] = ex->endpoint_slot;
		p->counters->retries++;
		exchange_dispatch(p, ex);
		return;
	}
	if (may_repeat(ex, why))
		repeat(p, ex, why);
	else
		exchange_refuse(p, ex, why);
}

void exchange_refuse(struct proxy *p, struct exchange *ex, enum reason why)
{
	if (ex->flags & EX_RESPONDING) {
		/* Half an answer is out: only a reset tells the client that the rest will not
		 * come. */
		client_break(p, ex->client, why);
		return;
	}
	respond(p, ex, why, NULL);
}
