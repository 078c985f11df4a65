/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to backends: begun for a request or as a probe, reused from the endpoint's pool
 * (backend/pool.h), and how each of them ends. Nothing is shared between workers.
 */
#include "dataplane/proxy/proxy_priv.h"

#define UPSTREAM_PROBES_A_LOOP 32

static void upstream_count(struct proxy *p, int change)
{
	p->counters->backend_connections =
		(uint64_t)((int64_t)p->counters->backend_connections + change);
}

static struct pool *upstream_pool(struct proxy *p, const struct upstream *u)
{
	return &p->backends.pools[u->slot];
}

static void upstream_leave_pool(struct proxy *p, struct upstream *u)
{
	pool_remove(upstream_pool(p, u), &u->pool_entry);
	p->counters->backend_idle--;
}

static void upstream_free(struct proxy *p, struct upstream *u)
{
	if (u->state == UPSTREAM_IDLE)
		upstream_leave_pool(p, u);
	if (u->exchange)
		u->exchange->attempt.upstream = NULL;
	deadline_remove(&u->deadline);
	stream_free(&u->rx, &p->heads);
	transport_forget_tls(&u->transport);
	outcome_closed(&p->backends, u->slot);
	upstream_count(p, -1);
	slab_put(&p->upstreams, u);
}

/* Close in order and forget: TCP finishes by itself. */
static void upstream_close(struct proxy *p, struct upstream *u)
{
	transport_let_go(&u->transport);
	upstream_free(p, u);
}

void upstream_abort(struct proxy *p, struct upstream *u)
{
	transport_abort(&u->transport);
	upstream_free(p, u);
}

/* Whether the next bytes on the connection can only be the response to the next request: bytes
 * behind the last response, wherever they wait, would be taken for it. */
static bool upstream_quiet(struct upstream *u)
{
	return stream_bytes(&u->rx) == 0 && transport_quiet(&u->transport);
}

/* A pooled connection. Bytes on one, or its end, may have come in this very loop, before their
 * upcall: it is closed. */
static struct upstream *upstream_take_idle(struct proxy *p, uint32_t slot)
{
	struct upstream *u;

	while ((u = upstream_first_idle(p, slot)) && !upstream_quiet(u))
		upstream_close(p, u);
	if (!u)
		return NULL;
	upstream_leave_pool(p, u);
	u->state = UPSTREAM_BUSY;
	u->reused = true;
	deadline_clear(&u->deadline);
	return u;
}

/* @param timeout_ms  set to how long the endpoint may take to accept. @param probe  for no request */
static struct upstream *upstream_connect(
	struct proxy *p, uint32_t index, bool probe, uint32_t *timeout_ms)
{
	const struct snapshot *snapshot = &p->tables->snapshot;
	const struct snap_endpoint *endpoint =
		SNAP_AT(snapshot, SNAP_ENDPOINTS, snap_endpoint, index);
	const struct snap_backend *backend = snap_backend_of(snapshot, endpoint);
	struct upstream *u = slab_get(&p->upstreams);

	if (!u)
		return NULL;
	memset(u, 0, sizeof(*u));
	u->kind = u->deadline.kind = PEER_UPSTREAM;
	u->state = UPSTREAM_CONNECTING;
	u->slot = endpoint->slot;
	u->idle_limit = backend->idle_connections;
	u->keep_alive_s = UPSTREAM_UNSAID;
	*timeout_ms = backend->connect_timeout_ms;
	if (transport_connect(&u->transport, p->tcp, &endpoint->addr, (uint16_t)endpoint->tcp_port,
		    u, p->now_ns)) {
		slab_put(&p->upstreams, u);
		return NULL;
	}
	if (unlikely(backend->tls) &&
		!transport_verify(&u->transport, p->tables->worker[p->config.worker_index].tls,
			snap_named(snapshot, SNAP_PEER, backend->slot), u->slot, &endpoint->addr)) {
		transport_abort(&u->transport);
		slab_put(&p->upstreams, u);
		return NULL;
	}
	upstream_count(p, 1);
	outcome_connecting(&p->backends, u->slot, probe);
	return u;
}

struct upstream *upstream_get(struct proxy *p, struct exchange *ex, uint32_t index, bool fresh)
{
	const uint32_t slot =
		SNAP_AT(&p->tables->snapshot, SNAP_ENDPOINTS, snap_endpoint, index)->slot;
	struct upstream *u = fresh ? NULL : upstream_take_idle(p, slot);

