/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one bulk connection between two of our stacks delivers over a simulated path, beside what CUBIC is
 * expected to reach there: the smallest of
 *
 *   the line       its share that is payload
 *   the window     16 MiB, the largest that can be configured, in each round trip
 *   the losses     segments in a round trip, the larger of
 *                  (C(3+beta) / (4(1-beta)))^(1/4) (RTT/p)^(3/4), C = 0.4, beta = 0.7: RFC 9438 §5.1, eq. 5,
 *                  sqrt(3/2) / sqrt(p): the Reno-friendly region (Mathis et al. 1997; RFC 9438 §4.3).
 *
 * Both formulas are of losses at even distances, here they are drawn. Slow start is not in the formulas and
 * not in the figures. The bottleneck's queue has room for what the path holds, and 64 KiB at least.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "bench/common/report.h"
#include "dataplane/tcp/tcp.h"
#include "tests/unit/tcp/fake_net.h"

#define PORT         443
#define MTU          1500
#define MSS          1448.0 /* with timestamps */
#define ON_WIRE      (MSS + 32 + 40)
#define WINDOW       (16u << 20)
#define POOL_MBUFS   65536
#define TURN_NS      UINT64_C(5000)
#define S            UINT64_C(1000000000)
#define WARM_UP_S    4
#define WARM_UP_RTTS 60
#define TIME_MAX_S   900

struct end {
	struct tcp_stack *stack;
	struct net net;
	struct tcp_counters counters;
	struct rte_mempool *pool;
	struct tcp_conn *conn;
	uint64_t received;
	bool connected, ended;
};

struct path {
	double bits_per_s, rtt_s, loss;
};

static struct {
	struct fake_wire wire;
	struct end ends[2];
	uint64_t loss_rng, loss_limit, now_ns;
} sim;

static void give_up(const char *what)
{
	progress("goodput: %s", what);
	exit(1);
}

static void *on_accepted(void *ctx, struct tcp_conn *c, uint32_t listener_id)
{
	struct end *e = ctx;

	(void)listener_id;
	e->conn = c;
	e->connected = true;
	return e;
}

static void on_connected(void *ctx, struct tcp_conn *c, void *user)
{
	((struct end *)ctx)->connected = true;
}

static void on_readable(void *ctx, struct tcp_conn *c, void *user)
{
	struct end *e = ctx;
	struct rte_mbuf *chain = tcp_recv(c);

	if (chain == NULL)
		return;
	e->received += chain->pkt_len;
	tcp_recv_credit(c, chain->pkt_len);
	rte_pktmbuf_free(chain);
}

static void on_writable(void *ctx, struct tcp_conn *c, void *user)
{
}

static void on_ended(void *ctx, struct tcp_conn *c, void *user, enum tcp_end why)
{
	((struct end *)ctx)->ended = true;
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.ended = on_ended,
};

static bool lose(void *ctx, const struct rte_tcp_hdr *h, unsigned side)
{
	(void)ctx;
	(void)h;
	return side == 0 && (fake_random(&sim.loss_rng) & UINT32_MAX) < sim.loss_limit;
}

static void send_more(struct end *e)
{
	while (tcp_send_space(e->conn) >= (uint32_t)MSS) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(e->pool);

		if (m == NULL)
			give_up("the sender has no mbufs");
		memset(rte_pktmbuf_append(m, (uint16_t)MSS), 'x', (size_t)MSS);
		if (tcp_send(e->conn, m) != 0)
			give_up("tcp_send failed");
	}
}

