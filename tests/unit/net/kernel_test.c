/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's side of a port: who gets what, unchanged; rates by class; what the kernel sends. */
#include "dataplane/net/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/net/rig6.h"

#define KERNEL_IP    "192.0.2.3"
#define KERNEL_IP6   "2001:db8::3:3"
#define KERNEL_GROUP "ff02::1:ff03:3"
#define VLAN         100
#define TAG          4

static struct net_kernel kernel;

static void with_kernel(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.port = rig.ports[0];
	kernel.port.id = KERNEL_ID;
	kernel.address_count = 2;
	kernel.addresses[0] = ip_of(KERNEL_IP);
	kernel.addresses[1] = ip_of(KERNEL_IP6);
	kernel.port_count = 2;
	kernel.ports[0] = 22;
	kernel.ports[1] = 179;
	kernel.burst = 64;
	for (unsigned i = 0; i < KERNEL_CLASSES; i++)
		kernel.interval_ns[i] = SECOND / 100;
	rig.config.ports[0].kernel = &kernel;
}

static void with_tagged_kernel(void)
{
	with_kernel();
	rig.config.ports[0].vlan = VLAN;
}

static void with_kernel_and_ipv6(void)
{
	with_kernel();
	rig.config.ports[0].addresses[1] = (struct net_address){ ip_of(OUR_IP6), 64 };
	rig.config.ports[0].address_count = 2;
}

static int setup(void **state)
{
	rig_start(with_kernel);
	return 0;
}

static int setup_tagged(void **state)
{
	rig_start(with_tagged_kernel);
	return 0;
}

static int setup6(void **state)
{
	rig_start(with_kernel_and_ipv6);
	return 0;
}

static uint64_t handed(enum kernel_class class)
{
	return net_kernel_counts(rig.net, 0).handed[class];
}

/* Feed a frame: the kernel gets these bytes, in this class, and nobody else anything. */
static void feed_handed(const void *bytes, uint32_t len, enum kernel_class class)
{
	uint64_t before = handed(class);

	rig_reset_tx();
	assert_null(feed(0, bytes, len, 0));
	assert_int_equal(handed(class), before + 1);
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent_port[0], KERNEL_ID);
	assert_int_equal(rig.sent[0]->pkt_len, len);
	assert_memory_equal(rte_pktmbuf_mtod(rig.sent[0], const void *), bytes, len);
	assert_int_equal(rig.sent[0]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0);
	rig_reset_tx();
}

static uint32_t tcp_make(struct tcp_frame *f, const char *dst, uint16_t from, uint16_t to)
{
	uint32_t len = tcp_frame_make(f, 9);

	f->ip.dst_addr = v4_of(dst);
	ip_seal(&f->ip);
	f->tcp.src_port = rte_cpu_to_be_16(from);
	f->tcp.dst_port = rte_cpu_to_be_16(to);
	tcp_frame_seal(f, 9);
	return len;
}

static void its_addresses_are_the_kernels(void **state)
{
	struct tcp_frame f;
	struct icmp_frame icmp;
	uint32_t len = tcp_make(&f, KERNEL_IP, 1024, 80);

	feed_handed(&f, len, KERNEL_OTHER);
	feed_handed(&f, tcp_make(&f, KERNEL_IP, 1024, 179), KERNEL_BGP);
	feed_handed(&f, tcp_make(&f, KERNEL_IP, 179, 1024), KERNEL_BGP);
	feed_handed(&f, tcp_make(&f, KERNEL_IP, 1024, 22), KERNEL_SSH);
	len = icmp_frame_make(&icmp, 8, 0, 9);
	icmp.ip.dst_addr = v4_of(KERNEL_IP);
	ip_seal(&icmp.ip);
	feed_handed(&icmp, len, KERNEL_ICMP);
	/* Later fragments have no ports to look at. */
	len = tcp_make(&f, KERNEL_IP, 1024, 179);
	f.ip.fragment_offset = rte_cpu_to_be_16(100);
	ip_seal(&f.ip);
	feed_handed(&f, len, KERNEL_OTHER);
	/* Headers are judged first: what is malformed is nobody's. */
	f.ip.hdr_checksum ^= 1;
	feed_dropped(&f, len, DROP_IP_CHECKSUM);
	feed_dropped(&f, tcp_make(&f, "192.0.2.4", 1024, 80), DROP_NOT_FOR_US);
}

