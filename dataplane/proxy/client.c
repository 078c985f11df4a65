/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection: accepted, its handshake, its requests one after the other, its end. Bytes
 * are taken from the transport only when they are wanted, so that a window closes by itself behind a
 * slow backend or a request that waits for its response.
 */
#include "dataplane/proxy/h1.h"
#include "dataplane/proxy/task.h"

static uint64_t ms_ns(uint32_t ms)
{
	return (uint64_t)ms * 1000000;
}

static void client_arm(struct proxy *p, struct client *c, uint32_t ms)
{
	deadline_set(&p->wheel, &c->deadline, p->now_ns + ms_ns(ms));
}

/* Begin the connection's transport, with TLS where the listener has it. @return false
 * without memory */
static bool client_open_transport(
	struct proxy *p, struct client *c, struct tcp_conn *tcp, uint32_t index, bool secure)
{
	struct tls_contexts *contexts = p->tables->worker[p->config.worker_index].tls;

	c->state = secure ? CLIENT_HANDSHAKE : CLIENT_HEAD;
	if (secure && !contexts)
		return false;
	return transport_accept(&c->transport, tcp, secure ? contexts : NULL, index);
}

static void client_uncount_source(struct proxy *p, struct client *c)
{
	const struct tcp_peer peer = { c->local, c->remote, c->local_port, c->remote_port };

	if (c->counted)
		sources_give(p->config.sources, &peer);
	c->counted = false;
}

/* Count the connection among its source's, where there is a limit. @return false when it is beyond
 * it */
static bool client_count_source(struct proxy *p, struct client *c, const struct tcp_peer *peer,
	const struct snap_listener *listener)
{
	if (listener->connections_per_source == 0 || !p->config.sources)
		return true;
	c->counted = sources_take(p->config.sources, peer, listener->connections_per_source);
	if (!c->counted) {
		p->config.stats->reason[REASON_SOURCE_CONNECTIONS]++;
		record_listener(p, listener->slot)->source_refused++;
	}
	return c->counted;
}

void *client_accepted(struct proxy *p, struct tcp_conn *tcp, uint32_t listener_slot)
{
	uint32_t index = tables_listener(p->tables, listener_slot);
	const struct snap_listener *listener;
	struct tcp_peer peer;
	struct client *c;

	if (index == SNAP_NONE || p->draining)
		return NULL;
	c = slab_get(&p->clients);
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	listener = SNAP_AT(&p->tables->snapshot, SNAP_LISTENERS, snap_listener, index);
	tcp_peer(tcp, &peer);
	c->remote = peer.remote;
	c->remote_port = peer.remote_port;
	c->local = peer.local;
	c->local_port = peer.local_port;
	if (!client_count_source(p, c, &peer, listener)) {
		slab_put(&p->clients, c);
		return NULL;
	}
	c->kind = c->deadline.kind = PEER_CLIENT;
	c->listener_slot = listener_slot;
	if (!client_open_transport(p, c, tcp, index, listener->tls)) {
		client_uncount_source(p, c);
		slab_put(&p->clients, c);
		return NULL;
	}
	c->ip_bytes = (uint8_t)ip_format(&c->remote, c->ip_text);
	LIST_INSERT_HEAD(&p->all, c, all_entry);
	pressure_watch(p, c);
	p->client_count++;
	p->counters->client_connections = p->client_count;
	record_listener(p, listener_slot)->accepted++;
	record_listener(p, listener_slot)->open++;
	client_arm(p, c, proxy_settings(p)->head_timeout_ms);
	return c;
}

static void client_free(struct proxy *p, struct client *c)
{
	if (c->ready)
		TAILQ_REMOVE(&p->ready, c, ready_entry);
	if (c->state == CLIENT_DECIDE)
		decide_forget(p, c);
	pressure_forget(p, c);
	client_uncount_source(p, c);
	LIST_REMOVE(c, all_entry);
	deadline_remove(&c->deadline);
	stream_free(&c->rx, &p->heads);
	p->client_count--;
	p->counters->client_connections = p->client_count;
	record_listener(p, c->listener_slot)->open--;
	slab_put(&p->clients, c);
}

void client_ready(struct proxy *p, struct client *c)
{
	if (c->ready)
		return;
	c->ready = true;
	TAILQ_INSERT_TAIL(&p->ready, c, ready_entry);
}

