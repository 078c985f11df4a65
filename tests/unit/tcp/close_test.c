/* SPDX-License-Identifier: Apache-2.0 */
/* Ends, in order and by reset: RFC 5961's rules, both FINs, TIME-WAIT. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcp/rig.h"

static void only_the_exact_rst_ends_a_connection(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct rig_seg seg;

	rig_accept(r, &opt);
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = r->snd - 1 });
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = r->snd + 100000 });
	rig_none(r);
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = r->snd + 1 });
	seg = rig_take(r); /* within the window: challenged */
	assert_int_equal(seg.flags, TCP_ACK);
	assert_int_equal(seg.ack, r->snd);
	assert_int_equal(r->ended, 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = r->snd });
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_RESET);
	rig_none(r);
	assert_int_equal(r->stack->conn_count, 0);
}

static void a_syn_within_a_connection_is_challenged_within_limits(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
	for (unsigned i = 0; i < 50; i++)
		rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = r->snd + i });
	assert_int_equal(r->out_count, TCP_CHALLENGE_LIMIT);
	rig_forget(r);
	rig_run(r, 1001);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = r->snd });
	assert_int_equal(rig_take(r).flags, TCP_ACK);
	assert_int_equal(r->ended, 0);
	tcp_abort(r->conn);
}

static void acks_out_of_range_change_nothing(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	uint32_t una;

	rig_accept(r, &opt);
	rig_data(r, 100);
	rig_loop(r);
	rig_take(r);
	una = r->conn->snd_una;
	rig_put(r,
		(struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv + 101, .wnd = 1 });
	assert_int_equal(rig_take(r).flags, TCP_ACK);
	rig_put(r, (struct rig_seg){
			   .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv - 1000000, .wnd = 1 });
	assert_int_equal(rig_take(r).flags, TCP_ACK);
	assert_int_equal(r->net.drops[DROP_TCP_BAD_ACK], 2);
	assert_int_equal(r->conn->snd_una, una);
	assert_int_equal(r->conn->snd_wnd, RIG_WND << 2);
	tcp_abort(r->conn);
}

static void old_timestamps_are_rejected_and_missing_ones_too(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
	r->ts_val = 500;
	rig_say(r, TCP_ACK, 10);
	assert_int_equal(r->net.drops[DROP_TCP_PAWS], 1);
	assert_int_equal(rig_take(r).ack, r->snd - 10);
	r->ts = false;
	r->snd -= 10;
	rig_say(r, TCP_ACK, 10);
	assert_int_equal(r->net.drops[DROP_TCP_PAWS], 2);
	assert_int_equal(r->readable, 0);
	r->ts = true;
	r->ts_val = 1001;
	r->snd -= 10;
	rig_forget(r);
	rig_say(r, TCP_ACK, 10);
	assert_int_equal(r->readable, 1);
	assert_int_equal(rig_take(r).opt.ts_ecr, 1001);
	tcp_abort(r->conn);
}

static void broken_options_are_dropped(void **state)
{
	struct rig *r = *state;
	uint8_t bytes[24] = { 0 };

	/* An option of length 0 right behind the header. */
	bytes[12] = 6 << 4;
	bytes[13] = TCP_SYN;
	bytes[20] = 8;
	fake_wire_put(&r->wire, &r->peer, &r->peer.addr, &r->net.addr, bytes, sizeof(bytes));
	rig_loop(r);
	rig_none(r);
	assert_int_equal(r->net.drops[DROP_TCP_OPTIONS], 1);
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN | TCP_FIN });
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN | TCP_RST });
	rig_none(r);
	assert_int_equal(r->net.drops[DROP_TCP_FLAGS], 2);
}

