/* SPDX-License-Identifier: Apache-2.0 */
/* What the network layer lets in, and the named drop in which every damaged frame ends. */
#include "tests/unit/net/net_rig.h"

#include <stdlib.h>
#include <string.h>

static void whole_segment_comes_out_described(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 33);
	struct rte_mbuf *m;
	struct net_meta *meta;

	f.ip.type_of_service = 2;
	ip_seal(&f.ip);
	m = feed(0, &f, len, 0);
	assert_non_null(m);
	meta = net_meta(m);
	assert_true(ip_to_v4(&meta->src) == v4_of(PEER_IP));
	assert_true(ip_to_v4(&meta->dst) == v4_of(OUR_IP));
	assert_int_equal(meta->src_port, 40000);
	assert_int_equal(meta->dst_port, 443);
	assert_int_equal(meta->port_index, 0);
	assert_int_equal(meta->ecn, 2);
	assert_int_equal(meta->header_bytes, 20);
	assert_int_equal(meta->payload_bytes, 33);
	assert_int_equal(m->pkt_len, 53);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), &f.tcp, 53);
	rte_pktmbuf_free(m);
}

static void ethernet_padding_is_cut_off(void **state)
{
	struct tcp_frame f;
	struct rte_mbuf *m;

	tcp_frame_make(&f, 0);
	m = feed(0, &f, 60, 0);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 20);
	assert_int_equal(net_meta(m)->payload_bytes, 0);
	rte_pktmbuf_free(m);
}

static void frames_for_others_are_dropped(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 4);

	f.eth.dst_addr.addr_bytes[5] ^= 1;
	feed_dropped(&f, len, DROP_NOT_FOR_US);
	memset(&f.eth.dst_addr, 0xff, 6); /* IP to the broadcast MAC address: RFC 1122 §3.3.6 */
	feed_dropped(&f, len, DROP_NOT_FOR_US);

	len = tcp_frame_make(&f, 4);
	f.ip.dst_addr = v4_of("192.0.2.2");
	ip_seal(&f.ip);
	tcp_frame_seal(&f, 4);
	feed_dropped(&f, len, DROP_NOT_FOR_US);
	f.ip.dst_addr = v4_of(INSIDE_IP); /* ours, but the other port's: strong host model */
	ip_seal(&f.ip);
	tcp_frame_seal(&f, 4);
	feed_dropped(&f, len, DROP_NOT_FOR_US);
}

static void unknown_ether_types_are_dropped(void **state)
{
	static const uint16_t types[] = { 0x88a8, 0x86dd, 0x0000, 0xffff, 46 };
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 4);

	for (unsigned i = 0; i < RTE_DIM(types); i++) {
		f.eth.ether_type = rte_cpu_to_be_16(types[i]);
		feed_dropped(&f, len, DROP_ETHER_TYPE);
	}
}

/* Cut a good frame at every length: each cut has one name. */
static void truncated_frames_end_in_their_drop(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 12);

	for (uint32_t cut = 0; cut < 34; cut++)
		feed_dropped(&f, cut, DROP_FRAME_SHORT);
	for (uint32_t cut = 34; cut < len; cut++)
		feed_dropped(&f, cut, DROP_IP_LENGTH);
}

static void lying_ip_headers_are_refused(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 12);

	f.ip.version_ihl = 0x65;
	feed_dropped(&f, len, DROP_IP_VERSION);
	f.ip.version_ihl = 0x44;
	feed_dropped(&f, len, DROP_IP_HEADER);
	f.ip.version_ihl = 0x40;
	feed_dropped(&f, len, DROP_IP_HEADER);
	f.ip.version_ihl = 0x4f; /* 60 bytes of header in 52 bytes of packet */
	feed_dropped(&f, len, DROP_IP_HEADER);

	tcp_frame_make(&f, 12);
	f.ip.total_length = rte_cpu_to_be_16(19);
	ip_seal(&f.ip);
	feed_dropped(&f, len, DROP_IP_HEADER);
	f.ip.total_length = rte_cpu_to_be_16(53);
	ip_seal(&f.ip);
	feed_dropped(&f, len, DROP_IP_LENGTH);
	f.ip.total_length = 0xffff;
	ip_seal(&f.ip);
	feed_dropped(&f, len, DROP_IP_LENGTH);

	tcp_frame_make(&f, 12);
	f.ip.hdr_checksum ^= 0x0100;
	feed_dropped(&f, len, DROP_IP_CHECKSUM);
	tcp_frame_make(&f, 12);
	f.ip.version_ihl = 0x46; /* the TCP ports stand for an option */
	ip_seal(&f.ip);
	feed_dropped(&f, len, DROP_IP_OPTIONS);
}

