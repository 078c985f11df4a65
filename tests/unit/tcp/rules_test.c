/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of opening, resets and closing, segment by segment against a scripted peer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/net/owner.h"
#include "tests/unit/tcp/rig.h"

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
	rig_fini(*state);
	return 0;
}

/* Opening. */

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
	/* The cookie is slow; meanwhile there is room, and the SYN that comes again gets an entry. */
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

static void a_refused_connect_ends_as_refused(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, RIG_PEER_PORT, r, r->now_ns, &r->conn), 0);
	rig_loop(r);
	seg = rig_take(r);
	r->port = seg.src_port;
	assert_in_range(r->port, 10000, 65535);
	/* An RST without the right ACK could be anybody's. */
	rig_put(r, (struct rig_seg){ .flags = TCP_RST | TCP_ACK, .ack = seg.seq });
	rig_put(r, (struct rig_seg){ .flags = TCP_RST });
	assert_int_equal(r->ended, 0);
	rig_put(r, (struct rig_seg){ .flags = TCP_RST | TCP_ACK, .ack = seg.seq + 1 });
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_REFUSED);
}

static void a_connect_without_answer_times_out(void **state)
{
	struct rig *r = *state;

	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, RIG_PEER_PORT, r, r->now_ns, &r->conn), 0);
	rig_run(r, 19990);
	assert_int_equal(r->ended, 0);
	assert_int_equal(r->out_count, 5); /* at 0, 1, 3, 7, 15 s */
	rig_run(r, 20);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_TIMEOUT);
	rig_forget(r);
}

static void icmp_unreachable_ends_a_connect_but_not_a_connection(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct net_meta quoted = {
		.src = r->net.addr, .dst = r->peer.addr, .dst_port = RIG_PEER_PORT
	};
	struct rig_seg seg;

	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, RIG_PEER_PORT, r, r->now_ns, &r->conn), 0);
	rig_loop(r);
	seg = rig_take(r);
	quoted.src_port = seg.src_port;
	rig_icmp(r, &quoted, seg.seq + 1, 1, 0); /* not in flight */
	rig_loop(r);
	assert_int_equal(r->ended, 0);
	rig_icmp(r, &quoted, seg.seq, 1, 0);
	rig_loop(r);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_UNREACHABLE);

	rig_connect(r, &opt);
	rig_data(r, 100);
	rig_loop(r);
	seg = rig_take(r);
	quoted.src_port = r->port;
	rig_icmp(r, &quoted, seg.seq, 3, 0);
	rig_loop(r);
	assert_int_equal(r->ended, 1);
	tcp_abort(r->conn);
}

static void a_silent_neighbour_ends_what_is_being_opened_alone(void **state)
{
	struct ip_addr other = ip_from_v4(rte_cpu_to_be_32(0x0a000063));
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct tcp_conn *open, *elsewhere;

	rig_connect(r, &opt);
	open = r->conn;
	assert_int_equal(tcp_connect(r->stack, &other, 80, r, r->now_ns, &elsewhere), 0);
	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, RIG_PEER_PORT, r, r->now_ns, &r->conn), 0);
	rig_loop(r);
	r->net.ops.unreachable(r->net.ops_ctx, &r->peer.addr);
	rig_loop(r);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_UNREACHABLE);
	assert_int_equal(open->state, TCP_ESTABLISHED);
	assert_int_equal(elsewhere->state, TCP_SYN_SENT);
	/* None is left but the other one. */
	r->net.ops.unreachable(r->net.ops_ctx, &r->peer.addr);
	assert_int_equal(elsewhere->state, TCP_SYN_SENT);
	tcp_abort(elsewhere);
	tcp_abort(open);
	rig_loop(r);
	rig_forget(r);
}

static void a_soft_error_is_the_reason_when_nothing_else_comes(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct net_meta quoted = { .src = r->net.addr, .dst = r->peer.addr };
	struct rig_seg seg;

	rig_connect(r, &opt);
	quoted.src_port = r->port;
	quoted.dst_port = r->peer_port;
	/* One that was followed by progress is forgotten. */
	rig_data(r, 100);
	rig_loop(r);
	seg = rig_take(r);
	rig_icmp(r, &quoted, seg.seq, 1, 0);
	assert_true(tcp_cold(r->conn)->soft_error);
	r->rcv += 100;
	rig_say(r, TCP_ACK, 0);
	rig_data(r, 100);
	rig_run(r, 300);
	assert_false(tcp_cold(r->conn)->soft_error);
	rig_icmp(r, &quoted, r->rcv, 1, 0);
	for (unsigned i = 0; i < 300 && r->ended == 0; i++)
		rig_run(r, 1000);
	assert_int_equal(r->end, TCP_END_UNREACHABLE);
	rig_forget(r);
}

static void both_sides_may_open_at_once(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, RIG_PEER_PORT, r, r->now_ns, &r->conn), 0);
	rig_loop(r);
	seg = rig_take(r);
	r->port = seg.src_port;
	r->rcv = seg.seq + 1;
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN, .seq = 900, .wnd = RIG_WND });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(seg.seq, r->rcv - 1);
	assert_int_equal(seg.ack, 901);
	assert_int_equal(r->connected, 0);
	r->snd = 901;
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->connected, 1);
	tcp_abort(r->conn);
}