static void the_side_that_closes_first_waits(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct rig_seg seg;

	rig_accept(r, &opt);
	tcp_close(r->conn);
	rig_loop(r);
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_FIN | TCP_ACK);
	assert_int_equal(seg.seq, r->rcv);
	r->rcv++;
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->conn->state, TCP_FIN_WAIT_2);
	rig_say(r, TCP_ACK, 50); /* half-closed: still readable */
	assert_int_equal(r->readable, 1);
	rte_pktmbuf_free(tcp_recv(r->conn));
	assert_false(tcp_recv_eof(r->conn));
	rig_say(r, TCP_ACK | TCP_FIN, 0);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_CLOSED);
	rig_take(r);
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_ACK);
	assert_int_equal(seg.ack, r->snd);
	assert_int_equal(r->stack->conn_count, 0);
	assert_int_equal(r->counters.time_waits, 1);
	/* The FIN again is acknowledged again, an RST ignored, and in the end all is forgotten. */
	rig_put(r, (struct rig_seg){ .flags = TCP_RST, .seq = r->snd });
	rig_put(r,
		(struct rig_seg){
			.flags = TCP_ACK | TCP_FIN, .seq = r->snd - 1, .ack = r->rcv, .wnd = 1 });
	assert_int_equal(rig_take(r).ack, r->snd);
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK, .seq = r->snd, .ack = r->rcv, .wnd = 1 });
	rig_none(r);
	assert_int_equal(r->stack->flow.count, 1);
	rig_run(r, 30010);
	assert_int_equal(r->stack->flow.count, 0);
}

static void the_side_that_closes_last_does_not_wait(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
	rig_say(r, TCP_ACK | TCP_FIN, 20);
	assert_int_equal(r->readable, 1);
	assert_false(tcp_recv_eof(r->conn)); /* bytes first */
	rte_pktmbuf_free(tcp_recv(r->conn));
	assert_true(tcp_recv_eof(r->conn));
	assert_int_equal(rig_take(r).ack, r->snd);
	rig_data(r, 100);
	tcp_close(r->conn);
	assert_int_equal(tcp_send_space(r->conn), 0);
	assert_int_equal(tcp_send(r->conn, rte_pktmbuf_alloc(r->pool)), -EPIPE);
	rig_loop(r);
	assert_int_equal(rig_take(r).flags, TCP_FIN | TCP_ACK | TCP_PSH);
	r->rcv += 101;
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_CLOSED);
	assert_int_equal(r->stack->flow.count, 0);
}

static void both_sides_may_close_at_once(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
	tcp_close(r->conn);
	rig_loop(r);
	rig_take(r);
	rig_say(r, TCP_ACK | TCP_FIN, 0); /* does not know of ours yet */
	assert_int_equal(r->conn->state, TCP_CLOSING);
	assert_int_equal(rig_take(r).ack, r->snd);
	assert_int_equal(r->ended, 0);
	r->rcv++;
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->counters.time_waits, 1);
}

/* @param bytes  that the reader asks for, of one mbuf */
static void orderly_end(struct rig *r, uint32_t bytes)
{
	struct tcp_options opt = rig_modern(r);
	struct rte_mbuf *m;

	rig_accept(r, &opt);
	tcp_close(r->conn);
	rig_loop(r);
	r->rcv++;
	rig_say(r, TCP_ACK | TCP_FIN, 700);
	rig_run(r, 40000);
	assert_int_equal(r->ended, 0);
	m = tcp_recv_some(r->conn, bytes);
	assert_int_equal(m->pkt_len, 700);
	rte_pktmbuf_free(m);
	assert_true(tcp_recv_eof(r->conn));
	rig_loop(r);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_CLOSED);
	rig_forget(r);
}

static void an_orderly_end_waits_for_the_reader(void **state)
{
	orderly_end(*state, UINT32_MAX);
}

static void an_orderly_end_comes_when_the_last_mbuf_is_taken(void **state)
{
	orderly_end(*state, 1);
}

