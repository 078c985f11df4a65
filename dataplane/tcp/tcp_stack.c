/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of one worker: its memory, listeners, secrets and clock. All blocks are carved out of
 * one allocation at start, so that what a worker needs is known before it runs and nothing is
 * allocated afterwards but mbufs.
 */
#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "dataplane/tcp/tcp_priv.h"

#define TIME_WAIT_MIN   1024u
#define REC_EXTRA_EACH  8u /* records per connection beyond the first, shared by all */
#define REC_EXTRA_MIN   4096u
#define REC_EXTRA_MAX   (1u << 20)
#define CONNECTIONS_MAX (1u << 28) /* what a flow reference can name */
#define BLOCK_ALIGN     64

struct layout {
	uint64_t stack, conns, cold, flow, wheel, ready, output, recs, syns, shed, tws, total;
	uint32_t rec_count, tw_limit, flow_limit;
};

static uint64_t stack_carve(struct layout *l, uint64_t bytes)
{
	uint64_t at = l->total;

	l->total += RTE_ALIGN_CEIL(bytes, BLOCK_ALIGN);
	return at;
}

static uint32_t stack_clamp(uint64_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : (uint32_t)v;
}

static void layout_plan(const struct tcp_config *config, struct layout *l)
{
	uint64_t n = config->connection_limit;

	memset(l, 0, sizeof(*l));
	l->rec_count = (uint32_t)n + stack_clamp(n * REC_EXTRA_EACH, REC_EXTRA_MIN, REC_EXTRA_MAX);
	l->tw_limit = stack_clamp(n, TIME_WAIT_MIN, CONNECTIONS_MAX);
	l->flow_limit = (uint32_t)n + config->syn_limit + l->tw_limit;
	l->stack = stack_carve(l, sizeof(struct tcp_stack));
	l->conns = stack_carve(l, n * sizeof(struct tcp_conn));
	l->cold = stack_carve(l, n * sizeof(struct tcp_cold));
	l->flow = stack_carve(l, tcp_flow_bytes(l->flow_limit));
	l->wheel = stack_carve(l, tcp_wheel_bytes());
	l->ready = stack_carve(l, n * sizeof(uint32_t));
	l->output = stack_carve(l, n * sizeof(uint32_t));
	l->recs = stack_carve(l, l->rec_count * sizeof(struct tcp_rec));
	l->syns = stack_carve(l, (uint64_t)config->syn_limit * sizeof(struct tcp_syn));
	l->shed = stack_carve(l, tcp_shed_bytes(config->syn_limit));
	l->tws = stack_carve(l, (uint64_t)l->tw_limit * sizeof(struct tcp_tw));
}

static bool config_valid(const struct tcp_config *config)
{
	return config->connection_limit > 0 && config->connection_limit <= CONNECTIONS_MAX &&
	       config->syn_limit <= CONNECTIONS_MAX && config->worker_count > 0 &&
	       config->worker_index < config->worker_count && config->rcv_buf_bytes > 0 &&
	       config->rcv_buf_bytes <= 1u << 30 && config->snd_buf_bytes > 0 &&
	       config->snd_buf_bytes <= 1u << 30 && config->pool != NULL &&
	       rte_pktmbuf_priv_size(config->pool) >= NET_META_BYTES &&
	       rte_pktmbuf_data_room_size(config->pool) >= RTE_PKTMBUF_HEADROOM + 1024;
}

uint64_t tcp_stack_bytes(const struct tcp_config *config)
{
	struct layout l;

	layout_plan(config, &l);
	return l.total;
}

static void secrets_init(struct tcp_stack *s, void *flow_memory, uint32_t flow_limit)
{
	uint64_t key[5];

	memcpy(&s->key, s->config.secret, sizeof(s->key));
	s->rng = siphash24(&s->key, &s->config.seed, sizeof(s->config.seed)) | 1;
	for (unsigned i = 0; i < RTE_DIM(key); i++) {
		uint64_t input[2] = { i, s->config.seed };

		key[i] = siphash24(&s->key, input, sizeof(input));
	}
	tcp_flow_init(&s->flow, flow_memory, flow_limit, key);
	s->port_cursor = (uint32_t)tcp_random(s);
}

static void config_defaults(struct tcp_config *config)
{
	if (config->rto_min_ms == 0)
		config->rto_min_ms = 200;
	if (config->time_wait_ms == 0)
		config->time_wait_ms = 30000;
	if (config->connect_timeout_ms == 0)
		config->connect_timeout_ms = 10000;
}