static void fragments_are_refused(void **state)
{
	static const uint16_t fields[] = { 0x2000, 0x2001, 0x0001, 0x1fff, 0x6000 };
	struct tcp_frame f;
	struct rte_mbuf *m;
	uint32_t len = tcp_frame_make(&f, 12);

	for (unsigned i = 0; i < RTE_DIM(fields); i++) {
		f.ip.fragment_offset = rte_cpu_to_be_16(fields[i]);
		ip_seal(&f.ip);
		feed_dropped(&f, len, DROP_IP_FRAGMENT);
	}
	f.ip.fragment_offset = rte_cpu_to_be_16(0x4000); /* DF alone is no fragment */
	ip_seal(&f.ip);
	m = feed(0, &f, len, 0);
	assert_non_null(m);
	rte_pktmbuf_free(m);
}

static void impossible_sources_are_refused(void **state)
{
	static const char *const sources[] = { "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255",
		"224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.255",
		"192.0.2.0", OUR_IP };
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 0);

	for (unsigned i = 0; i < RTE_DIM(sources); i++) {
		f.ip.src_addr = v4_of(sources[i]);
		ip_seal(&f.ip);
		tcp_frame_seal(&f, 0);
		feed_dropped(&f, len, DROP_IP_SOURCE);
	}
}

static void other_protocols_are_dropped(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 12);

	for (unsigned protocol = 0; protocol < 256; protocol++) {
		if (protocol == IPPROTO_TCP || protocol == IPPROTO_ICMP)
			continue;
		f.ip.next_proto_id = (uint8_t)protocol;
		ip_seal(&f.ip);
		feed_dropped(&f, len, DROP_IP_PROTOCOL);
	}
}

static void damaged_tcp_headers_are_refused(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 12);

	for (uint32_t bytes = 0; bytes < 20; bytes++) {
		f.ip.total_length = rte_cpu_to_be_16((uint16_t)(20 + bytes));
		ip_seal(&f.ip);
		feed_dropped(&f, 34 + bytes, DROP_TCP_HEADER);
	}
	tcp_frame_make(&f, 12);
	for (unsigned words = 0; words < 16; words++) {
		f.tcp.data_off = (uint8_t)(words << 4);
		tcp_frame_seal(&f, 12);
		if (words < 5 || words > 8)
			feed_dropped(&f, len, DROP_TCP_HEADER);
	}
}

static void every_single_bit_error_is_caught(void **state)
{
	struct tcp_frame good, f;
	uint32_t len = tcp_frame_make(&good, 9);

	for (uint32_t bit = 34 * 8; bit < len * 8; bit++) {
		if (bit / 8 == 34 + 12) /* the data offset has its own drop */
			continue;
		f = good;
		((uint8_t *)&f)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		feed_dropped(&f, len, DROP_TCP_CHECKSUM);
	}
}

static void checksum_flags_count_only_where_the_port_checks(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 4);
	struct rte_mbuf *m, *out;

	f.tcp.cksum ^= 1;
	f.ip.hdr_checksum ^= 1;
	m = frame_of(&f, len);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	assert_int_equal(net_input(rig.net, 0, &m, 1, &out, 0), 0);
	assert_int_equal(rig.drops[DROP_IP_CHECKSUM], 1);

	rig.ports[0].caps.rx_checksum = true;
	m = frame_of(&f, len);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	assert_int_equal(net_input(rig.net, 0, &m, 1, &out, 0), 1);
	rte_pktmbuf_free(out);

	m = frame_of(&f, len);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_BAD;
	assert_int_equal(net_input(rig.net, 0, &m, 1, &out, 0), 0);
	assert_int_equal(rig.drops[DROP_IP_CHECKSUM], 2);

	m = frame_of(&f, len);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
	assert_int_equal(net_input(rig.net, 0, &m, 1, &out, 0), 0);
	assert_int_equal(rig.drops[DROP_TCP_CHECKSUM], 1);

	f.ip.hdr_checksum ^= 1;
	m = frame_of(&f, len); /* unknown: checked here */
	assert_int_equal(net_input(rig.net, 0, &m, 1, &out, 0), 0);
	assert_int_equal(rig.drops[DROP_TCP_CHECKSUM], 2);
}

