/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop: run to completion, in bursts, stage by stage. Read it from top to bottom and
 * then the folders in the same order: io, net, tcp, tls, http, policy, route, proxy.
 *
 * One TSC reading at each stage's border gives the cycles of each stage; it is also the only clock
 * that the packet path knows.
 */
#include "dataplane/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "dataplane/net/kernel.h"

#define LONG_LOOP_US     200
#define IDLE_PAUSE_TURNS 64                 /* empty turns before the core pauses between polls */
#define IDLE_SLEEP_NS    UINT64_C(20000000) /* without a packet for so long, naps begin */
#define IDLE_NAP_US      50
#define SEGS_MAX         (2 * PORT_MAX * PORT_RX_BURST) /* half from ports, half from other workers */
#define GAUGE_NS         UINT64_C(10000000)

struct worker {
	struct worker_config config;
	struct net *net;
	struct steer *steer; /* NULL for a single worker */
	struct tcp_stack *tcp;
	struct proxy *proxy;
	struct asks *asks;           /* questions to control; NULL without a ring for them */
	const struct tables *tables; /* that it runs; NULL before the first */
	struct stats_worker *counters;
	uint64_t *stage_cycles;
	uint64_t long_loop_cycles;
	uint64_t gauges_ns; /* when they were written last */
	bool has_kernel;    /* a port has a kernel's side */
	uint32_t stop, links_up, control;
	_Atomic uint64_t generation;
	_Atomic bool idle;
	struct rte_mbuf *rx[PORT_RX_BURST];
	struct rte_mbuf *segs[SEGS_MAX];
};

struct worker *worker_create(const struct worker_config *config, uint64_t now_ns)
{
	struct worker *w = rte_zmalloc("worker", sizeof(*w), RTE_CACHE_LINE_SIZE);

	if (!w)
		return NULL;
	w->config = *config;
	w->counters = config->stats->worker;
	w->stage_cycles = config->stats->stage_cycles;
	w->counters->tsc_hz = rte_get_tsc_hz();
	w->counters->mbufs_total = config->pool->size;
	w->long_loop_cycles = rte_get_tsc_hz() / 1000000 * LONG_LOOP_US;

	if (config->asks) {
		w->asks = asks_create(
			&(struct asks_config){ config->asks, config->ask_bell, w->counters });
		if (!w->asks)
			goto no_memory;
	}
	w->config.net.pool = config->pool;
	w->config.net.drops = config->stats->drop;
	w->config.net.seed = config->seed;
	w->config.net.queue = (uint16_t)config->index;
	w->net = net_create(&w->config.net);
	w->has_kernel = w->net && net_has_kernel(w->net);

	w->config.proxy.worker_index = config->index;
	w->config.proxy.pool = config->pool;
	w->config.proxy.stats = config->stats;
	w->config.proxy.events = config->events;
	w->config.proxy.sources = config->shared ? &config->shared->sources : NULL;
	w->config.proxy.health = config->shared ? &config->shared->health : NULL;
	w->config.proxy.seed = config->seed + 1;
	w->proxy = proxy_create(&w->config.proxy, now_ns);

	w->config.tcp.worker_index = (uint16_t)config->index;
	w->config.tcp.worker_count = (uint16_t)config->count;
	w->config.tcp.pool = config->pool;
	w->config.tcp.drops = config->stats->drop;
	w->config.tcp.counters = (struct tcp_counters *)config->stats->tcp;
	w->config.tcp.seed = config->seed + 2;
	if (w->net && w->proxy)
		w->tcp = tcp_stack_create(&w->config.tcp, w->net, &proxy_tcp_ops, w->proxy);
	if (w->tcp && config->mesh) {
		w->steer = steer_create(config->mesh, config->index, w->net, config->stats);
		if (w->steer)
			net_set_relay(w->net, &steer_relay_ops, w->steer);
	}
	if (!w->tcp || (config->mesh && !w->steer))
		goto no_memory;
	proxy_attach(w->proxy, w->tcp);
	return w;
no_memory:
	worker_destroy(w);
	errno = ENOMEM;
	return NULL;
}

void worker_destroy(struct worker *w)
{
	if (!w)
		return;
	if (w->proxy)
		proxy_destroy(w->proxy);
	if (w->tcp)
		tcp_stack_destroy(w->tcp);
	if (w->net)
		net_destroy(w->net);
	steer_destroy(w->steer);
	asks_destroy(w->asks);
	rte_free(w);
}

/* Each generation says what it changes in the one before, so none is left out. */
static void follow_tables(struct worker *w, const struct tables *next, uint64_t now_ns)
{
	proxy_set_tables(w->proxy, next, now_ns);
	w->tables = next;
	atomic_store_explicit(&w->generation, next->snapshot.generation, memory_order_release);
}

