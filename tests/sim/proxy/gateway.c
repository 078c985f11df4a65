/* SPDX-License-Identifier: Apache-2.0 */
/* The worker under test, see gateway.h. The linker leads proxy_create() here, so that it can be
 * looked into. */
#include "tests/sim/proxy/gateway.h"

#include <unistd.h>

#include "dataplane/tcp/tcp_priv.h"
#include "tests/sim/proxy/asker.h"
#include "tests/sim/proxy/ledger.h"
#include "tests/sim/proxy/link.h"

#define PORTS_COUNT 2
#define EVENTS      1024
#define NAP_NS      UINT64_C(200000000) /* the longest time without a turn: neighbours age */
#define HOG_LEAVES  30                  /* mbufs */

static struct proxy *made;

struct proxy *__real_proxy_create(const struct proxy_config *config, uint64_t now_ns);
struct proxy *__wrap_proxy_create(const struct proxy_config *config, uint64_t now_ns);

struct proxy *__wrap_proxy_create(const struct proxy_config *config, uint64_t now_ns)
{
	return made = __real_proxy_create(config, now_ns);
}

static void net_fill(struct sim *s, struct net_config *net)
{
	static const char *const addresses[PORTS_COUNT] = { "10.0.0.1", "10.0.1.1" };

	*net = (struct net_config){
		.port_count = PORTS_COUNT, .neighbour_limit = 64, .neighbour_queue_limit = 64
	};
	for (unsigned i = 0; i < PORTS_COUNT; i++) {
		struct net_port_config *port = &net->ports[i];

		link_port_init(&s->gateway.ports[i], (enum sim_port)i, (uint16_t)s->o.mtu,
			s->o.linear != 0);
		port->port = &s->gateway.ports[i];
		port->address_count = 1;
		ip_parse((struct str){ addresses[i], (uint32_t)strlen(addresses[i]) },
			&port->addresses[0].addr);
		port->addresses[0].prefix_len = 24;
	}
}

static bool segments_make(struct sim_gateway *g)
{
	static const struct stats_shape shape = {
		.ports = PORTS_COUNT, .listeners = 16, .apis = 16, .endpoints = 32
	};

	return stats_create(0, &shape, 1, &g->stats) == 0 &&
	       event_ring_create(0, EVENTS, 1, &g->events) == 0 &&
	       event_ring_open(dup(g->events.segment.fd), &g->reader) == 0;
}

bool gateway_init(struct sim *s, struct rte_mempool *pool, unsigned pool_index)
{
	struct sim_gateway *g = &s->gateway;
	struct worker_config config = { .count = 1,
		.pool = pool,
		.stats = &g->stats,
		.events = &g->events,
		.shared = &g->shared,
		.seed = s->o.seed };

	g->pool = pool;
	g->generation = (uint32_t)(s->o.seed % GENERATIONS_FIRST);
	generations_reset();
	config.tcp = (struct tcp_config){ .connection_limit = 512,
		.syn_limit = 64,
		.rcv_buf_bytes = (uint32_t)s->o.buffer,
		.snd_buf_bytes = (uint32_t)s->o.buffer,
		.rto_min_ms = 200,
		.time_wait_ms = 1000,
		.keepalive_ms = 8000,
		.connect_timeout_ms = 10000 };
	config.proxy = (struct proxy_config){ .client_limit = (uint32_t)s->o.client_limit,
		.exchange_limit = (uint32_t)s->o.exchange_limit,
		.upstream_limit = (uint32_t)s->o.upstream_limit,
		.endpoint_slots = 32 };
	asker_init(s, &config.proxy);
	net_fill(s, &config.net);
	if (!segments_make(g))
		return false;
	atomic_store(&g->shared.tables, generation_tables(g->generation, pool_index, pool));
	g->worker = worker_create(&config, s->now_ns);
	g->proxy = made;
	return g->worker != NULL;
}

void gateway_fini(struct sim *s)
{
	struct sim_gateway *g = &s->gateway;

	gateway_hog(s, 0);
	worker_destroy(g->worker);
	stats_close(&g->stats);
	event_ring_close(&g->events);
	event_ring_close(&g->reader);
}

/* When a deadline is looked at: at the tick behind it. */
static uint64_t deadline_next(const struct deadline *d)
{
	return d->when_ns ? (d->when_ns / DEADLINE_TICK_NS + 2) * DEADLINE_TICK_NS : UINT64_MAX;
}