static void client_count_handshake(struct proxy *p, struct client *c)
{
	p->counters->tls_handshakes++;
	record_listener(p, c->listener_slot)->tls_handshakes++;
	if (transport_resumed(&c->transport))
		p->counters->tls_resumed++;
}

/* The alert is queued; an exchange under way cannot be finished. */
static void client_fail_tls(struct proxy *p, struct client *c)
{
	if (c->exchange)
		exchange_end(p, c->exchange, REASON_CLIENT_CLOSED);
	client_close(p, c);
}

/* What TLS says besides content. @return false when the connection is over */
static __attribute__((noinline)) bool client_follow_tls(
	struct proxy *p, struct client *c, enum transport_read read)
{
	switch (read) {
	case TRANSPORT_NOTHING:
	case TRANSPORT_BYTES:
		return true;
	case TRANSPORT_OPENED:
		client_count_handshake(p, c);
		c->state = CLIENT_HEAD;
		return true;
	case TRANSPORT_CLEAR:
		c->clear_on_tls = true;
		c->state = CLIENT_HEAD;
		p->counters->tls_failures++;
		record_listener(p, c->listener_slot)->tls_failures++;
		return true;
	case TRANSPORT_REFUSED:
		record_handshake_failed(p, c);
		break;
	case TRANSPORT_CORRUPTED:
		break;
	}
	client_fail_tls(p, c);
	return false;
}

bool client_pull(struct proxy *p, struct client *c, uint32_t bytes)
{
	do {
		enum transport_read read = transport_read(&c->transport, bytes, &c->rx.chain);

		if (read == TRANSPORT_NOTHING)
			break;
		if (unlikely(read != TRANSPORT_BYTES) && !client_follow_tls(p, c, read))
			return false;
	} while (stream_bytes(&c->rx) == 0);
	return stream_bytes(&c->rx) > 0;
}

/* Throw away what comes after our last response, or what its request's body has left. @return false
 * for nothing */
static bool client_discard(struct proxy *p, struct client *c)
{
	uint32_t bytes = transport_discard(&c->transport);

	p->counters->lingered_bytes += bytes;
	return bytes > 0;
}

/* A client that writes all of its request before it reads gets its response only if it can go on:
 * each part that comes prolongs the wait for the next, up to a time for all (RFC 9112 §9.6). */
static void client_linger(struct proxy *p, struct client *c)
{
	uint64_t end = RTE_MIN(p->now_ns + LINGER_NS, c->linger_end_ns);

	if (client_discard(p, c) && !p->draining && end > c->deadline.when_ns)
		deadline_set(&p->wheel, &c->deadline, end);
}

void client_readable(struct proxy *p, struct client *c)
{
	switch ((enum client_state)c->state) {
	case CLIENT_CLOSING:
		client_linger(p, c);
		return;
	case CLIENT_BREAKING:
		client_discard(p, c);
		return;
	case CLIENT_HANDSHAKE:
	case CLIENT_HEAD:
		if (c->no_room)
			return;
		pressure_watch(p, c);
		/* Behind bytes that were not parsed yet, more is taken when the parser asks for
		 * it. */
		if (stream_bytes(&c->rx) == 0)
			client_pull(p, c, UINT32_MAX);
		if (c->state == CLIENT_HEAD || c->state == CLIENT_HANDSHAKE)
			client_ready(p, c);
		return;
	case CLIENT_DECIDE:
		return;
	case CLIENT_EXCHANGE:
		/* What the backend takes no more of is read all the same: a client may read only
		 * once it has written. */
		if (c->exchange->flags & EX_BODY_STOPPED)
			client_discard(p, c);
		else if (!(c->exchange->flags & EX_REQUEST_DONE))
			forward_request_body(p, c->exchange);
		return;
	}
}

void client_writable(struct proxy *p, struct client *c)
{
	if (c->state == CLIENT_EXCHANGE && c->exchange->attempt.upstream) {
		forward_response(p, c->exchange);
	} else if (c->state == CLIENT_BREAKING) {
		if (transport_pending(&c->transport) == 0)
			client_abort(p, c);
	} else if (c->state == CLIENT_HEAD && c->no_room) {
		c->no_room = false;
		c->first_byte_ns = 0;
		client_arm(p, c, proxy_settings(p)->idle_timeout_ms);
		client_ready(p, c);
	}
}

