/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a stream: acknowledging, windows, loss and timers, against a scripted peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

#define MSS 1448 /* of 1500 with timestamps */

static struct rte_mempool *pool;
static struct rig rig;

static int setup(void **state)
{
	rig_init(&rig, NULL, pool);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	if (r->conn != NULL)
		tcp_abort(r->conn);
	rig_loop(r);
	rig_fini(r);
	return 0;
}

static void restart(struct rig *r, const struct tcp_config *config)
{
	rig_fini(r);
	rig_init(r, config, pool);
}

/* An open connection with a modern peer. */
static void open_modern(struct rig *r)
{
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
}

/* Acknowledge everything, with or without SACK blocks above it. */
static void peer_acks(struct rig *r, uint32_t ack, struct tcp_options opt)
{
	rig_put(r,
		(struct rig_seg){
			.flags = TCP_ACK, .seq = r->snd, .ack = ack, .wnd = RIG_WND, .opt = opt });
}

static void read_all(struct rig *r)
{
	struct rte_mbuf *m = tcp_recv(r->conn);

	if (m != NULL)
		tcp_recv_credit(r->conn, m->pkt_len);
	rte_pktmbuf_free(m);
}

/* Receiving. */

static void the_first_segments_are_acknowledged_at_once_and_later_every_second(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	for (unsigned i = 0; i < TCP_QUICK_ACKS; i++) {
		rig_say(r, TCP_ACK, MSS);
		assert_int_equal(rig_take(r).ack, r->snd);
		read_all(r);
	}
	for (unsigned i = 0; i < 10; i++) {
		rig_say(r, TCP_ACK, MSS);
		rig_none(r);
		rig_say(r, TCP_ACK, MSS);
		assert_int_equal(rig_take(r).ack, r->snd);
		read_all(r);
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

	open_modern(r);
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

static void an_answer_takes_the_ack_along(void **state)
{
	struct rig *r = *state;

	open_modern(r);
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

	open_modern(r);
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
	static const uint32_t at[] = { 100, 200, 150 };
	struct rig *r = *state;
	struct rig_seg seg;

	open_modern(r);
	/* The third lies across the two before it. */
	for (unsigned i = 0; i < 3; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd + at[i],
				   .ack = r->rcv,
				   .wnd = 9,
				   .len = 100 });
	rig_take(r);
	rig_take(r);
	seg = rig_take(r);
	assert_int_equal(seg.opt.sack_count, 2);
	assert_int_equal(seg.opt.sack[0].left, r->snd + 150); /* RFC 2883 §4.2 */
	assert_int_equal(seg.opt.sack[0].right, r->snd + 250);
	assert_int_equal(seg.opt.sack[1].left, r->snd + 100);
	assert_int_equal(seg.opt.sack[1].right, r->snd + 300);
	assert_int_equal(tcp_cold(r->conn)->ooo_count, 2);
}

static void the_out_of_order_queue_is_bounded(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	for (unsigned i = 0; i < TCP_OOO_MAX + 50; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd + 10 + i * 20,
				   .ack = r->rcv,
				   .wnd = 9,
				   .len = 10 });
	assert_int_equal(tcp_cold(r->conn)->ooo_count, TCP_OOO_MAX);
	assert_int_equal(r->net.drops[DROP_TCP_OOO_FULL], 50);
	rig_forget(r);
}

static void a_fin_ahead_of_its_data_waits_for_it(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK | TCP_FIN,
			   .seq = r->snd + 100,
			   .ack = r->rcv,
			   .wnd = RIG_WND,
			   .len = 50 });
	assert_int_equal(rig_take(r).ack, r->snd);
	rig_say(r, TCP_ACK, 100);
	assert_int_equal(rig_take(r).ack, r->snd + 51);
	read_all(r);
	assert_true(tcp_recv_eof(r->conn));
	assert_int_equal(r->conn->state, TCP_CLOSE_WAIT);
}

