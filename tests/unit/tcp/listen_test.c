/* SPDX-License-Identifier: Apache-2.0 */
/* Opening from the peer's side: SYN-ACKs, the backlog, cookies, and who is answered with a
 * reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void a_synack_says_what_was_agreed(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct rig_seg seg;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 4, 3), 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 1, .wnd = RIG_WND, .opt = opt });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(
		seg.opt.present, TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS);
	assert_int_equal(seg.opt.mss, 1460);
	assert_int_equal(seg.opt.ts_ecr, r->ts_val);
	/* A peer without options is not given any but the MSS. */
	r->ts = false;
	r->peer_port++;
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 1, .wnd = RIG_WND });
	seg = rig_take(r);
	assert_int_equal(seg.opt.present, TCP_OPT_MSS);
}

static void a_synack_is_sent_again_and_then_given_up(void **state)
{
	struct rig *r = *state;
	uint32_t wait = 1000;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 4, 3), 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 1, .wnd = RIG_WND });
	rig_take(r);
	for (unsigned i = 0; i < TCP_SYNACK_RETRIES; i++) {
		uint32_t waited = 0;

		for (; r->out_count == 0; waited++)
			rig_run(r, 1);
		assert_in_range(waited, wait, wait + 2);
		assert_int_equal(rig_take(r).flags, TCP_SYN | TCP_ACK);
		wait *= 2;
	}
	rig_run(r, wait + 10);
	rig_none(r);
	assert_int_equal(r->stack->syn_count, 0);
	assert_int_equal(r->stack->flow.count, 0);
}

static void a_repeated_syn_is_answered_alike(void **state)
{
	struct rig *r = *state;
	struct rig_seg syn = { .flags = TCP_SYN, .seq = 7, .wnd = RIG_WND };
	uint32_t iss;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 4, 3), 0);
	rig_put(r, syn);
	iss = rig_take(r).seq;
	rig_run(r, 100);
	rig_put(r, syn);
	assert_int_equal(rig_take(r).seq, iss);
	assert_int_equal(r->stack->syn_count, 1);
}

static void initial_numbers_differ_between_connections(void **state)
{
	struct rig *r = *state;
	uint32_t first;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 4, 3), 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	first = rig_take(r).seq;
	r->peer_port++;
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	assert_true(rig_take(r).seq - first > 1000);
}

static void the_backlog_bounds_half_open_connections(void **state)
{
	struct rig *r = *state;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 3, 3), 0);
	for (unsigned i = 0; i < 5; i++) {
		r->peer_port++;
		rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	}
	assert_int_equal(r->stack->syn_count, 3);
	assert_int_equal(r->counters.syn_cookies_out, 2);
	/* The RST of one makes room. */
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = 1, .src_port = RIG_PEER_PORT + 1 });
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	assert_int_equal(r->stack->syn_count, 3);
	assert_int_equal(r->counters.syn_cookies_out, 2);
}

/* Strangers fill half of the SYN cache and never complete. */
static void crowd(struct rig *r)
{
	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 100, 3), 0);
	for (uint16_t i = 0; i < 4; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_SYN,
				   .wnd = RIG_WND,
				   .src_port = (uint16_t)(100 + i) });
	rig_forget(r);
	assert_int_equal(r->counters.syn_cookies_out, 0);
}

/* A SYN that gets a cookie. */
static void cookie_take(struct rig *r, struct tcp_options opt)
{
	struct rig_seg seg;

	r->snd = 1000;
	rig_put(r,
		(struct rig_seg){ .flags = TCP_SYN, .seq = r->snd++, .wnd = RIG_WND, .opt = opt });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(seg.ack, r->snd);
	r->rcv = seg.seq + 1;
	assert_int_equal(r->stack->syn_count, 4);
}

