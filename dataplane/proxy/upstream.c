/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to backends and their pools: one LIFO for each endpoint and worker, so that a warm
 * connection is reused first and the cold ones age out. Nothing is shared between workers.
 */
#include "dataplane/proxy/proxy_priv.h"

#define PROBES_A_LOOP 32

static void count_open(struct proxy *p, struct upstream *u, int change)
{
	struct stats_endpoint *e = record_endpoint(p, u->slot);

	e->open = (uint64_t)((int64_t)e->open + change);
	p->counters->backend_connections =
		(uint64_t)((int64_t)p->counters->backend_connections + change);
}

static void pool_remove(struct proxy *p, struct upstream *u)
{
	struct upstream_pool *pool = &p->pools[u->slot];

	TAILQ_REMOVE(&pool->idle, u, idle_entry);
	pool->idle_count--;
	p->counters->backend_idle--;
}

static void upstream_free(struct proxy *p, struct upstream *u)
{
	if (u->state == UPSTREAM_IDLE)
		pool_remove(p, u);
	if (u->exchange)
		u->exchange->upstream = NULL;
	deadline_remove(&u->deadline);
	stream_free(&u->rx, &p->heads);
	count_open(p, u, -1);
	slab_put(&p->upstreams, u);
}

/* Close in order and forget: TCP finishes by itself. */
static void upstream_close(struct proxy *p, struct upstream *u)
{
	tcp_set_user(u->tcp, NULL);
	tcp_close_both(u->tcp);
	upstream_free(p, u);
}

void upstream_abort(struct proxy *p, struct upstream *u)
{
	tcp_abort(u->tcp);
	upstream_free(p, u);
}

/* Whether the next bytes on the connection can only be the response to the next request: bytes
 * behind the last response, wherever they wait, would be taken for it. */
static bool upstream_quiet(const struct upstream *u)
{
	return stream_bytes(&u->rx) == 0 && tcp_quiet(u->tcp);
}

/* Bytes on an idle connection, or its end, may have come in this very loop: the upcall waits. */
static struct upstream *take_idle(struct proxy *p, const struct snap_endpoint *endpoint)
{
	struct upstream *u;

	while ((u = TAILQ_FIRST(&p->pools[endpoint->slot].idle)) && !upstream_quiet(u))
		upstream_close(p, u);
	if (!u)
		return NULL;
	pool_remove(p, u);
	u->state = UPSTREAM_BUSY;
	u->reused = true;
	deadline_clear(&u->deadline);
	return u;
}

static struct upstream *connect_new(
	struct proxy *p, const struct snap_endpoint *endpoint, const struct snap_backend *backend)
{
	struct upstream *u = slab_get(&p->upstreams);

	if (!u)
		return NULL;
	memset(u, 0, sizeof(*u));
	u->kind = u->deadline.kind = PEER_UPSTREAM;
	u->state = UPSTREAM_CONNECTING;
	u->slot = endpoint->slot;
	u->addr = endpoint->addr;
	u->port = (uint16_t)endpoint->tcp_port;
	u->idle_limit = backend->idle_connections;
	u->connect_timeout_ms = backend->connect_timeout_ms;
	u->keep_alive_s = HTTP1_KEEP_ALIVE_UNSAID;
	if (tcp_connect(p->tcp, &u->addr, u->port, u, p->now_ns, &u->tcp)) {
		slab_put(&p->upstreams, u);
		return NULL;
	}
	count_open(p, u, 1);
	record_endpoint(p, u->slot)->connects++;
	return u;
}

struct upstream *upstream_get(struct proxy *p, struct exchange *ex, uint32_t index, bool fresh)
{
	const struct snapshot *snapshot = &p->tables->snapshot;
	const struct snap_endpoint *endpoint =
		SNAP_AT(snapshot, SNAP_ENDPOINTS, snap_endpoint, index);
	struct upstream *u = fresh ? NULL : take_idle(p, endpoint);

