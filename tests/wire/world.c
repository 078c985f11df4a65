/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, turns and stops the world of a script, see world.h. Frames are judged between turns,
 * never from within one: a script that fails must not leave the worker in the middle of its loop.
 */
#include "tests/wire/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dataplane/net/owner.h"
#include "tests/wire/kept.h"
#include "tests/wire/peers.h"
#include "tests/wire/six.h"
#include "tests/wire/spread.h"
#include "tests/wire/tcp/watch.h"

#define TURNS_MAX      20000 /* at one moment: more is a storm */
#define WIND_DOWN_NS   (UINT64_C(900) * 1000000000)
#define WIND_FINE_NS   (UINT64_C(5) * 1000000000) /* in steps of 50 ms, then of 500 */
#define WIND_STEP_NS   (UINT64_C(50) * 1000000)
#define WIND_HASTY_NS  (UINT64_C(16) * 1000000000)  /* the longest step of a hasty world */
#define WIND_PROBES_NS (UINT64_C(120) * 1000000000) /* more than the longest connect timeout */
#define HASTY_NS       (UINT64_C(256) * 1000000)    /* the same while peers may speak */
#define IDLE_CHECKS    16
#define POOL_SIZES     8
#define USAGE_LINES    64

static struct world *running;
static struct {
	struct rte_mempool *pool;
} pools[POOL_SIZES];

/* FNV-1a. */
static uint64_t digest_add(uint64_t digest, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		digest = (digest ^ data[i]) * UINT64_C(0x100000001b3);
	return digest;
}

static void take_frame(uint8_t port, const uint8_t *data, uint32_t len)
{
	struct seen *s = wire_alloc(sizeof(*s)), **last = &running->fresh;
	const char *why;

	if (port == KERNEL_PORT) {
		memcpy(running->handed.data, data, len);
		running->handed.len = len;
		running->handed_count++;
		return;
	}
	if (running->digest)
		*running->digest = digest_add(*running->digest, data, len);
	why = seen_read(s, data, len, fake_ports[port].port.mtu);
	s->port = port;
	s->time_ns = running->now_ns;
	if (why && !fake_ports[port].broken)
		fake_ports[port].broken = wire_text("a frame is wrong: %s", why);
	while (*last)
		last = &(*last)->next;
	*last = s;
}

void world_init(struct world *w)
{
	bool six = w->six;

	memset(w, 0, offsetof(struct world, config));
	w->sent.len = w->handed.len = 0;
	w->six = six;
	w->now_ns = WORLD_START_NS;
	six_init(w->six);
	hosts_init(&w->net);
	config_begin(&w->config, &w->net);
}

static struct rte_mempool *pool_of(uint32_t size)
{
	char name[32];

	for (unsigned i = 0; i < POOL_SIZES; i++) {
		if (pools[i].pool && pools[i].pool->size == size)
			return pools[i].pool;
		if (pools[i].pool)
			continue;
		snprintf(name, sizeof(name), "wire%u", size);
		pools[i].pool = rte_pktmbuf_pool_create(
			name, size, 0, NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		if (!pools[i].pool)
			wire_fail("no memory for a pool of %u mbufs", size);
		return pools[i].pool;
	}
	wire_fail("more than %d sizes of pools", POOL_SIZES);
}

static bool all_took(struct world *w)
{
	for (uint32_t i = 0; i < w->workers; i++) {
		worker_turn(w->at[i].worker, w->now_ns, world_wall_s(w));
		if (worker_generation(w->at[i].worker) != w->generation)
			return false;
	}
	return true;
}

static struct usage *usage_of(struct world *w)
{
	return w->kept ? &w->kept->usage : &w->usage;
}

/* Of all worlds of the process, as tables are kept from one to the next. */
static struct budget *budget(void)
{
	static struct budget *made;