static void frame_in_pieces_is_gathered(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 40);
	struct rte_mbuf *head = NULL, *out = NULL;

	for (uint32_t at = 0; at < len; at += 5) {
		uint16_t part = (uint16_t)RTE_MIN(5u, len - at);
		struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);

		memcpy(rte_pktmbuf_append(m, part), (uint8_t *)&f + at, part);
		if (head)
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		else
			head = m;
	}
	assert_int_equal(net_input(rig.net, 0, &head, 1, &out, 0), 1);
	assert_int_equal(out->nb_segs, 1);
	assert_int_equal(net_meta(out)->payload_bytes, 40);
	assert_memory_equal(rte_pktmbuf_mtod(out, void *), &f.tcp, 60);
	rte_pktmbuf_free(out);
}

/* Whatever the bytes, a frame is either a segment or in one drop counter, and nothing leaks. */
static void random_damage_is_always_accounted_for(void **state)
{
	srand(4);
	for (int round = 0; round < 20000; round++) {
		struct tcp_frame f;
		uint32_t len = tcp_frame_make(&f, (uint32_t)rand() % 64);
		struct rte_mbuf *m;
		uint64_t before = 0, after = 0;

		for (int k = rand() % 4; k > 0; k--)
			((uint8_t *)&f)[(uint32_t)rand() % len] = (uint8_t)rand();
		if (rand() % 4 == 0)
			len = (uint32_t)rand() % (len + 1);
		if (rand() % 2 && len >= 34) {
			f.ip.version_ihl = (uint8_t)(0x40 | (f.ip.version_ihl & 15));
			if ((f.ip.version_ihl & 15) >= 5 && (f.ip.version_ihl & 15) <= 8)
				ip_seal(&f.ip);
		}
		for (int i = 0; i < DROP_COUNT; i++)
			before += rig.drops[i];
		m = feed(0, &f, len, 0);
		for (int i = 0; i < DROP_COUNT; i++)
			after += rig.drops[i];
		assert_int_equal(after - before, m ? 0 : 1);
		rte_pktmbuf_free(m);
		rig_reset_tx();
	}
}

static void bad_configurations_are_refused(void **state)
{
	struct net_config config = rig.config;

	config.port_count = 0;
	assert_null(net_create(&config));
	config.port_count = PORT_MAX + 1;
	assert_null(net_create(&config));
	config = rig.config;
	config.ports[0].addresses[0].prefix_len = 33;
	assert_null(net_create(&config));
	config = rig.config;
	config.ports[0].gateways[0] = ip_of(OUR_IP);
	assert_null(net_create(&config));
	config = rig.config;
	config.neighbour_limit = 0;
	assert_null(net_create(&config));
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(whole_segment_comes_out_described),
		WITH_RIG(ethernet_padding_is_cut_off),
		WITH_RIG(frames_for_others_are_dropped),
		WITH_RIG(unknown_ether_types_are_dropped),
		WITH_RIG(truncated_frames_end_in_their_drop),
		WITH_RIG(lying_ip_headers_are_refused),
		WITH_RIG(fragments_are_refused),
		WITH_RIG(impossible_sources_are_refused),
		WITH_RIG(other_protocols_are_dropped),
		WITH_RIG(damaged_tcp_headers_are_refused),
		WITH_RIG(every_single_bit_error_is_caught),
		WITH_RIG(checksum_flags_count_only_where_the_port_checks),
		WITH_RIG(frame_in_pieces_is_gathered),
		WITH_RIG(random_damage_is_always_accounted_for),
		WITH_RIG(bad_configurations_are_refused),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