	if (!u)
		u = connect_new(p, endpoint,
			SNAP_AT(snapshot, SNAP_BACKENDS, snap_backend, endpoint->backend));
	if (!u)
		return NULL;
	u->exchange = ex;
	u->reusable = false;
	ex->upstream = u;
	return u;
}

/* Slots that mean another endpoint now were taken from it. */
static uint32_t endpoint_index(const struct proxy *p, const struct upstream *u)
{
	return tables_endpoint(p->tables, u->slot);
}

/* How long it may wait for its next request: less than the backend waits, for its FIN would cross
 * the request. */
static uint64_t idle_ms(const struct proxy *p, const struct upstream *u)
{
	uint64_t ms = proxy_settings(p)->backend_idle_timeout_ms;

	if (u->keep_alive_s == HTTP1_KEEP_ALIVE_UNSAID)
		return ms;
	return u->keep_alive_s > 0 ? RTE_MIN(ms, (u->keep_alive_s - 1) * UINT64_C(1000)) : 0;
}

/* Into the pool, or closed. */
static void upstream_keep(struct proxy *p, struct upstream *u)
{
	struct upstream_pool *pool = &p->pools[u->slot];
	uint64_t ms = idle_ms(p, u);

	if (!u->reusable || ms == 0 || u->ended || !upstream_quiet(u) || p->draining ||
		pool->idle_count >= u->idle_limit || endpoint_index(p, u) == SNAP_NONE) {
		upstream_close(p, u);
		return;
	}
	u->state = UPSTREAM_IDLE;
	TAILQ_INSERT_HEAD(&pool->idle, u, idle_entry);
	pool->idle_count++;
	p->counters->backend_idle++;
	deadline_set(&p->wheel, &u->deadline, p->now_ns + ms * 1000000);
}

/* Write down whether the endpoint is ejected. */
static void note_ejection(struct proxy *p, uint32_t index, uint32_t slot)
{
	struct stats_endpoint *stats = record_endpoint(p, slot);
	uint64_t until_ns = index == SNAP_NONE ? 0 : eject_until(p->balance, index);

	stats->ejected = until_ns != 0;
	stats->probe_ns = until_ns;
}

void upstream_connected(struct proxy *p, struct upstream *u)
{
	uint32_t index = endpoint_index(p, u);

	if (index != SNAP_NONE) {
		eject_succeeded(p->balance, index);
		note_ejection(p, index, u->slot);
	}
	if (!u->exchange) { /* a probe: the connection is good for the next request */
		u->reusable = true;
		upstream_keep(p, u);
		return;
	}
	u->state = UPSTREAM_BUSY;
	forward_send_head(p, u->exchange);
}

/* @param silent  it did not answer at all */
static void connect_failed(struct proxy *p, struct upstream *u, enum reason why, bool silent)
{
	struct exchange *ex = u->exchange;
	uint32_t index = endpoint_index(p, u);
	struct stats_endpoint *stats = record_endpoint(p, u->slot);

	stats->connect_failures++;
	if (index != SNAP_NONE) {
		if (eject_failed(p->balance, index, silent, p->now_ns))
			stats->ejections++;
		note_ejection(p, index, u->slot);
	}
	upstream_free(p, u);
	if (ex)
		exchange_failed(p, ex, why);
}

static void probe(struct proxy *p, uint32_t index)
{
	const struct snapshot *snapshot = &p->tables->snapshot;
	const struct snap_endpoint *endpoint =
		SNAP_AT(snapshot, SNAP_ENDPOINTS, snap_endpoint, index);
	struct upstream *u = connect_new(
		p, endpoint, SNAP_AT(snapshot, SNAP_BACKENDS, snap_backend, endpoint->backend));

	if (!u) {
		eject_failed(p->balance, index, false, p->now_ns); /* another time */
		return;
	}
	record_endpoint(p, u->slot)->probes++;
	deadline_set(
		&p->wheel, &u->deadline, p->now_ns + (uint64_t)u->connect_timeout_ms * 1000000);
}

