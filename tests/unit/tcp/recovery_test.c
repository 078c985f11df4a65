/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loss recovery against a scripted peer that is 20 ms away: RACK and the tail
 * probe (RFC 8985), D-SACK (RFC 2883), PRR (RFC 6937).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void a_tail_is_probed_before_it_times_out(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 4 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 39);
	rig_none(r);
	rig_run(r, 5);
	assert_int_equal(rig_take(r).seq, r->rcv + 3 * MSS);
	assert_int_equal(r->counters.tail_probes, 1);
	/* Its SACK shows what is missing before it. */
	rig_run(r, 20);
	rig_sacks(r, 1, 1, (const uint32_t[][2]){ { 3, 4 } });
	rig_run(r, 20);
	assert_int_equal(rig_take(r).seq, r->rcv + MSS);
	rig_run(r, 20);
	rig_sacks(r, 4, 0, NULL);
	assert_int_equal(r->conn->recovery, TCP_OPEN);
	assert_int_equal(r->counters.rto_timeouts, 0);
}

static void new_data_is_the_better_probe(void **state)
{
	struct rig *r = *state;

	rig_fly(r, 2, 5);
	rig_run(r, 45);
	assert_int_equal(rig_take(r).seq, r->rcv + 2 * MSS);
	assert_int_equal(rig_take(r).seq, r->rcv + 3 * MSS);
	rig_none(r);
	rig_sacks(r, 4, 0, NULL);
	assert_int_equal(r->conn->ssthresh, UINT32_MAX);
	assert_int_equal(r->counters.retransmits, 0);
}

static void a_probe_that_repaired_a_loss_costs_as_much_as_one(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 4 * MSS);
	rig_loop(r);
	rig_run(r, 45);
	rig_sacks(r, 4, 0, NULL);
	r->rcv += 4 * MSS;
	assert_int_equal(r->conn->ssthresh, UINT32_MAX);
	rig_data(r, MSS);
	rig_loop(r);
	rig_sacks(r, 1, 0, NULL);
	assert_true(r->conn->ssthresh < UINT32_MAX);
	rig_forget(r);
}

static void a_probe_that_came_twice_costs_nothing(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 4 * MSS);
	rig_loop(r);
	rig_run(r, 45);
	rig_sacks(r, 4, 0, NULL);
	rig_sacks(r, 4, 1, (const uint32_t[][2]){ { 3, 4 } });
	r->rcv += 4 * MSS;
	assert_int_equal(r->counters.dsacks_in, 1);
	rig_data(r, MSS);
	rig_loop(r);
	rig_sacks(r, 1, 0, NULL);
	assert_int_equal(r->conn->ssthresh, UINT32_MAX);
	rig_forget(r);
}

static void a_lost_retransmission_is_found_without_a_timeout(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 6 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 6 } });
	assert_int_equal(rig_take(r).seq, r->rcv);
	rig_run(r, 2);
	rig_data(r, MSS);
	rig_loop(r);
	assert_int_equal(rig_take(r).seq, r->rcv + 6 * MSS);
	rig_none(r);
	/* What was sent after the retransmission arrives, the retransmission does not. */
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 7 } });
	rig_run(r, 3);
	assert_int_equal(rig_take(r).seq, r->rcv);
	rig_none(r);
	assert_int_equal(r->counters.rto_timeouts, 0);
	rig_sacks(r, 7, 0, NULL);
}

/* So that an ACK of a flight of thousands costs no walk along all of it. */
static void sacked_neighbours_share_a_record(void **state)
{
	struct rig *r = *state;
	unsigned records = 0;

	rig_fly(r, 40, 40);
	rig_run(r, 20);
	for (uint32_t i = 2; i <= 40; i++) {
		if (i < 20)
			rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, i } });
		else if (i > 20)
			rig_sacks(r, 0, 2, (const uint32_t[][2]){ { 20, i }, { 1, 19 } });
		assert_null(tcp_stack_check(r->stack));
	}
	for (uint32_t i = r->conn->rec_head; i != TCP_NIL; i = r->stack->recs[i].next)
		records++;
	assert_int_equal(records, 4); /* two holes, and what lies between and behind */
	assert_int_equal(tcp_cold(r->conn)->sack_segs, 38);
	/* What is not believed any more goes again in segments. */
	rig_run(r, 2000);
	assert_int_equal(r->counters.rto_timeouts > 0, 1);
	rig_sacks(r, 40, 0, NULL);
	assert_null(tcp_stack_check(r->stack));
	assert_int_equal(r->conn->pipe, 0);
}