static void headers_that_end_early_are_read_no_further(void **state)
{
	struct tcp_frame f;

	tcp_make(&f, KERNEL_IP, 1024, 179);
	for (uint16_t more = 0; more < 8; more++) {
		f.ip.total_length = rte_cpu_to_be_16(sizeof(f.ip) + more);
		ip_seal(&f.ip);
		feed_handed(&f, RTE_ETHER_HDR_LEN + sizeof(f.ip) + more,
			more < 4 ? KERNEL_OTHER : KERNEL_BGP);
	}
}

static void unwanted_segments_of_its_ports_are_the_kernels(void **state)
{
	static const struct {
		uint16_t from, to;
		bool kernels;
	} cases[] = { { 1024, 22, true }, { 179, 40000, true }, { 1024, 80, false },
		{ 22, 179, true } };
	struct tcp_frame f;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		uint32_t len = tcp_make(&f, OUR_IP, cases[i].from, cases[i].to);
		struct rte_mbuf *m = feed(0, &f, len, 0);

		/* TCP is asked first, whatever the ports. */
		assert_non_null(m);
		assert_int_equal(net_kernel_offer(rig.net, m), cases[i].kernels);
		assert_int_equal(rig.sent_count, cases[i].kernels);
		if (!cases[i].kernels) {
			rte_pktmbuf_free(m);
			continue;
		}
		assert_int_equal(rig.sent[0]->pkt_len, len);
		assert_memory_equal(rte_pktmbuf_mtod(rig.sent[0], const void *), &f, len);
		rig_reset_tx();
	}
}

static void other_ports_have_no_kernel(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_make(&f, INSIDE_IP, 179, 179);
	struct rte_mbuf *m;

	f.eth.dst_addr = rig.ports[1].mac;
	f.ip.src_addr = v4_of("10.0.0.9");
	ip_seal(&f.ip);
	tcp_frame_seal(&f, 9);
	m = feed(1, &f, len, 0);
	assert_non_null(m);
	assert_false(net_kernel_offer(rig.net, m));
	rte_pktmbuf_free(m);
}

static void icmp_about_others_flows_is_the_kernels(void **state)
{
	struct icmp_frame f;
	struct {
		struct rte_ipv4_hdr ip;
		rte_be16_t src, dst;
		rte_be32_t seq;
	} __rte_packed quote;
	uint32_t len = icmp_frame_make(&f, 3, 1, sizeof(quote));

	memset(&quote, 0, sizeof(quote));
	quote.ip.version_ihl = RTE_IPV4_VHL_DEF;
	quote.ip.next_proto_id = IPPROTO_TCP;
	quote.ip.src_addr = v4_of(OUR_IP);
	quote.ip.dst_addr = v4_of(PEER_IP);
	quote.src = rte_cpu_to_be_16(40000);
	quote.dst = rte_cpu_to_be_16(179);
	memcpy(f.data, &quote, sizeof(quote));
	icmp_frame_seal(&f, sizeof(quote));
	assert_null(feed(0, &f, len, 0)); /* a connection has it */
	assert_int_equal(rig.icmp_count, 1);
	assert_int_equal(rig.sent_count, 0);
	rig.icmp_strange = true;
	feed_handed(&f, len, KERNEL_ICMP);
	quote.dst = rte_cpu_to_be_16(80);
	memcpy(f.data, &quote, sizeof(quote));
	icmp_frame_seal(&f, sizeof(quote));
	assert_null(feed(0, &f, len, 0));
	assert_int_equal(rig.sent_count, 0);
	quote.ip.next_proto_id = IPPROTO_UDP; /* never ours */
	memcpy(f.data, &quote, sizeof(quote));
	icmp_frame_seal(&f, sizeof(quote));
	feed_handed(&f, len, KERNEL_ICMP);
	feed_handed(&f, icmp_frame_make(&f, 0, 0, 9), KERNEL_ICMP);
	feed_dropped(&f, icmp_frame_make(&f, 5, 1, 9), DROP_ICMP_UNHANDLED);
}

static void arp_for_its_addresses_is_the_kernels(void **state)
{
	struct arp_frame f;

	feed_handed(
		&f, arp_frame_make(&f, RTE_ARP_OP_REQUEST, PEER_IP, KERNEL_IP), KERNEL_NEIGHBOUR);
	feed_handed(&f, arp_frame_make(&f, RTE_ARP_OP_REPLY, PEER_IP, KERNEL_IP), KERNEL_NEIGHBOUR);
	feed_handed(&f, arp_frame_make(&f, RTE_ARP_OP_REPLY, PEER_IP, OUR_IP), KERNEL_NEIGHBOUR);
	assert_null(feed(0, &f, arp_frame_make(&f, RTE_ARP_OP_REQUEST, PEER_IP, OUR_IP), 0));
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent_port[0], 0);
}

