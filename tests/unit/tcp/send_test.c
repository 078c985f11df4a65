/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent: segments and windows, losses told by SACK or by duplicates, a path that is
 * smaller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void payload_goes_out_in_full_segments_by_reference(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_data(r, 5000);
	rig_loop(r);
	assert_int_equal(rig_take(r).len, MSS);
	assert_int_equal(rig_take(r).len, MSS);
	assert_int_equal(rig_take(r).len, MSS);
	assert_int_equal(rig_take(r).len, 5000 - 3 * MSS);
	rig_none(r);
	assert_int_equal(tcp_send_pending(r->conn), 5000);
	assert_int_equal(tcp_send_space(r->conn), 65536 - 5000);
	rig_acks(r, r->rcv + 5000, (struct tcp_options){ 0 });
	assert_int_equal(tcp_send_pending(r->conn), 0);
	assert_int_equal(r->writable, 1);
}

static void the_initial_window_is_ten_segments(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_data(r, 40000);
	rig_loop(r);
	assert_int_equal(r->out_count, 10);
	rig_acks(r, r->rcv + 2 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->out_count, 14); /* slow start: two for each acknowledged */
	rig_forget(r);
}

static void writable_comes_when_an_eighth_of_the_buffer_is_free(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;

	config.snd_buf_bytes = 10000;
	rig_restart(r, &config);
	rig_open(r);
	rig_data(r, 10000);
	rig_loop(r);
	assert_int_equal(tcp_send_space(r->conn), 0);
	rig_acks(r, r->rcv + 1000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 0);
	rig_acks(r, r->rcv + 2000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 1);
	rig_acks(r, r->rcv + 7000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 1);
	rig_acks(r, r->rcv + 10000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 2);
	rig_forget(r);
}

static void small_pieces_share_mbufs_also_behind_what_is_in_flight(void **state)
{
	struct rig *r = *state;
	uint32_t len = 0;

	rig_open(r);
	for (unsigned i = 0; i < 15; i++) {
		rig_data(r, 100);
		rig_loop(r);
		len += rig_take(r).len;
		assert_null(tcp_stack_check(r->stack));
	}
	assert_int_equal(len, 1500);
	assert_int_equal(tcp_mbufs(r->conn), 1);
	rig_acks(r, r->rcv + 750, (struct tcp_options){ 0 });
	rig_data(r, 100);
	rig_loop(r);
	assert_int_equal(rig_take(r).len, 100);
	assert_null(tcp_stack_check(r->stack));
	rig_acks(r, r->rcv + 1600, (struct tcp_options){ 0 });
	assert_int_equal(tcp_mbufs(r->conn), 0);
	rig_forget(r);
}

/* Pieces of a larger mbuf cannot be put together. */
static void what_takes_many_mbufs_leaves_no_space(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *whole = rte_pktmbuf_alloc(r->pool);
	uint32_t most = tcp_mbuf_limit(65536);

	rig_open(r);
	rte_pktmbuf_append(whole, 100);
	for (uint32_t i = 0; i < most; i++) {
		struct rte_mbuf *piece = rte_pktmbuf_alloc(r->pool);

		assert_true(tcp_send_space(r->conn) > 0);
		rte_pktmbuf_attach(piece, whole);
		tcp_send(r->conn, piece);
	}
	rte_pktmbuf_free(whole);
	assert_int_equal(tcp_send_space(r->conn), 0);
	rig_loop(r);
	rig_forget(r);
	rig_acks(r, r->rcv + 100, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 1);
	assert_true(tcp_send_space(r->conn) > 0);
	rig_forget(r);
}

/* An ACK may walk along all records. */
static void few_small_segments_are_in_flight(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	opt.mss = 76;
	rig_connect(r, &opt);
	r->conn->cwnd = 1 << 20;
	rig_data(r, 60000);
	rig_loop(r);
	assert_int_equal(r->conn->snd_nxt - r->conn->snd_una, TCP_FLIGHT_MIN * r->conn->mss);
	assert_null(tcp_stack_check(r->stack));
	rig_forget(r);
}

