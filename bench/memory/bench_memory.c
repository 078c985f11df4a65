/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What idle connections cost in memory: a worker with a port that is this program. A million
 * clients, one address each, connect, send one request that Sluice answers itself, and stay. Then
 * some of them, spread over all, send another one, to show that they are alive. The client side
 * keeps four bytes a connection, made and touched before the first reading.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_tcp.h>

#include "bench/common/bench_eal.h"
#include "bench/common/report.h"
#include "bench/common/segment.h"
#include "bench/common/world.h"
#include "bench/engine/engine.h"

#define TURN_NS     UINT64_C(20000)
#define IN_FLIGHT   512 /* connections that open at once */
#define QUEUE       4096
#define ISN         1000u
#define CLIENT_PORT 40000
#define ASKED_AGAIN 10000
#define TARGET_MIB  1228.8 /* 1.2 GiB */
#define MIB         (1024.0 * 1024)

static const char request[] = "GET /idle HTTP/1.1\r\nHost: nobody.example\r\n\r\n";
#define REQUEST_BYTES ((uint32_t)sizeof(request) - 1)

/* A frame to come: made when the worker asks for it. */
struct pending {
	uint32_t client, seq, ack;
	uint8_t flags;
	bool with_request;
	bool arp;
};

static struct {
	struct rte_mempool *pool;
	struct pending queue[QUEUE];
	uint32_t head, tail;
	uint32_t *rcv_nxt; /* by client */
	uint64_t answers, resets;
} peer;

static void give_up(const char *what)
{
	progress("memory: %s", what);
	exit(1);
}

static void later(struct pending p)
{
	if (peer.tail - peer.head == QUEUE)
		give_up("the client's queue is full");
	peer.queue[peer.tail++ % QUEUE] = p;
}

static struct rte_mbuf *make_arp(const struct port *port)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(peer.pool);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;

	if (!m)
		return NULL;
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*arp));
	arp = (struct rte_arp_hdr *)(eth + 1);
	*eth = (struct rte_ether_hdr){ port->mac, segment_router_mac(),
		rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP) };
	*arp = (struct rte_arp_hdr){
		.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
		.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY),
		.arp_data = { segment_router_mac(), rte_cpu_to_be_32(ENGINE_ROUTER), port->mac,
			rte_cpu_to_be_32(ENGINE_GATEWAY_OUTSIDE) },
	};
	return m;
}

static struct rte_mbuf *make_segment(const struct port *port, const struct pending *p)
{
	struct segment_fields f = {
		.src = ENGINE_CLIENT_FIRST + p->client,
		.src_port = CLIENT_PORT,
		.seq = p->seq,
		.ack = p->ack,
		.window = 65535,
		.flags = p->flags,
	};

	return segment_make(
		peer.pool, &port->mac, &f, request, p->with_request ? REQUEST_BYTES : 0);
}

/* What the gateway said to a client. */
static void take_segment(const struct rte_ipv4_hdr *ip, const struct rte_tcp_hdr *tcp)
{
	uint32_t client = rte_be_to_cpu_32(ip->dst_addr) - ENGINE_CLIENT_FIRST;
	uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq);
	uint32_t payload = (uint32_t)rte_be_to_cpu_16(ip->total_length) - sizeof(*ip) -
			   (uint32_t)(tcp->data_off >> 4) * 4;

	if (tcp->tcp_flags & RTE_TCP_RST_FLAG) {
		peer.resets++;
	} else if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		later((struct pending){ .client = client,
			.seq = ISN + 1,
			.ack = seq + 1,
			.flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG,
			.with_request = true });
	} else if (payload > 0) {
		peer.answers++;
		peer.rcv_nxt[client] = seq + payload;
		later((struct pending){ .client = client,
			.seq = rte_be_to_cpu_32(tcp->recv_ack),
			.ack = seq + payload,
			.flags = RTE_TCP_ACK_FLAG });
	}
}

/* io/port.h, for a worker whose network is this program. */

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t count = 0;

	while (port->id == 0 && count < n && peer.head != peer.tail) {
		const struct pending *p = &peer.queue[peer.head % QUEUE];

		pkts[count] = p->arp ? make_arp(port) : make_segment(port, p);
		if (!pkts[count])
			break;
		peer.head++;
		count++;
	}
	return count;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(eth + 1);
	const struct rte_arp_hdr *arp = (const struct rte_arp_hdr *)(eth + 1);

	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) {
		if (arp->arp_data.arp_tip == rte_cpu_to_be_32(ENGINE_ROUTER))
			later((struct pending){ .arp = true });
	} else if (ip->next_proto_id == IPPROTO_TCP) {
		take_segment(ip, (const struct rte_tcp_hdr *)(ip + 1));
	}
	rte_pktmbuf_free(m);
}

