/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins kernel interfaces to memif ports with several queues: memif_bridge DIRECTORY QUEUES STEER IF... For each
 * interface it serves a memif at the abstract socket DIRECTORY/IF, whose client is the gateway. STEER says in which
 * queue the gateway finds a frame:
 *
 *   first      all in the first queue
 *   alternate  each frame in another queue than the one before: a connection's segments are in all of them
 *   rss        by the Toeplitz hash and the table of rss_key.h
 *   not-rss    TCP always in another queue than that; SIGUSR1 changes to rss and back
 *
 * It takes the core only while there are frames. Ends at SIGTERM, also when its parent goes, and then prints what
 * it forwarded.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_thash.h>

#include "tests/bed/rss_key.h"

#define BURST      32
#define SIDES_MAX  4
#define QUEUES_MAX 8
#define MBUFS      16384
#define IDLE_TURNS 64 /* empty turns before naps begin */
#define NAP_US     50

enum steer { FIRST, ALTERNATE, RSS, NOT_RSS, STEERS };

static const char *const steer_names[STEERS] = { "first", "alternate", "rss", "not-rss" };

struct side {
	uint16_t wire, memif;
	uint64_t in[QUEUES_MAX], out,
		lost; /* frames: to the gateway by queue, from it, in neither's place */
};

static struct {
	enum steer steer;
	uint16_t queues;
	uint32_t turn; /* of `alternate` */
	uint8_t key[RSS_KEY_BYTES];
	unsigned count;
	struct side sides[SIDES_MAX];
} bridge;

static volatile sig_atomic_t stopped, inverted;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		inverted = !inverted;
	else
		stopped = 1;
}

static void give_up(const char *what)
{
	fprintf(stderr, "memif_bridge: %s\n", what);
	exit(1);
}

/* The addresses and ports of a TCP segment as the hash has them, in words. @return how many, 0 for other frames */
static uint32_t tuple_read(const struct rte_mbuf *m, uint32_t *words)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint8_t *addresses, *ports;
	uint32_t n;

	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ether + 1);

		if (ip->next_proto_id != IPPROTO_TCP)
			return 0;
		addresses = (const uint8_t *)&ip->src_addr;
		ports = (const uint8_t *)ip + rte_ipv4_hdr_len(ip);
		n = 2;
	} else if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)(ether + 1);

		if (ip->proto != IPPROTO_TCP)
			return 0;
		addresses = ip->src_addr;
		ports = (const uint8_t *)(ip + 1);
		n = 8;
	} else {
		return 0;
	}
	memcpy(words, addresses, n * 4);
	memcpy(words + n, ports, 4);
	for (uint32_t i = 0; i <= n; i++)
		words[i] = rte_be_to_cpu_32(words[i]);
	return n + 1;
}

static uint16_t queue_of(const struct rte_mbuf *m)
{
	uint32_t words[9], n;
	uint16_t queue;

	if (bridge.steer == FIRST)
		return 0;
	if (bridge.steer == ALTERNATE)
		return (uint16_t)(bridge.turn++ % bridge.queues);
	n = tuple_read(m, words);
	if (n == 0)
		return 0;
	queue = rss_slot_queue(rte_softrss(words, n, bridge.key) % RSS_SLOTS, bridge.queues);
	return (bridge.steer == RSS) != inverted ? queue : (uint16_t)((queue + 1) % bridge.queues);
}

/* @return how many were sent; the others are lost */
static uint16_t send_all(
	struct side *s, uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t sent = rte_eth_tx_burst(port, queue, m, n);

	if (sent < n) {
		s->lost += n - sent;
		rte_pktmbuf_free_bulk(m + sent, n - sent);
	}
	return sent;
}

static bool to_gateway(struct side *s)
{
	struct rte_mbuf *m[BURST], *of[QUEUES_MAX][BURST];
	uint16_t n = rte_eth_rx_burst(s->wire, 0, m, BURST), count[QUEUES_MAX] = { 0 };

	for (uint16_t i = 0; i < n; i++) {
		uint16_t queue = queue_of(m[i]);

		of[queue][count[queue]++] = m[i];
	}
	for (uint16_t q = 0; q < bridge.queues; q++)
		s->in[q] += send_all(s, s->memif, q, of[q], count[q]);
	return n > 0;
}

