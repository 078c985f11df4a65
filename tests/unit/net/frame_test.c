/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way of plain frames is the long way, faster: whatever byte of a frame is changed, both say the same.
 * A priority tag (802.1Q, VLAN 0) is what sends a frame the long way without changing what it is.
 */
#include "tests/unit/net/net_rig.h"

#include <stdlib.h>
#include <string.h>

#define TAG   4
#define FRAME 60 /* an acknowledgement with Ethernet's padding */

struct outcome {
	bool accepted;
	struct net_meta meta;
	uint16_t len;
	uint8_t bytes[128];
	uint64_t drops[DROP_COUNT];
};

static struct outcome outcome_of(const void *frame, uint32_t len)
{
	struct outcome o;
	struct rte_mbuf *m;

	memset(&o, 0, sizeof(o));
	memset(rig.drops, 0, sizeof(rig.drops));
	m = feed(0, frame, len, SECOND);
	if (m) {
		o.accepted = true;
		o.meta = *net_meta(m);
		o.len = m->data_len;
		assert_int_equal(m->pkt_len, m->data_len);
		memcpy(o.bytes, rte_pktmbuf_mtod(m, void *), m->data_len);
		rte_pktmbuf_free(m);
	}
	memcpy(o.drops, rig.drops, sizeof(o.drops));
	rig_reset_tx();
	return o;
}

/* @return true when the frame was let in */
static bool both_ways_agree(const uint8_t *frame, uint32_t len)
{
	uint8_t tagged[128];
	struct outcome plain, other;

	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, "\x81\0\xe0\0", TAG);
	memcpy(tagged + 12 + TAG, frame + 12, len - 12);
	plain = outcome_of(frame, len);
	other = outcome_of(tagged, len + TAG);
	assert_int_equal(plain.accepted, other.accepted);
	assert_int_equal(plain.len, other.len);
	assert_memory_equal(plain.bytes, other.bytes, sizeof(plain.bytes));
	assert_memory_equal(plain.drops, other.drops, sizeof(plain.drops));
	if (!plain.accepted)
		return false;
	assert_true(ip_equal(&plain.meta.src, &other.meta.src));
	assert_true(ip_equal(&plain.meta.dst, &other.meta.dst));
	assert_int_equal(plain.meta.src_port, other.meta.src_port);
	assert_int_equal(plain.meta.dst_port, other.meta.dst_port);
	assert_int_equal(plain.meta.ecn, other.meta.ecn);
	assert_int_equal(plain.meta.header_bytes, other.meta.header_bytes);
	assert_int_equal(plain.meta.payload_bytes, other.meta.payload_bytes);
	assert_int_equal(plain.meta.ip_bytes, other.meta.ip_bytes);
	return true;
}

static void every_changed_bit_ends_alike(void **state)
{
	struct tcp_frame f;

	for (uint32_t payload = 0; payload <= 6; payload += 3) {
		tcp_frame_make(&f, payload);
		assert_true(both_ways_agree((uint8_t *)&f, FRAME));
		for (uint32_t bit = 0; bit < 8 * FRAME; bit++) {
			if (bit / 8 == 12) /* an EtherType of 0 ends differently behind a tag */
				continue;
			((uint8_t *)&f)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			both_ways_agree((uint8_t *)&f, FRAME);
			((uint8_t *)&f)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* With right sums the other rules are reached: lengths, fragments, protocols, addresses. */
static void every_changed_field_with_right_sums_ends_alike(void **state)
{
	static const char *const sources[] = { "0.1.2.3", "127.0.0.1", "224.0.0.1",
		"255.255.255.255", "192.0.2.0", "192.0.2.255", OUR_IP, "192.0.2.2",
		"223.255.255.255", "1.0.0.0" };
	struct tcp_frame f;
	uint32_t let_in = 0;

	for (uint32_t byte = 14; byte < 54; byte++) {
		for (uint32_t value = 0; value < 256; value++) {
			tcp_frame_make(&f, 5);
			((uint8_t *)&f)[byte] = (uint8_t)value;
			ip_seal(&f.ip);
			tcp_frame_seal(&f, 5);
			((uint8_t *)&f)[byte] = (uint8_t)value;
			let_in += both_ways_agree((uint8_t *)&f, FRAME);
		}
	}
	assert_in_range(let_in, 1000, 9000);
	for (unsigned i = 0; i < RTE_DIM(sources); i++) {
		tcp_frame_make(&f, 5);
		f.ip.src_addr = v4_of(sources[i]);
		ip_seal(&f.ip);
		tcp_frame_seal(&f, 5);
		assert_int_equal(both_ways_agree((uint8_t *)&f, FRAME), i >= 7);
	}
}

static struct rte_mbuf *segment(const struct tcp_frame *f, uint32_t payload)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	uint32_t len = (uint32_t)sizeof(f->tcp) + payload;

	memcpy(rte_pktmbuf_append(m, (uint16_t)len), &f->tcp, len);
	return m;
}

static void what_waited_for_its_neighbour_left_as_what_did_not(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP);
	struct tcp_frame f;
	struct arp_frame arp;
	struct net_path path;

	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	for (uint32_t payload = 0; payload <= 64; payload++) {
		rig_teardown(NULL);
		rig_setup(NULL);
		assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
		tcp_frame_make(&f, payload);
		net_output_tcp(rig.net, &path, &peer, segment(&f, payload), 2, 0); /* waits */
		arp_frame_make(&arp, RTE_ARP_OP_REPLY, PEER_IP, OUR_IP);
		assert_null(feed(0, &arp, sizeof(arp), 0));
		net_output_tcp(rig.net, &path, &peer, segment(&f, payload), 2, 0);
		assert_int_equal(rig.sent_count, 3); /* a request, and both */
		assert_int_equal(rig.sent[1]->data_len, 14 + 20 + 20 + payload);
		assert_int_equal(rig.sent[2]->data_len, rig.sent[1]->data_len);
		assert_int_equal(rig.sent[2]->pkt_len, rig.sent[1]->pkt_len);
		assert_memory_equal(rte_pktmbuf_mtod(rig.sent[2], void *),
			rte_pktmbuf_mtod(rig.sent[1], void *), rig.sent[1]->data_len);
	}
}

int main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(every_changed_bit_ends_alike),
		WITH_RIG(every_changed_field_with_right_sums_ends_alike),
		WITH_RIG(what_waited_for_its_neighbour_left_as_what_did_not),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