void port_tx_flush(struct port_tx *tx)
{
}

static double resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		give_up("/proc/self/statm cannot be read");
	fclose(f);
	return (double)pages * 4096;
}

static struct world world;
static uint64_t now_ns;

static void turn(void)
{
	now_ns += TURN_NS;
	worker_turn(world.at[0].worker, now_ns, now_ns / 1000000000u);
}

/* Turn until so many answers came in all. */
static void await(uint64_t answers)
{
	for (unsigned quiet = 0; peer.answers < answers && quiet < 100000; quiet++)
		turn();
	if (peer.answers < answers || peer.resets)
		give_up("connections were refused or answers are missing");
}

static void open_all(uint32_t connections)
{
	for (uint32_t i = 0; i < connections; i += IN_FLIGHT) {
		uint32_t end = RTE_MIN(i + IN_FLIGHT, connections);

		for (uint32_t c = i; c < end; c++)
			later((struct pending){
				.client = c, .seq = ISN, .flags = RTE_TCP_SYN_FLAG });
		await(end);
		if (i / 100000 != end / 100000)
			progress("  %u connections", end);
	}
}

static void ask_some(uint32_t connections)
{
	uint64_t before = peer.answers;
	uint32_t n = RTE_MIN(connections, (uint32_t)ASKED_AGAIN);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t client = (uint32_t)((uint64_t)i * connections / n);

		later((struct pending){ .client = client,
			.seq = ISN + 1 + REQUEST_BYTES,
			.ack = peer.rcv_nxt[client],
			.flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG,
			.with_request = true });
		if (i % IN_FLIGHT == IN_FLIGHT - 1)
			await(before + i + 1);
	}
	await(before + n);
}

/* Every page of the pool, so that it is resident as a whole and can be subtracted. */
static void touch(struct rte_mempool *pool, void *opaque, void *object, unsigned index)
{
	struct rte_mbuf *m = object;

	memset(m->buf_addr, 0, m->buf_len);
}

static void measure(uint32_t connections, struct report *r)
{
	double pool = (double)world.plan.pool_bytes, empty, full;
	char which[32];

	snprintf(which, sizeof(which), "idle-%u", connections);
	rte_mempool_obj_iter(peer.pool, touch, NULL);
	turn();
	empty = resident_bytes();
	open_all(connections);
	full = resident_bytes();
	ask_some(connections);
	report_row(r, which, "connections", "", (double)connections, REPORT_NO_TARGET);
	report_row(r, which, "memory_beyond_mbufs", "MiB", (full - pool) / MIB,
		connections == 1000000 ? TARGET_MIB : REPORT_NO_TARGET);
	report_row(r, which, "bytes_per_connection", "bytes", (full - empty) / connections,
		REPORT_NO_TARGET);
	report_row(r, which, "mbufs", "MiB", pool / MIB, REPORT_NO_TARGET);
	report_row(r, which, "answered_again", "", RTE_MIN((double)connections, ASKED_AGAIN),
		REPORT_NO_TARGET);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' }, { "connections", required_argument, NULL, 'c' },
		{ NULL } };
	static const uint32_t weights[] = { 1 };
	uint32_t connections = 1000000;
	bool json = false;
	struct report *report;
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == 'q') {
			connections = 100000;
		} else if (opt == 'j') {
			json = true;
		} else if (opt == 'c') {
			connections = (uint32_t)strtoul(optarg, NULL, 10);
		} else {
			fputs("memory [--quick] [--json] [--connections=N]\n", stderr);
			return 2;
		}
	}
	if (connections == 0 || connections > ENGINE_CLIENTS_MAX)
		give_up("that many connections cannot be made");
	struct world_options options = { .workers = 1,
		.connections = connections,
		.routes = 1,
		.backends = 1,
		.weights = weights,
		.offload = true,
		.multi_segs = true };
	/* Ordinary pages, because the kernel counts those as resident when they are touched. */
	struct bench_eal eal = {
		.lcores = "0", .memory_mb = 512 + connections / 400, .plain_pages = true
	};

	bench_eal_start(&eal);
	report = report_new("memory", json);
	report_note(report, "One worker; resident memory of the process, without the mbuf pool.");
	peer.rcv_nxt = malloc(sizeof(*peer.rcv_nxt) * connections);
	if (!peer.rcv_nxt)
		give_up("out of memory");
	memset(peer.rcv_nxt, 1, sizeof(*peer.rcv_nxt) * connections);
	world_create(&world, &options);
	peer.pool = world.at[0].pool;
	measure(connections, report);
	return report_finish(report);
}