	if (!made)
		made = budget_create(WORLD_WORKERS);
	return made;
}

/* The next generation. */
static void build(struct world *w, struct snapshot *snapshot, struct secrets *secrets)
{
	const struct snapshot *previous = w->tables ? &w->tables->snapshot : NULL;

	w->generation++;
	if (w->kept)
		kept_build(w, previous, snapshot, secrets);
	else
		config_build(&w->config, previous, w->generation, snapshot, secrets);
}

static void make_tables(struct world *w)
{
	static const struct tls_tickets tickets;
	struct rte_mempool *one_for_all[WORLD_WORKERS] = { w->pool, w->pool, w->pool };
	struct tables_config config = { .worker_count = w->workers,
		.pools = one_for_all,
		.tickets = &tickets,
		.usage = usage_of(w),
		.budget = budget() };
	struct snapshot snapshot;
	struct secrets secrets;
	char why[512] = "";
	struct tables *next;

	if (!w->tables && w->kept && w->kept->tables) {
		w->generation = 1;
		w->tables = w->kept->tables;
		w->kept->tables = NULL;
		atomic_store(&w->shared->tables, w->tables);
		return;
	}
	build(w, &snapshot, &secrets);
	next = tables_create(&config, &snapshot, &secrets, w->tables, why, sizeof(why));
	if (!w->kept)
		secrets_close(&secrets);
	if (!next) {
		snapshot_close(&snapshot);
		wire_fail("the tables were not made: %s", why);
	}
	atomic_store(&w->shared->tables, next);
	if (w->at[0].worker) {
		if (!all_took(w)) {
			atomic_store(&w->shared->tables, w->tables);
			tables_destroy(next);
			wire_fail("the worker did not take generation %lu", w->generation);
		}
		tables_destroy(w->tables);
	}
	w->tables = next;
}

static void make_steering(struct world *w)
{
	if (w->workers == 1)
		return;
	w->mesh = steer_mesh_create(w->workers);
	if (!w->mesh)
		wire_fail("no memory for the mesh");
	for (unsigned i = 0; w->config.reta_size && i < PORTS; i++) {
		spread_init(&fake_ports[i].port.rss, (uint16_t)w->config.reta_size,
			(uint16_t)w->workers);
		w->rss[i] = owner_rss_create(&fake_ports[i].port.rss, w->workers);
		if (!w->rss[i])
			wire_fail("no RSS with %u slots", w->config.reta_size);
	}
}

static void make_worker(struct world *w, uint32_t index, struct worker_config *config)
{
	struct world_worker *at = &w->at[index];

	config->index = index;
	config->stats = &at->stats;
	config->events = &at->events;
	config->seed = WORLD_SEED + index;
	config->asks = index == 0 && w->config.asks ? &w->asks : NULL;
	config->ask_bell = -1;
	at->worker = worker_create(config, w->now_ns);
	if (!at->worker)
		wire_fail("worker %u was not made", index);
}

/* @param usage  may be of the world before */
static void make_usage(struct usage *usage)
{
	if (usage->lines)
		memset(usage->lines, 0, usage->capacity * sizeof(*usage->lines));
	else if (usage_create(USAGE_LINES, 1, usage))
		wire_fail("no shared memory");
}

static struct worker_shared *own_shared(struct world *w)
{
	memset(&w->own_shared, 0, sizeof(w->own_shared));
	return &w->own_shared;
}

void world_start(struct world *w)
{
	struct worker_config config = { .tcp = w->config.tcp, .proxy = w->config.proxy };

	w->started = true;
	running = w;
	fake_ports_init();
	fake_ports_on_frame(take_frame);
	w->pool = pool_of(w->config.pool);
	w->workers = w->config.workers;
	w->shared = w->kept ? kept_shared(w->kept) : own_shared(w);
	w->queue_rule = w->config.reta_size ? QUEUE_RSS : w->queue_rule;
	make_usage(usage_of(w));
	budget_reset(budget());
	for (uint32_t i = 0; i < w->workers; i++)
		if (!(w->kept ? kept_segments(w) : segments_make(&w->at[i], i, w->config.events)))
			wire_fail("no shared memory");
	if (w->config.asks && (ask_ring_create(0, WORLD_ASKED, 1, &w->asks) ||
				      ask_ring_open(dup(w->asks.segment.fd), &w->control)))
		wire_fail("no shared memory");
	make_tables(w);
	make_steering(w);
	world_fill_net(w, &config.net);
	config.proxy.endpoint_slots = 32;
	config.pool = w->pool;
	config.shared = w->shared;
	config.count = w->workers;
	config.mesh = w->mesh;
	for (uint32_t i = 0; i < w->workers; i++)
		make_worker(w, i, &config);
	world_settle(w);
}

static void trace(struct world *w, const struct seen *s, const struct flow *flow, bool from_peer)
{
	const char *line;

	if (w->untraced)
		return;
	line = wire_text("%10.6f  %s", (double)(s->time_ns - WORLD_START_NS) / 1e9,
		seen_show(s, flow, from_peer));

	w->trace[w->trace_count++ % WORLD_TRACE] = line;
	if (w->verbose)
		printf("# %s\n", line);
}

char *world_trace(const struct world *w)
{
	uint32_t first = w->trace_count > WORLD_TRACE ? w->trace_count - WORLD_TRACE : 0;
	struct bytes out = { 0 };

	for (uint32_t i = first; i < w->trace_count; i++) {
		const char *line = w->trace[i % WORLD_TRACE];

		bytes_put(&out, "    ", 4);
		bytes_put(&out, line, (uint32_t)strlen(line));
		bytes_put(&out, "\n", 1);
	}
	bytes_put(&out, "", 1);
	return (char *)out.data;
}

static uint16_t queue_for(const struct world *w, uint8_t port, const struct frame *f)
{
	uint16_t right;

	if (w->queue_rule < w->workers)
		return (uint16_t)w->queue_rule;
	right = spread_queue(&fake_ports[port].port.rss, f->data, f->len);
	return (uint16_t)((right + (w->queue_rule == QUEUE_WRONG)) % w->workers);
}

void world_inject(struct world *w, uint8_t port, const struct frame *f, const struct flow *flow)
{
	struct seen s = { 0 };

	seen_read(&s, f->data, f->len, UINT32_MAX);
	s.time_ns = w->now_ns;
	trace(w, &s, s.kind == PACKET_TCP ? flow : NULL, true);
	w->sent.len = f->len;
	memcpy(w->sent.data, f->data, f->len);
	if (!fake_port_receive(port, queue_for(w, port, f), w->pool, f->data, f->len))
		wire_fail("the gateway's pool or receive queue is exhausted");
}

static void answer_arp(struct world *w, const struct seen *s)
{
	struct host *host = host_by_ip(&w->net, s->dst);
	struct flow flow = { .host = host };
	struct packet reply = { .kind = PACKET_ARP };
	struct frame f;

	if (s->op != 1 || !host || host->no_arp || host->port != s->port || w->quiet)
		return;
	packet_set(&reply, F_OP, 2);
	packet_set(&reply, F_TPA, s->src);
	packet_build(&reply, &flow, s->src_mac, s->src, &f);
	world_inject(w, s->port, &f, NULL);
}

/* The same for IPv6. Advertisements that nobody asked for are only for scripts that want them. */
static void answer_ndp(struct world *w, const struct seen *s)
{
	struct host *host = host_by_ip(&w->net, s->target);
	struct flow flow = { .host = host };
	struct packet reply = { .kind = PACKET_NDP };
	struct frame f;

	if (s->op != 1 || !host || host->no_arp || host->port != s->port || w->quiet)
		return;
	packet_set(&reply, F_OP, 2);
	packet_set(&reply, F_TO, s->src);
	packet_build(&reply, &flow, s->src_mac, s->src, &f);
	world_inject(w, s->port, &f, NULL);
}

static void enqueue(struct world *w, struct seen *s)
{
	struct seen **last = &w->queue[s->port];

	while (*last)
		last = &(*last)->next;
	*last = s;
}

static void deliver(struct world *w, struct seen *s)
{
	struct host *host =
		s->kind == PACKET_ARP || s->kind == PACKET_NDP ? NULL : host_by_ip(&w->net, s->dst);
	struct flow *flow = NULL;

	if (s->kind == PACKET_TCP)
		flow = flow_find(&w->net, s->src, s->sport, s->dst, s->dport);
	if (flow && (s->flags & 0x02)) {
		flow->sut_isn = s->seq;
		flow->sut_isn_known = true;
	}
	trace(w, s, flow, false);
	if (w->quiet)
		return;
	if (s->alert && !w->config.mld)
		return;
	if (s->kind == PACKET_ARP && !w->arp_manual)
		answer_arp(w, s);
	else if (s->kind == PACKET_NDP && !w->arp_manual)
		answer_ndp(w, s);
	else if (s->kind == PACKET_TCP && host && !host->raw)
		peers_frame(w, s, host, flow);
	else
		enqueue(w, s);
}

static void check_contract(struct world *w)
{
	const char *why = watch_check();

	for (unsigned i = 0; i < PORTS; i++)
		if (fake_ports[i].broken)
			why = fake_ports[i].broken;
	for (uint32_t i = 0; i < w->workers && !why; i++)
		why = worker_fault(w->at[i].worker);
	if (why)
		wire_fail("the gateway broke a rule: %s", why);
}

/* One turn. @return false when nothing happened in it */
static bool turn(struct world *w)
{
	bool busy = fake_ports_waiting() > 0;
	struct seen *s, *next;

	for (uint32_t i = 0; i < w->workers; i++)
		if (w->stalled != i + 1)
			worker_turn(w->at[i].worker, w->now_ns, world_wall_s(w));
	s = w->fresh;
	w->fresh = NULL;
	busy |= s != NULL;
	for (; s; s = next) {
		next = s->next;
		s->next = NULL;
		deliver(w, s);
	}
	/* The stack's check walks every control block: now and then is enough where nothing
	 * happens. */
	if (busy || w->turns++ % IDLE_CHECKS == 0)
		check_contract(w);
	return busy || fake_ports_waiting() > 0;
}

void world_settle(struct world *w)
{
	unsigned idle = 0;

	for (unsigned i = 0; idle < (w->hasty ? 1 : 2); i++) {
		if (i == TURNS_MAX)
			wire_fail("%d turns at one moment and packets still flow", TURNS_MAX);
		idle = turn(w) ? 0 : idle + 1;
	}
}

bool world_advance_until(
	struct world *w, uint64_t ns, bool (*done)(struct world *w, void *ctx), void *ctx)
{
	uint64_t end = w->now_ns + ns, step = WORLD_TICK_NS;

