/* SPDX-License-Identifier: Apache-2.0 */
/* The rig: fake ports at link time, frames before a guard page, checksums by DPDK as second opinion. */
#include "tests/unit/net/net_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>

const struct rte_ether_addr peer_mac = { { 2, 0, 0, 0, 0, 9 } };
struct rig rig;

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t count = 0;

	while (port->id == KERNEL_ID && count < n && count < rig.kernel_rx_count) {
		pkts[count] = rig.kernel_rx[count];
		count++;
	}
	rig.kernel_rx_count -= count;
	memmove(rig.kernel_rx, rig.kernel_rx + count,
		rig.kernel_rx_count * sizeof(rig.kernel_rx[0]));
	return count;
}

/* Multicast listener reports have hop-by-hop options; the wire ring reads them. */
static bool is_report(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return p[12] == 0x86 && p[13] == 0xdd && p[14 + 6] == IPPROTO_HOPOPTS;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	if (is_report(m)) {
		rte_pktmbuf_free(m);
		return;
	}
	assert_true(rig.sent_count < RTE_DIM(rig.sent));
	rig.sent_port[rig.sent_count] = (uint8_t)tx->port->id;
	rig.sent[rig.sent_count++] = m;
}

void port_tx_flush(struct port_tx *tx)
{
}

int rig_eal_start(void **state)
{
	static char args[][24] = { "net-test", "--no-huge", "--no-pci", "--no-shconf", "-m", "64",
		"-l", "0", "--no-telemetry", "--log-level=error" };
	char *argv[RTE_DIM(args)];

	for (unsigned i = 0; i < RTE_DIM(args); i++)
		argv[i] = args[i];
	if (rte_eal_init(RTE_DIM(args), argv) < 0)
		return -1;
	rig.pool = rte_pktmbuf_pool_create(
		"net-test", 2047, 0, NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return rig.pool ? 0 : -1;
}

struct ip_addr ip_of(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(str_of(text), &a), 0);
	return a;
}

uint32_t v4_of(const char *text)
{
	struct ip_addr a = ip_of(text);

	return ip_to_v4(&a);
}

static void on_unreachable(void *ctx, const struct ip_addr *remote)
{
	rig.unreachable_count++;
	rig.unreachable = *remote;
}

static bool on_icmp_error(void *ctx, const struct net_icmp_error *error)
{
	rig.icmp_count++;
	rig.icmp_quoted = error->quoted;
	rig.icmp_seq = error->seq;
	rig.icmp_mtu = error->mtu;
	return !rig.icmp_strange;
}

static void on_neighbour_seen(void *ctx, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited)
{
	rig.seen_count++;
}

/* Every connection is this worker's. */
static bool on_relay_icmp_error(void *ctx, const struct net_icmp_error *error)
{
	return false;
}

static const struct net_relay_ops relay_ops = {
	.neighbour_seen = on_neighbour_seen,
	.icmp_error = on_relay_icmp_error,
};

static const struct net_ops ops = {
	.icmp_error = on_icmp_error,
	.unreachable = on_unreachable,
};

void rig_start(void (*change)(void))
{
	struct rte_mempool *pool = rig.pool;

	memset(&rig, 0, sizeof(rig));
	rig.pool = pool;
	for (unsigned i = 0; i < 2; i++)
		rig.ports[i] = (struct port){ .id = (uint16_t)i,
			.mtu = 1500,
			.mac = { { 2, 0, 0, 0, 1, (uint8_t)i } },
			.caps = { .multi_segs = true } };
	rig.config = (struct net_config){
		.port_count = 2,
		.ports = { { .port = &rig.ports[0],
				   .address_count = 1,
				   .addresses = { { ip_of(OUR_IP), 24 } },
				   .gateway_count = 1,
				   .gateways = { ip_of(GATEWAY_IP) } },
			{ .port = &rig.ports[1],
				.address_count = 1,
				.addresses = { { ip_of(INSIDE_IP), 24 } } } },
		.neighbour_limit = 16,
		.neighbour_queue_limit = RIG_QUEUE_LIMIT,
		.queue = 1, /* not 0: no announcements but where a test wants them */
		.pool = rig.pool,
		.drops = rig.drops,
		.seed = 1,
	};
	if (change)
		change();
	rig.net = net_create(&rig.config);
	assert_non_null(rig.net);
	net_set_ops(rig.net, &ops, NULL);
	net_set_relay(rig.net, &relay_ops, NULL);
}

int rig_setup(void **state)
{
	rig_start(NULL);
	return 0;
}

int rig_teardown(void **state)
{
	rig_reset_tx();
	net_destroy(rig.net);
	rig.net = NULL;
	return mbufs_in_use() == 0 ? 0 : -1;
}

void rig_reset_tx(void)
{
	for (unsigned i = 0; i < rig.sent_count; i++)
		rte_pktmbuf_free(rig.sent[i]);
	rig.sent_count = 0;
}

unsigned mbufs_in_use(void)
{
	return rte_mempool_in_use_count(rig.pool);
}

