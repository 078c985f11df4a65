/* SPDX-License-Identifier: Apache-2.0 */
/* The congestion window: what a loss makes of it, pauses, CUBIC (RFC 9438) and NewReno. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void new_data_leaves_for_the_first_two_duplicates(void **state)
{
	struct rig *r = *state;

	rig_fly(r, 6, 10);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 2 } });
	assert_int_equal(rig_take(r).seq, r->rcv + 6 * MSS);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 3 } });
	assert_int_equal(rig_take(r).seq, r->rcv + 7 * MSS);
	rig_none(r);
	assert_int_equal(r->counters.retransmits, 0);
	/* It does not count as flight when the loss is found (RFC 5681 §3.2). */
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 4 } });
	assert_int_equal(r->conn->ssthresh, (uint32_t)(6 * MSS * 0.7f));
	rig_forget(r);
}

/* The application pauses, and just then a segment of the few in flight is lost. */
static void a_loss_is_judged_by_the_window_and_not_by_a_lull(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	r->conn->cwnd = 20 * MSS;
	rig_data(r, 5 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 5 } });
	rig_forget(r);
	rig_run(r, 20);
	assert_int_equal(r->counters.fast_retransmits, 1);
	assert_int_equal(r->conn->ssthresh, 14 * MSS);
	rig_sacks(r, 5, 0, NULL);
	rig_forget(r);
}

/* What the peer's window keeps back is no sign of a path that bears more (RFC 9438 §4.6). */
static void a_window_that_the_peer_limits_does_not_grow(void **state)
{
	struct rig *r = *state;

	rig_fly(r, 10, 40);
	for (unsigned i = 0; i < 10; i++) {
		uint32_t flight = r->conn->snd_nxt - r->conn->snd_una;

		r->rcv += flight;
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd,
				   .ack = r->rcv,
				   .wnd = (2 * MSS) >> r->conn->snd_scale });
		rig_run(r, 1);
		assert_true(r->conn->snd_nxt - r->conn->snd_una <= 2 * MSS);
		rig_forget(r);
	}
	/* The first ACK was for a window in full use. */
	assert_in_range(r->conn->cwnd, 10 * MSS, 18 * MSS);
}

static void a_timeout_in_recovery_is_of_the_same_congestion(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	r->conn->cwnd = 20 * MSS;
	rig_data(r, 40 * MSS);
	rig_loop(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 8 } });
	assert_int_equal(r->conn->recovery, TCP_RECOVERY);
	assert_int_equal(r->conn->ssthresh, 14 * MSS);
	rig_forget(r);
	rig_run(r, 1000);
	assert_int_equal(r->conn->recovery, TCP_LOSS);
	assert_true(r->counters.rto_timeouts > 0);
	assert_int_equal(r->conn->ssthresh, 14 * MSS);
	rig_forget(r);
}

static void a_window_in_use_survives_a_short_pause(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	r->conn->cwnd = 30 * MSS;
	/* Half a second of steady sending: it is never idle for an RTO. */
	for (unsigned i = 0; i < 10; i++) {
		rig_data(r, 2 * MSS);
		rig_loop(r);
		rig_run(r, 25);
		rig_data(r, MSS);
		rig_loop(r);
		rig_run(r, 25);
		rig_sacks(r, 3, 0, NULL);
		r->rcv += 3 * MSS;
		rig_forget(r);
	}
	assert_int_equal(r->conn->cwnd, 30 * MSS);
	rig_run(r, 300);
	rig_data(r, MSS);
	rig_loop(r);
	assert_int_equal(r->conn->cwnd, TCP_INITIAL_SEGS * MSS);
	rig_sacks(r, 1, 0, NULL);
	rig_forget(r);
}

/* A round trip's worth of acknowledgements of full segments. */
static void cc_round(struct rig *r, const struct tcp_cc_ops *cc, uint32_t *now_us)
{
	uint32_t segs = r->conn->cwnd / MSS;

	for (uint32_t i = 0; i < segs; i++)
		cc->acked(r->conn, MSS, *now_us + i * (100000 / segs));
	*now_us += 100000;
}