static void limits_init(struct tcp_stack *s)
{
	s->pool_low = s->config.pool->size / 4;
	s->pool_shut = s->config.pool->size / 10;
	s->pool_last = s->config.pool->size / 40;
	while (s->config.rcv_buf_bytes >> s->rcv_scale > UINT16_MAX &&
		s->rcv_scale < TCP_WSCALE_MAX)
		s->rcv_scale++;
	s->flight_segs =
		RTE_MAX(s->config.snd_buf_bytes / TCP_MSS_DEFAULT_V4, (uint32_t)TCP_FLIGHT_MIN);
	s->connecting = s->stretched = s->ooo = (struct tcp_fifo){ TCP_NIL, TCP_NIL };
	for (unsigned i = 0; i < RTE_DIM(s->syn_queue); i++)
		s->syn_queue[i] = (struct tcp_fifo){ TCP_NIL, TCP_NIL };
}

struct tcp_stack *tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx)
{
	struct tcp_stack *s;
	struct layout l;
	uint8_t *block;

	if (!config_valid(config)) {
		errno = EINVAL;
		return NULL;
	}
	layout_plan(config, &l);
	block = rte_zmalloc("tcp", l.total, BLOCK_ALIGN);
	if (block == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	s = (struct tcp_stack *)(block + l.stack);
	s->config = *config;
	config_defaults(&s->config);
	s->net = net;
	s->ops = ops;
	s->ctx = ctx;
	s->count = config->counters != NULL ? config->counters : &s->spare;
	s->cc = tcp_cc_find(config->congestion);
	s->conns = (struct tcp_conn *)(block + l.conns);
	s->cold = (struct tcp_cold *)(block + l.cold);
	s->ready = (struct tcp_ring){ (uint32_t *)(block + l.ready), config->connection_limit };
	s->output = (struct tcp_ring){ (uint32_t *)(block + l.output), config->connection_limit };
	s->recs = (struct tcp_rec *)(block + l.recs);
	s->syns = (struct tcp_syn *)(block + l.syns);
	tcp_shed_init(&s->shed, config->syn_limit, block + l.shed);
	s->tws = (struct tcp_tw *)(block + l.tws);
	s->tw_limit = l.tw_limit;
	secrets_init(s, block + l.flow, l.flow_limit);
	tcp_wheel_init(&s->wheel, block + l.wheel, &s->conns[0].node, sizeof(struct tcp_conn));
	s->rec_limit = l.rec_count;
	s->rec_extra = l.rec_count - config->connection_limit;
	tcp_syn_init(s);
	tcp_tw_init(s);
	limits_init(s);
	net_set_ops(net, &tcp_icmp_ops, s);
	return s;
}

void tcp_stack_destroy(struct tcp_stack *s)
{
	static const struct net_ops none;

	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->config.connection_limit; i++) {
		struct tcp_conn *c = &s->conns[i];

		if (c->state == TCP_FREE)
			continue;
		tcp_ooo_free(c);
		tcp_queue_free(c->rq_head);
		tcp_queue_free(c->sq_head);
	}
	net_set_ops(s->net, &none, NULL);
	rte_free(s);
}

void tcp_clock(struct tcp_stack *s, uint64_t now_ns)
{
	/* The wheel begins where the clock does: from 0 it could be more than half of its range. */
	if (unlikely(s->now_ns == 0))
		tcp_wheel_start(&s->wheel, (uint32_t)(now_ns / 1000000));
	s->now_ns = now_ns;
	s->now_us = (uint32_t)(now_ns / 1000);
	s->tick = (uint32_t)(now_ns / 1000000);
}

void tcp_pool_sample(struct tcp_stack *s)
{
	const struct rte_mempool *pool = s->config.pool;
	unsigned lcore = rte_lcore_id();
	uint32_t free = rte_mempool_get_ops(pool->ops_index)->get_count(pool);

	/* This worker's cache counts too; rte_mempool_avail_count() would walk those of all
	 * lcores. */
	if (pool->cache_size > 0 && lcore < RTE_MAX_LCORE)
		free += pool->local_cache[lcore].len;
	s->pool_state = free >= s->pool_low    ? TCP_POOL_FINE
			: free >= s->pool_shut ? TCP_POOL_COPY
			: free >= s->pool_last ? TCP_POOL_SHUT
					       : TCP_POOL_LAST;
}

enum tcp_pool tcp_pool_level(const struct tcp_stack *s)
{
	return s->pool_state;
}