/* A round trip that segments may overtake each other in. */
static void have_rtt(struct rig *r, uint32_t us)
{
	r->conn->srtt = us * 8;
	r->conn->min_rtt_us = us;
}

static void sack_tells_what_is_lost_and_only_that_is_sent_again(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = { 0 };
	struct rig_seg seg;

	rig_open(r);
	have_rtt(r, 20000);
	rig_data(r, 10 * MSS);
	rig_run(r, 20);
	rig_forget(r);
	/* The second and the fourth are lost. */
	opt.sack_count = 1;
	opt.sack[0] = (struct tcp_range){ r->rcv + 2 * MSS, r->rcv + 3 * MSS };
	rig_acks(r, r->rcv + MSS, opt);
	rig_none(r);
	opt.sack_count = 2;
	opt.sack[1] = opt.sack[0];
	opt.sack[0] = (struct tcp_range){ r->rcv + 4 * MSS, r->rcv + 5 * MSS };
	rig_acks(r, r->rcv + MSS, opt);
	opt.sack[0].right = r->rcv + 7 * MSS;
	rig_acks(r, r->rcv + MSS, opt);
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv + MSS);
	assert_int_equal(r->counters.fast_retransmits, 1);
	assert_int_equal(r->conn->recovery, TCP_RECOVERY);
	opt.sack[0].right = r->rcv + 10 * MSS;
	rig_acks(r, r->rcv + MSS, opt);
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv + 3 * MSS);
	rig_none(r);
	rig_acks(r, r->rcv + 10 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->conn->recovery, TCP_OPEN);
	assert_int_equal(r->counters.retransmits, 2);
	assert_int_equal(r->counters.rto_timeouts, 0);
}

static void three_duplicates_do_without_sack(void **state)
{
	struct tcp_options none = { .present = TCP_OPT_MSS, .mss = 1460 };
	struct rig *r = *state;
	struct rig_seg seg;

	rig_accept(r, &none);
	rig_data(r, 14000);
	rig_loop(r);
	assert_int_equal(rig_take(r).len, 1460);
	rig_forget(r);
	rig_acks(r, r->rcv + 1460, none);
	rig_forget(r);
	for (unsigned i = 0; i < 2; i++)
		rig_acks(r, r->rcv + 1460, (struct tcp_options){ 0 });
	rig_none(r); /* limited transmit would send, but nothing is left */
	rig_acks(r, r->rcv + 1460, (struct tcp_options){ 0 });
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv + 1460);
	rig_none(r);
	/* A partial ACK names the next hole. */
	rig_acks(r, r->rcv + 3 * 1460, (struct tcp_options){ 0 });
	assert_int_equal(rig_take(r).seq, r->rcv + 3 * 1460);
	rig_acks(r, r->rcv + 14000, (struct tcp_options){ 0 });
	assert_int_equal(r->conn->recovery, TCP_OPEN);
	assert_int_equal(r->counters.rto_timeouts, 0);
	assert_int_equal(r->counters.fast_retransmits, 1);
}

/* Its sequence number is old, its acknowledgement is not (RFC 9293 §3.10.7.4). */
static void an_ack_that_advances_brings_its_window_along(void **state)
{
	struct tcp_options none = { .present = TCP_OPT_MSS, .mss = 1460 };
	struct rig *r = *state;

	rig_accept(r, &none);
	rig_data(r, 5000);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 1000 });
	rig_forget(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
			   .seq = r->snd + 50,
			   .ack = r->rcv,
			   .wnd = 5000,
			   .len = 50 });
	rig_forget(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
			   .seq = r->snd,
			   .ack = r->rcv + 5000,
			   .wnd = 0,
			   .len = 50 });
	rig_forget(r);
	rig_data(r, 1000);
	rig_loop(r);
	rig_none(r);
}