/* Where segments get lost a burst is acknowledged bit by bit, but not until the window that the reader has
 * not opened again is closed. */
static void acks_within_a_burst_do_not_close_the_window(void **state)
{
	struct rig *r = *state;
	uint32_t half;

	open_modern(r);
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
	read_all(r);
	rig_forget(r);
}

static void the_window_closes_with_the_reader_and_opens_with_its_credit(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct rte_mbuf *m;
	struct rig_seg seg;

	config.rcv_buf_bytes = 20000;
	restart(r, &config);
	open_modern(r);
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

static void small_payloads_are_packed_when_the_pool_is_low(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	unsigned n, free;

	open_modern(r);
	n = pool->size * 8 / 10;
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	rig_say(r, TCP_ACK, 100);
	rig_say(r, TCP_ACK, 100);
	free = rte_mempool_avail_count(pool);
	for (unsigned i = 0; i < 10; i++)
		rig_say(r, TCP_ACK, 100);
	assert_int_equal(rte_mempool_avail_count(pool), free);
	assert_true(r->counters.copied_payloads >= 10);
	assert_int_equal(r->conn->rq_head->pkt_len, 1200);
	rte_pktmbuf_free_bulk(taken, n);
	rig_forget(r);
}

static void a_tenth_of_the_pool_is_kept_for_who_took_something(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	unsigned n = pool->size * 92 / 100;

	open_modern(r);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
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
	unsigned n = pool->size * 8 / 10;
	uint32_t edge;

	open_modern(r);
	assert_int_equal(tcp_send_space(r->conn), 65536);
	edge = r->conn->rcv_adv;
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	for (unsigned i = 0; i < 60; i++) {
		rig_say(r, TCP_ACK, 1000);
		read_all(r);
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
	restart(r, &config);
	open_modern(r);
	for (unsigned i = 0; i < 10; i++)
		rig_say(r, TCP_ACK, 1000);
	rig_forget(r);
	n = rte_mempool_avail_count(pool) - 20;
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	rig_say(r, TCP_ACK, 1000);
	r->snd -= 1000;
	assert_int_equal(r->net.drops[DROP_POOL_LOW], 1);
	read_all(r);
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

/* Sending. */

static void payload_goes_out_in_full_segments_by_reference(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	rig_data(r, 5000);
	rig_loop(r);
	assert_int_equal(rig_take(r).len, MSS);
	assert_int_equal(rig_take(r).len, MSS);
	assert_int_equal(rig_take(r).len, MSS);
	assert_int_equal(rig_take(r).len, 5000 - 3 * MSS);
	rig_none(r);
	assert_int_equal(tcp_send_pending(r->conn), 5000);
	assert_int_equal(tcp_send_space(r->conn), 65536 - 5000);
	peer_acks(r, r->rcv + 5000, (struct tcp_options){ 0 });
	assert_int_equal(tcp_send_pending(r->conn), 0);
	assert_int_equal(r->writable, 1);
}

static void the_initial_window_is_ten_segments(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	rig_data(r, 40000);
	rig_loop(r);
	assert_int_equal(r->out_count, 10);
	peer_acks(r, r->rcv + 2 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->out_count, 14); /* slow start: two for each acknowledged */
	rig_forget(r);
}

static void writable_comes_when_half_of_the_buffer_is_free(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;

	config.snd_buf_bytes = 10000;
	restart(r, &config);
	open_modern(r);
	rig_data(r, 10000);
	rig_loop(r);
	assert_int_equal(tcp_send_space(r->conn), 0);
	peer_acks(r, r->rcv + 3000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 0);
	peer_acks(r, r->rcv + 6000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 1);
	peer_acks(r, r->rcv + 7000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 1);
	peer_acks(r, r->rcv + 10000, (struct tcp_options){ 0 });
	assert_int_equal(r->writable, 2);
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

	open_modern(r);
	have_rtt(r, 20000);
	rig_data(r, 10 * MSS);
	rig_run(r, 20);
	rig_forget(r);
	/* The second and the fourth are lost. */
	opt.sack_count = 1;
	opt.sack[0] = (struct tcp_range){ r->rcv + 2 * MSS, r->rcv + 3 * MSS };
	peer_acks(r, r->rcv + MSS, opt);
	rig_none(r);
	opt.sack_count = 2;
	opt.sack[1] = opt.sack[0];
	opt.sack[0] = (struct tcp_range){ r->rcv + 4 * MSS, r->rcv + 5 * MSS };
	peer_acks(r, r->rcv + MSS, opt);
	opt.sack[0].right = r->rcv + 7 * MSS;
	peer_acks(r, r->rcv + MSS, opt);
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv + MSS);
	assert_int_equal(r->counters.fast_retransmits, 1);
	assert_int_equal(r->conn->recovery, TCP_RECOVERY);
	opt.sack[0].right = r->rcv + 10 * MSS;
	peer_acks(r, r->rcv + MSS, opt);
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv + 3 * MSS);
	rig_none(r);
	peer_acks(r, r->rcv + 10 * MSS, (struct tcp_options){ 0 });
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
	peer_acks(r, r->rcv + 1460, none);
	rig_forget(r);
	for (unsigned i = 0; i < 2; i++)
		peer_acks(r, r->rcv + 1460, (struct tcp_options){ 0 });
	rig_none(r); /* limited transmit would send, but nothing is left */
	peer_acks(r, r->rcv + 1460, (struct tcp_options){ 0 });
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv + 1460);
	rig_none(r);
	/* A partial ACK names the next hole. */
	peer_acks(r, r->rcv + 3 * 1460, (struct tcp_options){ 0 });
	assert_int_equal(rig_take(r).seq, r->rcv + 3 * 1460);
	peer_acks(r, r->rcv + 14000, (struct tcp_options){ 0 });
	assert_int_equal(r->conn->recovery, TCP_OPEN);
	assert_int_equal(r->counters.rto_timeouts, 0);
	assert_int_equal(r->counters.fast_retransmits, 1);
}

