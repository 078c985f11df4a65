/* SPDX-License-Identifier: Apache-2.0 */
/* ARP, neighbours, paths and the way out. */
#include "tests/unit/net/net_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Send an empty segment to @p remote. */
static void send_to(const char *remote, uint64_t now_ns)
{
	struct ip_addr to = ip_of(remote);
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	struct rte_tcp_hdr *tcp = (void *)rte_pktmbuf_append(m, sizeof(*tcp));
	struct net_path path;

	memset(tcp, 0, sizeof(*tcp));
	tcp->data_off = 5 << 4;
	assert_int_equal(net_path_find(rig.net, &to, NULL, &path), 0);
	net_output_tcp(rig.net, &path, &to, m, 0, now_ns);
}

static struct arp_frame *sent_arp(unsigned i)
{
	struct arp_frame *f;

	assert_true(i < rig.sent_count);
	f = rte_pktmbuf_mtod(rig.sent[i], struct arp_frame *);
	assert_int_equal(rig.sent[i]->pkt_len, sizeof(*f));
	assert_int_equal(f->eth.ether_type, rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP));
	return f;
}

static struct tcp_frame *sent_tcp(unsigned i)
{
	struct tcp_frame *f;

	assert_true(i < rig.sent_count);
	f = rte_pktmbuf_mtod(rig.sent[i], struct tcp_frame *);
	assert_int_equal(f->eth.ether_type, rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4));
	return f;
}

static void arp_reply_from(const char *ip, const struct rte_ether_addr *mac, uint64_t now_ns)
{
	struct arp_frame f;
	uint32_t len = arp_frame_make(&f, RTE_ARP_OP_REPLY, ip, OUR_IP);

	f.arp.arp_data.arp_sha = *mac;
	assert_null(feed(0, &f, len, now_ns));
}

static void request_for_us_is_answered(void **state)
{
	struct arp_frame f, *out;
	uint32_t len = arp_frame_make(&f, RTE_ARP_OP_REQUEST, PEER_IP, OUR_IP);

	memset(&f.eth.dst_addr, 0xff, 6);
	assert_null(feed(0, &f, len, 0));
	assert_int_equal(rig.sent_count, 1);
	out = sent_arp(0);
	assert_int_equal(out->arp.arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REPLY));
	assert_memory_equal(&out->eth.dst_addr, &peer_mac, 6);
	assert_memory_equal(&out->eth.src_addr, &rig.ports[0].mac, 6);
	assert_memory_equal(&out->arp.arp_data.arp_sha, &rig.ports[0].mac, 6);
	assert_memory_equal(&out->arp.arp_data.arp_tha, &peer_mac, 6);
	assert_int_equal(out->arp.arp_data.arp_sip, v4_of(OUR_IP));
	assert_int_equal(out->arp.arp_data.arp_tip, v4_of(PEER_IP));
	assert_int_equal(rig.seen_count, 1);

	f.arp.arp_data.arp_sip = 0; /* an address probe is answered too, but nobody is learned */
	assert_null(feed(0, &f, len, 0));
	assert_int_equal(rig.sent_count, 2);
	assert_int_equal(rig.seen_count, 1);
}

static void requests_for_others_are_not_answered(void **state)
{
	struct arp_frame f;
	uint32_t len = arp_frame_make(&f, RTE_ARP_OP_REQUEST, PEER_IP, "192.0.2.7");

	feed_dropped(&f, len, DROP_NOT_FOR_US);
	f.arp.arp_data.arp_tip = v4_of(INSIDE_IP); /* the other port's address is not given away */
	feed_dropped(&f, len, DROP_NOT_FOR_US);
	assert_int_equal(rig.sent_count, 0);
}

