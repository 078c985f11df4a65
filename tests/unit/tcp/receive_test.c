/* SPDX-License-Identifier: Apache-2.0 */
/* What arrives: acknowledging, the queue out of order, windows, and a pool that is low. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void the_first_segments_are_acknowledged_at_once_and_later_every_second(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	for (unsigned i = 0; i < TCP_QUICK_ACKS; i++) {
		rig_say(r, TCP_ACK, MSS);
		assert_int_equal(rig_take(r).ack, r->snd);
		rig_read_all(r);
	}
	for (unsigned i = 0; i < 10; i++) {
		rig_say(r, TCP_ACK, MSS);
		rig_none(r);
		rig_say(r, TCP_ACK, MSS);
		assert_int_equal(rig_take(r).ack, r->snd);
		rig_read_all(r);
	}
	/* A single one waits for the delay. */
	rig_say(r, TCP_ACK, MSS);
	rig_run(r, TCP_ACK_DELAY_MS - 1);
	rig_none(r);
	rig_run(r, 3);
	assert_int_equal(rig_take(r).ack, r->snd);
}

static void a_burst_is_acknowledged_once(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	for (unsigned i = 0; i < 10; i++)
		rig_queue(r, (struct rig_seg){ .flags = TCP_ACK,
				     .seq = r->snd + i * 100,
				     .ack = r->rcv,
				     .wnd = RIG_WND,
				     .len = 100 });
	rig_loop(r);
	assert_int_equal(rig_take(r).ack, r->snd + 1000);
	rig_none(r);
	assert_int_equal(r->readable, 1);
}

static void segments_that_come_close_share_an_ack(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;

	config.rcv_buf_bytes = 1 << 20;
	rig_restart(r, &config);
	rig_open(r);
	while (r->snd - tcp_cold(r->conn)->irs < 8u * TCP_STRETCH_PART * MSS) {
		rig_say(r, TCP_ACK, MSS);
		rig_read_all(r);
	}
	rig_run(r, 2 * TCP_ACK_DELAY_MS);
	rig_forget(r);
	/* Two wait for more, for a while. */
	rig_say(r, TCP_ACK, MSS);
	rig_say(r, TCP_ACK, MSS);
	rig_read_all(r);
	rig_none(r);
	assert_true(tcp_next_timer(r->stack) <= r->now_ns + TCP_STRETCH_US * 1000);
	r->now_ns += (TCP_STRETCH_US - 1) * 1000;
	rig_loop(r);
	rig_none(r);
	r->now_ns += 1000;
	rig_loop(r);
	assert_int_equal(rig_take(r).ack, r->snd);
	/* Eight are enough. */
	for (unsigned i = 0; i < TCP_STRETCH_SEGS; i++) {
		rig_none(r);
		rig_say(r, TCP_ACK, MSS);
	}
	assert_int_equal(rig_take(r).ack, r->snd);
	rig_read_all(r);
	/* After what came twice at once again: an ACK may have been lost. */
	r->snd -= MSS;
	rig_say(r, TCP_ACK, MSS);
	rig_forget(r);
	rig_say(r, TCP_ACK, MSS);
	assert_int_equal(rig_take(r).ack, r->snd);
}

static void an_answer_takes_the_ack_along(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_queue(
		r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 99, .len = 80 });
	rig_data(r, 50); /* as readable() would */
	rig_loop(r);
	assert_int_equal(r->out_count, 1);
	assert_int_equal(r->out[r->out_head].len, 50);
	assert_int_equal(rig_take(r).ack, r->snd + 80);
}