static bool from_gateway(struct side *s)
{
	struct rte_mbuf *m[BURST];
	bool some = false;

	for (uint16_t q = 0; q < bridge.queues; q++) {
		uint16_t n = rte_eth_rx_burst(s->memif, q, m, BURST);

		s->out += send_all(s, s->wire, 0, m, n);
		some |= n > 0;
	}
	return some;
}

static void run(void)
{
	unsigned idle = 0;

	while (!stopped) {
		bool some = false;

		for (unsigned i = 0; i < bridge.count; i++) {
			some |= to_gateway(&bridge.sides[i]);
			some |= from_gateway(&bridge.sides[i]);
		}
		idle = some ? 0 : idle + 1;
		if (idle > IDLE_TURNS)
			usleep(NAP_US);
	}
}

static uint16_t port_make(
	const char *name, const char *args, uint16_t queues, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { 0 };
	uint16_t port;

	if (rte_eal_hotplug_add("vdev", name, args) || rte_eth_dev_get_port_by_name(name, &port) ||
		rte_eth_dev_configure(port, queues, queues, &conf))
		give_up(args);
	for (uint16_t q = 0; q < queues; q++)
		if (rte_eth_rx_queue_setup(port, q, 1024, SOCKET_ID_ANY, NULL, pool) ||
			rte_eth_tx_queue_setup(port, q, 1024, SOCKET_ID_ANY, NULL))
			give_up(args);
	if (rte_eth_dev_start(port))
		give_up(args);
	return port;
}

static void side_make(
	unsigned i, const char *directory, const char *interface, struct rte_mempool *pool)
{
	char name[32], args[256];

	snprintf(name, sizeof(name), "net_af_packet%u", i);
	snprintf(args, sizeof(args), "iface=%s,qdisc_bypass=1", interface);
	bridge.sides[i].wire = port_make(name, args, 1, pool);
	snprintf(name, sizeof(name), "net_memif%u", i);
	snprintf(args, sizeof(args), "role=server,socket=%s/%s,rsize=10", directory, interface);
	bridge.sides[i].memif = port_make(name, args, bridge.queues, pool);
}

static void side_end(const struct side *s, const char *interface)
{
	printf("memif_bridge: %s: from the gateway %" PRIu64 ", lost %" PRIu64 ", to its queues",
		interface, s->out, s->lost);
	for (uint16_t q = 0; q < bridge.queues; q++)
		printf(" %" PRIu64, s->in[q]);
	printf("\n");
	(void)rte_eth_dev_stop(s->memif);
	(void)rte_eth_dev_close(s->memif);
	(void)rte_eth_dev_stop(s->wire);
	(void)rte_eth_dev_close(s->wire);
}

static void options_read(int argc, char **argv)
{
	char *end = NULL;

	if (argc >= 5) {
		bridge.queues = (uint16_t)strtoul(argv[2], &end, 10);
		while (bridge.steer < STEERS && strcmp(argv[3], steer_names[bridge.steer]) != 0)
			bridge.steer++;
		bridge.count = (unsigned)argc - 4;
	}
	if (argc < 5 || *end != '\0' || bridge.queues == 0 || bridge.queues > QUEUES_MAX ||
		bridge.steer == STEERS || bridge.count > SIDES_MAX) {
		fprintf(stderr, "Usage: %s DIRECTORY QUEUES first|alternate|rss|not-rss IF...\n",
			argv[0]);
		exit(2);
	}
}

static void eal_begin(void)
{
	char prefix[32];
	char *argv[] = { strdup("memif_bridge"), strdup("--lcores=0@0"), strdup("-m"),
		strdup("128"), strdup("--no-huge"), strdup("--no-pci"), strdup("--no-telemetry"),
		strdup("--log-level=error"), strdup("--iova-mode=va"), prefix };

	snprintf(prefix, sizeof(prefix), "--file-prefix=bridge%d", getpid());
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		give_up("the EAL does not start");
}

int main(int argc, char **argv)
{
	struct rte_mempool *pool;

	options_read(argc, argv);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	rss_key_fill(bridge.key);
	eal_begin();
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	pool = rte_pktmbuf_pool_create(
		"bridge", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool)
		give_up("no memory for mbufs");
	for (unsigned i = 0; i < bridge.count; i++)
		side_make(i, argv[1], argv[4 + i], pool);
	printf("memif_bridge: ready\n");
	fflush(stdout);
	run();
	for (unsigned i = 0; i < bridge.count; i++)
		side_end(&bridge.sides[i], argv[4 + i]);
	rte_eal_cleanup();
	return 0;
}