static void malformed_arp_is_refused(void **state)
{
	static const uint32_t senders[] = { 0x7f000001, 0xe0000001, 0xffffffff, 0x00000001 };
	struct arp_frame good, f;
	uint32_t len = arp_frame_make(&good, RTE_ARP_OP_REQUEST, PEER_IP, OUR_IP);

	for (uint32_t cut = 14; cut < len; cut++)
		feed_dropped(&good, cut, DROP_FRAME_SHORT);
	for (uint32_t at = 14; at < 22; at++) { /* hardware, protocol, lengths, opcode */
		f = good;
		((uint8_t *)&f)[at] ^= 0x40;
		feed_dropped(&f, len, DROP_ARP_INVALID);
	}
	f = good;
	memset(&f.arp.arp_data.arp_sha, 0xff, 6);
	feed_dropped(&f, len, DROP_ARP_INVALID);
	memset(&f.arp.arp_data.arp_sha, 0, 6);
	feed_dropped(&f, len, DROP_ARP_INVALID);
	f = good;
	for (unsigned i = 0; i < RTE_DIM(senders); i++) {
		f.arp.arp_data.arp_sip = rte_cpu_to_be_32(senders[i]);
		feed_dropped(&f, len, DROP_ARP_INVALID);
	}
	assert_int_equal(rig.sent_count, 0);
}

static void announce_on(void)
{
	rig.config.queue = 0;
}

static void addresses_are_announced_twice_at_start(void **state)
{
	rig_start(announce_on);
	for (uint64_t t = 0; t < 10 * SECOND; t += SECOND / 10)
		net_timers(rig.net, t);
	assert_int_equal(rig.sent_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct arp_frame *f = sent_arp(i);

		assert_true(rte_is_broadcast_ether_addr(&f->eth.dst_addr));
		assert_int_equal(f->arp.arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REQUEST));
		assert_int_equal(f->arp.arp_data.arp_sip, f->arp.arp_data.arp_tip);
		assert_int_equal(f->arp.arp_data.arp_sip, v4_of(i % 2 ? INSIDE_IP : OUR_IP));
		assert_int_equal(rig.sent_port[i], i % 2);
	}
	rig_teardown(NULL);
}

static void first_packet_waits_for_the_answer(void **state)
{
	struct arp_frame *ask;
	struct tcp_frame *f;

	send_to(PEER_IP, 0);
	send_to(PEER_IP, 0);
	assert_int_equal(rig.sent_count, 1);
	ask = sent_arp(0);
	assert_true(rte_is_broadcast_ether_addr(&ask->eth.dst_addr));
	assert_int_equal(ask->arp.arp_data.arp_tip, v4_of(PEER_IP));
	assert_int_equal(ask->arp.arp_data.arp_sip, v4_of(OUR_IP));

	arp_reply_from(PEER_IP, &peer_mac, 1000);
	assert_int_equal(rig.sent_count, 3);
	f = sent_tcp(1);
	assert_memory_equal(&f->eth.dst_addr, &peer_mac, 6);
	assert_memory_equal(&f->eth.src_addr, &rig.ports[0].mac, 6);
	send_to(PEER_IP, 2000);
	assert_int_equal(rig.sent_count, 4);
}

static void silent_neighbour_is_reported_after_three_requests(void **state)
{
	struct ip_addr far = ip_of("203.0.113.5");

	send_to("203.0.113.5", 0);
	send_to("203.0.113.5", 0);
	assert_int_equal(sent_arp(0)->arp.arp_data.arp_tip, v4_of(GATEWAY_IP));
	for (uint64_t t = 0; t < 3 * SECOND; t += SECOND / 10)
		net_timers(rig.net, t);
	assert_int_equal(rig.sent_count, 3);
	assert_int_equal(rig.unreachable_count, 0);
	for (uint64_t t = 3 * SECOND; t < 6 * SECOND; t += SECOND / 10)
		net_timers(rig.net, t);
	assert_int_equal(rig.sent_count, 3);
	assert_int_equal(rig.unreachable_count, 1);
	assert_true(ip_equal(&rig.unreachable, &far));
	assert_int_equal(rig.drops[DROP_NEIGH_FAILED], 2);
	send_to("203.0.113.5", 7 * SECOND); /* and asked anew */
	assert_int_equal(rig.sent_count, 4);
}

