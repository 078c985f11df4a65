/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application on one of our stacks: sends a known stream on every flow, checks what it
 * receives byte by byte, credits it at its own pace and closes in its own way.
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"
#include "tests/sim/world.h"

#define CONNECTIONS 16
#define STARVED_NS  UINT64_C(20000000) /* until the next look for free mbufs */

/* A chain of one to three mbufs with the next bytes of the stream, or NULL. */
static struct rte_mbuf *stream_chain(struct sim_flow *f, uint32_t most)
{
	struct sim_side *side = f->side;
	struct world *w = side->world;
	struct rte_mbuf *head = NULL;

	for (unsigned n = 1 + sim_pick(w, 3); n > 0 && most > 0; n--) {
		uint32_t len = 1 + sim_pick(w, (uint32_t)SCENARIO_OF(&w->o, chunk, side->index));
		struct rte_mbuf *m;
		uint8_t *bytes;

		/* Leave mbufs for the stack: a real application has its own limits. */
		if (rte_mempool_avail_count(side->pool) < side->pool->size / 3)
			break;
		m = rte_pktmbuf_alloc(side->pool);
		len = len < most ? len : most;
		len = len < rte_pktmbuf_tailroom(m) ? len : rte_pktmbuf_tailroom(m);
		bytes = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = sim_byte(f, f->sent + i);
		f->sent += len;
		most -= len;
		if (head == NULL)
			head = m;
		else
			rte_pktmbuf_chain(head, m);
	}
	return head;
}

static void flow_close(struct sim_flow *f)
{
	f->closed = true;
	if (f->style == SIM_CLOSE_BOTH)
		tcp_close_both(f->conn);
	else
		tcp_close(f->conn);
}

static void flow_send(struct sim_flow *f)
{
	uint32_t space;

	while (!f->ended && f->sent < f->to_send && (space = tcp_send_space(f->conn)) > 0) {
		uint32_t rest = f->to_send - f->sent;
		struct rte_mbuf *chain = stream_chain(f, rest < space ? rest : space);

		if (chain == NULL)
			break;
		if (tcp_send(f->conn, chain) != 0)
			sim_fail(f->side->world, "tcp_send failed on an open connection");
	}
	if (f->style == SIM_ABORT && f->sent >= f->to_send / 2) {
		tcp_abort(f->conn);
		f->ended = f->closed = true;
		f->end = TCP_END_RESET;
		return;
	}
	if (f->sent == f->to_send && !f->closed && (f->style != SIM_CLOSE_AT_EOF || f->eof))
		flow_close(f);
}

static void flow_receive(struct sim_flow *f)
{
	struct world *w = f->side->world;
	const struct sim_flow *peer = sim_peer(f);
	struct rte_mbuf *chain = tcp_recv(f->conn);

	if (chain != NULL) {
		rte_mbuf_sanity_check(chain, 1);
		f->credit_ns = w->now_ns + SCENARIO_OF(&w->o, read_us, f->side->index) * 1000;
	}
	for (const struct rte_mbuf *m = chain; m != NULL; m = m->next) {
		const uint8_t *bytes = rte_pktmbuf_mtod(m, const uint8_t *);

		for (uint32_t i = 0; i < m->data_len; i++)
			if (bytes[i] != sim_byte(peer, f->received + i))
				sim_fail(w, "a byte arrived wrong");
		f->received += m->data_len;
		f->held += m->data_len;
	}
	if (f->received > peer->sent)
		sim_fail(w, "bytes arrived that were never sent");
	rte_pktmbuf_free(chain);
	if (tcp_recv_eof(f->conn) && !f->eof) {
		f->eof = true;
		/* After tcp_close_both() the bytes before it are thrown away. */
		if (f->received != peer->to_send && !(f->closed && f->style == SIM_CLOSE_BOTH))
			sim_fail(w, "the end came before the last byte");
	}
}

static void *on_accepted(void *ctx, struct tcp_conn *c, uint32_t listener_id)
{
	struct sim_side *side = ctx;
	struct tcp_peer peer;

	if (listener_id != SIM_LISTEN)
		sim_fail(side->world, "wrong listener id");
	tcp_peer(c, &peer);
	for (unsigned i = 0; i < side->world->o.flows; i++) {
		struct sim_flow *f = &side->flows[i];

		if (f->used || sim_peer(f)->ended || sim_port(sim_peer(f)) != peer.remote_port)
			continue;
		f->used = f->connected = true;
		f->conn = c;
		return f;
	}
	return NULL; /* the client is gone already */
}

static void on_connected(void *ctx, struct tcp_conn *c, void *user)
{
	struct sim_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->connected)
		sim_fail(f->side->world, "connected() came wrongly");
	f->connected = true;
}

static void on_readable(void *ctx, struct tcp_conn *c, void *user)
{
	struct sim_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->ended)
		sim_fail(f->side->world, "readable() came wrongly");
	flow_receive(f);
}

