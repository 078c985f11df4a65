/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's frame: its memory, its upcalls from TCP, its generations. */
#include "dataplane/proxy/proxy_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/bytes.h"

/* Heads that span packets are copied together while a burst is decided: one for each of it, one of
 * a request that is sent again, one of a response. */
#define HEAD_BUFFERS (PIPELINE_BURST + 2)

uint64_t proxy_bytes(const struct proxy_config *config)
{
	return sizeof(struct proxy) + backends_bytes(config->endpoint_slots) +
	       checks_bytes(config->endpoint_slots) +
	       (uint64_t)config->client_limit * RTE_CACHE_LINE_ROUNDUP(sizeof(struct client)) +
	       (uint64_t)config->exchange_limit * RTE_CACHE_LINE_ROUNDUP(sizeof(struct exchange)) +
	       (uint64_t)config->upstream_limit * RTE_CACHE_LINE_ROUNDUP(sizeof(struct upstream)) +
	       (uint64_t)HEAD_BUFFERS * STREAM_GATHER_BYTES;
}

struct proxy *proxy_create(const struct proxy_config *config, uint64_t now_ns)
{
	struct proxy *p = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*p), 64));

	if (!p)
		return NULL;
	memset(p, 0, offsetof(struct proxy, decisions));
	p->config = *config;
	p->request_id = config->request_id_base;
	p->now_ns = now_ns;
	p->counters = config->stats->worker;
	for (uint32_t i = 0; i < PIPELINE_BURST; i++)
		p->decisions[i].head = &p->received[i].message;
	p->again.head = &p->again_received.message;
	TAILQ_INIT(&p->ready);
	LIST_INIT(&p->all);
	LIST_INIT(&p->holders);
	deadline_wheel_init(&p->wheel, now_ns);
	p->checks = checks_create(config->endpoint_slots);
	if (!p->checks ||
		backends_init(&p->backends, config->endpoint_slots, config->stats, config->health,
			config->seed) ||
		slab_init(&p->clients, sizeof(struct client), config->client_limit) ||
		slab_init(&p->exchanges, sizeof(struct exchange), config->exchange_limit) ||
		slab_init(&p->upstreams, sizeof(struct upstream), config->upstream_limit) ||
		slab_init(&p->heads, STREAM_GATHER_BYTES, HEAD_BUFFERS) ||
		tickets_init(&p->tickets, config->hooks ? config->wait_limit : 0)) {
		proxy_destroy(p);
		return NULL;
	}
	return p;
}

static void free_upstreams(struct proxy *p)
{
	for (uint32_t i = 0; i < p->upstreams.touched; i++) {
		struct upstream *u = upstream_at(&p->upstreams, i);

		if (!u)
			continue;
		stream_free(&u->rx, &p->heads);
		transport_forget_tls(&u->transport);
	}
}

void proxy_free_session(struct proxy *p, struct client *c)
{
	if (c->exchange) {
		rte_pktmbuf_free(c->exchange->attempt.head);
		if (c->exchange->flags & EX_EDIT_RESPONSE)
			edit_forget(c->exchange);
		if (c->exchange->flags & EX_CORS)
			cors_forget(c->exchange);
		if (c->exchange->flags & EX_KEPT)
			retry_let_go(c->exchange);
	}
	stream_free(&c->rx, &p->heads);
}

void proxy_destroy(struct proxy *p)
{
	struct client *c;

	if (!p)
		return;
	LIST_FOREACH (c, &p->all, all_entry) {
		proxy_free_session(p, c);
		transport_forget_tls(&c->transport);
	}
	checks_destroy(p);
	free_upstreams(p);
	tickets_fini(&p->tickets);
	backends_fini(&p->backends);
	slab_fini(&p->clients);
	slab_fini(&p->exchanges);
	slab_fini(&p->upstreams);
	slab_fini(&p->heads);
	free(p);
}

void proxy_attach(struct proxy *p, struct tcp_stack *tcp)
{
	p->tcp = tcp;
}