/* Adopt a new generation and the main core's wish to stop; between bursts, where nothing is
 * held. */
static void follow_main_core(struct worker *w, uint64_t now_ns)
{
	struct worker_shared *shared = w->config.shared;
	struct tables *tables = atomic_load_explicit(&shared->tables, memory_order_acquire);
	uint32_t stop = atomic_load_explicit(&shared->stop, memory_order_relaxed);
	uint32_t links_up = atomic_load_explicit(&shared->links_up, memory_order_relaxed);
	uint32_t control = atomic_load_explicit(&shared->control, memory_order_relaxed);

	if (unlikely(tables != w->tables))
		follow_tables(w, w->tables ? w->tables->next : tables, now_ns);
	if (unlikely(links_up != w->links_up)) {
		w->links_up = links_up;
		net_announce(w->net);
	}
	if (unlikely(control != w->control)) {
		w->control = control;
		if (w->asks)
			asks_follow_control(w->asks, control, now_ns);
	}
	if (stop != w->stop) {
		w->stop = stop;
		proxy_drain(w->proxy);
	}
	if (stop != WORKER_RUN)
		atomic_store_explicit(&w->idle,
			stop == WORKER_STOP ||
				(proxy_clients(w->proxy) == 0 && tcp_stack_settled(w->tcp)),
			memory_order_relaxed);
}

/* Close one stage: its cycles are those since the border before. */
static inline uint64_t worker_border(struct worker *w, enum stage stage, uint64_t before)
{
	uint64_t now = rte_rdtsc();

	w->stage_cycles[stage] += now - before;
	return now;
}

static void write_kernel(struct stats_port *port, struct net_kernel_counts counts)
{
	port->kernel_neighbour = counts.handed[KERNEL_NEIGHBOUR];
	port->kernel_bgp = counts.handed[KERNEL_BGP];
	port->kernel_ssh = counts.handed[KERNEL_SSH];
	port->kernel_icmp = counts.handed[KERNEL_ICMP];
	port->kernel_other = counts.handed[KERNEL_OTHER];
	port->kernel_full = counts.full;
	port->kernel_sent = counts.sent;
}

static void write_gauges(struct worker *w, uint64_t now_ns)
{
	struct stats_worker *counters = w->counters;

	w->gauges_ns = now_ns;
	counters->heartbeat_ns = now_ns;
	counters->mbufs_free = rte_mempool_avail_count(w->config.pool);
	for (uint32_t i = 0; i < w->config.net.port_count; i++) {
		const struct port_tx *tx = net_tx(w->net, i);
		struct stats_port *port = &w->config.stats->port[i];

		port->tx_packets = tx->sent_packets;
		port->tx_bytes = tx->sent_bytes;
		port->tx_full = tx->full_drops;
		if (w->has_kernel)
			write_kernel(port, net_kernel_counts(w->net, i));
	}
}

/* What is asked without a request; and replies to questions that nothing waits for any more. */
static void worker_ask(struct worker *w, uint64_t now_ns)
{
	asks_turn(w->asks, now_ns);
	asks_ping(w->asks, now_ns);
}

static uint16_t worker_receive(struct worker *w, uint32_t i)
{
	const struct port *port = w->config.net.ports[i].port;
	struct stats_port *stats = &w->config.stats->port[i];
	uint16_t n = port_rx(port, w->config.net.queue, w->rx, PORT_RX_BURST);

	for (uint16_t k = 0; k < n; k++)
		stats->rx_bytes += w->rx[k]->pkt_len;
	stats->rx_packets += n;
	return n;
}