/* @return when this end has something to do again */
static uint64_t end_loop(struct end *e, unsigned index)
{
	struct rte_mbuf *segs[PORT_RX_BURST];
	uint16_t n = fake_net_receive(&e->net, segs, PORT_RX_BURST);
	uint64_t timer, arrival;

	tcp_input(e->stack, segs, n, sim.now_ns);
	tcp_timers(e->stack, sim.now_ns);
	tcp_dispatch(e->stack, sim.now_ns);
	if (e->ended)
		give_up("the connection ended");
	if (index == 0 && e->connected)
		send_more(e);
	tcp_output(e->stack, sim.now_ns);
	timer = tcp_next_timer(e->stack);
	arrival = fake_wire_next(&sim.wire, index);
	return timer < arrival ? timer : arrival;
}

static void run_until(uint64_t end_ns, uint64_t bytes)
{
	while (sim.now_ns < end_ns && sim.ends[1].received < bytes) {
		uint64_t a = end_loop(&sim.ends[0], 0), b = end_loop(&sim.ends[1], 1), next;

		for (unsigned i = 0; i < 2; i++)
			b = fake_wire_next(&sim.wire, i) < b ? fake_wire_next(&sim.wire, i) : b;
		next = a < b ? a : b;
		if (next == UINT64_MAX)
			give_up("nothing will happen any more");
		/* As a loop of a busy worker: what comes within a turn is a burst. */
		sim.now_ns = next > sim.now_ns + TURN_NS ? next : sim.now_ns + TURN_NS;
		sim.wire.now_ns = sim.now_ns;
	}
}

static void end_init(struct end *e, unsigned index)
{
	struct tcp_config config = {
		.connection_limit =
			16384, /* the default; records of what was sent are shared by all */
		.syn_limit = 4,
		.rcv_buf_bytes = WINDOW,
		.snd_buf_bytes = WINDOW,
		.rto_min_ms = 200,
		.connect_timeout_ms = 60000,
		.worker_count = 1,
		.pool = e->pool,
		.seed = index,
		.counters = &e->counters,
	};

	fake_net_init(&e->net, &sim.wire, index, e->pool, MTU, true);
	e->stack = tcp_stack_create(&config, &e->net, &ops, e);
	if (e->stack == NULL)
		give_up("a stack cannot be created");
}

static double queue_bytes(const struct path *p)
{
	return fmax(65536, p->bits_per_s / 8 * p->rtt_s);
}

/* @return bit/s of payload that arrived after the warm-up */
static double measure(const struct path *p, uint64_t seed, uint64_t bytes)
{
	struct fake_faults faults = { .rate = (uint32_t)(p->bits_per_s / 8000),
		.queue_bytes = (uint32_t)queue_bytes(p),
		.delay_ns = (uint64_t)(p->rtt_s * 5e8) };
	uint64_t begin_ns, begin_bytes;
	double result;

	for (unsigned i = 0; i < 2; i++)
		sim.ends[i] = (struct end){ .pool = sim.ends[i].pool };
	fake_wire_init(&sim.wire, &faults, seed);
	sim.wire.filter = lose;
	sim.wire.now_ns = sim.now_ns = S;
	sim.loss_rng = seed;
	sim.loss_limit = (uint64_t)(p->loss * 4294967296.0);
	end_init(&sim.ends[0], 0);
	end_init(&sim.ends[1], 1);
	if (tcp_listen(sim.ends[1].stack, &sim.ends[1].net.addr, PORT, 4, 0) != 0 ||
		tcp_connect(sim.ends[0].stack, &sim.ends[1].net.addr, PORT, &sim.ends[0],
			sim.now_ns, &sim.ends[0].conn) != 0)
		give_up("no connection");
	tcp_output(sim.ends[0].stack, sim.now_ns);
	run_until(
		sim.now_ns + WARM_UP_S * S + (uint64_t)(WARM_UP_RTTS * p->rtt_s * 1e9), UINT64_MAX);
	begin_ns = sim.now_ns;
	begin_bytes = sim.ends[1].received;
	run_until(begin_ns + TIME_MAX_S * S, begin_bytes + bytes);
	result = (double)(sim.ends[1].received - begin_bytes) * 8e9 /
		 (double)(sim.now_ns - begin_ns);
	for (unsigned i = 0; i < 2; i++)
		tcp_stack_destroy(sim.ends[i].stack);
	fake_wire_fini(&sim.wire);
	return result;
}