static void a_cookie_carries_what_was_agreed(void **state)
{
	static const uint16_t offers[] = { 0, 100, 536, 1300, 1400, 1459, 1460, 9000 };
	static const uint16_t meant[] = { 536, 64, 536, 1220, 1400, 1440, 1460, 1460 };
	struct rig *r = *state;

	crowd(r);
	for (unsigned i = 0; i < RTE_DIM(offers); i++) {
		struct tcp_options opt = rig_modern(r);

		opt.mss = offers[i];
		opt.wscale = (uint8_t)(i * 2);
		if (offers[i] == 0)
			opt.present &= (uint8_t)~TCP_OPT_MSS;
		if (i & 1)
			opt.present &= (uint8_t)~TCP_OPT_SACK_OK;
		if (i == 3)
			opt.present &= (uint8_t)~TCP_OPT_WSCALE;
		r->peer_port++;
		cookie_take(r, opt);
		rig_say(r, TCP_ACK, 0);
		assert_int_equal(r->accepted, i + 1);
		assert_int_equal(r->conn->mss, meant[i] - TCP_TS_BYTES);
		assert_int_equal(r->conn->snd_scale, i == 3 ? 0 : i * 2);
		assert_int_equal((r->conn->flags & TCP_F_SACK) != 0, !(i & 1));
		assert_true(r->conn->flags & TCP_F_TS);
		assert_int_equal(r->conn->snd_wnd, (uint32_t)RIG_WND << r->conn->snd_scale);
		/* It works like any other. */
		rig_say(r, TCP_ACK, 100);
		rig_data(r, 50);
		rig_loop(r);
		tcp_abort(r->conn);
		rig_loop(r);
		rig_forget(r);
	}
	assert_int_equal(r->counters.syn_cookies_in, RTE_DIM(offers));
}

static void a_cookie_without_timestamps_carries_the_mss_alone(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = {
		.present = TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK, .mss = 1400, .wscale = 7
	};

	crowd(r);
	cookie_take(r, opt);
	/* The ACK was lost: the data that follows it does as well. */
	rig_say(r, TCP_ACK, 77);
	assert_int_equal(r->accepted, 1);
	assert_int_equal(r->readable, 1);
	assert_int_equal(r->conn->mss, 1400);
	assert_int_equal(r->conn->snd_scale, 0);
	assert_int_equal(r->conn->flags & (TCP_F_SACK | TCP_F_TS), 0);
	tcp_abort(r->conn);
	rig_loop(r);
}

static void a_cookie_lasts_a_minute_or_two(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	crowd(r);
	cookie_take(r, opt);
	r->now_ns += UINT64_C(59) * 1000000000;
	rig_loop(r);
	rig_forget(r);
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->accepted, 1);
	tcp_abort(r->conn);
	rig_loop(r);
	rig_forget(r);
	r->now_ns += UINT64_C(61) * 1000000000;
	rig_loop(r);
	rig_forget(r);
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->accepted, 1);
	assert_int_equal(rig_take(r).flags, TCP_RST);
}

static void a_cookie_counts_although_the_syn_came_again(void **state)
{
	struct tcp_options opt;
	struct rig *r = *state;

	opt = rig_modern(r);
	crowd(r);
	cookie_take(r, opt);
	/* The cookie is slow; meanwhile there is room, and the SYN that comes again gets an
	 * entry. */
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = 1, .src_port = 100 });
	rig_put(r, (struct rig_seg){
			   .flags = TCP_SYN, .seq = r->snd - 1, .wnd = RIG_WND, .opt = opt });
	assert_int_equal(r->stack->syn_count, 4);
	assert_int_not_equal(rig_take(r).seq, r->rcv - 1);
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->accepted, 1);
	assert_int_equal(r->stack->syn_count, 3);
	assert_int_equal(r->counters.resets_out, 0);
	rig_say(r, TCP_ACK, 100);
	assert_int_equal(r->readable, 1);
	tcp_abort(r->conn);
	rig_loop(r);
	rig_forget(r);
}

static void a_guessed_cookie_is_answered_with_rst(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	crowd(r);
	cookie_take(r, opt);
	for (unsigned i = 0; i < 29; i++) {
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd,
				   .ack = r->rcv + (1u << i),
				   .wnd = RIG_WND });
		assert_int_equal(rig_take(r).flags, TCP_RST);
	}
	/* Nor does it count for another peer or another number of the peer's. */
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = r->snd + 1, .ack = r->rcv, .wnd = RIG_WND });
	assert_int_equal(rig_take(r).flags, TCP_RST);
	r->peer_port++;
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(rig_take(r).flags, TCP_RST);
	assert_int_equal(r->accepted, 0);
}

static void a_syn_again_and_again_is_not_answered_each_time(void **state)
{
	struct rig *r = *state;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 3, 3), 0);
	for (unsigned i = 0; i < 20; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 9, .wnd = RIG_WND });
	assert_int_equal(r->out_count, 1 + TCP_SYN_ANSWERS);
	assert_int_equal(r->counters.answers_limited, 19 - TCP_SYN_ANSWERS);
}