/* What was asked before the link came up, nobody heard. */
static void a_link_that_comes_up_asks_again_at_once(void **state)
{
	send_to(PEER_IP, 0);
	for (uint64_t t = 0; t < 3 * SECOND - SECOND / 10; t += SECOND / 10)
		net_timers(rig.net, t);
	assert_int_equal(rig.sent_count, 3);
	rig_reset_tx();
	net_announce(rig.net);
	net_timers(rig.net, 3 * SECOND - SECOND / 10);
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(sent_arp(0)->arp.arp_data.arp_tip, v4_of(PEER_IP));
	for (uint64_t t = 3 * SECOND; t < 5 * SECOND; t += SECOND / 10)
		net_timers(rig.net, t);
	assert_int_equal(rig.sent_count, 3);
	assert_int_equal(rig.unreachable_count, 0);
}

static void at_most_32_packets_wait_and_the_oldest_goes(void **state)
{
	for (int i = 0; i < 44; i++)
		send_to(PEER_IP, 0);
	assert_int_equal(rig.drops[DROP_NEIGH_QUEUE_FULL], 12);
	arp_reply_from(PEER_IP, &peer_mac, 0);
	assert_int_equal(rig.sent_count, 1 + 32);
}

static void old_address_is_used_while_it_is_probed(void **state)
{
	static const struct rte_ether_addr other = { { 2, 0, 0, 0, 0, 10 } };
	struct arp_frame *ask;

	send_to(PEER_IP, 0);
	arp_reply_from(PEER_IP, &peer_mac, 0);
	rig_reset_tx();

	send_to(PEER_IP, 31 * SECOND);
	assert_int_equal(rig.sent_count, 2);
	ask = sent_arp(0);
	assert_memory_equal(&ask->eth.dst_addr, &peer_mac, 6); /* unicast */
	assert_memory_equal(&sent_tcp(1)->eth.dst_addr, &peer_mac, 6);
	arp_reply_from(PEER_IP, &other, 31 * SECOND);
	send_to(PEER_IP, 32 * SECOND);
	assert_int_equal(rig.sent_count, 3);
	assert_memory_equal(&sent_tcp(2)->eth.dst_addr, &other, 6);
}

static void dead_address_is_asked_for_by_broadcast(void **state)
{
	send_to(PEER_IP, 0);
	arp_reply_from(PEER_IP, &peer_mac, 0);
	rig_reset_tx();
	send_to(PEER_IP, 40 * SECOND);
	for (uint64_t t = 40 * SECOND; t < 44 * SECOND; t += SECOND / 10)
		net_timers(rig.net, t);
	/* The packet, three unicast probes, then a broadcast. */
	assert_int_equal(rig.sent_count, 5);
	assert_memory_equal(&sent_arp(3)->eth.dst_addr, &peer_mac, 6);
	assert_true(rte_is_broadcast_ether_addr(&sent_arp(4)->eth.dst_addr));
	send_to(PEER_IP, 44 * SECOND); /* waits now */
	assert_int_equal(rig.sent_count, 5);
	for (uint64_t t = 44 * SECOND; t < 48 * SECOND; t += SECOND / 10)
		net_timers(rig.net, t);
	assert_int_equal(rig.unreachable_count, 1);
}