static void what_was_only_overtaken_is_not_sent_again(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 8 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 20);
	/* The second overtakes the first: now the path is known to reorder. */
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 2 } });
	rig_sacks(r, 2, 0, NULL);
	assert_true(tcp_cold(r->conn)->rack_reordered);
	/* Three above the hole are no proof any more; a quarter of a round trip later they are. */
	rig_sacks(r, 2, 1, (const uint32_t[][2]){ { 3, 7 } });
	rig_run(r, 3);
	rig_none(r);
	rig_run(r, 5);
	assert_int_equal(rig_take(r).seq, r->rcv + 2 * MSS);
	assert_int_equal(r->counters.rto_timeouts, 0);
	/* It was not lost: the window widens. */
	assert_int_equal(tcp_cold(r->conn)->rack_mult, 0);
	rig_sacks(r, 8, 1, (const uint32_t[][2]){ { 2, 3 } });
	assert_int_equal(tcp_cold(r->conn)->rack_mult, 1);
	rig_forget(r);
}

static void a_needless_recovery_is_taken_back(void **state)
{
	static const uint32_t hole[][2] = { { 1, 8 } }, twice[][2] = { { 0, 1 } };
	struct rig *r = *state;

	rig_learn_rtt(r);
	r->conn->cwnd = 20 * MSS;
	rig_data(r, 8 * MSS);
	rig_loop(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, hole);
	assert_int_equal(r->counters.fast_retransmits, 1);
	assert_true(r->conn->ssthresh < UINT32_MAX);
	/* First the ACK, then what it says of the retransmission. */
	rig_sacks(r, 8, 0, NULL);
	assert_true(r->conn->cwnd < 20 * MSS);
	rig_sacks(r, 8, 1, twice);
	assert_int_equal(r->conn->cwnd, 20 * MSS);
	assert_int_equal(r->conn->ssthresh, UINT32_MAX);
	assert_int_equal(r->counters.undos, 1);
	/* Once. */
	rig_sacks(r, 8, 1, twice);
	assert_int_equal(r->counters.undos, 1);
	r->rcv += 8 * MSS;
	rig_forget(r);
}

static void a_duplicate_of_something_else_takes_nothing_back(void **state)
{
	static const uint32_t hole[][2] = { { 1, 8 } };
	struct rig *r = *state;
	uint32_t before;

	rig_learn_rtt(r);
	r->conn->cwnd = 20 * MSS;
	rig_data(r, 8 * MSS);
	rig_loop(r);
	rig_run(r, 20);
	before = r->rcv;
	rig_sacks(r, 0, 1, hole);
	r->rcv -= MSS; /* the block is of the segment before the hole */
	rig_sacks(r, 9, 1, (const uint32_t[][2]){ { 0, 1 } });
	assert_int_equal(r->counters.undos, 0);
	assert_true(r->conn->ssthresh < UINT32_MAX);
	r->rcv = before + 8 * MSS;
	rig_forget(r);
}

static void what_comes_twice_is_told_once(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	rig_say(r, TCP_ACK, 100);
	rig_forget(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
			   .seq = r->snd - 100,
			   .ack = r->rcv,
			   .wnd = RIG_WND,
			   .len = 100 });
	seg = rig_take(r);
	assert_int_equal(seg.opt.sack_count, 1);
	assert_int_equal(seg.opt.sack[0].left, r->snd - 100);
	assert_int_equal(seg.opt.sack[0].right, r->snd);
	rig_say(r, TCP_ACK, 100);
	assert_int_equal(rig_take(r).opt.sack_count, 0);
}

static void recovery_sends_in_proportion_to_what_arrives(void **state)
{
	struct rig *r = *state;
	unsigned sent = 0;

	rig_fly(r, 20, 40);
	rig_run(r, 20);
	/* The first is lost; the others arrive one by one. */
	for (uint32_t i = 1; i < 20; i++) {
		rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, i + 1 } });
		assert_true(r->out_count <= 2); /* no burst */
		sent += r->out_count;
		rig_forget(r);
	}
	/* CUBIC keeps seven of ten. */
	assert_int_equal(r->conn->ssthresh, 14 * MSS);
	assert_in_range(sent, 13, 15);
	assert_in_range(tcp_pipe(r->conn), 12 * MSS, 14 * MSS);
	rig_sacks(r, 20, 0, NULL);
	assert_in_range(r->conn->cwnd, 13 * MSS, 14 * MSS);
	rig_forget(r);
}

/* A segment is sent, times out, and after @p wait_ms more is acknowledged with the echo of what left
 * @p echo_ms ago. */
static void time_out(struct rig *r, uint32_t wait_ms, uint32_t echo_ms)
{
	rig_learn_rtt(r);
	rig_data(r, MSS);
	rig_run(r, 300);
	assert_int_equal(r->counters.rto_timeouts, 1);
	assert_int_equal(r->conn->rto_ms, 400);
	rig_run(r, wait_ms);
	r->ts_ecr = tcp_ts_now(r->conn) - echo_ms;
	rig_sacks(r, 1, 0, NULL);
	r->rcv += MSS;
}

static void a_retransmission_that_is_echoed_is_timed(void **state)
{
	struct rig *r = *state;

	time_out(r, 50, 140);
	assert_int_equal(r->conn->rto_ms, 200);
	assert_in_range(
		tcp_srtt_us(r->conn), 30000, 40000); /* 7/8 of 20, 1/8 of what passed since */
	rig_forget(r);
}

