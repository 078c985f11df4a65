/* SPDX-License-Identifier: Apache-2.0 */
/* 802.1Q tags: the port's own is taken off and put on, others' frames are dropped, counted. */
#include "tests/unit/net/net_rig.h"

#include <stdlib.h>
#include <string.h>

#define TAG 4

static void in_vlan_100(void)
{
	rig.config.ports[0].vlan = 100;
}

static int setup_tagged(void **state)
{
	rig_start(in_vlan_100);
	return 0;
}

/* The frame with a tag after its MAC addresses. @return its length */
static uint32_t tagged(uint8_t *out, const void *frame, uint32_t len, uint16_t tci)
{
	memcpy(out, frame, 12);
	memcpy(out + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(tci >> 8), (uint8_t)tci }, TAG);
	memcpy(out + 16, (const uint8_t *)frame + 12, len - 12);
	return len + TAG;
}

static void own_tag_is_taken_off(void **state)
{
	static const uint16_t tcis[] = { 100, 0xe000 | 100,
		0x1000 | 100 }; /* priority, drop eligible */
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 9);
	uint8_t bytes[sizeof(f) + TAG];

	for (unsigned i = 0; i < RTE_DIM(tcis); i++) {
		uint32_t n = tagged(bytes, &f, len, tcis[i]);
		struct rte_mbuf *m = feed(0, bytes, n, 0);

		assert_non_null(m);
		assert_int_equal(net_meta(m)->payload_bytes, 9);
		rte_pktmbuf_free(m);
	}
}

static void other_tags_are_dropped(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 9);
	uint8_t bytes[sizeof(f) + TAG];

	feed_dropped(&f, len, DROP_VLAN); /* none at all */
	feed_dropped(bytes, tagged(bytes, &f, len, 101), DROP_VLAN);
	feed_dropped(bytes, tagged(bytes, &f, len, 0), DROP_VLAN);
	feed_dropped(bytes, tagged(bytes, &f, len, 0xfff), DROP_VLAN);
	/* A tag without what follows it. */
	tagged(bytes, &f, len, 100);
	for (uint32_t cut = 14; cut < 18; cut++)
		feed_dropped(bytes, cut, DROP_VLAN);
	feed_dropped(bytes, 18, DROP_FRAME_SHORT);
	/* A second tag (802.1ad) is nobody's. */
	bytes[16] = 0x81;
	bytes[17] = 0;
	feed_dropped(bytes, len + TAG, DROP_ETHER_TYPE);
}

static void ports_without_a_tag_take_priority_tags_only(void **state)
{
	struct tcp_frame f;
	uint32_t len = tcp_frame_make(&f, 9);
	uint8_t bytes[sizeof(f) + TAG];
	struct rte_mbuf *m;

	m = feed(0, bytes, tagged(bytes, &f, len, 0xe000), 0);
	assert_non_null(m);
	rte_pktmbuf_free(m);
	feed_dropped(bytes, tagged(bytes, &f, len, 1), DROP_VLAN);
}

static void all_that_leaves_has_the_tag(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP);
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	struct arp_frame arp;
	struct tcp_frame f;
	uint8_t bytes[sizeof(arp) + TAG];
	struct net_path path;

	tcp_frame_make(&f, 4);
	memcpy(rte_pktmbuf_append(m, 24), &f.tcp, 24);
	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	net_output_tcp(rig.net, &path, &peer, m, 0, 0);
	arp_frame_make(&arp, RTE_ARP_OP_REPLY, PEER_IP, OUR_IP);
	assert_null(feed(0, bytes, tagged(bytes, &arp, sizeof(arp), 100), 0));
	assert_int_equal(rig.sent_count, 2);
	assert_memory_equal(
		rte_pktmbuf_mtod_offset(rig.sent[0], void *, 12), "\x81\0\0\x64\x08\x06", 6);
	assert_memory_equal(
		rte_pktmbuf_mtod_offset(rig.sent[1], void *, 12), "\x81\0\0\x64\x08\0", 6);
	assert_memory_equal(rte_pktmbuf_mtod(rig.sent[1], void *), &peer_mac, 6);
	assert_int_equal(rig.sent[1]->l2_len, 18);
	assert_int_equal(rig.sent[1]->pkt_len, 18 + 20 + 24);
}

static void unreachable_is_told_for_tagged_packets(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP);
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	struct tcp_frame f;
	struct net_path path;

	tcp_frame_make(&f, 4);
	memcpy(rte_pktmbuf_append(m, 24), &f.tcp, 24);
	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	net_output_tcp(rig.net, &path, &peer, m, 0, 0);
	for (unsigned t = 1; t <= 40; t++)
		net_timers(rig.net, t * SECOND / 10);
	assert_int_equal(rig.unreachable_count, 1);
	assert_true(ip_equal(&rig.unreachable, &peer));
}

int main(void)
{
#define TAGGED(test) cmocka_unit_test_setup_teardown(test, setup_tagged, rig_teardown)
	const struct CMUnitTest tests[] = {
		TAGGED(own_tag_is_taken_off),
		TAGGED(other_tags_are_dropped),
		TAGGED(all_that_leaves_has_the_tag),
		TAGGED(unreachable_is_told_for_tagged_packets),
		cmocka_unit_test_setup_teardown(
			ports_without_a_tag_take_priority_tags_only, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