static void on_writable(void *ctx, struct tcp_conn *c, void *user)
{
	struct sim_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->ended)
		sim_fail(f->side->world, "writable() came wrongly");
}

static void on_ended(void *ctx, struct tcp_conn *c, void *user, enum tcp_end why)
{
	struct sim_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->ended)
		sim_fail(f->side->world, "ended() came wrongly");
	flow_receive(f);
	f->ended = true;
	f->end = why;
	f->ended_ns = f->side->world->now_ns;
}

/* Who is told of must be there still. */
static void on_ahead(void *ctx, void *user, uint32_t left)
{
	const struct sim_flow *f = user;

	if (f->side != ctx || f->ended || left == 0 || left > TCP_AHEAD)
		sim_fail(((struct sim_side *)ctx)->world, "ahead() came wrongly");
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.ended = on_ended,
	.ahead = on_ahead,
};

bool app_init(struct sim_side *side)
{
	const struct scenario *o = &side->world->o;
	struct tcp_config config = {
		.connection_limit = CONNECTIONS,
		.syn_limit = CONNECTIONS,
		.rcv_buf_bytes = (uint32_t)SCENARIO_OF(o, rcv_buf, side->index),
		.snd_buf_bytes = (uint32_t)SCENARIO_OF(o, snd_buf, side->index),
		.keepalive_ms = (uint32_t)SCENARIO_OF(o, keepalive_ms, side->index),
		.rto_min_ms = 200,
		.time_wait_ms = SIM_TIME_WAIT_MS,
		.connect_timeout_ms = 120000,
		.ecn = (enum tcp_ecn)SCENARIO_OF(o, ecn, side->index),
		.congestion = o->newreno ? TCP_CONGESTION_NEWRENO : TCP_CONGESTION_CUBIC,
		.worker_count = 1,
		.pool = side->pool,
		.seed = o->seed + side->index,
		.counters = &side->counters,
	};

	memset(config.secret, (int)(o->seed * 5 + side->index + 1), sizeof(config.secret));
	side->stack = tcp_stack_create(&config, &side->net, &ops, side);
	if (side->stack == NULL)
		return false;
	return side->index == 0 ||
	       tcp_listen(side->stack, &side->net.addr, SIM_PORT, CONNECTIONS, SIM_LISTEN) == 0;
}

void app_connect(struct sim_side *side, uint64_t now_ns)
{
	struct world *w = side->world;

	for (unsigned i = 0; i < w->o.flows; i++) {
		struct sim_flow *f = &side->flows[i];

		f->used = true;
		if (tcp_connect(side->stack, &w->sides[!side->index].net.addr, SIM_PORT, f, now_ns,
			    &f->conn) != 0)
			sim_fail(w, "tcp_connect failed");
	}
	tcp_output(side->stack, now_ns);
}

/* The application's own work, and when it wants to be asked again, in the world's time. */
static uint64_t app_work(struct sim_side *side)
{
	struct world *w = side->world;
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < w->o.flows; i++) {
		struct sim_flow *f = &side->flows[i];

		if (!f->connected || f->ended)
			continue;
		if (f->held > 0 && f->credit_ns <= w->now_ns) {
			tcp_recv_credit(f->conn, f->held);
			f->held = 0;
		}
		flow_send(f);
		if (f->ended)
			continue;
		if (f->held > 0 && f->credit_ns < next)
			next = f->credit_ns;
		/* No mbufs were left: ask again. */
		if (f->sent < f->to_send && tcp_send_pending(f->conn) == 0 &&
			w->now_ns + STARVED_NS < next)
			next = w->now_ns + STARVED_NS;
	}
	return next;
}

uint64_t app_loop(struct sim_side *side, uint64_t now_ns)
{
	struct world *w = side->world;
	struct rte_mbuf *segs[PORT_RX_BURST];
	uint16_t n = fake_net_receive(&side->net, segs, PORT_RX_BURST);
	const char *wrong;
	uint64_t next, timer;

	tcp_input(side->stack, segs, n, now_ns);
	tcp_timers(side->stack, now_ns);
	tcp_dispatch(side->stack, now_ns);
	next = app_work(side);
	tcp_output(side->stack, now_ns);
	watch_loop(side);
	if (w->check && (wrong = tcp_stack_check(side->stack)) != NULL)
		sim_fail(w, wrong);
	timer = tcp_next_timer(side->stack);
	if (next != UINT64_MAX)
		next += side->ahead_ns;
	return timer < next ? timer : next;
}

const char *app_rest(const struct sim_side *side)
{
	const struct tcp_stack *s = side->stack;

	if (s->conn_count != 0 || s->flow.count != 0 || s->wheel.count != 0 || s->syn_count != 0)
		return "something of a connection is left";
	for (unsigned i = 0; i < TCP_LISTENERS; i++)
		if (s->listeners[i].pending != 0)
			return "a listener counts connections that are gone";
	return NULL;
}