	if (!u)
		u = upstream_connect(p, index, false, &ex->attempt.connect_timeout_ms);
	if (!u)
		return NULL;
	u->exchange = ex;
	u->reusable = false;
	ex->attempt.upstream = u;
	return u;
}

/* How long it may wait for its next request: less than the backend waits, whose FIN would cross the
 * request. */
static uint64_t upstream_idle_ms(const struct proxy *p, const struct upstream *u)
{
	uint64_t ms = proxy_settings(p)->backend_idle_timeout_ms;

	if (u->keep_alive_s == UPSTREAM_UNSAID)
		return ms;
	return u->keep_alive_s > 0 ? RTE_MIN(ms, (u->keep_alive_s - 1u) * UINT64_C(1000)) : 0;
}

/* Into the pool, or closed. */
static void upstream_keep(struct proxy *p, struct upstream *u)
{
	struct pool *pool = upstream_pool(p, u);
	uint64_t ms = upstream_idle_ms(p, u);

	if (!u->reusable || ms == 0 || u->ended || !upstream_quiet(u) || p->draining ||
		pool->count >= u->idle_limit ||
		backends_index(&p->backends, u->slot) == SNAP_NONE) {
		upstream_close(p, u);
		return;
	}
	u->state = UPSTREAM_IDLE;
	pool_put(pool, &u->pool_entry);
	p->counters->backend_idle++;
	deadline_set(&p->wheel, &u->deadline, p->now_ns + ms * 1000000);
}

static void upstream_opened(struct proxy *p, struct upstream *u)
{
	outcome_connected(&p->backends, u->slot);
	if (!u->exchange) { /* a probe: the connection is good for the next request */
		if (u->check)
			checks_connected(p, u->slot, true, REASON_PROXIED);
		u->reusable = true;
		upstream_keep(p, u);
		return;
	}
	u->state = UPSTREAM_BUSY;
	forward_send_head(p, u->exchange);
}

/* @param silent  the endpoint did not answer at all */
static void upstream_connect_failed(
	struct proxy *p, struct upstream *u, enum reason why, bool silent)
{
	struct exchange *ex = u->exchange;
	const uint32_t slot = u->slot;
	const bool check = u->check;

	outcome_connect_failed(&p->backends, slot, silent, p->now_ns);
	upstream_free(p, u);
	if (check)
		checks_connected(p, slot, false, why);
	if (!ex)
		return;
	attempt_end(p, ex, OUTCOME_CONNECT);
	exchange_failed(p, ex, why);
}

void upstream_connected(struct proxy *p, struct upstream *u)
{
	if (likely(!transport_secure(&u->transport))) {
		upstream_opened(p, u);
		return;
	}
	u->state = UPSTREAM_HANDSHAKE;
	transport_greet(&u->transport);
}

static void upstream_note_tls_failed(struct proxy *p, const struct upstream *u)
{
	outcome_tls_failed(&p->backends, u->slot);
	record_peer_failed(p, u->slot, transport_failure(&u->transport));
}

/* The handshake goes on, within the time that the endpoint has to accept. */
static void upstream_handshake(struct proxy *p, struct upstream *u)
{
	const enum transport_read read = transport_read(&u->transport, UINT32_MAX, &u->rx.chain);

	if (read == TRANSPORT_REFUSED || transport_at_eof(&u->transport)) {
		upstream_note_tls_failed(p, u);
		transport_let_go(&u->transport);
		upstream_connect_failed(p, u, REASON_BACKEND_TLS, false);
	} else if (read == TRANSPORT_OPENED) {
		outcome_tls(&p->backends, u->slot, transport_resumed(&u->transport));
		if (u->exchange && stream_bytes(&u->rx) > 0)
			upstream_spoke_early(p, u);
		else
			upstream_opened(p, u);
	}
}

static void upstream_probe(struct proxy *p, uint32_t slot)
{
	uint32_t timeout_ms;
	struct upstream *u =
		upstream_connect(p, backends_index(&p->backends, slot), true, &timeout_ms);

	if (!u) {
		outcome_probe_skipped(&p->backends, slot, p->now_ns);
		return;
	}
	deadline_set(&p->wheel, &u->deadline, p->now_ns + (uint64_t)timeout_ms * 1000000);
}