static double expected(const struct path *p)
{
	double line = p->bits_per_s * MSS / ON_WIRE;
	double window = WINDOW * 8.0 / p->rtt_s;
	double segments, losses;

	if (p->loss <= 0)
		return fmin(line, window);
	segments = fmax(pow(0.4 * 3.7 / (4 * 0.3), 0.25) * pow(p->rtt_s / p->loss, 0.75),
		sqrt(1.5 / p->loss));
	losses = segments * MSS * 8 / p->rtt_s;
	return fmin(fmin(line, window), losses);
}

static void path_report(struct report *r, const struct path *p, bool quick)
{
	uint64_t bytes = (uint64_t)((quick ? 20000 : 400000) * MSS);
	double got = measure(p, 1, bytes) / 1e6, wanted = expected(p) / 1e6;
	char name[64];

	snprintf(name, sizeof(name), "%g Gbit/s %g ms %g %%", p->bits_per_s / 1e9, p->rtt_s * 1e3,
		p->loss * 100);
	progress("%s: %.1f of %.1f Mbit/s, %" PRIu64 " retransmissions, %" PRIu64 " timeouts", name,
		got, wanted, sim.ends[0].counters.retransmits, sim.ends[0].counters.rto_timeouts);
	report_row(r, name, "goodput", "Mbit/s", got, REPORT_NO_TARGET);
	report_row(r, name, "expected", "Mbit/s", wanted, REPORT_NO_TARGET);
	report_row(r, name, "share_of_expected", "", got / wanted, REPORT_NO_TARGET);
}

static void eal_start(void)
{
	static char options[][24] = { "goodput", "--no-huge", "--no-pci", "--no-shconf", "-m",
		"1024", "-l", "0", "--no-telemetry", "--log-level=error" };
	static char *argv[RTE_DIM(options) + 1];

	for (unsigned i = 0; i < RTE_DIM(options); i++)
		argv[i] = options[i];
	if (rte_eal_init(RTE_DIM(options), argv) < 0)
		give_up("rte_eal_init failed");
	sim.ends[0].pool = fake_pool("sender", POOL_MBUFS);
	sim.ends[1].pool = fake_pool("receiver", POOL_MBUFS);
	if (sim.ends[0].pool == NULL || sim.ends[1].pool == NULL)
		give_up("no memory");
}

int main(int argc, char **argv)
{
	static const double rates[] = { 1e9, 10e9 }, rtts[] = { 0.001, 0.01, 0.1 };
	static const double losses[] = { 0, 0.0001, 0.001, 0.01 };
	static const double near_losses[] = { 0.001, 0.01, 0.05 };
	bool json = false, quick = false;
	struct report *r;

	for (int i = 1; i < argc; i++) {
		json |= strcmp(argv[i], "--json") == 0;
		quick |= strcmp(argv[i], "--quick") == 0;
	}
	eal_start();
	r = report_new("goodput", json);
	report_note(r,
		"one connection, simulated; expected: the line, the window, RFC 9438 eq. 5 and Mathis");
	for (unsigned i = 0; i < (quick ? 1 : RTE_DIM(rates)); i++)
		for (unsigned j = 0; j < (quick ? 1 : RTE_DIM(rtts)); j++)
			for (unsigned k = 0; k < RTE_DIM(losses); k++)
				path_report(
					r, &(struct path){ rates[i], rtts[j], losses[k] }, quick);
	/* A path within a machine room: what matters is how soon a loss is mended. */
	for (unsigned k = 0; k < RTE_DIM(near_losses); k++)
		path_report(r, &(struct path){ 10e9, 0.0002, near_losses[k] }, quick);
	report_finish(r);
	return 0;
}