/* The first ACK was lost, and a duplicate brings the echo of what came first: no round trip, and
 * the timeout stays backed off until there is one. */
static void a_retransmission_with_an_older_echo_is_not_timed(void **state)
{
	struct rig *r = *state;

	time_out(r, 200, 500);
	assert_int_equal(r->conn->rto_ms, 400);
	assert_in_range(tcp_srtt_us(r->conn), 19000, 21000);
	rig_data(r, MSS);
	rig_run(r, 20);
	r->ts_ecr = tcp_ts_now(r->conn) - 20;
	rig_sacks(r, 1, 0, NULL);
	r->rcv += MSS;
	assert_int_equal(r->conn->rto_ms, 200);
	rig_forget(r);
}

/* RFC 8985 §6.2: a quarter of the round trip, however short it is. */
static void a_short_path_waits_no_longer_than_a_quarter_of_it(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	r->conn->srtt = 200 * 8;
	r->conn->min_rtt_us = 200;
	tcp_cold(r->conn)->rack_reordered = true; /* or three above the hole were proof enough */
	rig_data(r, 5 * MSS);
	rig_loop(r);
	r->now_ns += 60 * 1000;
	rig_data(r, MSS);
	rig_loop(r);
	rig_forget(r);
	r->now_ns += 140 * 1000;
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 5 } });
	rig_none(r);
	r->now_ns += 60 * 1000;
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 6 } });
	assert_int_equal(rig_take(r).seq, r->rcv);
	rig_forget(r);
}

/* RFC 2018 §8: after a second timeout SACKs are not believed; what is acknowledged then was not
 * overtaken by what was SACKed before. */
static void sacks_that_are_not_believed_show_no_reordering(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 5 * MSS);
	rig_loop(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 4 } });
	rig_run(r, 1000);
	assert_int_equal(r->counters.rto_timeouts, 2);
	rig_sacks(r, 4, 0, NULL);
	r->rcv += 4 * MSS;
	assert_false(tcp_cold(r->conn)->rack_reordered);
	rig_forget(r);
}

static void what_was_delivered_an_hour_ago_judges_nothing(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 6 * MSS);
	rig_loop(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 6 } });
	rig_sacks(r, 6, 0, NULL);
	r->rcv += 6 * MSS;
	assert_false(tcp_cold(r->conn)->rack_known);
	/* Half of the range of 32 bits of microseconds: old times look like future ones. */
	r->now_ns += UINT64_C(2400) * 1000000000;
	r->conn->cwnd = 10 * MSS;
	rig_data(r, 6 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 20);
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 4 } });
	assert_int_equal(rig_take(r).seq, r->rcv);
	rig_none(r);
	rig_sacks(r, 6, 0, NULL);
	rig_forget(r);
}

static void a_timeout_does_not_condemn_what_left_just_now(void **state)
{
	struct rig *r = *state;

	rig_learn_rtt(r);
	rig_data(r, 8 * MSS);
	rig_loop(r);
	rig_run(r, 20);
	/* The first is lost, its retransmission too; then new data, shortly before the timeout. */
	rig_sacks(r, 0, 1, (const uint32_t[][2]){ { 1, 8 } });
	rig_run(r, 190);
	rig_data(r, MSS);
	rig_loop(r);
	assert_int_equal(tcp_pipe(r->conn), 2 * MSS);
	rig_forget(r);
	rig_run(r, 15);
	assert_int_equal(r->counters.rto_timeouts, 1);
	assert_int_equal(rig_take(r).seq, r->rcv);
	rig_none(r);
	assert_int_equal(tcp_cold(r->conn)->lost_segs, 0);
	assert_int_equal(tcp_pipe(r->conn), 2 * MSS);
	rig_sacks(r, 9, 0, NULL);
	rig_forget(r);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup_open, rig_teardown_open)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(a_tail_is_probed_before_it_times_out),
		RULE(new_data_is_the_better_probe),
		RULE(a_probe_that_repaired_a_loss_costs_as_much_as_one),
		RULE(a_probe_that_came_twice_costs_nothing),
		RULE(a_lost_retransmission_is_found_without_a_timeout),
		RULE(sacked_neighbours_share_a_record),
		RULE(what_was_only_overtaken_is_not_sent_again),
		RULE(a_needless_recovery_is_taken_back),
		RULE(a_duplicate_of_something_else_takes_nothing_back),
		RULE(what_comes_twice_is_told_once),
		RULE(recovery_sends_in_proportion_to_what_arrives),
		RULE(a_retransmission_that_is_echoed_is_timed),
		RULE(a_retransmission_with_an_older_echo_is_not_timed),
		RULE(a_short_path_waits_no_longer_than_a_quarter_of_it),
		RULE(sacks_that_are_not_believed_show_no_reordering),
		RULE(what_was_delivered_an_hour_ago_judges_nothing),
		RULE(a_timeout_does_not_condemn_what_left_just_now),
	};

	return rig_main(tests, RTE_DIM(tests));
}