static void listener_open(struct proxy *p, const struct snap_listener *l)
{
	tcp_listen(p->tcp, &l->addr, (uint16_t)l->tcp_port, l->backlog, l->slot);
}

static void open_all_listeners(struct proxy *p, const struct tables *first)
{
	uint32_t n;
	const struct snap_listener *l = snap_records(&first->snapshot, SNAP_LISTENERS, &n);

	for (uint32_t i = 0; i < n; i++)
		listener_open(p, &l[i]);
}

/* Stop what the new generation lacks, start what the old one lacked, change what both have. */
static void change_listeners(struct proxy *p, const struct tables *next)
{
	const struct tables_listening *listening = &next->listening;
	uint32_t n;
	const struct snap_listener *was = snap_records(&p->tables->snapshot, SNAP_LISTENERS, &n),
				   *is = snap_records(&next->snapshot, SNAP_LISTENERS, &n), *l;

	for (uint32_t i = 0; i < listening->closed_count; i++) {
		l = &was[listening->closed[i]];
		tcp_unlisten(p->tcp, &l->addr, (uint16_t)l->tcp_port);
	}
	for (uint32_t i = 0; i < listening->opened_count; i++)
		listener_open(p, &is[listening->opened[i]]);
	for (uint32_t i = 0; i < listening->backlog_count; i++) {
		l = &is[listening->backlog[i]];
		tcp_set_backlog(p->tcp, &l->addr, (uint16_t)l->tcp_port, l->backlog);
	}
}

void proxy_set_tables(struct proxy *p, const struct tables *tables, uint64_t now_ns)
{
	const struct snap_settings *settings = snap_settings(&tables->snapshot);
	const struct tables_worker *own = &tables->worker[p->config.worker_index];

	p->now_ns = now_ns;
	if (p->tables) {
		retire_run(p, tables);
		change_listeners(p, tables);
	} else {
		open_all_listeners(p, tables);
	}
	backends_follow(&p->backends, &(struct backends_generation){ .plan = tables->balance,
					      .rounds = own->rounds,
					      .indices = tables->by_slot[SLOT_ENDPOINT],
					      .index_count = tables->slots[SLOT_ENDPOINT] });
	p->scratch = own->scratch;
	p->tables = tables;
	checks_follow(p);
	p->limits = (struct http1_limits){ settings->head_bytes_max, settings->target_bytes_max,
		settings->fields_max };
	/* A backend is trusted with more than a client, within the same buffers. */
	p->response_limits = (struct http1_limits){ HTTP1_MAX_HEAD_BYTES, 0, HTTP_MAX_FIELDS };
	p->counters->generation = tables->snapshot.generation;
}

void proxy_begin(struct proxy *p, uint64_t now_ns, uint64_t wall_s)
{
	p->now_ns = now_ns;
	p->wall_s = wall_s;
}

void proxy_run(struct proxy *p)
{
	if (unlikely(p->config.hooks))
		suspend_answers(p);
	/* Each round answers at most one request of each connection; what a flood of pipelined
	 * requests leaves over waits for the next loop. */
	for (unsigned round = 0; round < ROUNDS_MAX && !TAILQ_EMPTY(&p->ready); round++) {
		struct client *last = TAILQ_LAST(&p->ready, ready_list), *c;

		do {
			c = TAILQ_FIRST(&p->ready);
			TAILQ_REMOVE(&p->ready, c, ready_entry);
			c->ready = false;
			client_advance(p, c);
		} while (c != last && !TAILQ_EMPTY(&p->ready));
		decide_run(p);
	}
}

static void due(void *ctx, struct deadline *d)
{
	struct proxy *p = ctx;
	struct client *c = RTE_PTR_SUB(d, offsetof(struct client, deadline));

	if (d->kind == PEER_CLIENT)
		client_due(p, c);
	else if (d->kind == PEER_TASK)
		checks_due(p, c);
	else
		upstream_due(p, RTE_PTR_SUB(d, offsetof(struct upstream, deadline)));
}