static void out_of_order_data_is_kept_sacked_and_delivered_once(void **state)
{
	struct rig *r = *state;
	uint32_t base;
	struct rig_seg seg;
	struct rte_mbuf *m;

	rig_open(r);
	base = r->snd;
	/* 3, 1 (overlapping), 5, then the hole. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t at[] = { 300, 100, 500 }, len[] = { 100, 150, 100 };

		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = base + at[i],
				   .ack = r->rcv,
				   .wnd = 9,
				   .len = len[i] });
		seg = rig_take(r);
		assert_int_equal(seg.ack, base);
		assert_int_equal(seg.opt.sack_count, i + 1);
		assert_int_equal(seg.opt.sack[0].left, base + at[i]);
		assert_int_equal(seg.opt.sack[0].right, base + at[i] + len[i]);
	}
	assert_int_equal(r->readable, 0);
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = base, .ack = r->rcv, .wnd = 9, .len = 320 });
	seg = rig_take(r);
	assert_int_equal(seg.ack, base + 400);
	assert_int_equal(seg.opt.sack_count, 1);
	rig_put(r,
		(struct rig_seg){
			.flags = TCP_ACK, .seq = base + 350, .ack = r->rcv, .wnd = 9, .len = 400 });
	seg = rig_take(r);
	assert_int_equal(seg.ack, base + 750);
	assert_int_equal(seg.opt.sack_count, 1); /* what came twice (RFC 2883) */
	assert_int_equal(seg.opt.sack[0].left, base + 350);
	assert_int_equal(seg.opt.sack[0].right, base + 400);
	m = tcp_recv(r->conn);
	assert_int_equal(m->pkt_len, 750);
	for (uint32_t i = 0; i < 750; i++) {
		uint8_t byte;

		byte = *(const uint8_t *)rte_pktmbuf_read(m, i, 1, &byte);
		assert_int_equal(byte, (uint8_t)(base + i));
	}
	rte_pktmbuf_free(m);
}

static void what_comes_again_in_other_pieces_adds_nothing(void **state)
{
	static const uint32_t at[] = { 600, 1200, 900 };
	struct rig *r = *state;
	struct rig_seg seg;

	rig_open(r);
	/* The third lies across the two before it. */
	for (unsigned i = 0; i < 3; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd + at[i],
				   .ack = r->rcv,
				   .wnd = 9,
				   .len = 600 });
	rig_take(r);
	rig_take(r);
	seg = rig_take(r);
	assert_int_equal(seg.opt.sack_count, 2);
	assert_int_equal(seg.opt.sack[0].left, r->snd + 900); /* RFC 2883 §4.2 */
	assert_int_equal(seg.opt.sack[0].right, r->snd + 1500);
	assert_int_equal(seg.opt.sack[1].left, r->snd + 600);
	assert_int_equal(seg.opt.sack[1].right, r->snd + 1800);
	assert_int_equal(tcp_cold(r->conn)->ooo_count, 2);
}

/* Segments of @p len bytes with holes between them. */
static void put_with_holes(struct rig *r, unsigned count, uint32_t len)
{
	for (unsigned i = 0; i < count; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd + 10 + i * (len + 10),
				   .ack = r->rcv,
				   .wnd = 9,
				   .len = len });
	rig_forget(r);
}

static void the_out_of_order_queue_is_bounded(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;

	config.rcv_buf_bytes = TCP_OOO_MIN * TCP_HOLD_BYTES;
	rig_restart(r, &config);
	rig_open(r);
	put_with_holes(r, TCP_OOO_MIN, TCP_HOLD_BYTES);
	assert_in_range(tcp_cold(r->conn)->ooo_count, 120, TCP_OOO_MIN);
}

/* Each would hold an mbuf for next to nothing. */
static void few_small_segments_are_kept_out_of_order(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	put_with_holes(r, 100, 1);
	assert_int_equal(tcp_cold(r->conn)->ooo_count, TCP_OOO_SMALL);
	assert_int_equal(r->net.drops[DROP_TCP_OOO_FULL], 100 - TCP_OOO_SMALL);
	assert_int_equal(tcp_mbufs(r->conn), TCP_OOO_SMALL);
}

/* As many as they are, behind a hole each is copied behind the one that it follows. */
static void small_segments_behind_a_hole_share_mbufs(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *m;
	uint32_t first;

	rig_open(r);
	first = r->snd;
	for (unsigned i = 1; i < 2000; i++) {
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = first + i,
				   .ack = r->rcv,
				   .wnd = 9,
				   .len = 1 });
		rig_forget(r);
	}
	assert_in_range(tcp_cold(r->conn)->ooo_count, 1, 2);
	assert_null(tcp_stack_check(r->stack));
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = first, .ack = r->rcv, .wnd = 9, .len = 1 });
	rig_forget(r);
	assert_null(tcp_stack_check(r->stack));
	m = tcp_recv(r->conn);
	assert_int_equal(m->pkt_len, 2000);
	rte_pktmbuf_free(m);
}

