/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l4: the floor under everything: receive a burst, classify it, look each segment's flow up, put
 * new headers and checksums on it and send it back. Written with the gateway's own parts (io, net,
 * the flow table of tcp), on any port; bench/l4.py sets it beside testpmd on the same one.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "bench/common/report.h"
#include "dataplane/clock.h"
#include "dataplane/io/port_setup.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp_flow.h"

/* As bench/l4.py writes them into its packets. */
#define FLOWS      1024
#define OUR_IP     0x0a000001u
#define FIRST_PEER 0x0a000100u
#define PEER_PORT  40000
#define OUR_PORT   80
#define MBUFS      16383

struct flow {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	struct net_path path;
};

struct l4 {
	struct port port;
	struct net *net;
	struct tcp_flow table;
	struct flow flows[FLOWS + 1]; /* 0 is no flow */
	uint64_t drops[DROP_COUNT];
	uint64_t packets, unknown;
};

static const struct rte_ether_addr peer_mac = { { 2, 0, 0, 0, 0, 1 } };

static uint64_t cpu_ns(void)
{
	return clock_system_ns(CLOCK_THREAD_CPUTIME_ID);
}

static __attribute__((noreturn)) void give_up(const char *what)
{
	progress("l4: %s", what);
	exit(1);
}

struct wanted {
	const struct l4 *l4;
	const struct net_meta *meta;
};

static bool same_flow(const void *arg, uint32_t ref)
{
	const struct wanted *w = arg;
	const struct flow *f = &w->l4->flows[ref];

	return f->local_port == w->meta->dst_port && f->remote_port == w->meta->src_port &&
	       ip_equal(&f->remote, &w->meta->src) && ip_equal(&f->local, &w->meta->dst);
}

/* How far packets get before they go back: what each step adds is the difference to the one
 * before. */
enum step { STEP_PORT, STEP_INPUT, STEP_LOOKUP, STEP_ALL, STEPS };
static const char *const step_names[] = { "port alone", "and classified", "and looked up",
	"sluice" };

static void send_back(struct l4 *l, struct rte_mbuf **frames, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		port_tx_put(net_tx(l->net, 0), frames[i]);
	l->packets += n;
}

static void forward(
	struct l4 *l, enum step step, struct rte_mbuf **segs, uint16_t n, uint64_t now_ns)
{
	uint64_t hashes[PORT_RX_BURST];
	uint32_t refs[PORT_RX_BURST];
	uint16_t known = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct net_meta *m = net_meta(segs[i]);

		hashes[i] = tcp_flow_hash(&l->table, &m->dst, &m->src, m->dst_port, m->src_port);
		tcp_flow_prefetch(&l->table, hashes[i]);
	}
	for (uint16_t i = 0; i < n; i++) {
		struct wanted w = { l, net_meta(segs[i]) };
		uint32_t ref = tcp_flow_find(&l->table, hashes[i], same_flow, &w);

		if (ref == TCP_FLOW_NONE) {
			l->unknown++;
			rte_pktmbuf_free(segs[i]);
			continue;
		}
		segs[known] = segs[i];
		refs[known++] = ref;
	}
	if (step == STEP_LOOKUP) {
		send_back(l, segs, known);
		return;
	}
	l->packets += known;
	for (uint16_t i = 0; i < known; i++)
		net_output_tcp(l->net, &l->flows[refs[i]].path, &l->flows[refs[i]].remote, segs[i],
			0, now_ns);
}