static void unsolicited_arp_updates_but_never_adds(void **state)
{
	static const struct rte_ether_addr moved = { { 2, 0, 0, 0, 0, 11 } };
	struct arp_frame f;
	uint32_t len = arp_frame_make(&f, RTE_ARP_OP_REQUEST, PEER_IP, PEER_IP);

	memset(&f.eth.dst_addr, 0xff, 6);
	feed_dropped(&f, len, DROP_NOT_FOR_US); /* gratuitous, from nobody we know */
	send_to(PEER_IP, 0);
	assert_int_equal(rig.sent_count, 1); /* still has to ask */
	arp_reply_from(PEER_IP, &peer_mac, 0);
	rig_reset_tx();

	f.arp.arp_data.arp_sha = moved;
	feed_dropped(&f, len, DROP_NOT_FOR_US);
	send_to(PEER_IP, SECOND); /* believed, and checked */
	assert_int_equal(rig.sent_count, 2);
	assert_memory_equal(&sent_arp(0)->eth.dst_addr, &moved, 6);
	assert_memory_equal(&sent_tcp(1)->eth.dst_addr, &moved, 6);
}

static void our_own_address_is_never_learned_from_others(void **state)
{
	struct arp_frame f;
	uint32_t len = arp_frame_make(&f, RTE_ARP_OP_REPLY, OUR_IP, OUR_IP);

	feed_dropped(&f, len, DROP_NOT_FOR_US);
}

static void another_workers_answer_is_taken_over(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP);

	send_to(PEER_IP, 0);
	net_neighbour_learn(rig.net, 0, &peer, &peer_mac, true, 5);
	assert_int_equal(rig.sent_count, 2);
	assert_memory_equal(&sent_tcp(1)->eth.dst_addr, &peer_mac, 6);
}

static void full_table_refuses_then_takes_unused_entries(void **state)
{
	char text[IP_TEXT_BYTES];

	for (int i = 0; i < 16; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", 100 + i);
		send_to(text, 0);
		arp_reply_from(text, &peer_mac, 0);
	}
	send_to("192.0.2.200", SECOND);
	assert_int_equal(rig.drops[DROP_NEIGH_TABLE_FULL], 1);
	send_to("192.0.2.100", 50 * SECOND); /* stays, as it is in use */
	arp_reply_from("192.0.2.100", &peer_mac, 50 * SECOND);
	net_timers(rig.net, 61 * SECOND);
	rig_reset_tx();
	send_to("192.0.2.200", 61 * SECOND);
	assert_int_equal(rig.drops[DROP_NEIGH_TABLE_FULL], 1);
	assert_int_equal(rig.sent_count, 1);
	send_to("192.0.2.100", 62 * SECOND);
	assert_int_equal(rig.sent_count, 2); /* known still: sent at once */
	sent_tcp(1);
}

/* A flood from on-link addresses that nobody has must not keep a backend's first SYN from its wait. */
static void strangers_leave_room_in_the_queues(void **state)
{
	char text[IP_TEXT_BYTES];

	for (int i = 0; i < 15 * 100; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", 100 + i % 15);
		send_to(text, 0);
	}
	rig_reset_tx();
	for (int i = 0; i < 4; i++)
		send_to(PEER_IP, 0);
	arp_reply_from(PEER_IP, &peer_mac, 0);
	assert_int_equal(rig.sent_count, 1 + 4);
	/* Fifteen strangers stop at their part of the room: 15 × 22 wait, and (512 − 330) / 8 = 22. */
	assert_int_equal(rig.drops[DROP_NEIGH_QUEUE_FULL], 1500 - 15 * 22);
}

static void queue_for_one(void)
{
	rig.config.neighbour_queue_limit = 1;
}

static void one_packet_waits_even_beyond_the_limit(void **state)
{
	char text[IP_TEXT_BYTES];

	rig_start(queue_for_one);
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", 100 + i);
		send_to(text, 0);
		send_to(text, 0);
	}
	assert_int_equal(rig.drops[DROP_NEIGH_QUEUE_FULL], 8);
	rig_reset_tx();
	arp_reply_from("192.0.2.103", &peer_mac, 0);
	assert_int_equal(rig.sent_count, 1);
	assert_int_equal(rig_teardown(NULL), 0);
}