/* A megabyte behind one lost segment, as a path with a round trip has it in flight. */
static void a_hole_in_a_long_flight_costs_itself_alone(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct rig_seg seg = { .flags = TCP_ACK, .wnd = RIG_WND, .len = 1000 };
	uint32_t far = 2 * TCP_OOO_STEPS, first;

	config.rcv_buf_bytes = 1 << 20;
	rig_restart(r, &config);
	rig_open(r);
	first = r->snd;
	seg.ack = r->rcv;
	for (unsigned i = 1; i < 1000; i++) {
		seg.seq = first + i * 1000;
		if (i != far)
			rig_put(r, seg);
		rig_forget(r);
	}
	assert_int_equal(tcp_cold(r->conn)->ooo_count, 998);
	/* A place in the middle is not looked for. */
	seg.seq = first + far * 1000;
	rig_put(r, seg);
	assert_int_equal(r->net.drops[DROP_TCP_OOO_FULL], 1);
	seg.seq = first;
	rig_put(r, seg);
	assert_int_equal(r->conn->rcv_nxt - first, far * 1000);
	/* Once it is the first hole it is filled. */
	seg.seq = first + far * 1000;
	rig_put(r, seg);
	assert_int_equal(r->conn->rcv_nxt - first, 1000 * 1000);
	rig_forget(r);
}

static void a_fin_ahead_of_its_data_waits_for_it(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK | TCP_FIN,
			   .seq = r->snd + 100,
			   .ack = r->rcv,
			   .wnd = RIG_WND,
			   .len = 50 });
	assert_int_equal(rig_take(r).ack, r->snd);
	rig_say(r, TCP_ACK, 100);
	assert_int_equal(rig_take(r).ack, r->snd + 51);
	rig_read_all(r);
	assert_true(tcp_recv_eof(r->conn));
	assert_int_equal(r->conn->state, TCP_CLOSE_WAIT);
}

/* Where segments get lost a burst is acknowledged bit by bit, but not until the window that the
 * reader has not opened again is closed. */
static void acks_within_a_burst_do_not_close_the_window(void **state)
{
	struct rig *r = *state;
	uint32_t half;

	rig_open(r);
	half = r->config.rcv_buf_bytes / 2;
	r->conn->quick_acks = TCP_LOSSY_ACKS;
	for (unsigned i = 0; i < 30; i++) {
		rig_queue(r, (struct rig_seg){ .flags = TCP_ACK,
				     .seq = r->snd,
				     .ack = r->rcv,
				     .wnd = RIG_WND,
				     .len = MSS });
		r->snd += MSS;
	}
	rig_loop(r);
	assert_in_range(r->out_count, half / MSS / 2, half / MSS / 2 + 2);
	while (r->out_count > 1)
		assert_true((uint32_t)rig_take(r).wnd << r->conn->rcv_scale > half - MSS);
	assert_int_equal(rig_take(r).ack, r->snd);
	rig_read_all(r);
	rig_forget(r);
}

static void the_window_closes_with_the_reader_and_opens_with_its_credit(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct rte_mbuf *m;
	struct rig_seg seg;

	config.rcv_buf_bytes = 20000;
	rig_restart(r, &config);
	rig_open(r);
	for (unsigned i = 0; i < 13; i++)
		rig_say(r, TCP_ACK, MSS);
	rig_say(r, TCP_ACK, 20000 - 13 * MSS);
	while (r->out_count > 1)
		rig_take(r);
	seg = rig_take(r);
	assert_int_equal(seg.ack, r->snd);
	assert_int_equal(seg.wnd, 0);
	/* Beyond the window nothing is taken, but answered: the peer probes. */
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 9, .len = 1 });
	seg = rig_take(r);
	assert_int_equal(seg.ack, r->snd);
	assert_int_equal(seg.wnd, 0);
	m = tcp_recv(r->conn);
	assert_int_equal(m->pkt_len, 20000);
	rig_run(r, 100);
	rig_none(r);
	tcp_recv_credit(r->conn, 100); /* too little to tell */
	rig_run(r, 100);
	rig_none(r);
	tcp_recv_credit(r->conn, 9900);
	rig_loop(r);
	seg = rig_take(r);
	assert_int_equal(seg.wnd, 10000);
	rte_pktmbuf_free(m);
}