static void make_flows(struct l4 *l, uint64_t now_ns)
{
	/* As random as those that the stack draws. */
	static const uint64_t key[5] = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb,
		0xd6e8feb86659fd93, 0xa0761d6478bd642f };
	void *memory = aligned_alloc(64, RTE_ALIGN_CEIL(tcp_flow_bytes(FLOWS), 64));

	if (!memory)
		give_up("no memory for flows");
	tcp_flow_init(&l->table, memory, FLOWS, key);
	for (uint32_t i = 1; i <= FLOWS; i++) {
		struct flow *f = &l->flows[i];

		f->local = ip_from_v4(rte_cpu_to_be_32(OUR_IP));
		f->remote = ip_from_v4(rte_cpu_to_be_32(FIRST_PEER + i - 1));
		f->local_port = OUR_PORT;
		f->remote_port = PEER_PORT;
		if (net_path_find(l->net, &f->remote, &f->local, &f->path))
			give_up("no path");
		tcp_flow_insert(&l->table,
			tcp_flow_hash(&l->table, &f->local, &f->remote, OUR_PORT, PEER_PORT), i);
	}
	net_neighbour_learn(l->net, 0, &l->flows[1].path.next_hop, &peer_mac, true, now_ns);
}

static void make_net(struct l4 *l, struct rte_mempool *pool)
{
	struct net_config config = {
		.port_count = 1,
		.neighbour_limit = 64,
		.neighbour_queue_limit = 64,
		.pool = pool,
		.drops = l->drops,
		.ports[0] = { .port = &l->port,
			.address_count = 1,
			.addresses[0] = { ip_from_v4(rte_cpu_to_be_32(OUR_IP)), 28 },
			.gateway_count = 1,
			.gateways[0] = ip_from_v4(rte_cpu_to_be_32(OUR_IP + 1)) },
	};

	l->net = net_create(&config);
	if (!l->net)
		give_up("no memory for the network layer");
}

static void run(struct l4 *l, enum step step, double seconds)
{
	struct rte_mbuf *frames[PORT_RX_BURST], *segs[PORT_RX_BURST];
	uint64_t end = cpu_ns() + (uint64_t)(seconds * 1e9);

	l->packets = l->unknown = 0;
	for (uint32_t turn = 1; turn % 1024 || cpu_ns() < end; turn++) {
		uint64_t now_ns = rte_rdtsc() / 4; /* any clock will do */
		uint16_t n = port_rx(&l->port, 0, frames, PORT_RX_BURST);

		if (step != STEP_PORT)
			n = net_input(l->net, 0, frames, n, segs, now_ns);
		if (step >= STEP_LOOKUP)
			forward(l, step, segs, n, now_ns);
		else
			send_back(l, step == STEP_PORT ? frames : segs, n);
		port_tx_flush(net_tx(l->net, 0));
	}
}

int main(int argc, char **argv)
{
	static struct l4 l4;
	static const char *const eal[] = { "l4", "--lcores=0@1", "-m", "256", "--no-huge",
		"--no-pci", "--no-telemetry", "--log-level=error", "--iova-mode=va",
		"--file-prefix=sluice-l4" };
	struct port_setup_config setup = { .rx_queues = 1, .tx_queues = 1 };
	char *args[RTE_DIM(eal) + 1] = { 0 };
	struct rte_mempool *pool;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 1;

	if (argc < 2) {
		fputs("Usage: l4 DEVICE [SECONDS of each step]; see bench/l4.py\n", stderr);
		return 2;
	}
	for (unsigned i = 0; i < RTE_DIM(eal); i++)
		args[i] = strdup(eal[i]);
	if (rte_eal_init(RTE_DIM(eal), args) < 0)
		give_up("the EAL does not start");
	pool = port_pool_create(
		"l4", MBUFS, 256, NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	setup.pools = &pool;
	if (!pool || port_setup(argv[1], &setup, &l4.port))
		give_up("the port does not start");
	/* The packets are addressed to this one, whatever the driver made up. */
	l4.port.mac = (struct rte_ether_addr){ { 2, 0, 0, 0, 0xee, 0 } };
	make_net(&l4, pool);
	make_flows(&l4, rte_rdtsc() / 4);
	run(&l4, STEP_ALL, 0.1);
	for (enum step step = 0; step < STEPS; step++) {
		run(&l4, step, seconds);
		printf("%.0f %s\n", (double)l4.packets / seconds, step_names[step]);
		if (l4.packets == 0 || l4.unknown || net_tx(l4.net, 0)->full_drops)
			give_up("packets were lost");
	}
	return 0;
}
