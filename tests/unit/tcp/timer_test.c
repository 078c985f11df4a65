/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone brings: retransmission, probes of a closed window, keep-alive, giving up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void the_retransmission_timeout_backs_off_and_gives_up(void **state)
{
	struct rig *r = *state;
	uint32_t wait = 200;

	rig_open(r);
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

	rig_open(r);
	rig_data(r, 6 * MSS);
	rig_loop(r);
	rig_forget(r);
	rig_run(r, 100);
	assert_int_equal(rig_take(r).seq, r->rcv + 5 * MSS); /* the tail's probe */
	rig_run(r, 120);
	assert_int_equal(r->out_count, 1);
	assert_int_equal(rig_take(r).seq, r->rcv);
	assert_int_equal(r->conn->cwnd, MSS);
	rig_acks(r, r->rcv + MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->out_count, 2);
	assert_int_equal(rig_take(r).seq, r->rcv + MSS);
	assert_int_equal(rig_take(r).seq, r->rcv + 2 * MSS);
	rig_acks(r, r->rcv + 6 * MSS, (struct tcp_options){ 0 });
	assert_int_equal(r->conn->recovery, TCP_OPEN);
	rig_none(r);
}

static void a_closed_window_is_probed_for_as_long_as_the_peer_answers(void **state)
{
	struct rig *r = *state;
	unsigned probes = 0;

	rig_open(r);
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

	rig_open(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 0 });
	rig_data(r, 3000);
	rig_run(r, 300000);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	rig_forget(r);
}

static void a_peer_that_asks_for_us_is_alive(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;

	config.keepalive_ms = 10000;
	rig_restart(r, &config);
	rig_open(r);
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
	rig_restart(r, &config);
	rig_open(r);
	rig_run(r, 9900);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(r->pool)) != NULL)
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

	rig_open(r);
	tcp_close_both(r->conn);
	rig_run(r, 50000);
	assert_int_equal(r->ended, 0);
	assert_int_equal(r->out_count, 1 + TCP_ORPHAN_RETRIES);
	rig_run(r, 2000);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	rig_forget(r);
}

/* Its data or our ACKs get lost, but it asks for them (seed 312574 of the simulation). */
static void a_connection_that_was_left_lives_while_its_peer_speaks(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = { .present = TCP_OPT_TS };

	rig_open(r);
	rig_data(r, MSS);
	tcp_close_both(r->conn);
	for (unsigned i = 0; i < 20; i++) {
		rig_run(r, 5000);
		opt.ts_val = r->ts_val;
		rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
				   .seq = r->snd - 1,
				   .ack = r->rcv,
				   .wnd = RIG_WND,
				   .opt = opt });
		assert_int_equal(r->ended, 0);
		rig_forget(r);
	}
	rig_run(r, 200000);
	assert_int_equal(r->ended, 1);
	rig_forget(r);
}

static void a_slow_path_is_no_reason_to_keep_what_was_left_for_minutes(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	r->conn->rto_ms = 5000;
	tcp_close_both(r->conn);
	rig_run(r, 74000); /* sent at 0, 5, 15 and 35 s; after 75 s it was silent for a minute */
	assert_int_equal(r->ended, 0);
	rig_run(r, 2000);
	assert_int_equal(r->ended, 1);
	rig_forget(r);
}

static void keepalive_probes_an_idle_peer_and_gives_up_on_a_dead_one(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct rig_seg seg;

	config.keepalive_ms = 10000;
	rig_restart(r, &config);
	rig_open(r);
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

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_open)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(the_retransmission_timeout_backs_off_and_gives_up),
		RULE(after_a_timeout_everything_is_sent_again_slowly),
		RULE(a_closed_window_is_probed_for_as_long_as_the_peer_answers),
		RULE(a_closed_window_without_answers_ends_the_connection),
		RULE(a_peer_that_asks_for_us_is_alive),
		RULE(a_probe_without_an_mbuf_is_not_held_against_the_peer),
		RULE(a_connection_that_was_left_is_given_up_sooner),
		RULE(a_connection_that_was_left_lives_while_its_peer_speaks),
		RULE(a_slow_path_is_no_reason_to_keep_what_was_left_for_minutes),
		RULE(keepalive_probes_an_idle_peer_and_gives_up_on_a_dead_one),
	};

	return rig_main(tests, RTE_DIM(tests));
}