static void the_retransmission_timeout_backs_off_and_gives_up(void **state)
{
	struct rig *r = *state;
	uint32_t wait = 200;

	open_modern(r);
	rig_data(r, 100);
	rig_loop(r);
	rig_take(r);
	for (unsigned i = 0; i < TCP_RETRIES; i++) {
		uint32_t waited = 0;

		for (; r->out_count == 0; waited++)
			rig_run(r, 1);
		assert_in_range(waited, wait, wait + 3);
		assert_int_equal(rig_take(r).seq, r->rcv);
		wait = wait * 2 < TCP_RTO_MAX_MS ? wait * 2 : TCP_RTO_MAX_MS;
	}
	rig_run(r, wait + 5);
	assert_int_equal(rig_take(r).flags, TCP_RST | TCP_ACK);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	assert_int_equal(r->stack->conn_count, 0);
}

static void after_a_timeout_everything_is_sent_again_slowly(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	rig_data(r, 6 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 100);
	assert_int_equal(rig_take(r).seq, r->rcv + 5 * MSS); /* the tail's probe */
	rig_run(r, 120);
	assert_int_equal(r->out_count, 1);
	assert_int_equal(rig_take(r).seq, r->rcv);
	assert_int_equal(r->conn->cwnd, MSS);
	peer_acks(r, r->rcv + MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->out_count, 2);
	assert_int_equal(rig_take(r).seq, r->rcv + MSS);
	assert_int_equal(rig_take(r).seq, r->rcv + 2 * MSS);
	peer_acks(r, r->rcv + 6 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->conn->recovery, TCP_OPEN);
	rig_none(r);
}