static void cubic_returns_to_where_it_lost_and_waits_there(void **state)
{
	struct tcp_config config = rig_config();
	uint32_t now_us = 0xfff00000, before, w_max = 200 * MSS; /* the clock wraps meanwhile */
	struct tcp_options opt;
	struct rig *r = *state;

	config.snd_buf_bytes = 1 << 20;
	rig_restart(r, &config);
	opt = rig_modern(r);
	rig_accept(r, &opt);
	assert_ptr_equal(r->stack->cc, &tcp_cubic);
	r->conn->srtt = 100000 * 8;
	r->conn->cwnd = w_max;
	r->conn->ssthresh = r->conn->cwnd = tcp_cubic.ssthresh(r->conn, w_max);
	assert_in_range(r->conn->cwnd, w_max * 69 / 100, w_max * 7 / 10);
	/* K is the cube root of 200 * 0.3 / 0.4 s: 5.3 s. */
	for (unsigned i = 0; i < 26; i++)
		cc_round(r, &tcp_cubic, &now_us);
	assert_in_range(r->conn->cwnd, w_max * 94 / 100, w_max);
	for (unsigned i = 26; i < 53; i++)
		cc_round(r, &tcp_cubic, &now_us);
	assert_in_range(r->conn->cwnd, w_max * 98 / 100, w_max * 101 / 100);
	/* Beyond it slowly, then faster; never by more than half in a round trip. */
	for (unsigned i = 0; i < 20; i++)
		cc_round(r, &tcp_cubic, &now_us);
	assert_in_range(r->conn->cwnd, w_max, w_max * 106 / 100);
	for (unsigned i = 0; i < 40; i++) {
		before = r->conn->cwnd;
		cc_round(r, &tcp_cubic, &now_us);
		assert_true(r->conn->cwnd <= before + before / 2 + MSS);
	}
	assert_true(r->conn->cwnd > w_max * 13 / 10);
	/* A second loss below the first: room for others (fast convergence). */
	r->conn->cwnd = w_max / 2;
	tcp_cubic.ssthresh(r->conn, w_max / 2);
	r->conn->cwnd = r->conn->ssthresh = w_max / 2 * 7 / 10;
	for (unsigned i = 0; i < 30; i++)
		cc_round(r, &tcp_cubic, &now_us);
	assert_true(r->conn->cwnd < w_max / 2);
}

static void cubic_is_no_slower_than_reno(void **state)
{
	struct rig *r = *state;
	uint32_t now_us = 5;

	/* On a short path Reno's line is above the curve. */
	r->conn->srtt = 1000 * 8;
	r->conn->cwnd = 20 * MSS;
	r->conn->ssthresh = r->conn->cwnd = tcp_cubic.ssthresh(r->conn, 20 * MSS);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t segs = r->conn->cwnd / MSS;

		while (segs-- > 0)
			tcp_cubic.acked(r->conn, MSS, now_us);
		now_us += 1000;
	}
	assert_true(r->conn->cwnd > 22 * MSS);
}

static void newreno_is_there_for_who_wants_it(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct tcp_options opt;

	config.congestion = TCP_CONGESTION_NEWRENO;
	rig_restart(r, &config);
	opt = rig_modern(r);
	rig_accept(r, &opt);
	assert_ptr_equal(r->stack->cc, &tcp_newreno);
	assert_int_equal(r->stack->cc->ssthresh(r->conn, 20 * MSS), 10 * MSS);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup_open, rig_teardown_open)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(new_data_leaves_for_the_first_two_duplicates),
		RULE(a_loss_is_judged_by_the_window_and_not_by_a_lull),
		RULE(a_window_that_the_peer_limits_does_not_grow),
		RULE(a_timeout_in_recovery_is_of_the_same_congestion),
		RULE(a_window_in_use_survives_a_short_pause),
		RULE(cubic_returns_to_where_it_lost_and_waits_there),
		RULE(cubic_is_no_slower_than_reno),
		RULE(newreno_is_there_for_who_wants_it),
	};

	return rig_main(tests, RTE_DIM(tests));
}