static void a_small_window_is_not_filled_in_bits(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_data(r, MSS);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 100 });
	rig_none(r); /* 400 bytes of 240,000: not worth a segment */
	rig_run(r, 205);
	assert_int_equal(rig_take(r).len, 400); /* until it has waited */
	rig_acks(r, r->rcv + 400, (struct tcp_options){ 0 });
	assert_int_equal(rig_take(r).len, MSS - 400);
}

static void a_fin_waits_for_a_place_in_the_window(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 25, .len = 0 });
	rig_data(r, 100); /* the window is scaled by 4 */
	tcp_close(r->conn);
	rig_loop(r);
	assert_int_equal(rig_take(r).flags & TCP_FIN, 0);
	rig_none(r);
	r->rcv += 100;
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 0 });
	rig_none(r);
	/* It is what the closed window is probed for. */
	rig_run(r, 1100);
	assert_true(r->counters.persist_probes > 0);
	rig_forget(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 1 });
	assert_true(rig_take(r).flags & TCP_FIN);
}

static void a_smaller_path_is_learned_from_icmp(void **state)
{
	struct rig *r = *state;
	struct net_meta quoted;

	rig_open(r);
	quoted = (struct net_meta){ .src = r->net.addr,
		.dst = r->peer.addr,
		.src_port = r->port,
		.dst_port = r->peer_port };
	have_rtt(r, 20000);
	rig_data(r, 2 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_icmp(r, &quoted, r->rcv - 5, 4, 1000); /* forged */
	assert_int_equal(r->conn->mss, MSS);
	/* About a segment that fits, or one that arrived. */
	rig_icmp(r, &quoted, r->rcv, 4, 1500);
	assert_int_equal(r->conn->mss, MSS);
	rig_acks(r, r->rcv,
		(struct tcp_options){
			.sack_count = 1, .sack[0] = { r->rcv + MSS, r->rcv + 2 * MSS } });
	rig_icmp(r, &quoted, r->rcv + MSS, 4, 1000);
	assert_int_equal(r->conn->mss, MSS);
	rig_icmp(r, &quoted, r->rcv, 4, 1000);
	assert_int_equal(r->conn->mss, 1000 - 52);
	rig_loop(r);
	for (uint32_t at = 0; at < MSS;) {
		struct rig_seg seg = rig_take(r);

		assert_int_equal(seg.seq, r->rcv + at);
		assert_in_range(seg.len, 1, 948);
		at += seg.len;
	}
	rig_acks(r, r->rcv + 2 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(tcp_send_pending(r->conn), 0);
}

static void an_empty_pool_delays_but_loses_nothing(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	unsigned n;

	rig_open(r);
	rig_data(r, 4 * MSS);
	n = rte_mempool_avail_count(r->pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(r->pool, taken, n), 0);
	rig_loop(r);
	rig_run(r, 50);
	rig_none(r);
	assert_true(r->net.drops[DROP_NO_MBUF] > 0);
	rte_pktmbuf_free_bulk(taken, n);
	rig_run(r, 10);
	assert_in_range(r->out_count, 4, 5); /* the tail is probed soon */
	rig_forget(r);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_open)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(payload_goes_out_in_full_segments_by_reference),
		RULE(the_initial_window_is_ten_segments),
		RULE(writable_comes_when_an_eighth_of_the_buffer_is_free),
		RULE(small_pieces_share_mbufs_also_behind_what_is_in_flight),
		RULE(what_takes_many_mbufs_leaves_no_space),
		RULE(few_small_segments_are_in_flight),
		RULE(sack_tells_what_is_lost_and_only_that_is_sent_again),
		RULE(three_duplicates_do_without_sack),
		RULE(an_ack_that_advances_brings_its_window_along),
		RULE(a_small_window_is_not_filled_in_bits),
		RULE(a_fin_waits_for_a_place_in_the_window),
		RULE(a_smaller_path_is_learned_from_icmp),
		RULE(an_empty_pool_delays_but_loses_nothing),
	};

	return rig_main(tests, RTE_DIM(tests));
}