/* One frame at a time lies here: the area before the guard page is used by the latest frame. */
static uint8_t *guarded_end(void)
{
	static uint8_t *end;

	if (!end) {
		uint8_t *area = mmap(
			NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_true(area != MAP_FAILED);
		assert_int_equal(mprotect(area + 2 * 4096, 4096, PROT_NONE), 0);
		end = area + 2 * 4096;
	}
	return end;
}

static void nothing_to_free(void *addr, void *opaque)
{
}

struct rte_mbuf *frame_of(const void *bytes, uint32_t len)
{
	static struct rte_mbuf_ext_shared_info shared;
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	uint16_t room = (uint16_t)(RTE_ALIGN_CEIL(len, 2) + RTE_PKTMBUF_HEADROOM);

	assert_non_null(m);
	shared.free_cb = nothing_to_free;
	rte_mbuf_ext_refcnt_set(&shared, 1);
	rte_pktmbuf_attach_extbuf(m, guarded_end() - room, 0, room, &shared);
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	memcpy(rte_pktmbuf_mtod(m, void *), bytes, len);
	return m;
}

struct rte_mbuf *feed(uint32_t port_index, const void *bytes, uint32_t len, uint64_t now_ns)
{
	struct rte_mbuf *m = frame_of(bytes, len), *out = NULL;
	uint16_t n = net_input(rig.net, port_index, &m, 1, &out, now_ns);

	assert_true(n <= 1);
	return n ? out : NULL;
}

void feed_dropped(const void *bytes, uint32_t len, enum drop why)
{
	uint64_t before[DROP_COUNT];

	memcpy(before, rig.drops, sizeof(before));
	assert_null(feed(0, bytes, len, 0));
	for (int i = 0; i < DROP_COUNT; i++) {
		uint64_t expected = before[i] + (i == (int)why);

		if (rig.drops[i] != expected)
			print_error("drop %d: %lu, not %lu (wanted drop %d)\n", i,
				(unsigned long)rig.drops[i], (unsigned long)expected, why);
		assert_true(rig.drops[i] == expected);
	}
}

void ip_seal(struct rte_ipv4_hdr *ip)
{
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, (size_t)(ip->version_ihl & 15) * 4);
}

static void head_make(
	struct rte_ether_hdr *eth, struct rte_ipv4_hdr *ip, uint8_t protocol, uint32_t payload_len)
{
	eth->dst_addr = rig.ports[0].mac;
	eth->src_addr = peer_mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + payload_len)),
		.packet_id = 7,
		.time_to_live = 60,
		.next_proto_id = protocol,
		.src_addr = v4_of(PEER_IP),
		.dst_addr = v4_of(OUR_IP),
	};
	ip_seal(ip);
}

void tcp_frame_seal(struct tcp_frame *f, uint32_t payload_len)
{
	uint8_t segment[sizeof(f->tcp) + sizeof(f->payload)];
	uint32_t len = (uint32_t)sizeof(f->tcp) + payload_len, sum;

	f->tcp.cksum = 0;
	memcpy(segment, &f->tcp, len);
	sum = rte_ipv4_phdr_cksum(&f->ip, 0) + (uint32_t)rte_raw_cksum(segment, len);
	f->tcp.cksum = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

uint32_t tcp_frame_make(struct tcp_frame *f, uint32_t payload_len)
{
	memset(f, 0, sizeof(*f));
	head_make(&f->eth, &f->ip, IPPROTO_TCP, (uint32_t)sizeof(f->tcp) + payload_len);
	f->tcp.src_port = rte_cpu_to_be_16(40000);
	f->tcp.dst_port = rte_cpu_to_be_16(443);
	f->tcp.data_off = 5 << 4;
	f->tcp.tcp_flags = RTE_TCP_ACK_FLAG;
	for (uint32_t i = 0; i < payload_len; i++)
		f->payload[i] = (uint8_t)('a' + i % 26);
	tcp_frame_seal(f, payload_len);
	return (uint32_t)offsetof(struct tcp_frame, payload) + payload_len;
}

void icmp_frame_seal(struct icmp_frame *f, uint32_t data_len)
{
	uint8_t message[sizeof(f->icmp) + sizeof(f->data)];

	f->icmp.icmp_cksum = 0;
	memcpy(message, &f->icmp, sizeof(f->icmp) + data_len);
	f->icmp.icmp_cksum = (uint16_t)~rte_raw_cksum(message, sizeof(f->icmp) + data_len);
}

uint32_t icmp_frame_make(struct icmp_frame *f, uint8_t type, uint8_t code, uint32_t data_len)
{
	memset(f, 0, sizeof(*f));
	head_make(&f->eth, &f->ip, IPPROTO_ICMP, (uint32_t)sizeof(f->icmp) + data_len);
	f->icmp.icmp_type = type;
	f->icmp.icmp_code = code;
	f->icmp.icmp_ident = rte_cpu_to_be_16(77);
	f->icmp.icmp_seq_nb = rte_cpu_to_be_16(1);
	for (uint32_t i = 0; i < data_len; i++)
		f->data[i] = (uint8_t)i;
	icmp_frame_seal(f, data_len);
	return (uint32_t)offsetof(struct icmp_frame, data) + data_len;
}

uint32_t arp_frame_make(
	struct arp_frame *f, uint16_t opcode, const char *sender, const char *target)
{
	memset(f, 0, sizeof(*f));
	f->eth.dst_addr = rig.ports[0].mac;
	f->eth.src_addr = peer_mac;
	f->eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	f->arp.arp_hardware = rte_cpu_to_be_16(1);
	f->arp.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	f->arp.arp_hlen = 6;
	f->arp.arp_plen = 4;
	f->arp.arp_opcode = rte_cpu_to_be_16(opcode);
	f->arp.arp_data.arp_sha = peer_mac;
	f->arp.arp_data.arp_sip = v4_of(sender);
	f->arp.arp_data.arp_tip = v4_of(target);
	return sizeof(*f);
}