/* No complete head yet: wait for the rest, or the client has gone. */
static void client_await_head(struct proxy *p, struct client *c)
{
	if (transport_at_eof(&c->transport)) {
		client_close(p, c);
		return;
	}
	if (c->state == CLIENT_HANDSHAKE || c->first_byte_ns != 0 || !stream_head_begun(&c->rx))
		return; /* what runs is the time for an idle connection */
	c->first_byte_ns = p->now_ns;
	client_arm(p, c, proxy_settings(p)->head_timeout_ms);
}

void client_refuse(struct proxy *p, struct client *c, enum reason why)
{
	struct exchange *ex = exchange_begin(p, c, NULL);

	c->keep_alive = false;
	if (ex && why == REASON_TARGET_INVALID && c->rx.chain.head)
		ex->path_bytes = (uint16_t)http1_describe_target(
			rte_pktmbuf_mtod(c->rx.chain.head, const char *),
			c->rx.chain.head->data_len, exchange_path(ex), EVENT_PATH_BYTES);
	if (ex)
		problem(p, ex, why, NULL);
	else
		client_abort(p, c);
}

/* The client has to read within the send timeout. */
static void client_wait_reading(struct proxy *p, struct client *c)
{
	c->pending_seen = transport_pending(&c->transport);
	c->pending_ms = proxy_settings(p)->send_timeout_ms;
	client_arm(p, c, c->pending_ms);
}

/* @return true when TCP had more of a head */
static bool client_pull_head(struct proxy *p, struct client *c)
{
	uint32_t before = stream_bytes(&c->rx);

	client_pull(p, c, UINT32_MAX);
	return c->state == CLIENT_HEAD && stream_bytes(&c->rx) > before;
}

/* While mbufs are short a connection has one response at a time that is not read: pipelined
 * requests would take for their responses what has been freed for others. */
static bool client_owes_reading(const struct proxy *p, const struct client *c)
{
	return unlikely(transport_pending(&c->transport) > 0) &&
	       tcp_pool_level(p->tcp) != TCP_POOL_FINE;
}

void client_advance(struct proxy *p, struct client *c)
{
	struct decision *d = &p->decisions[p->decision_count];
	enum stream_verdict verdict;
	enum reason why;

	if (c->state != CLIENT_HEAD) {
		if (c->state == CLIENT_HANDSHAKE)
			client_await_head(p, c);
		else
			suspend_advance(p, c);
		return;
	}
	if (unlikely(!client_has_room(c) || client_owes_reading(p, c))) {
		/* The response, which may be one of our own, must find room. */
		c->no_room = true;
		client_wait_reading(p, c);
		return;
	}
	if (unlikely(c->clear_on_tls)) {
		client_refuse(p, c, REASON_CLEAR_ON_TLS);
		return;
	}
	do {
		verdict = h1_read_request(p, c, d, &why);
	} while (verdict == STREAM_MORE && client_pull_head(p, c));
	if (verdict == STREAM_MORE) {
		if (c->state == CLIENT_HEAD)
			client_await_head(p, c);
		return;
	}
	p->counters->requests++;
	record_listener(p, c->listener_slot)->requests++;
	if (c->first_byte_ns == 0)
		c->first_byte_ns = p->now_ns;
	if (verdict != STREAM_HEAD) {
		client_refuse(p, c, why);
		return;
	}
	deadline_clear(&c->deadline);
	decide_add(p, c);
}

/* It has no exchange any more: give it time to read what it was sent, and throw away what it
 * sends. */
static void client_leave(struct proxy *p, struct client *c)
{
	c->pending_seen = transport_pending(&c->transport);
	c->pending_ms = LINGER_MS;
	c->unread = false;
	client_arm(p, c, LINGER_MS);
	stream_free(&c->rx, &p->heads);
	client_discard(p, c);
}

void client_close(struct proxy *p, struct client *c)
{
	c->state = CLIENT_CLOSING;
	transport_close(&c->transport);
	c->linger_end_ns = p->now_ns + LINGER_ALL_NS;
	client_leave(p, c);
}