/* An address that a host can have: neither unspecified nor multicast. */
static bool address_usable(const struct ip_addr *addr)
{
	static const struct ip_addr any;

	if (ip_is_v4(addr))
		return addr->bytes[12] != 0 && addr->bytes[12] < 224;
	return !ip_equal(addr, &any) && addr->bytes[0] != 0xff;
}

struct tcp_listener *tcp_listener_find(
	struct tcp_stack *s, const struct ip_addr *addr, uint16_t port)
{
	for (unsigned i = 0; i < TCP_LISTENERS; i++) {
		struct tcp_listener *l = &s->listeners[i];

		if (l->used && l->port == port && ip_equal(&l->addr, addr))
			return l;
	}
	return NULL;
}

int tcp_listen(struct tcp_stack *s, const struct ip_addr *addr, uint16_t port, uint32_t backlog,
	uint32_t id)
{
	if (!address_usable(addr))
		return -EADDRNOTAVAIL;
	if (tcp_listener_find(s, addr, port) != NULL)
		return -EADDRINUSE;
	for (unsigned i = 0; i < TCP_LISTENERS; i++) {
		struct tcp_listener *l = &s->listeners[i];

		if (l->used)
			continue;
		*l = (struct tcp_listener){ .addr = *addr,
			.port = port,
			.gen = (uint16_t)(l->gen + 1),
			.used = true,
			.id = id,
			.backlog = backlog };
		return 0;
	}
	return -ENOSPC;
}

int tcp_set_backlog(
	struct tcp_stack *s, const struct ip_addr *addr, uint16_t port, uint32_t backlog)
{
	struct tcp_listener *l = tcp_listener_find(s, addr, port);

	if (l == NULL)
		return -ENOENT;
	l->backlog = backlog;
	return 0;
}

int tcp_unlisten(struct tcp_stack *s, const struct ip_addr *addr, uint16_t port)
{
	struct tcp_listener *l = tcp_listener_find(s, addr, port);

	if (l == NULL)
		return -ENOENT;
	tcp_syn_purge(s, (uint16_t)(l - s->listeners));
	l->used = false;
	return 0;
}

void tcp_listener_release(struct tcp_stack *s, uint16_t listener, uint16_t gen)
{
	struct tcp_listener *l = &s->listeners[listener];

	if (l->used && l->gen == gen && l->pending > 0)
		l->pending--;
}

uint64_t tcp_tuple_hash(const struct tcp_stack *s, const struct tcp_tuple *t)
{
	return tcp_flow_hash(&s->flow, &t->local, &t->remote, t->local_port, t->remote_port);
}

uint32_t tcp_isn(struct tcp_stack *s, const struct tcp_tuple *tuple)
{
	/* RFC 6528 §3: a clock of 4 microseconds and a secret function of the four-tuple. */
	return (uint32_t)(s->now_ns / 4000) + (uint32_t)siphash24(&s->key, tuple, sizeof(*tuple));
}

uint32_t tcp_ts_offset(struct tcp_stack *s, const struct tcp_tuple *tuple)
{
	/* Of the addresses alone: a new connection between the same hosts goes on with a clock that
	 * does not step back, which is what lets it take the place of one in TIME-WAIT (RFC
	 * 6191). */
	return (uint32_t)(siphash24(&s->key, tuple, 2 * sizeof(struct ip_addr)) >> 32);
}

uint64_t tcp_next_timer(const struct tcp_stack *s)
{
	uint32_t tick = 0, at;
	uint64_t next_ns = UINT64_MAX;
	bool any = tcp_wheel_next(&s->wheel, &tick);

	if (s->ready.count > 0 || s->output.count > 0)
		return s->now_ns;
	if (tcp_syn_next(s, &at) && (!any || seq_lt(at, tick))) {
		tick = at;
		any = true;
	}
	if (tcp_tw_next(s, &at) && (!any || seq_lt(at, tick))) {
		tick = at;
		any = true;
	}
	/* Ticks and microseconds are 32 bits: extend by the distance from now. */
	if (any && seq_le(tick, s->tick))
		return s->now_ns;
	if (any)
		next_ns = (s->now_ns / 1000000 + (tick - s->tick)) * 1000000;
	if (tcp_stretch_next(s, &at))
		next_ns = RTE_MIN(next_ns,
			(s->now_ns / 1000 + (seq_lt(s->now_us, at) ? at - s->now_us : 0)) * 1000);
	return next_ns;
}