static void a_closed_window_is_probed_for_as_long_as_the_peer_answers(void **state)
{
	struct rig *r = *state;
	unsigned probes = 0;

	open_modern(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 0 });
	rig_data(r, 3000);
	rig_loop(r);
	rig_none(r);
	for (unsigned s = 0; s < 600; s++) {
		rig_run(r, 1000);
		while (r->out_count > 0) {
			assert_int_equal(rig_take(r).len, 0);
			probes++;
			rig_put(r,
				(struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv });
		}
	}
	assert_in_range(probes, 12, 30);
	assert_int_equal(r->ended, 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 500 });
	assert_int_equal(rig_take(r).len, MSS);
	rig_forget(r);
}

static void a_closed_window_without_answers_ends_the_connection(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 0 });
	rig_data(r, 3000);
	rig_run(r, 300000);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	rig_forget(r);
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

	open_modern(r);
	rig_data(r, MSS);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 100 });
	rig_none(r); /* 400 bytes of 240,000: not worth a segment */
	rig_run(r, 205);
	assert_int_equal(rig_take(r).len, 400); /* until it has waited */
	peer_acks(r, r->rcv + 400, (struct tcp_options){ 0 });
	assert_int_equal(rig_take(r).len, MSS - 400);
}

static void a_peer_that_asks_for_us_is_alive(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;

	config.keepalive_ms = 10000;
	restart(r, &config);
	open_modern(r);
	for (unsigned i = 0; i < 4; i++) {
		rig_run(r, 9000);
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd - 1,
				   .ack = r->rcv,
				   .wnd = RIG_WND });
		assert_int_equal(rig_take(r).seq, r->rcv);
		rig_none(r);
	}
	assert_int_equal(r->counters.keepalive_probes, 0);
}

static void a_probe_without_an_mbuf_is_not_held_against_the_peer(void **state)
{
	struct tcp_config config = rig_config();
	static struct rte_mbuf *all[2048];
	struct rig *r = *state;
	unsigned n = 0;

	config.keepalive_ms = 10000;
	restart(r, &config);
	open_modern(r);
	rig_run(r, 9900);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	rig_run(r, 1000);
	rte_pktmbuf_free_bulk(all, n);
	assert_int_equal(r->counters.keepalive_probes, 0);
	rig_run(r, 10);
	assert_int_equal(rig_take(r).seq, r->rcv - 1);
	assert_int_equal(tcp_cold(r->conn)->probes, 1);
}

static void a_connection_that_was_left_is_given_up_sooner(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	tcp_close_both(r->conn);
	rig_run(r, 50000);
	assert_int_equal(r->ended, 0);
	assert_int_equal(r->out_count, 1 + TCP_ORPHAN_RETRIES);
	rig_run(r, 2000);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	rig_forget(r);
}

static void a_slow_path_is_no_reason_to_keep_what_was_left_for_minutes(void **state)
{
	struct rig *r = *state;

	open_modern(r);
	r->conn->rto_ms = 5000;
	tcp_close_both(r->conn);
	rig_run(r, 74000); /* sent at 0, 5, 15 and 35 s; after 75 s it was silent for a minute */
	assert_int_equal(r->ended, 0);
	rig_run(r, 2000);
	assert_int_equal(r->ended, 1);
	rig_forget(r);
}