bool upstream_check(struct proxy *p, uint32_t endpoint, uint32_t timeout_ms)
{
	uint32_t connect_timeout_ms;
	struct upstream *u = upstream_connect(p, endpoint, false, &connect_timeout_ms);

	if (!u)
		return false;
	u->check = true;
	deadline_set(&p->wheel, &u->deadline,
		p->now_ns + (uint64_t)RTE_MIN(timeout_ms, connect_timeout_ms) * 1000000);
	return true;
}

void upstream_probes(struct proxy *p)
{
	for (unsigned i = 0; i < UPSTREAM_PROBES_A_LOOP && p->tables && !p->draining; i++) {
		uint32_t slot = eject_probe(p->backends.balance, p->now_ns);

		if (slot == SNAP_NONE)
			return;
		upstream_probe(p, slot);
	}
}

void upstream_readable(struct proxy *p, struct upstream *u)
{
	/* An idle connection has nothing to say: the backend closes, or it broke the rules. */
	if (u->state == UPSTREAM_IDLE) {
		if (!upstream_quiet(u))
			upstream_close(p, u);
	} else if (unlikely(upstream_opening(u))) {
		upstream_handshake(p, u);
	} else if (u->exchange) {
		forward_response(p, u->exchange);
	}
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

/* The connection is gone before a response began. */
static void upstream_lost(struct proxy *p, struct upstream *u, enum outcome outcome)
{
	struct exchange *ex = u->exchange;

	upstream_free(p, u);
	attempt_end(p, ex, outcome);
	exchange_failed(p, ex, REASON_BACKEND_CLOSED);
}

void upstream_ended(struct proxy *p, struct upstream *u, enum tcp_end why)
{
	struct exchange *ex = u->exchange;

	if (unlikely(u->state == UPSTREAM_HANDSHAKE)) {
		upstream_note_tls_failed(p, u);
		upstream_connect_failed(p, u, REASON_BACKEND_TLS, false);
		return;
	}
	if (u->state == UPSTREAM_CONNECTING) {
		upstream_connect_failed(p, u,
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
		upstream_free(p, u);
		attempt_end(p, ex, OUTCOME_INVALID);
		exchange_refuse(p, ex, REASON_BACKEND_TRUNCATED);
		return;
	}
	upstream_lost(p, u, OUTCOME_RESET);
}

void upstream_closed_early(struct proxy *p, struct upstream *u)
{
	transport_let_go(&u->transport);
	upstream_lost(p, u, OUTCOME_RESET);
}

void upstream_broke_tls(struct proxy *p, struct upstream *u)
{
	struct exchange *ex = u->exchange;

	upstream_note_tls_failed(p, u);
	transport_let_go(&u->transport);
	upstream_free(p, u);
	attempt_end(p, ex, OUTCOME_INVALID);
	exchange_refuse(p, ex, REASON_BACKEND_TLS);
}

void upstream_spoke_early(struct proxy *p, struct upstream *u)
{
	struct exchange *ex = u->exchange;

	if (!u->reused) {
		attempt_end(p, ex, OUTCOME_INVALID);
		exchange_refuse(p, ex, REASON_BACKEND_INVALID);
		return;
	}
	transport_abort(&u->transport);
	upstream_lost(p, u, OUTCOME_INVALID);
}

void upstream_connect_late(struct proxy *p, struct upstream *u)
{
	transport_abort(&u->transport);
	upstream_connect_failed(p, u, REASON_CONNECT_TIMEOUT, true);
}

void upstream_due(struct proxy *p, struct upstream *u)
{
	if (upstream_opening(u))
		upstream_connect_late(p, u); /* a probe */
	else
		upstream_close(p, u); /* it was idle for long enough */
}

void upstream_release(struct proxy *p, struct upstream *u)
{
	u->exchange->attempt.upstream = NULL;
	u->exchange = NULL;
	upstream_keep(p, u);
}

void upstream_pool_close(struct proxy *p, uint32_t slot)
{
	struct upstream *u;

	while (slot < p->config.endpoint_slots && (u = upstream_first_idle(p, slot)))
		upstream_close(p, u);
}

void upstream_pools_close(struct proxy *p)
{
	for (uint32_t slot = 0; slot < p->config.endpoint_slots; slot++)
		upstream_pool_close(p, slot);
}