/* The frame with the port's tag after its MAC addresses. @return its length */
static uint32_t tagged(uint8_t *out, const void *frame, uint32_t len)
{
	memcpy(out, frame, 12);
	memcpy(out + 12, (uint8_t[]){ 0x81, 0, 0, VLAN }, TAG);
	memcpy(out + 16, (const uint8_t *)frame + 12, len - 12);
	return len + TAG;
}

static void the_kernel_sees_no_tag(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_make(&f, KERNEL_IP, 1024, 80);
	uint8_t bytes[sizeof(f) + TAG];

	assert_null(feed(0, bytes, tagged(bytes, &f, len), 0));
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent[0]->pkt_len, len);
	assert_memory_equal(rte_pktmbuf_mtod(rig.sent[0], const void *), &f, len);
}

static void kernel_sends(const void *bytes, uint32_t len)
{
	rig.kernel_rx[rig.kernel_rx_count++] = frame_of(bytes, len);
}

static void what_it_sends_gets_the_tag(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_make(&f, PEER_IP, 22, 1024);
	uint8_t bytes[sizeof(f) + TAG];
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), &f, len);
	rig.kernel_rx[rig.kernel_rx_count++] = m;
	assert_int_equal(net_kernel_turn(rig.net), 1);
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent_port[0], 0);
	assert_int_equal(rig.sent[0]->pkt_len, tagged(bytes, &f, len));
	assert_memory_equal(rte_pktmbuf_mtod(rig.sent[0], const void *), bytes, len + TAG);
}

static void what_it_sends_goes_out_of_the_port(void **state)
{
	static uint8_t bytes[1515];

	memset(bytes, 0x5a, sizeof(bytes));
	kernel_sends(bytes, 1514);
	assert_int_equal(net_kernel_turn(rig.net), 1);
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent_port[0], 0);
	assert_int_equal(rig.sent[0]->pkt_len, 1514);
	kernel_sends(bytes, 1515);
	net_kernel_turn(rig.net);
	kernel_sends(bytes, 13);
	net_kernel_turn(rig.net);
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.drops[DROP_KERNEL_FRAME], 2);
	assert_int_equal(net_kernel_counts(rig.net, 0).sent, 1);
}

static void a_turn_takes_a_bounded_number(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_make(&f, PEER_IP, 22, 1024);

	for (unsigned i = 0; i < NET_KERNEL_BURST + 8; i++)
		kernel_sends(&f, len);
	assert_int_equal(net_kernel_turn(rig.net), NET_KERNEL_BURST);
	assert_int_equal(net_kernel_turn(rig.net), 8);
	assert_int_equal(net_kernel_turn(rig.net), 0);
}

static void rates_are_exact_and_of_each_class(void **state)
{
	uint64_t now = 5 * SECOND;
	unsigned taken = 0;

	kernel.burst = 4;
	for (unsigned i = 0; i < 100; i++)
		taken += net_kernel_take(&kernel, KERNEL_OTHER, now);
	assert_int_equal(taken, 4);
	assert_true(net_kernel_take(&kernel, KERNEL_BGP, now));
	/* 100 a second. */
	assert_false(net_kernel_take(&kernel, KERNEL_OTHER, now + SECOND / 100 - 1));
	assert_true(net_kernel_take(&kernel, KERNEL_OTHER, now + SECOND / 100));
	assert_false(net_kernel_take(&kernel, KERNEL_OTHER, now + SECOND / 100));
	taken = 0;
	for (unsigned i = 0; i < 10000; i++)
		taken += net_kernel_take(&kernel, KERNEL_OTHER, now + SECOND + i * SECOND / 1000);
	assert_in_range(taken, 1000, 1004);
}

static void what_is_above_the_rate_is_dropped(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_make(&f, KERNEL_IP, 1024, 80);

	kernel.burst = 2;
	feed_handed(&f, len, KERNEL_OTHER);
	feed_handed(&f, len, KERNEL_OTHER);
	feed_dropped(&f, len, DROP_KERNEL_OTHER_RATE);
	feed_handed(&f, tcp_make(&f, KERNEL_IP, 1024, 179), KERNEL_BGP);
	feed_handed(&f, tcp_make(&f, KERNEL_IP, 1024, 22), KERNEL_SSH);
}

static void udp_make(struct tcp_frame *f, uint16_t from, uint16_t to)
{
	tcp_make(f, OUR_IP, from, to);
	f->ip.next_proto_id = IPPROTO_UDP;
	ip_seal(&f->ip);
}