static uint64_t gateway_next(const struct sim *s)
{
	const struct proxy *p = s->gateway.proxy;
	uint64_t next = RTE_MIN(s->now_ns + NAP_NS, tcp_next_timer(p->tcp));
	const struct client *c;
	const struct upstream *u;

	LIST_FOREACH (c, &p->all, all_entry) {
		next = RTE_MIN(next, deadline_next(&c->deadline));
		if (c->exchange && c->exchange->attempt.upstream)
			next = RTE_MIN(
				next, deadline_next(&c->exchange->attempt.upstream->deadline));
	}
	for (uint32_t i = 0; i < p->config.endpoint_slots; i++)
		for (u = upstream_first_idle(p, i); u; u = upstream_next_idle(u))
			next = RTE_MIN(next, deadline_next(&u->deadline));
	if (p->pressure.rate)
		next = RTE_MIN(next, p->pressure.look_ns);
	if (!TAILQ_EMPTY(&p->ready))
		next = s->now_ns;
	return next;
}

/* The worker is about to set the counters of listeners that are gone back to zero. */
static void gateway_note_gone(struct sim_gateway *g)
{
	const struct tables *before = g->proxy->tables;

	if (!before || before == atomic_load(&g->shared.tables))
		return;
	for (uint32_t i = 0; i < g->stats.shape.listeners; i++)
		if (tables_slot_ended(before->next, SLOT_LISTENER, i))
			g->gone_requests += g->stats.listener[i].requests;
}

uint64_t gateway_turn(struct sim *s)
{
	struct sim_gateway *g = &s->gateway;
	uint64_t next;

	gateway_note_gone(g);
	if (g->hog_count && s->now_ns >= g->hog_until_ns)
		gateway_hog(s, 0);
	worker_turn(g->worker, s->now_ns, SIM_WALL_S + (s->now_ns - SIM_START_NS) / 1000000000);
	next = RTE_MIN(link_next(PORT_OUTSIDE), link_next(PORT_INSIDE));
	next = RTE_MIN(next, gateway_next(s));
	next = RTE_MIN(next, asker_next(s));
	if (g->hog_count)
		next = RTE_MIN(next, g->hog_until_ns);
	return next;
}

void gateway_apply(struct sim *s)
{
	struct sim_gateway *g = &s->gateway;

	if (g->generation + 1 == GENERATIONS)
		return;
	whole_apply(s);
	s->ledger->applied_ns = s->now_ns;
	g->generation++;
	atomic_store(&g->shared.tables,
		generation_tables(g->generation, (unsigned)s->o.pool % SIM_POOLS, g->pool));
	sim_trace(s, "generation %u", g->generation + 1);
}

void gateway_drain(struct sim *s)
{
	s->gateway.drained = true;
	atomic_store(&s->gateway.shared.stop, WORKER_DRAIN);
	sim_trace(s, "drain");
}

void gateway_hog(struct sim *s, uint64_t until_ns)
{
	struct sim_gateway *g = &s->gateway;
	uint32_t n = rte_mempool_avail_count(g->pool);

	if (until_ns == 0) {
		rte_pktmbuf_free_bulk(g->hog, g->hog_count);
		g->hog_count = 0;
		return;
	}
	if (g->hog_count || n <= HOG_LEAVES)
		return;
	n = RTE_MIN(n - HOG_LEAVES, (uint32_t)SIM_HOG);
	g->hog_until_ns = until_ns;
	if (rte_pktmbuf_alloc_bulk(g->pool, g->hog, n) == 0)
		g->hog_count = n;
}

const char *gateway_rest(const struct sim *s)
{
	const struct proxy *p = s->gateway.proxy;

	if (p->clients.used)
		return "the gateway still has a client";
	if (p->exchanges.used)
		return "the gateway still has an exchange";
	if (p->upstreams.used)
		return "the gateway still has a backend connection";
	if (p->tickets.used)
		return "the gateway still has a request that waits";
	if (p->heads.used)
		return "the gateway still has a buffer for a head";
	if (p->tcp->conn_count)
		return "the gateway's TCP still has a connection";
	return NULL;
}

const char *gateway_check(const struct sim *s)
{
	const struct proxy *p = s->gateway.proxy;
	const char *why = worker_fault(s->gateway.worker);
	uint32_t clients = 0, upstreams = 0, exchanges = 0;
	const struct client *c;
	const struct upstream *u;

	LIST_FOREACH (c, &p->all, all_entry) {
		const struct exchange *ex = c->exchange;

		clients++;
		if (!ex)
			continue;
		exchanges++;
		upstreams += ex->attempt.upstream != NULL;
		if (ex->client != c ||
			(ex->attempt.upstream && ex->attempt.upstream->exchange != ex))
			why = "a client, an exchange or a backend connection is of another";
	}
	for (uint32_t i = 0; i < p->config.endpoint_slots; i++)
		for (u = upstream_first_idle(p, i); u; u = upstream_next_idle(u)) {
			upstreams++;
			if (u->exchange)
				why = "an idle backend connection has an exchange";
		}
	/* A probe of an endpoint is in no list while it connects. */
	if (clients != p->clients.used || exchanges != p->exchanges.used ||
		upstreams > p->upstreams.used ||
		p->counters->backend_connections != p->upstreams.used)
		why = "a client, an exchange or a backend connection is lost";
	return why;
}
