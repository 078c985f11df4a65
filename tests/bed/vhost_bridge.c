/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio NIC that cuts segments: vhost_bridge SOCKET IF. The gateway's port is a virtio_user at that socket, and
 * what it leaves to its NIC is left to the kernel of the interface in turn, as virtio's header says: sums to finish,
 * long TCP segments to cut. So whatever a receiver behind the interface takes was right.
 *
 * Ends at SIGTERM, also when its parent goes, and then prints how many frames were longer than the interface's MTU.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#define BURST     32
#define MBUFS     8192
#define FRAME_MAX 2048
#define NAP_MS    1
#define CSUM_AT   16 /* in a TCP header */
#define MTU_FRAME 1514
#define PIECES    64

static volatile sig_atomic_t stopped;

static struct {
	uint16_t port;
	int sock;
	struct rte_mempool *pool;
	uint64_t in, out, longer, longer6, lost;
} bridge;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void give_up(const char *what)
{
	fprintf(stderr, "vhost_bridge: %s\n", what);
	exit(1);
}

/* What the gateway wants of its NIC, in the kernel's words. */
static struct virtio_net_hdr wish_of(const struct rte_mbuf *m)
{
	struct virtio_net_hdr wish = { 0 };

	if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM ||
		(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
		wish.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		wish.csum_start = (uint16_t)(m->l2_len + m->l3_len);
		wish.csum_offset = CSUM_AT;
	}
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		wish.gso_type = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
								 : VIRTIO_NET_HDR_GSO_TCPV4;
		wish.gso_size = m->tso_segsz;
		wish.hdr_len = (uint16_t)(m->l2_len + m->l3_len + m->l4_len);
	}
	return wish;
}

static void to_wire(const struct rte_mbuf *m)
{
	struct virtio_net_hdr wish = wish_of(m);
	struct iovec iov[PIECES + 1] = { { &wish, sizeof(wish) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };

	if (m->nb_segs > PIECES)
		give_up("a chain that is too long");
	for (const struct rte_mbuf *s = m; s; s = s->next)
		iov[msg.msg_iovlen++] = (struct iovec){ rte_pktmbuf_mtod(s, void *), s->data_len };
	if (sendmsg(bridge.sock, &msg, 0) < 0) {
		bridge.lost++;
		return;
	}
	bridge.out++;
	if (m->pkt_len > MTU_FRAME) {
		bridge.longer++;
		bridge.longer6 += wish.gso_type == VIRTIO_NET_HDR_GSO_TCPV6;
	}
}

static bool from_gateway(void)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(bridge.port, 0, m, BURST);

	for (uint16_t i = 0; i < n; i++) {
		to_wire(m[i]);
		rte_pktmbuf_free(m[i]);
	}
	return n > 0;
}

/* The interface's peer has its own offloads off: frames are whole. */
static bool to_gateway(void)
{
	struct virtio_net_hdr ignored;
	struct rte_mbuf *m = rte_pktmbuf_alloc(bridge.pool);
	struct iovec iov[2] = { { &ignored, sizeof(ignored) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t got;

	if (!m)
		return false;
	iov[1] = (struct iovec){ rte_pktmbuf_mtod(m, void *), FRAME_MAX };
	got = recvmsg(bridge.sock, &msg, MSG_DONTWAIT);
	if (got <= (ssize_t)sizeof(ignored)) {
		rte_pktmbuf_free(m);
		return false;
	}
	m->data_len = (uint16_t)(got - (ssize_t)sizeof(ignored));
	m->pkt_len = m->data_len;
	bridge.in++;
	if (rte_eth_tx_burst(bridge.port, 0, &m, 1) == 0) {
		rte_pktmbuf_free(m);
		bridge.lost++;
	}
	return true;
}

static void run(void)
{
	struct pollfd fd = { bridge.sock, POLLIN, 0 };

	while (!stopped) {
		bool some = from_gateway();

		for (unsigned i = 0; i < BURST && to_gateway(); i++)
			some = true;
		if (!some)
			poll(&fd, 1, NAP_MS);
	}
}

static void wire_open(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int one = 1, size = 8 << 20;

	at.sll_ifindex = (int)if_nametoindex(interface);
	bridge.sock = socket(AF_PACKET, SOCK_RAW, 0);
	if (at.sll_ifindex == 0 || bridge.sock < 0 ||
		setsockopt(bridge.sock, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0 ||
		setsockopt(bridge.sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) !=
			0 ||
		setsockopt(bridge.sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0 ||
		bind(bridge.sock, (const struct sockaddr *)&at, sizeof(at)) != 0)
		give_up(interface);
}

static void port_make(const char *socket)
{
	struct rte_eth_conf conf = { 0 };
	char args[256];

	snprintf(args, sizeof(args), "iface=%s,queues=1,tso=1,legacy-ol-flags=1", socket);
	if (rte_eal_hotplug_add("vdev", "net_vhost0", args) ||
		rte_eth_dev_get_port_by_name("net_vhost0", &bridge.port) ||
		rte_eth_dev_configure(bridge.port, 1, 1, &conf) ||
		rte_eth_rx_queue_setup(bridge.port, 0, 1024, SOCKET_ID_ANY, NULL, bridge.pool) ||
		rte_eth_tx_queue_setup(bridge.port, 0, 1024, SOCKET_ID_ANY, NULL) ||
		rte_eth_dev_start(bridge.port))
		give_up(args);
}

static void eal_begin(void)
{
	char prefix[32];
	char *argv[] = { strdup("vhost_bridge"), strdup("--lcores=0@0"), strdup("-m"), strdup("64"),
		strdup("--no-huge"), strdup("--no-pci"), strdup("--no-telemetry"),
		strdup("--log-level=error"), strdup("--iova-mode=va"), prefix };

	snprintf(prefix, sizeof(prefix), "--file-prefix=bridge%d", getpid());
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		give_up("the EAL does not start");
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "Usage: %s SOCKET IF\n", argv[0]);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	eal_begin();
	signal(SIGTERM, on_signal);
	bridge.pool = rte_pktmbuf_pool_create(
		"bridge", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!bridge.pool)
		give_up("no memory for mbufs");
	wire_open(argv[2]);
	port_make(argv[1]);
	printf("vhost_bridge: ready\n");
	fflush(stdout);
	run();
	printf("vhost_bridge: to the gateway %" PRIu64 ", from it %" PRIu64
	       ", of these longer than a frame %" PRIu64 " (IPv6 %" PRIu64 "), lost %" PRIu64 "\n",
		bridge.in, bridge.out, bridge.longer, bridge.longer6, bridge.lost);
	(void)rte_eth_dev_stop(bridge.port);
	(void)rte_eth_dev_close(bridge.port);
	rte_eal_cleanup();
	return 0;
}