static void after_close_both_data_is_answered_with_rst_but_what_is_queued_is_delivered(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct rig_seg seg;

	rig_accept(r, &opt);
	rig_data(r, 100);
	tcp_close_both(r->conn);
	rig_loop(r);
	assert_int_equal(rig_take(r).len, 100);
	rig_say(r, TCP_ACK, 500); /* on its way before it knew */
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_ACK);
	assert_int_equal(seg.ack, r->snd);
	assert_int_equal(r->readable, 0);
	r->rcv += 101;
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->ended, 0);
	rig_say(r, TCP_ACK, 500); /* now it should */
	assert_int_equal(rig_take(r).flags, TCP_RST | TCP_ACK);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->net.drops[DROP_TCP_AFTER_CLOSE], 2);
}

static void nobody_waits_for_ever_in_fin_wait_2(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
	tcp_close_both(r->conn);
	rig_loop(r);
	r->rcv++;
	rig_say(r, TCP_ACK, 0);
	rig_run(r, TCP_FIN_WAIT_MS - 10);
	assert_int_equal(r->ended, 0);
	rig_run(r, 20);
	assert_int_equal(r->ended, 1);
	rig_forget(r);
}

static void a_newer_syn_takes_the_place_of_time_wait(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct rig_seg seg;
	uint32_t last;

	rig_accept(r, &opt);
	tcp_close(r->conn);
	rig_loop(r);
	r->rcv++;
	rig_say(r, TCP_ACK | TCP_FIN, 0);
	assert_int_equal(r->ended, 1);
	last = r->rcv;
	rig_forget(r);
	/* Neither a higher number nor a later timestamp: the old connection's ACK. */
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 5, .opt = opt });
	assert_int_equal(rig_take(r).flags, TCP_ACK);
	r->ts_val += 100;
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 5, .opt = opt });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(seg.ack, 6);
	assert_true((int32_t)(seg.seq - last) > 0);
}

static void close_with_data_in_flight(struct rig *r)
{
	rig_open(r);
	rig_data(r, 2 * MSS);
	tcp_close_both(r->conn);
	rig_loop(r);
	assert_false(tcp_stack_settled(r->stack));
}

static void at_the_end_a_peer_that_answers_is_waited_for(void **state)
{
	struct rig *r = *state;

	close_with_data_in_flight(r);
	rig_run(r, 300); /* the first timeouts */
	assert_false(tcp_stack_settled(r->stack));
	r->rcv += 2 * MSS + 1;
	rig_say(r, TCP_ACK, 0);
	assert_true(tcp_stack_settled(r->stack));
}

static void at_the_end_a_silent_peer_is_not_waited_for(void **state)
{
	struct rig *r = *state;

	close_with_data_in_flight(r);
	rig_run(r, 5000);
	assert_int_not_equal(r->conn->state, TCP_FREE);
	assert_true(tcp_stack_settled(r->stack));
}

static void at_the_end_everybody_gets_a_reset(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	rig_forget(r);
	tcp_stack_abort(r->stack, r->now_ns);
	rig_loop(r);
	assert_int_equal(rig_take(r).flags, TCP_RST | TCP_ACK);
	assert_int_equal(r->out_count, 0);
	assert_int_equal(r->ended, 0);
	r->conn = NULL;
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(only_the_exact_rst_ends_a_connection),
		RULE(a_syn_within_a_connection_is_challenged_within_limits),
		RULE(acks_out_of_range_change_nothing),
		RULE(old_timestamps_are_rejected_and_missing_ones_too),
		RULE(broken_options_are_dropped),
		RULE(the_side_that_closes_first_waits),
		RULE(the_side_that_closes_last_does_not_wait),
		RULE(both_sides_may_close_at_once),
		RULE(an_orderly_end_waits_for_the_reader),
		RULE(an_orderly_end_comes_when_the_last_mbuf_is_taken),
		RULE(after_close_both_data_is_answered_with_rst_but_what_is_queued_is_delivered),
		RULE(nobody_waits_for_ever_in_fin_wait_2),
		RULE(a_newer_syn_takes_the_place_of_time_wait),
		RULE(at_the_end_a_peer_that_answers_is_waited_for),
		RULE(at_the_end_a_silent_peer_is_not_waited_for),
		RULE(at_the_end_everybody_gets_a_reset),
	};

	return rig_main(tests, RTE_DIM(tests));
}