static void resets_to_the_unknown_are_limited_each_second(void **state)
{
	struct rig *r = *state;
	unsigned resets = 0;

	for (unsigned i = 0; i < 2 * TCP_RST_LIMIT; i++) {
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = 9 });
		resets += r->out_count;
		rig_forget(r);
	}
	assert_int_equal(resets, TCP_RST_LIMIT);
	rig_run(r, 1001);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = 9 });
	assert_int_equal(rig_take(r).flags, TCP_RST);
}

static void an_ack_of_nothing_does_not_open(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 3, 3), 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	seg = rig_take(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = 1, .ack = seg.seq + 2 });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_RST);
	assert_int_equal(r->accepted, 0);
}

static void data_with_the_last_ack_of_the_handshake_is_kept(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 3, 3), 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	seg = rig_take(r);
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = 1, .ack = seg.seq + 1, .wnd = 9, .len = 100 });
	assert_int_equal(r->accepted, 1);
	assert_int_equal(r->readable, 1);
	seg = rig_take(r);
	assert_int_equal(seg.ack, 101);
	rte_pktmbuf_free(tcp_recv(r->conn));
	tcp_abort(r->conn);
	rig_loop(r);
	assert_int_equal(rig_take(r).flags, TCP_RST | TCP_ACK);
}

static void a_connection_that_is_refused_upstairs_is_reset(void **state)
{
	struct rig *r = *state;
	struct tcp_options none = { 0 };

	r->refuse = true;
	rig_accept(r, &none);
	assert_int_equal(rig_take(r).flags, TCP_RST | TCP_ACK);
	assert_int_equal(r->stack->conn_count, 0);
	assert_int_equal(r->ended, 0);
}

static void a_closed_port_answers_with_rst(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 5, .wnd = 1 });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_RST | TCP_ACK);
	assert_int_equal(seg.ack, 6);
	assert_int_equal(seg.seq, 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = 5, .ack = 77, .len = 10 });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_RST);
	assert_int_equal(seg.seq, 77);
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = 5 });
	rig_none(r);
	assert_int_equal(r->net.drops[DROP_TCP_NO_LISTENER], 2);
}

static void listening_twice_is_an_error_and_can_be_ended(void **state)
{
	struct ip_addr multicast = ip_from_v4(0x010000e0);
	struct rig *r = *state;

	assert_int_equal(tcp_listen(r->stack, &multicast, 80, 1, 1), -EADDRNOTAVAIL);
	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 1, 1), 0);
	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 1, 1), -EADDRINUSE);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	assert_int_equal(rig_take(r).flags, TCP_SYN | TCP_ACK);
	assert_int_equal(tcp_unlisten(r->stack, &r->net.addr, RIG_PORT), 0);
	assert_int_equal(tcp_unlisten(r->stack, &r->net.addr, RIG_PORT), -ENOENT);
	assert_int_equal(r->stack->syn_count, 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .wnd = RIG_WND });
	assert_int_equal(rig_take(r).flags, TCP_RST | TCP_ACK);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(a_synack_says_what_was_agreed),
		RULE(a_synack_is_sent_again_and_then_given_up),
		RULE(a_repeated_syn_is_answered_alike),
		RULE(initial_numbers_differ_between_connections),
		RULE(the_backlog_bounds_half_open_connections),
		RULE(a_cookie_carries_what_was_agreed),
		RULE(a_cookie_without_timestamps_carries_the_mss_alone),
		RULE(a_cookie_lasts_a_minute_or_two),
		RULE(a_cookie_counts_although_the_syn_came_again),
		RULE(a_guessed_cookie_is_answered_with_rst),
		RULE(a_syn_again_and_again_is_not_answered_each_time),
		RULE(resets_to_the_unknown_are_limited_each_second),
		RULE(an_ack_of_nothing_does_not_open),
		RULE(data_with_the_last_ack_of_the_handshake_is_kept),
		RULE(a_connection_that_is_refused_upstairs_is_reset),
		RULE(a_closed_port_answers_with_rst),
		RULE(listening_twice_is_an_error_and_can_be_ended),
	};

	return rig_main(tests, RTE_DIM(tests));
}