/* @param rss  NULL: the sum decides whose a reply is */
static void local_ports_are_the_workers(struct rig *r, const struct owner_rss *rss)
{
	struct tcp_config config = rig_config();
	struct tcp_conn *c[64];
	bool used[65536] = { false };

	rig_fini(r);
	config.connection_limit = 64;
	config.worker_count = 5;
	config.worker_index = 3;
	rig_init(r, &config, pool);
	r->net.rss = rss;
	for (unsigned i = 0; i < 64; i++) {
		struct net_meta reply = { .src = r->peer.addr, .dst = r->net.addr, .src_port = 80 };
		struct tcp_peer peer;

		assert_int_equal(tcp_connect(r->stack, &r->peer.addr, 80, r, r->now_ns, &c[i]), 0);
		tcp_peer(c[i], &peer);
		reply.dst_port = peer.local_port;
		assert_int_equal(owner_of(rss, 5, &reply), 3);
		assert_true(peer.local_port >= OWNER_PORT_FIRST);
		assert_false(used[peer.local_port]);
		used[peer.local_port] = true;
	}
	assert_int_equal(tcp_connect(r->stack, &r->peer.addr, 80, r, r->now_ns, &c[0]), -ENOMEM);
	for (unsigned i = 0; i < 64; i++)
		tcp_abort(c[i]);
	rig_loop(r);
	r->net.unreachable = true;
	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, 80, r, r->now_ns, &c[0]), -ENETUNREACH);
}

static void local_ports_belong_to_the_worker_and_are_not_used_twice(void **state)
{
	struct port_rss port = { .ipv4 = true, .reta_size = 128 };
	struct owner_rss *rss;

	for (unsigned i = 0; i < sizeof(port.key); i++)
		port.key[i] = i % 2 ? 0x5a : 0x6d;
	for (unsigned i = 0; i < port.reta_size; i++)
		port.reta[i] = (uint16_t)(i % 5);
	rss = owner_rss_create(&port, 5);
	assert_non_null(rss);
	local_ports_are_the_workers(*state, NULL);
	local_ports_are_the_workers(*state, rss);
	owner_rss_destroy(rss);
}

static void exhausted_ports_are_an_error(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *r = *state;
	struct net_meta reply = { .src = r->peer.addr, .dst = r->net.addr, .src_port = 80 };
	uint32_t few = owner_ports(NULL, 20000, 0, &reply).count;
	struct tcp_conn *c[8];

	assert_in_range(few, 2, 3);
	rig_fini(r);
	config.worker_count = 20000;
	rig_init(r, &config, pool);
	for (unsigned i = 0; i < 8; i++) {
		int rc = tcp_connect(r->stack, &r->peer.addr, 80, r, r->now_ns, &c[i]);

		assert_int_equal(rc, i < few ? 0 : -EADDRNOTAVAIL);
	}
	for (unsigned i = 0; i < few; i++)
		tcp_abort(c[i]);
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

/* Resets and forgeries. */

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

/* Closing. */

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
	assert_int_equal(tcp_send(r->conn, rte_pktmbuf_alloc(pool)), -EPIPE);
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

static void an_orderly_end_waits_for_the_reader(void **state)
{
	struct rig *r = *state;
	struct tcp_options opt = rig_modern(r);
	struct rte_mbuf *m;

	rig_accept(r, &opt);
	tcp_close(r->conn);
	rig_loop(r);
	r->rcv++;
	rig_say(r, TCP_ACK | TCP_FIN, 700);
	rig_run(r, 40000);
	assert_int_equal(r->ended, 0);
	m = tcp_recv(r->conn);
	assert_int_equal(m->pkt_len, 700);
	rte_pktmbuf_free(m);
	assert_true(tcp_recv_eof(r->conn));
	rig_loop(r);
	assert_int_equal(r->ended, 1);
	assert_int_equal(r->end, TCP_END_CLOSED);
	rig_forget(r);
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

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		RULE(a_refused_connect_ends_as_refused),
		RULE(a_connect_without_answer_times_out),
		RULE(icmp_unreachable_ends_a_connect_but_not_a_connection),
		RULE(a_silent_neighbour_ends_what_is_being_opened_alone),
		RULE(a_soft_error_is_the_reason_when_nothing_else_comes),
		RULE(both_sides_may_open_at_once),
		RULE(local_ports_belong_to_the_worker_and_are_not_used_twice),
		RULE(exhausted_ports_are_an_error),
		RULE(listening_twice_is_an_error_and_can_be_ended),
		RULE(only_the_exact_rst_ends_a_connection),
		RULE(a_syn_within_a_connection_is_challenged_within_limits),
		RULE(acks_out_of_range_change_nothing),
		RULE(old_timestamps_are_rejected_and_missing_ones_too),
		RULE(broken_options_are_dropped),
		RULE(the_side_that_closes_first_waits),
		RULE(the_side_that_closes_last_does_not_wait),
		RULE(both_sides_may_close_at_once),
		RULE(an_orderly_end_waits_for_the_reader),
		RULE(after_close_both_data_is_answered_with_rst_but_what_is_queued_is_delivered),
		RULE(nobody_waits_for_ever_in_fin_wait_2),
		RULE(a_newer_syn_takes_the_place_of_time_wait),
	};

	fake_eal_init();
	pool = fake_pool("pool", 2048);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