void client_abort(struct proxy *p, struct client *c)
{
	struct exchange *ex = c->exchange;

	if (ex) {
		c->exchange = NULL;
		exchange_end(
			p, ex, ex->reason == REASON_PROXIED ? REASON_CLIENT_CLOSED : ex->reason);
	}
	if (unlikely(c->kind == PEER_TASK)) {
		task_over(p, c);
		return;
	}
	transport_abort(&c->transport);
	client_free(p, c);
}

void client_break(struct proxy *p, struct client *c, enum reason why)
{
	c->exchange->reason = why;
	/* TCP throws away what it has queued when it resets. */
	if (transport_pending(&c->transport) == 0) {
		client_abort(p, c);
		return;
	}
	exchange_end(p, c->exchange, why);
	transport_forget_tls(&c->transport);
	c->state = CLIENT_BREAKING;
	client_leave(p, c);
}

void client_ended(struct proxy *p, struct client *c, enum tcp_end why)
{
	if (c->exchange) {
		struct exchange *ex = c->exchange;

		c->exchange = NULL;
		exchange_end(p, ex,
			why == TCP_END_TIMEOUT ? REASON_CLIENT_TIMEOUT : REASON_CLIENT_CLOSED);
	}
	transport_forget_tls(&c->transport);
	client_free(p, c);
}

void client_answered(struct proxy *p, struct client *c)
{
	c->exchange = NULL;
	if (unlikely(c->kind == PEER_TASK)) {
		task_over(p, c);
		return;
	}
	c->served = true;
	c->first_byte_ns = 0;
	if (!c->keep_alive || p->draining || c->leaving) {
		client_close(p, c);
		return;
	}
	c->state = CLIENT_HEAD;
	client_arm(p, c, proxy_settings(p)->idle_timeout_ms);
	/* A pipelined request may be there already, or the client's FIN. */
	if (stream_bytes(&c->rx) == 0)
		client_pull(p, c, UINT32_MAX);
	if (c->state == CLIENT_HEAD &&
		(stream_bytes(&c->rx) > 0 || transport_at_eof(&c->transport)))
		client_ready(p, c);
}

/* Its responses are not read, and it asks for more. */
static void client_unread(struct proxy *p, struct client *c)
{
	if (rate_reads(p, c)) {
		client_wait_reading(p, c);
		return;
	}
	p->config.stats->reason[transport_pending(&c->transport) < c->pending_seen
					? REASON_SEND_RATE
					: REASON_CLIENT_TIMEOUT]++;
	client_abort(p, c);
}

/* A slow reader of the last response, or of one that broke off, has the send timeout for each part
 * of it, as before our FIN, and once it has all of it the time to close. A stop does not wait for
 * one that takes nothing. @return false when its time is over */
static bool client_lingers_on(struct proxy *p, struct client *c)
{
	uint32_t pending = transport_pending(&c->transport), ms = LINGER_MS;
	uint32_t limit_ms = p->draining ? 0 : proxy_settings(p)->send_timeout_ms;
	bool unread = c->unread;

	c->unread = pending > 0;
	if (pending == 0 && !unread)
		return false;
	if (pending == 0 || rate_reads(p, c)) {
		c->pending_seen = pending;
		c->pending_ms = LINGER_MS;
	} else if (c->pending_ms < limit_ms) {
		ms = RTE_MIN(ms, limit_ms - c->pending_ms);
		c->pending_ms += ms;
	} else {
		return false;
	}
	client_arm(p, c, ms);
	return true;
}

void client_due(struct proxy *p, struct client *c)
{
	switch ((enum client_state)c->state) {
	case CLIENT_CLOSING:
		if (client_lingers_on(p, c))
			return;
		p->counters->linger_resets++;
		client_abort(p, c);
		return;
	case CLIENT_BREAKING:
		if (!client_lingers_on(p, c))
			client_abort(p, c);
		return;
	case CLIENT_HANDSHAKE:
		record_handshake_failed(p, c);
		client_abort(p, c);
		return;
	case CLIENT_HEAD:
		if (c->no_room)
			client_unread(p, c);
		else if (c->first_byte_ns)
			client_refuse(p, c, REASON_HEAD_TIMEOUT);
		else
			client_close(p, c);
		return;
	case CLIENT_DECIDE:
		return;
	case CLIENT_EXCHANGE:
		wait_due(p, c->exchange);
		return;
	}
}