static void a_fin_waits_for_a_place_in_the_window(void **state)
{
	struct rig *r = *state;

	open_modern(r);
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

static void keepalive_probes_an_idle_peer_and_gives_up_on_a_dead_one(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct rig_seg seg;

	config.keepalive_ms = 10000;
	restart(r, &config);
	open_modern(r);
	rig_run(r, 9990);
	rig_none(r);
	rig_run(r, 20);
	seg = rig_take(r);
	assert_int_equal(seg.seq, r->rcv - 1);
	assert_int_equal(seg.len, 0);
	rig_say(r, TCP_ACK, 0);
	rig_run(r, 9990);
	rig_none(r);
	rig_run(r, 60000);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	assert_int_equal(r->out_count, TCP_KEEPALIVE_TRIES + 1); /* and an RST */
	rig_forget(r);
}

static void a_smaller_path_is_learned_from_icmp(void **state)
{
	struct rig *r = *state;
	struct net_meta quoted;

	open_modern(r);
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
	peer_acks(r, r->rcv,
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
	peer_acks(r, r->rcv + 2 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(tcp_send_pending(r->conn), 0);
}

static void an_empty_pool_delays_but_loses_nothing(void **state)
{
	static struct rte_mbuf *taken[2048];
	struct rig *r = *state;
	unsigned n;

	open_modern(r);
	rig_data(r, 4 * MSS);
	n = rte_mempool_avail_count(pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	rig_loop(r);
	rig_run(r, 50);
	rig_none(r);
	assert_true(r->net.drops[DROP_NO_MBUF] > 0);
	rte_pktmbuf_free_bulk(taken, n);
	rig_run(r, 10);
	assert_in_range(r->out_count, 4, 5); /* the tail is probed soon */
	rig_forget(r);
}

static void receiving_below_the_advertised_edge_goes_on_after_wrap(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_connect(r, &opt); /* the peer's numbers wrap within the first bytes */
	for (unsigned i = 0; i < 20; i++) {
		rig_say(r, TCP_ACK, 700);
		read_all(r);
	}
	assert_int_equal(r->counters.bytes_in, 14000);
	rig_forget(r);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(the_first_segments_are_acknowledged_at_once_and_later_every_second),
		RULE(a_burst_is_acknowledged_once),
		RULE(an_answer_takes_the_ack_along),
		RULE(out_of_order_data_is_kept_sacked_and_delivered_once),
		RULE(what_comes_again_in_other_pieces_adds_nothing),
		RULE(the_out_of_order_queue_is_bounded),
		RULE(a_fin_ahead_of_its_data_waits_for_it),
		RULE(acks_within_a_burst_do_not_close_the_window),
		RULE(the_window_closes_with_the_reader_and_opens_with_its_credit),
		RULE(small_payloads_are_packed_when_the_pool_is_low),
		RULE(a_tenth_of_the_pool_is_kept_for_who_took_something),
		RULE(a_low_pool_makes_buffers_an_eighth),
		RULE(the_last_of_the_pool_takes_no_payload_and_keeps_windows_shut),
		RULE(payload_goes_out_in_full_segments_by_reference),
		RULE(the_initial_window_is_ten_segments),
		RULE(writable_comes_when_half_of_the_buffer_is_free),
		RULE(sack_tells_what_is_lost_and_only_that_is_sent_again),
		RULE(three_duplicates_do_without_sack),
		RULE(the_retransmission_timeout_backs_off_and_gives_up),
		RULE(after_a_timeout_everything_is_sent_again_slowly),
		RULE(a_closed_window_is_probed_for_as_long_as_the_peer_answers),
		RULE(a_closed_window_without_answers_ends_the_connection),
		RULE(an_ack_that_advances_brings_its_window_along),
		RULE(a_small_window_is_not_filled_in_bits),
		RULE(a_peer_that_asks_for_us_is_alive),
		RULE(a_probe_without_an_mbuf_is_not_held_against_the_peer),
		RULE(a_fin_waits_for_a_place_in_the_window),
		RULE(a_connection_that_was_left_is_given_up_sooner),
		RULE(a_slow_path_is_no_reason_to_keep_what_was_left_for_minutes),
		RULE(keepalive_probes_an_idle_peer_and_gives_up_on_a_dead_one),
		RULE(a_smaller_path_is_learned_from_icmp),
		RULE(an_empty_pool_delays_but_loses_nothing),
		RULE(receiving_below_the_advertised_edge_goes_on_after_wrap),
	};

	fake_eal_init();
	pool = fake_pool("pool", 2048);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
