/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP: echo within its limit, errors handed to TCP with the tuple they quote, all else dropped. */
#include "tests/unit/net/net_rig.h"

#include <stdlib.h>
#include <string.h>

static void know_the_peer(void)
{
	struct arp_frame f;
	uint32_t len = arp_frame_make(&f, RTE_ARP_OP_REPLY, PEER_IP, OUR_IP);
	struct ip_addr peer = ip_of(PEER_IP);
	struct net_path path;

	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	assert_null(feed(0, &f, len, 0));
	rig_reset_tx();
}

static void echo_is_answered_with_its_data(void **state)
{
	struct icmp_frame f, *out;
	uint32_t len = icmp_frame_make(&f, RTE_IP_ICMP_ECHO_REQUEST, 0, 37);
	unsigned at;

	know_the_peer();
	assert_null(feed(0, &f, len, 0));
	at = rig.sent_count - 1; /* a unicast ARP goes first, as the address was not confirmed */
	assert_int_equal(rig.sent[at]->pkt_len, len);
	out = rte_pktmbuf_mtod(rig.sent[at], struct icmp_frame *);
	assert_memory_equal(&out->eth.dst_addr, &peer_mac, 6);
	assert_int_equal(out->ip.src_addr, v4_of(OUR_IP));
	assert_int_equal(out->ip.dst_addr, v4_of(PEER_IP));
	assert_int_equal(rte_raw_cksum(&out->ip, 20), 0xffff);
	assert_int_equal(out->icmp.icmp_type, RTE_IP_ICMP_ECHO_REPLY);
	assert_int_equal(out->icmp.icmp_ident, f.icmp.icmp_ident);
	assert_int_equal(out->icmp.icmp_seq_nb, f.icmp.icmp_seq_nb);
	assert_memory_equal(out->data, f.data, 37);
	assert_int_equal(rte_raw_cksum(&out->icmp, 8 + 37), 0xffff);
}

static void echo_is_limited(void **state)
{
	struct icmp_frame f;
	uint32_t len = icmp_frame_make(&f, RTE_IP_ICMP_ECHO_REQUEST, 0, 8);

	know_the_peer();
	for (int i = 0; i < 60; i++)
		assert_null(feed(0, &f, len, SECOND));
	assert_int_equal(rig.drops[DROP_ICMP_RATE], 10);
	rig_reset_tx();
	/* One more a millisecond later, not two. */
	assert_null(feed(0, &f, len, SECOND + 1000000));
	assert_null(feed(0, &f, len, SECOND + 1000000));
	assert_int_equal(rig.drops[DROP_ICMP_RATE], 11);
}

static void damaged_messages_are_refused(void **state)
{
	struct icmp_frame f;
	uint32_t len = icmp_frame_make(&f, RTE_IP_ICMP_ECHO_REQUEST, 0, 8);

	f.data[3] ^= 1;
	feed_dropped(&f, len, DROP_ICMP_CHECKSUM);
	for (uint32_t bytes = 0; bytes < 8; bytes++) {
		icmp_frame_make(&f, RTE_IP_ICMP_ECHO_REQUEST, 0, 0);
		f.ip.total_length = rte_cpu_to_be_16((uint16_t)(20 + bytes));
		ip_seal(&f.ip);
		feed_dropped(&f, 34 + bytes, DROP_ICMP_INVALID);
	}
	len = icmp_frame_make(&f, RTE_IP_ICMP_ECHO_REQUEST, 1, 8);
	feed_dropped(&f, len, DROP_ICMP_INVALID);
}

static void other_types_are_dropped(void **state)
{
	for (unsigned type = 0; type < 256; type++) {
		struct icmp_frame f;
		uint32_t len = icmp_frame_make(&f, (uint8_t)type, 0, 32);

		if (type != 3 && type != 8 && type != 11 && type != 12)
			feed_dropped(&f, len, DROP_ICMP_UNHANDLED);
	}
}

/* "Fragmentation needed" that quotes a segment of ours. */
static uint32_t too_big_make(struct icmp_frame *f, uint16_t mtu)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(1500),
		.next_proto_id = IPPROTO_TCP,
		.src_addr = v4_of(OUR_IP),
		.dst_addr = v4_of("203.0.113.5"),
	};
	static const uint8_t tcp[8] = { 0x01, 0xbb, 0x9c, 0x40, 0x01, 0x02, 0x03, 0x04 };
	uint32_t len = icmp_frame_make(f, 3, 4, 28);

	f->icmp.icmp_seq_nb = rte_cpu_to_be_16(mtu);
	memcpy(f->data, &ip, 20);
	memcpy(f->data + 20, tcp, 8);
	icmp_frame_seal(f, 28);
	return len;
}

static void errors_go_up_with_the_quoted_tuple(void **state)
{
	struct icmp_frame f;
	uint32_t len = too_big_make(&f, 1400);

	assert_null(feed(0, &f, len, 0));
	assert_int_equal(rig.icmp_count, 1);
	assert_int_equal(ip_to_v4(&rig.icmp_quoted.src), v4_of(OUR_IP));
	assert_int_equal(ip_to_v4(&rig.icmp_quoted.dst), v4_of("203.0.113.5"));
	assert_int_equal(rig.icmp_quoted.src_port, 443);
	assert_int_equal(rig.icmp_quoted.dst_port, 40000);
	assert_int_equal(rig.icmp_seq, 0x01020304);
	assert_int_equal(rig.icmp_mtu, 1400);

	f.icmp.icmp_code = 1; /* host unreachable: no MTU in it */
	icmp_frame_seal(&f, 28);
	assert_null(feed(0, &f, len, 0));
	assert_int_equal(rig.icmp_count, 2);
	assert_int_equal(rig.icmp_mtu, 0);
}

static void quotes_of_what_we_never_sent_are_refused(void **state)
{
	struct icmp_frame f;
	uint32_t len = too_big_make(&f, 1400);
	struct rte_ipv4_hdr ip;

	memcpy(&ip, f.data, 20);
	ip.src_addr = v4_of("192.0.2.77");
	memcpy(f.data, &ip, 20);
	icmp_frame_seal(&f, 28);
	feed_dropped(&f, len, DROP_ICMP_INVALID);

	too_big_make(&f, 1400);
	f.data[0] = 0x46;
	icmp_frame_seal(&f, 28);
	feed_dropped(&f, len, DROP_ICMP_INVALID);

	too_big_make(&f, 1400);
	f.data[9] = IPPROTO_UDP;
	icmp_frame_seal(&f, 28);
	feed_dropped(&f, len, DROP_ICMP_UNHANDLED);

	too_big_make(&f, 1400);
	for (uint32_t data = 0; data < 28; data++) {
		f.ip.total_length = rte_cpu_to_be_16((uint16_t)(28 + data));
		ip_seal(&f.ip);
		icmp_frame_seal(&f, data);
		feed_dropped(&f, 42 + data, DROP_ICMP_INVALID);
	}
	assert_int_equal(rig.icmp_count, 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(echo_is_answered_with_its_data),
		WITH_RIG(echo_is_limited),
		WITH_RIG(damaged_messages_are_refused),
		WITH_RIG(other_types_are_dropped),
		WITH_RIG(errors_go_up_with_the_quoted_tuple),
		WITH_RIG(quotes_of_what_we_never_sent_are_refused),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
