/* SPDX-License-Identifier: Apache-2.0 */
/* Opening from our side: refusals, silence, what ICMP says of it, and local ports. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/net/owner.h"
#include "tests/unit/tcp/rig.h"

static void a_refused_connect_ends_as_refused(void **state)
{
	struct rig *r = *state;
	struct rig_seg seg;

	seg = rig_syn(r);
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

	seg = rig_syn(r);
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

	rig_syn(r);
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

	config.connection_limit = 64;
	config.worker_count = 5;
	config.worker_index = 3;
	rig_restart(r, &config);
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
	config.worker_count = 20000;
	rig_restart(r, &config);
	for (unsigned i = 0; i < 8; i++) {
		int rc = tcp_connect(r->stack, &r->peer.addr, 80, r, r->now_ns, &c[i]);

		assert_int_equal(rc, i < few ? 0 : -EADDRNOTAVAIL);
	}
	for (unsigned i = 0; i < few; i++)
		tcp_abort(c[i]);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(a_refused_connect_ends_as_refused),
		RULE(a_connect_without_answer_times_out),
		RULE(icmp_unreachable_ends_a_connect_but_not_a_connection),
		RULE(a_silent_neighbour_ends_what_is_being_opened_alone),
		RULE(a_soft_error_is_the_reason_when_nothing_else_comes),
		RULE(both_sides_may_open_at_once),
		RULE(local_ports_belong_to_the_worker_and_are_not_used_twice),
		RULE(exhausted_ports_are_an_error),
	};

	return rig_main(tests, RTE_DIM(tests));
}