static void small_payloads_share_mbufs(void **state)
{
	struct rig *r = *state;
	unsigned free;

	rig_open(r);
	rig_say(r, TCP_ACK, 100);
	free = rte_mempool_avail_count(r->pool);
	for (unsigned i = 0; i < 10; i++)
		rig_say(r, TCP_ACK, 100);
	assert_int_equal(rte_mempool_avail_count(r->pool), free);
	assert_int_equal(r->counters.copied_payloads, 10);
	assert_int_equal(r->conn->rq_head->pkt_len, 1100);
	assert_int_equal(tcp_mbufs(r->conn), 1);
	rig_forget(r);
}

/* RFC 2018 §8: the peer sends again what it was told of. */
static void a_low_pool_gives_up_what_is_out_of_order(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	struct rig_seg seg;
	unsigned n;

	rig_open(r);
	put_with_holes(r, 5, 600);
	assert_int_equal(tcp_mbufs(r->conn), 5);
	n = r->pool->size * 8 / 10;
	assert_int_equal(rte_pktmbuf_alloc_bulk(r->pool, taken, n), 0);
	rig_run(r, 5);
	assert_int_equal(tcp_mbufs(r->conn), 0);
	assert_int_equal(r->counters.ooo_forgotten, 5);
	assert_null(tcp_stack_check(r->stack));
	rte_pktmbuf_free_bulk(taken, n);
	rig_run(r, 5);
	rig_say(r, TCP_ACK, 5000);
	seg = rig_take(r);
	assert_int_equal(seg.ack, r->snd);
	assert_int_equal(seg.opt.sack_count, 0);
	rig_forget(r);
}

static void a_tenth_of_the_pool_is_kept_for_who_took_something(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	unsigned n = r->pool->size * 92 / 100;

	rig_open(r);
	assert_int_equal(rte_pktmbuf_alloc_bulk(r->pool, taken, n), 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = 1, .src_port = 999 });
	rig_none(r);
	assert_int_equal(r->net.drops[DROP_POOL_LOW], 1);
	rig_say(r, TCP_ACK, 1000);
	assert_int_equal(r->net.drops[DROP_POOL_LOW], 2);
	assert_int_equal(r->counters.bytes_in, 0);
	r->snd -= 1000;
	rig_data(r, 100);
	rig_loop(r);
	rig_forget(r);
	r->rcv += 100;
	rig_say(r, TCP_ACK, 1000); /* it comes again, and acknowledges what it got */
	assert_int_equal(r->counters.bytes_in, 1000);
	rte_pktmbuf_free_bulk(taken, n);
	rig_forget(r);
}

static void a_low_pool_makes_buffers_an_eighth(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	unsigned n = r->pool->size * 8 / 10;
	uint32_t edge;

	rig_open(r);
	assert_int_equal(tcp_send_space(r->conn), 65536);
	edge = r->conn->rcv_adv;
	assert_int_equal(rte_pktmbuf_alloc_bulk(r->pool, taken, n), 0);
	for (unsigned i = 0; i < 60; i++) {
		rig_say(r, TCP_ACK, 1000);
		rig_read_all(r);
	}
	assert_int_equal(tcp_send_space(r->conn), 65536 / 8);
	/* Not moved back, and not forward before what is left of it is as small. */
	assert_true(r->conn->rcv_adv - edge < 65536 / 8);
	assert_true(r->conn->rcv_adv - r->conn->rcv_nxt <= 65536 / 8);
	rte_pktmbuf_free_bulk(taken, n);
	rig_forget(r);
}