void upstream_probes(struct proxy *p)
{
	for (unsigned i = 0; i < PROBES_A_LOOP && p->tables && !p->draining; i++) {
		uint32_t slot = eject_probe(p->balance, p->now_ns);

		if (slot == SNAP_NONE)
			return;
		probe(p, tables_endpoint(p->tables, slot));
	}
}

void upstream_readable(struct proxy *p, struct upstream *u)
{
	/* An idle connection has nothing to say: the backend closes, or it broke the rules. */
	if (u->state == UPSTREAM_IDLE)
		upstream_close(p, u);
	else if (u->exchange)
		forward_response(p, u->exchange);
}

void upstream_writable(struct proxy *p, struct upstream *u)
{
	struct exchange *ex = u->exchange;

	if (u->state != UPSTREAM_BUSY || !ex)
		return;
	if (ex->flags & (EX_REQUEST_DONE | EX_BODY_STOPPED))
		wait_update(p, ex);
	else
		forward_request_body(p, ex);
}

/* The connection went before the answer's head. */
static void lost(struct proxy *p, struct upstream *u)
{
	struct exchange *ex = u->exchange;

	if (u->reused)
		ex->flags |= EX_WAS_REUSED;
	upstream_free(p, u);
	exchange_failed(p, ex, REASON_BACKEND_CLOSED);
}

void upstream_ended(struct proxy *p, struct upstream *u, enum tcp_end why)
{
	struct exchange *ex = u->exchange;

	if (u->state == UPSTREAM_CONNECTING) {
		connect_failed(p, u,
			why == TCP_END_TIMEOUT ? REASON_CONNECT_TIMEOUT : REASON_CONNECT_FAILED,
			why != TCP_END_REFUSED);
		return;
	}
	if (!ex) {
		upstream_free(p, u);
		return;
	}
	u->ended = true;
	if (forward_rest(p, ex))
		return;
	if (ex->flags & EX_RESPONDING) {
		record_endpoint(p, u->slot)->invalid++;
		upstream_free(p, u);
		exchange_refuse(p, ex, REASON_BACKEND_TRUNCATED);
		return;
	}
	lost(p, u);
}

void upstream_closed_early(struct proxy *p, struct upstream *u)
{
	tcp_set_user(u->tcp, NULL);
	tcp_close_both(u->tcp);
	lost(p, u);
}

void upstream_spoke_early(struct proxy *p, struct upstream *u)
{
	struct exchange *ex = u->exchange;

	record_endpoint(p, u->slot)->invalid++;
	if (!u->reused) {
		exchange_refuse(p, ex, REASON_BACKEND_INVALID);
		return;
	}
	tcp_abort(u->tcp);
	lost(p, u);
}

void upstream_connect_late(struct proxy *p, struct upstream *u)
{
	tcp_abort(u->tcp);
	connect_failed(p, u, REASON_CONNECT_TIMEOUT, true);
}

void upstream_due(struct proxy *p, struct upstream *u)
{
	if (u->state == UPSTREAM_CONNECTING)
		upstream_connect_late(p, u); /* a probe */
	else
		upstream_close(p, u); /* it was idle for long enough */
}

void upstream_release(struct proxy *p, struct upstream *u)
{
	u->exchange->upstream = NULL;
	u->exchange = NULL;
	upstream_keep(p, u);
}

void upstream_pool_close(struct proxy *p, uint32_t slot)
{
	while (slot < p->config.endpoint_slots && !TAILQ_EMPTY(&p->pools[slot].idle))
		upstream_close(p, TAILQ_FIRST(&p->pools[slot].idle));
}

void upstream_pools_close(struct proxy *p)
{
	for (uint32_t slot = 0; slot < p->config.endpoint_slots; slot++)
		upstream_pool_close(p, slot);
}