static void strangers_that_do_not_answer_give_their_place_to_a_new_neighbour(void **state)
{
	char text[IP_TEXT_BYTES];

	send_to("192.0.2.99", 0);
	arp_reply_from("192.0.2.99", &peer_mac, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", 100 + i);
		send_to(text, SECOND);
	}
	/* 15 places went round among the hundred; each of the others lost its packet with its place. */
	assert_int_equal(rig.drops[DROP_NEIGH_TABLE_FULL], 85);
	rig_reset_tx();
	send_to(PEER_IP, SECOND);
	arp_reply_from(PEER_IP, &peer_mac, SECOND);
	assert_int_equal(rig.sent_count, 2);
	send_to("192.0.2.99", SECOND); /* who answered was not touched */
	assert_int_equal(rig.sent_count, 3);
	sent_tcp(2);
	assert_int_equal(rig.unreachable_count, 0);
}

static void path_outlives_its_entry(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP);
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	struct rte_tcp_hdr *tcp = (void *)rte_pktmbuf_append(m, sizeof(*tcp));
	struct net_path path;

	memset(tcp, 0, sizeof(*tcp));
	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	net_timers(rig.net, 700 * SECOND);   /* aged away */
	send_to("192.0.2.50", 700 * SECOND); /* and its place taken */
	net_output_tcp(rig.net, &path, &peer, m, 0, 700 * SECOND);
	assert_int_equal(rig.sent_count, 2);
	assert_int_equal(sent_arp(1)->arp.arp_data.arp_tip, v4_of(PEER_IP));
}

static void paths_prefer_connected_then_gateway(void **state)
{
	struct ip_addr inside = ip_of("10.0.0.77"), far = ip_of("8.8.8.8"), ours = ip_of(OUR_IP),
		       ours_inside = ip_of(INSIDE_IP);
	static const char *const bad[] = { OUR_IP, INSIDE_IP, "192.0.2.255", "192.0.2.0", "0.0.0.0",
		"127.0.0.1", "224.0.0.1", "255.255.255.255", "2001:db8::1" };
	struct net_path path;

	assert_int_equal(net_path_find(rig.net, &inside, NULL, &path), 0);
	assert_int_equal(path.port_index, 1);
	assert_true(ip_equal(&path.local, &ours_inside));
	assert_true(ip_equal(&path.next_hop, &inside));
	assert_int_equal(path.mtu, 1500);

	assert_int_equal(net_path_find(rig.net, &far, NULL, &path), 0);
	assert_int_equal(path.port_index, 0);
	assert_true(ip_equal(&path.local, &ours));
	assert_int_equal(ip_to_v4(&path.next_hop), v4_of(GATEWAY_IP));

	/* A given source pins the port. */
	assert_int_equal(net_path_find(rig.net, &inside, &ours, &path), 0);
	assert_int_equal(path.port_index, 0);
	assert_int_equal(net_path_find(rig.net, &far, &ours_inside, &path), -ENETUNREACH);
	assert_int_equal(net_path_find(rig.net, &far, &far, &path), -ENETUNREACH);
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		struct ip_addr a = ip_of(bad[i]);

		assert_int_equal(net_path_find(rig.net, &a, NULL, &path), -ENETUNREACH);
	}
}