	if (done && done(w, ctx))
		return true;
	while (w->now_ns < end) {
		uint64_t next = w->now_ns - w->now_ns % WORLD_TICK_NS + step;

		w->now_ns = RTE_MIN(next, end);
		step = w->hasty ? RTE_MIN(2 * step, HASTY_NS) : WORLD_TICK_NS;
		if (turn(w)) {
			world_settle(w);
			step = WORLD_TICK_NS;
		}
		if (done && done(w, ctx))
			return true;
	}
	return false;
}

void world_advance(struct world *w, uint64_t ns)
{
	world_advance_until(w, ns, NULL, NULL);
}

void world_apply(struct world *w)
{
	make_tables(w);
	world_settle(w);
}

void world_hold(struct world *w, uint32_t leave)
{
	uint32_t avail = rte_mempool_avail_count(w->pool), n;

	if (leave && avail > leave) {
		n = RTE_MIN(avail - leave, (uint32_t)RTE_DIM(w->held) - w->held_count);
		if (rte_pktmbuf_alloc_bulk(w->pool, w->held + w->held_count, n) == 0)
			w->held_count += n;
		return;
	}
	n = leave ? RTE_MIN(leave - avail, w->held_count) : w->held_count;
	w->held_count -= n;
	rte_pktmbuf_free_bulk(w->held + w->held_count, n);
}

/* What must be 0 once everybody has gone. */
static const char *left_of(const struct stats *stats)
{
	const struct stats_worker *worker = stats->worker;

	if (worker->client_connections)
		return wire_text("%lu client connections", worker->client_connections);
	if (worker->backend_connections || worker->backend_idle)
		return wire_text("%lu backend connections, %lu of them idle",
			worker->backend_connections, worker->backend_idle);
	for (uint32_t i = 0; i < stats->shape.listeners; i++)
		if (stats->listener[i].open)
			return wire_text("listener[%u].open = %lu", i, stats->listener[i].open);
	for (uint32_t i = 0; i < stats->shape.endpoints; i++)
		if (stats->endpoint[i].open || stats->endpoint[i].active)
			return wire_text("endpoint[%u]: open = %ld, active = %ld", i,
				(long)stats->endpoint[i].open, (long)stats->endpoint[i].active);
	return NULL;
}

static const char *left_over(struct world *w)
{
	for (uint32_t i = 0; i < w->workers; i++) {
		const char *left = left_of(&w->at[i].stats);

		if (left)
			return left;
	}
	if (watch_conns() > 0)
		return wire_text("%u TCP control blocks", watch_conns());
	if (rte_mempool_avail_count(w->pool) != w->pool->size)
		return wire_text("%u mbufs", w->pool->size - rte_mempool_avail_count(w->pool));
	return NULL;
}

/* Whether connections of our own accord are all that is left: to ejected endpoints, each of which is
 * asked once in its retry time for as long as it does not accept, and of health checks. With several
 * of them there is always one under way. */
static bool only_probes_left(const struct world *w)
{
	for (uint32_t i = 0; i < w->workers; i++) {
		const struct stats *stats = &w->at[i].stats;
		uint64_t probes = 0;

		for (uint32_t k = 0; k < stats->shape.endpoints; k++)
			if ((stats->endpoint[k].ejected || stats->endpoint[k].checked) &&
				!stats->endpoint[k].active)
				probes += stats->endpoint[k].open;
		if (stats->worker->client_connections || stats->worker->backend_idle ||
			stats->worker->backend_connections != probes)
			return false;
	}
	return true;
}

/* Turn until nothing is left. @return what is left after @p ns, or NULL */
static const char *wind_on(struct world *w, uint64_t ns)
{
	const char *left = "";
	uint64_t begin = w->now_ns, step = WIND_STEP_NS;

	while (left && w->now_ns - begin < ns) {
		w->now_ns += step;
		if (w->hasty)
			step = turn(w) ? WIND_STEP_NS : RTE_MIN(2 * step, WIND_HASTY_NS);
		else {
			turn(w);
			step = w->now_ns - begin < WIND_FINE_NS ? WIND_STEP_NS : 10 * WIND_STEP_NS;
		}
		left = left_over(w);
	}
	return left;
}

void world_wind_down(struct world *w)
{
	const char *left;

	w->quiet = true;
	w->stalled = 0;
	fake_ports_clear();
	world_hold(w, 0);
	left = wind_on(w, WIND_DOWN_NS);
	if (left && only_probes_left(w)) {
		atomic_store(&w->shared->stop, WORKER_DRAIN);
		left = wind_on(w, WIND_PROBES_NS);
	}
	if (left)
		wire_fail("15 minutes after everybody fell silent there still are %s", left);
}

/* Those of the first generation, made again after an apply: each world begins and ends with as much
 * memory, so that a fuzzer sees what a world leaks. */
static void keep_tables(struct world *w)
{
	if (w->generation > 1) {
		tables_destroy(w->tables);
		w->tables = NULL;
		w->generation = 0;
		make_tables(w);
	}
	if (w->tables)
		w->kept->tables = w->tables;
}

const char *world_stop(struct world *w)
{
	uint32_t missing;

	if (!w->started)
		return NULL;
	fake_ports_clear();
	world_hold(w, 0);
	for (uint32_t i = 0; i < w->workers; i++) {
		worker_destroy(w->at[i].worker);
		w->at[i].worker = NULL;
	}
	steer_mesh_destroy(w->mesh);
	for (unsigned i = 0; i < PORTS; i++)
		owner_rss_destroy(w->rss[i]);
	if (w->kept)
		keep_tables(w);
	else
		tables_destroy(w->tables);
	peers_free(w);
	for (uint32_t i = 0; i < w->workers && !w->kept; i++)
		segments_close(&w->at[i]);
	if (!w->kept)
		usage_close(&w->usage);
	if (w->config.asks) {
		ask_ring_close(&w->control);
		ask_ring_close(&w->asks);
	}
	w->started = false;
	missing = w->pool->size - rte_mempool_avail_count(w->pool);
	if (missing == 0)
		return NULL;
	/* The pool is spoilt for those who come after. */
	for (unsigned i = 0; i < POOL_SIZES; i++)
		if (pools[i].pool == w->pool)
			pools[i].pool = NULL;
	rte_mempool_free(w->pool);
	return wire_text("%u mbufs were not freed", missing);
}