bool worker_turn(struct worker *w, uint64_t now_ns, uint64_t wall_s)
{
	uint64_t start = rte_rdtsc(), t = start;
	uint16_t segs = 0, packets = 0;
	bool timer_due;

	follow_main_core(w, now_ns);
	for (uint32_t i = 0; i < w->config.net.port_count; i++) {
		uint16_t n = worker_receive(w, i);

		if (n == 0)
			continue;
		packets = (uint16_t)(packets + n);
		t = worker_border(w, STAGE_RX, t);
		segs = (uint16_t)(segs + net_input(w->net, i, w->rx, n, w->segs + segs, now_ns));
		t = worker_border(w, STAGE_NET, t);
	}
	if (w->steer)
		segs = steer_exchange(w->steer, w->segs, segs, SEGS_MAX, now_ns);
	packets = (uint16_t)(packets + segs);
	timer_due = tcp_next_timer(w->tcp) <= now_ns;
	if (segs > 0) {
		tcp_input(w->tcp, w->segs, segs, now_ns);
		t = worker_border(w, STAGE_TCP_IN, t);
	}
	net_timers(w->net, now_ns);
	tcp_timers(w->tcp, now_ns);
	proxy_begin(w->proxy, now_ns, wall_s);
	if (unlikely(w->asks && asks_open(w->asks)))
		asks_turn(w->asks, now_ns);
	if (packets == 0)
		t = worker_border(w, timer_due ? STAGE_TIMERS : STAGE_IDLE, t);
	else
		t = worker_border(w, STAGE_TIMERS, t);

	tcp_dispatch(w->tcp, now_ns);
	proxy_run(w->proxy);
	proxy_timers(w->proxy);
	t = worker_border(w, packets || timer_due ? STAGE_PROXY : STAGE_IDLE, t);

	if (unlikely(w->has_kernel))
		packets = (uint16_t)(packets + net_kernel_turn(w->net));
	tcp_output(w->tcp, now_ns);
	t = worker_border(w, packets || timer_due ? STAGE_TCP_OUT : STAGE_IDLE, t);
	for (uint32_t i = 0; i < w->config.net.port_count; i++)
		port_tx_flush(net_tx(w->net, i));
	t = worker_border(w, packets || timer_due ? STAGE_TX : STAGE_IDLE, t);

	w->counters->loops++;
	if (packets > 0)
		w->counters->busy_loops++;
	if (t - start > w->long_loop_cycles)
		w->counters->long_loops++;
	if (t - start > w->counters->loop_max_cycles)
		w->counters->loop_max_cycles = t - start;
	if (now_ns - w->gauges_ns > GAUGE_NS) {
		write_gauges(w, now_ns);
		if (w->asks)
			worker_ask(w, now_ns);
	}
	return packets > 0;
}

uint64_t worker_generation(const struct worker *w)
{
	return atomic_load_explicit(&w->generation, memory_order_acquire);
}

bool worker_idle(const struct worker *w)
{
	return atomic_load_explicit(&w->idle, memory_order_relaxed);
}

const char *worker_fault(const struct worker *w)
{
	return proxy_fault(w->proxy);
}

/* Nothing to do: give the core's resources away a little, and after a quiet while the core itself,
 * so that an idle gateway does not burn it. The first packet after a nap waits IDLE_NAP_US at
 * most. */
static void worker_rest(struct worker *w, uint64_t quiet_ns, uint32_t empty_turns)
{
	struct rte_rcu_qsbr *qsbr = w->config.shared->qsbr;

	if (quiet_ns > IDLE_SLEEP_NS) {
		uint64_t before = rte_rdtsc();

		rte_rcu_qsbr_thread_offline(qsbr, w->config.index);
		usleep(IDLE_NAP_US);
		rte_rcu_qsbr_thread_online(qsbr, w->config.index);
		worker_border(w, STAGE_IDLE, before);
	} else if (empty_turns > IDLE_PAUSE_TURNS) {
		rte_pause();
	}
}

/* Whoever is still connected hears of the end now, not by silence when he next sends something. */
static void worker_leave(struct worker *w)
{
	tcp_stack_abort(w->tcp, clock_ns(&w->config.shared->clock, rte_rdtsc()));
	for (uint32_t i = 0; i < w->config.net.port_count; i++)
		port_tx_flush(net_tx(w->net, i));
}

int worker_main(void *arg)
{
	struct worker *w = arg;
	struct worker_shared *shared = w->config.shared;
	uint64_t last_packet_ns = 0;
	uint32_t empty_turns = 0;

	rte_rcu_qsbr_thread_register(shared->qsbr, w->config.index);
	rte_rcu_qsbr_thread_online(shared->qsbr, w->config.index);
	while (atomic_load_explicit(&shared->stop, memory_order_relaxed) != WORKER_STOP) {
		uint64_t now_ns = clock_ns(&shared->clock, rte_rdtsc());
		uint64_t wall_s = clock_wall_s(now_ns,
			atomic_load_explicit(&shared->wall_offset_ns, memory_order_relaxed));

		if (worker_turn(w, now_ns, wall_s)) {
			empty_turns = 0;
			last_packet_ns = now_ns;
		} else {
			worker_rest(w, now_ns - last_packet_ns, ++empty_turns);
		}
		rte_rcu_qsbr_quiescent(shared->qsbr, w->config.index);
	}
	worker_leave(w);
	rte_rcu_qsbr_thread_offline(shared->qsbr, w->config.index);
	rte_rcu_qsbr_thread_unregister(shared->qsbr, w->config.index);
	return 0;
}