/* The sum over pseudo-header and segment, by DPDK's functions: 0xffff when it is right. */
static uint16_t tcp_sum(const struct rte_ipv4_hdr *ip)
{
	uint32_t sum = rte_ipv4_phdr_cksum(ip, 0);

	sum += rte_raw_cksum(ip + 1, rte_be_to_cpu_16(ip->total_length) - sizeof(*ip));
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* A chain with odd pieces must come out as a frame that our own input takes. */
static void output_carries_right_checksums(void **state)
{
	struct ip_addr to = ip_of(PEER_IP);
	struct net_path path;

	send_to(PEER_IP, 0);
	arp_reply_from(PEER_IP, &peer_mac, 0);
	rig_reset_tx();
	assert_int_equal(net_path_find(rig.net, &to, NULL, &path), 0);
	srand(5);
	for (int round = 0; round < 200; round++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool), *flat;
		struct rte_tcp_hdr *tcp = (void *)rte_pktmbuf_append(m, sizeof(*tcp));
		struct rte_ipv4_hdr *ip;

		memset(tcp, 0x5a, sizeof(*tcp));
		tcp->data_off = 5 << 4;
		for (int s = rand() % 4; s > 0; s--) {
			struct rte_mbuf *part = rte_pktmbuf_alloc(rig.pool);
			uint16_t len = (uint16_t)(rand() % 300);
			uint8_t *p = (uint8_t *)rte_pktmbuf_append(part, len);

			for (unsigned i = 0; i < len; i++)
				p[i] = (uint8_t)rand();
			assert_int_equal(rte_pktmbuf_chain(m, part), 0);
		}
		net_output_tcp(rig.net, &path, &to, m, 1, 0);
		assert_int_equal(rig.sent_count, 1);
		flat = rte_pktmbuf_copy(rig.sent[0], rig.pool, 14, UINT32_MAX);
		ip = rte_pktmbuf_mtod(flat, struct rte_ipv4_hdr *);
		assert_int_equal(rte_be_to_cpu_16(ip->total_length), flat->pkt_len);
		assert_int_equal(ip->type_of_service, 1);
		assert_int_equal(ip->packet_id, 0);
		assert_int_equal(ip->fragment_offset, rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG));
		assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
		assert_int_equal(tcp_sum(ip), 0xffff);
		rte_pktmbuf_free(flat);
		rig_reset_tx();
	}
}

static void offloading_port_gets_flags_and_the_pseudo_sum(void **state)
{
	struct rte_mbuf *m;
	struct tcp_frame *f;

	rig.ports[0].caps.tx_ipv4_checksum = rig.ports[0].caps.tx_tcp_checksum = true;
	send_to(PEER_IP, 0);
	arp_reply_from(PEER_IP, &peer_mac, 0);
	f = sent_tcp(1);
	m = rig.sent[1];
	assert_true((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 20);
	assert_int_equal(m->l4_len, 20);
	assert_int_equal(f->ip.hdr_checksum, 0);
	assert_int_equal(f->tcp.cksum, rte_ipv4_phdr_cksum(&f->ip, 0));
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(request_for_us_is_answered),
		WITH_RIG(requests_for_others_are_not_answered),
		WITH_RIG(malformed_arp_is_refused),
		cmocka_unit_test(addresses_are_announced_twice_at_start),
		WITH_RIG(first_packet_waits_for_the_answer),
		WITH_RIG(silent_neighbour_is_reported_after_three_requests),
		WITH_RIG(a_link_that_comes_up_asks_again_at_once),
		WITH_RIG(at_most_32_packets_wait_and_the_oldest_goes),
		WITH_RIG(old_address_is_used_while_it_is_probed),
		WITH_RIG(dead_address_is_asked_for_by_broadcast),
		WITH_RIG(unsolicited_arp_updates_but_never_adds),
		WITH_RIG(our_own_address_is_never_learned_from_others),
		WITH_RIG(another_workers_answer_is_taken_over),
		WITH_RIG(full_table_refuses_then_takes_unused_entries),
		WITH_RIG(strangers_leave_room_in_the_queues),
		cmocka_unit_test(one_packet_waits_even_beyond_the_limit),
		WITH_RIG(strangers_that_do_not_answer_give_their_place_to_a_new_neighbour),
		WITH_RIG(path_outlives_its_entry),
		WITH_RIG(paths_prefer_connected_then_gateway),
		WITH_RIG(output_carries_right_checksums),
		WITH_RIG(offloading_port_gets_flags_and_the_pseudo_sum),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