static void the_last_of_the_pool_takes_no_payload_and_keeps_windows_shut(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct rig_seg seg;
	unsigned n;

	config.rcv_buf_bytes = 10000;
	rig_restart(r, &config);
	rig_open(r);
	for (unsigned i = 0; i < 10; i++)
		rig_say(r, TCP_ACK, 1000);
	rig_forget(r);
	n = rte_mempool_avail_count(r->pool) - 20;
	assert_int_equal(rte_pktmbuf_alloc_bulk(r->pool, taken, n), 0);
	rig_say(r, TCP_ACK, 1000);
	r->snd -= 1000;
	assert_int_equal(r->net.drops[DROP_POOL_LOW], 1);
	rig_read_all(r);
	rig_run(r, 50);
	while (r->out_count > 1)
		rig_take(r);
	seg = rig_take(r);
	assert_int_equal(seg.wnd, 0); /* its edge did not move */
	rte_pktmbuf_free_bulk(taken, n);
	/* By itself, once there are mbufs again. */
	rig_run(r, 2 * TCP_POOL_RECHECK_MS);
	assert_int_equal(rig_take(r).wnd, 10000);
	rig_none(r);
}

static void receiving_below_the_advertised_edge_goes_on_after_wrap(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_connect(r, &opt); /* the peer's numbers wrap within the first bytes */
	for (unsigned i = 0; i < 20; i++) {
		rig_say(r, TCP_ACK, 700);
		rig_read_all(r);
	}
	assert_int_equal(r->counters.bytes_in, 14000);
	rig_forget(r);
}

static void some_of_what_came_can_be_taken(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *m;

	rig_open(r);
	for (unsigned i = 0; i < 5; i++)
		rig_say(r, TCP_ACK, 600);
	m = tcp_recv_some(r->conn, 601); /* whole mbufs */
	assert_int_equal(m->pkt_len, 1200);
	assert_int_equal(m->nb_segs, 2);
	rte_mbuf_sanity_check(m, 1);
	rte_pktmbuf_free(m);
	rig_say(r, TCP_ACK, 600); /* behind what is left */
	m = tcp_recv_some(r->conn, 2400);
	assert_int_equal(m->pkt_len, 2400);
	assert_int_equal(m->nb_segs, 4);
	rte_mbuf_sanity_check(m, 1);
	rte_pktmbuf_free(m);
	assert_null(tcp_recv_some(r->conn, 1));
	rig_say(r, TCP_ACK | TCP_FIN, 600);
	m = tcp_recv_some(r->conn, 600);
	assert_int_equal(m->pkt_len, 600);
	rte_pktmbuf_free(m);
	assert_true(tcp_recv_eof(r->conn));
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_open)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(some_of_what_came_can_be_taken),
		RULE(the_first_segments_are_acknowledged_at_once_and_later_every_second),
		RULE(a_burst_is_acknowledged_once),
		RULE(segments_that_come_close_share_an_ack),
		RULE(an_answer_takes_the_ack_along),
		RULE(out_of_order_data_is_kept_sacked_and_delivered_once),
		RULE(what_comes_again_in_other_pieces_adds_nothing),
		RULE(the_out_of_order_queue_is_bounded),
		RULE(few_small_segments_are_kept_out_of_order),
		RULE(small_segments_behind_a_hole_share_mbufs),
		RULE(a_hole_in_a_long_flight_costs_itself_alone),
		RULE(a_fin_ahead_of_its_data_waits_for_it),
		RULE(acks_within_a_burst_do_not_close_the_window),
		RULE(the_window_closes_with_the_reader_and_opens_with_its_credit),
		RULE(small_payloads_share_mbufs),
		RULE(a_low_pool_gives_up_what_is_out_of_order),
		RULE(a_tenth_of_the_pool_is_kept_for_who_took_something),
		RULE(a_low_pool_makes_buffers_an_eighth),
		RULE(the_last_of_the_pool_takes_no_payload_and_keeps_windows_shut),
		RULE(receiving_below_the_advertised_edge_goes_on_after_wrap),
	};

	return rig_main(tests, RTE_DIM(tests));
}