static void udp_of_its_ports_is_the_kernels(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_make(&f, OUR_IP, 1, 1);

	udp_make(&f, 1024, 22);
	feed_handed(&f, len, KERNEL_OTHER);
	udp_make(&f, 179, 1024);
	feed_handed(&f, len, KERNEL_OTHER);
	udp_make(&f, 1024, 1024);
	feed_dropped(&f, len, DROP_IP_PROTOCOL);
}

/* IPv6 */

static void feed6_handed(const struct frame6 *f, enum kernel_class class)
{
	feed_handed(f->bytes, f->len, class);
}

static void ipv6_addresses_are_the_kernels(void **state)
{
	struct frame6 f;

	frame6_begin(&f, PEER_IP6, KERNEL_IP6, IPPROTO_TCP);
	frame6_tcp(&f, 9);
	frame6_seal(&f, IPPROTO_TCP);
	feed6_handed(&f, KERNEL_OTHER);
	frame6_echo(&f, KERNEL_IP6, 9);
	feed6_handed(&f, KERNEL_ICMP);
}

static void neighbour_discovery_of_its_addresses_is_the_kernels(void **state)
{
	struct frame6 f;

	/* Asked for by its group, as hosts do that do not know it yet. */
	frame6_ndp(&f, PEER_IP6, KERNEL_GROUP, 135);
	frame6_ndp_put(&f, 0, KERNEL_IP6, 1, &peer_mac);
	feed6_handed(&f, KERNEL_NEIGHBOUR);
	/* An answer to it. */
	frame6_ndp(&f, PEER_IP6, KERNEL_IP6, 136);
	frame6_ndp_put(&f, SOLICITED, PEER_IP6, 2, &peer_mac);
	feed6_handed(&f, KERNEL_NEIGHBOUR);
}

static void advertisements_to_shared_addresses_are_heard_by_both(void **state)
{
	struct frame6 f;

	frame6_ndp(&f, PEER_IP6, OUR_IP6, 136);
	frame6_ndp_put(&f, SOLICITED, PEER_IP6, 2, &peer_mac);
	feed6_handed(&f, KERNEL_NEIGHBOUR);
	/* Who asks for ours is answered by us. */
	frame6_ndp(&f, PEER_IP6, OUR_IP6, 135);
	frame6_ndp_put(&f, 0, OUR_IP6, 1, &peer_mac);
	assert_null(feed6(&f, 0));
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent_port[0], 0);
}

static void ipv6_segments_go_back_to_their_frame(void **state)
{
	static const uint8_t option[] = { 1, 4, 0, 0, 0, 0 }; /* PadN */
	struct frame6 f;
	struct rte_mbuf *m;
	rte_be16_t port = rte_cpu_to_be_16(179);

	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	frame6_extend(&f, IPPROTO_TCP, option, sizeof(option));
	frame6_tcp(&f, 9);
	memcpy(f.bytes + f.upper, &port, sizeof(port));
	frame6_seal(&f, IPPROTO_TCP);
	m = feed6(&f, 0);
	assert_non_null(m);
	assert_true(net_kernel_offer(rig.net, m));
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig.sent[0]->pkt_len, f.len);
	assert_memory_equal(rte_pktmbuf_mtod(rig.sent[0], const void *), f.bytes, f.len);
}

#define CASE(name, setup) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(its_addresses_are_the_kernels, setup),
		CASE(headers_that_end_early_are_read_no_further, setup),
		CASE(unwanted_segments_of_its_ports_are_the_kernels, setup),
		CASE(other_ports_have_no_kernel, setup),
		CASE(icmp_about_others_flows_is_the_kernels, setup),
		CASE(arp_for_its_addresses_is_the_kernels, setup),
		CASE(the_kernel_sees_no_tag, setup_tagged),
		CASE(what_it_sends_gets_the_tag, setup_tagged),
		CASE(what_it_sends_goes_out_of_the_port, setup),
		CASE(a_turn_takes_a_bounded_number, setup),
		CASE(rates_are_exact_and_of_each_class, setup),
		CASE(what_is_above_the_rate_is_dropped, setup),
		CASE(udp_of_its_ports_is_the_kernels, setup),
		CASE(ipv6_addresses_are_the_kernels, setup6),
		CASE(ipv6_addresses_are_the_kernels, setup),
		CASE(neighbour_discovery_of_its_addresses_is_the_kernels, setup6),
		CASE(neighbour_discovery_of_its_addresses_is_the_kernels, setup),
		CASE(advertisements_to_shared_addresses_are_heard_by_both, setup6),
		CASE(ipv6_segments_go_back_to_their_frame, setup6),
	};

	return cmocka_run_group_tests_name("net_kernel", tests, rig_eal_start, NULL);
}