void proxy_timers(struct proxy *p)
{
	deadline_run(&p->wheel, p->now_ns, due, p);
	upstream_probes(p);
	checks_run(p);
	pressure_run(p);
}

void proxy_drain(struct proxy *p)
{
	uint32_t n;
	const struct snap_listener *l;
	struct client *c, *next;

	p->draining = true;
	if (!p->tables)
		return;
	l = snap_records(&p->tables->snapshot, SNAP_LISTENERS, &n);
	for (uint32_t i = 0; i < n; i++)
		tcp_unlisten(p->tcp, &l[i].addr, (uint16_t)l[i].tcp_port);
	for (c = LIST_FIRST(&p->all); c; c = next) {
		next = LIST_NEXT(c, all_entry);
		if (c->state == CLIENT_HEAD && !stream_head_begun(&c->rx))
			client_close(p, c);
	}
	checks_stop(p);
	tunnel_end_all(p);
	upstream_pools_close(p);
}

uint32_t proxy_clients(const struct proxy *p)
{
	return p->client_count;
}

const char *proxy_fault(const struct proxy *p)
{
	const struct client *c;
	uint32_t waiting = 0;

	LIST_FOREACH (c, &p->all, all_entry) {
		const char *fault = wait_fault(p, c);

		if (fault)
			return fault;
		waiting += c->exchange && (c->exchange->flags & EX_WAITING);
	}
	for (uint32_t slot = 0; slot < p->config.endpoint_slots; slot++) {
		const struct upstream *u = upstream_first_idle(p, slot);

		for (; u; u = upstream_next_idle(u))
			if (u->deadline.when_ns == 0)
				return "a pooled connection has no deadline";
	}
	return waiting == p->tickets.used ? checks_fault(p) : "a ticket has no request that waits";
}

static void *on_accepted(void *ctx, struct tcp_conn *c, uint32_t listener_id)
{
	return client_accepted(ctx, c, listener_id);
}

static void on_connected(void *ctx, struct tcp_conn *c, void *user)
{
	upstream_connected(ctx, user);
}

/* Users are NULL once a connection was let go: TCP ends it alone. */
static void on_readable(void *ctx, struct tcp_conn *c, void *user)
{
	const uint8_t *kind = user;

	if (kind && *kind == PEER_CLIENT)
		client_readable(ctx, user);
	else if (kind)
		upstream_readable(ctx, user);
}

static void on_writable(void *ctx, struct tcp_conn *c, void *user)
{
	const uint8_t *kind = user;

	if (kind && *kind == PEER_CLIENT)
		client_writable(ctx, user);
	else if (kind)
		upstream_writable(ctx, user);
}

static void on_ended(void *ctx, struct tcp_conn *c, void *user, enum tcp_end why)
{
	const uint8_t *kind = user;

	if (kind && *kind == PEER_CLIENT)
		client_ended(ctx, user, why);
	else if (kind)
		upstream_ended(ctx, user, why);
}

/* An answer goes from the backend's connection by its exchange and client to the client's
 * connection, and is counted in the caller's usage line: each is named by the one before, and since
 * the request none was touched. */
static void on_ahead(void *ctx, void *user, uint32_t left)
{
	const struct proxy *p = ctx;
	const struct upstream *u = user;
	const struct exchange *ex;

	if (u->kind == PEER_CLIENT || !u->exchange)
		return;
	ex = u->exchange;
	if (left == 3) {
		bytes_fetch(ex, EXCHANGE_HOT_BYTES);
	} else if (left == 2) {
		bytes_fetch(ex->client, CLIENT_HOT_BYTES);
		if (ex->consumer_slot != SNAP_NONE)
			__builtin_prefetch(&p->tables->usage->lines[ex->consumer_slot], 1);
	} else {
		transport_fetch(&ex->client->transport);
		bytes_fetch(ex->client->rx.chain.head, sizeof(struct rte_mbuf));
	}
}

const struct tcp_ops proxy_tcp_ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.ended = on_ended,
	.ahead = on_ahead,
};
