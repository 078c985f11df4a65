/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks over a faulty wire: see pair.h. */
#include "tests/unit/tcp/pair.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

#define SERVER_PORT 443
#define STEPS_MAX   4000000u
#define TIME_MAX_NS (UINT64_C(4) * 3600 * 1000000000)

static uint8_t stream_byte(uint64_t seed, unsigned side, unsigned flow, uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 17 + (at >> 16) * 7 + seed * 13 + side * 101 +
			 flow * 57);
}

static void fail(struct pair *p, const char *wrong)
{
	if (p->wrong == NULL)
		p->wrong = wrong;
}

static uint32_t pick(struct pair *p, uint32_t below)
{
	return (uint32_t)(fake_random(&p->rng) % below);
}

static struct pair_flow *flow_peer(struct pair_flow *f)
{
	return &f->app->pair->apps[!f->app->side].flows[f->index];
}

/* A chain of one to three mbufs with the next bytes of the stream, or NULL. */
static struct rte_mbuf *stream_chain(struct pair_flow *f, uint32_t most)
{
	struct pair_app *app = f->app;
	struct pair *p = app->pair;
	struct rte_mbuf *head = NULL;

	for (unsigned n = 1 + pick(p, 3); n > 0 && most > 0; n--) {
		uint32_t len = 1 + pick(p, app->chunk);
		struct rte_mbuf *m;
		uint8_t *bytes;

		/* Leave mbufs for the stack: a real application has its own limits. */
		if (rte_mempool_avail_count(p->pool[app->side]) < p->pool[app->side]->size / 3)
			break;
		m = rte_pktmbuf_alloc(p->pool[app->side]);
		len = len < most ? len : most;
		len = len < rte_pktmbuf_tailroom(m) ? len : rte_pktmbuf_tailroom(m);
		bytes = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = stream_byte(p->seed, app->side, f->index, f->sent + i);
		f->sent += len;
		most -= len;
		if (head == NULL)
			head = m;
		else
			rte_pktmbuf_chain(head, m);
	}
	return head;
}

static void flow_close(struct pair_flow *f)
{
	f->closed = true;
	if (f->style == PAIR_CLOSE_BOTH)
		tcp_close_both(f->conn);
	else
		tcp_close(f->conn);
}

static void flow_send(struct pair_flow *f)
{
	uint32_t space;

	while (!f->ended && f->sent < f->to_send && (space = tcp_send_space(f->conn)) > 0) {
		uint32_t rest = f->to_send - f->sent;
		struct rte_mbuf *chain = stream_chain(f, rest < space ? rest : space);

		if (chain == NULL)
			break;
		if (tcp_send(f->conn, chain) != 0)
			fail(f->app->pair, "tcp_send failed on an open connection");
	}
	if (f->style == PAIR_ABORT && f->sent >= f->to_send / 2) {
		tcp_abort(f->conn);
		f->ended = f->closed = true;
		f->end = TCP_END_RESET;
		return;
	}
	if (f->sent == f->to_send && !f->closed && (f->style != PAIR_CLOSE_AT_EOF || f->eof))
		flow_close(f);
}

static void flow_receive(struct pair_flow *f)
{
	struct pair *p = f->app->pair;
	struct rte_mbuf *chain = tcp_recv(f->conn);

	if (chain != NULL)
		rte_mbuf_sanity_check(chain, 1);
	for (const struct rte_mbuf *m = chain; m != NULL; m = m->next) {
		const uint8_t *bytes = rte_pktmbuf_mtod(m, const uint8_t *);

		for (uint32_t i = 0; i < m->data_len; i++)
			if (bytes[i] !=
				stream_byte(p->seed, !f->app->side, f->index, f->received + i))
				fail(p, "a byte arrived wrong");
		f->received += m->data_len;
		f->held += m->data_len;
	}
	if (f->received > flow_peer(f)->sent)
		fail(p, "bytes arrived that were never sent");
	if (chain != NULL)
		f->credit_ns = p->now_ns + f->app->read_delay_ns;
	rte_pktmbuf_free(chain);
	if (tcp_recv_eof(f->conn) && !f->eof) {
		f->eof = true;
		/* After tcp_close_both() the bytes before it are thrown away. */
		if (f->received != flow_peer(f)->to_send &&
			!(f->closed && f->style == PAIR_CLOSE_BOTH))
			fail(p, "the end came before the last byte");
	}
}

static void *app_accepted(void *ctx, struct tcp_conn *c, uint32_t listener_id)
{
	struct pair_app *app = ctx;
	struct tcp_peer peer, other;

	if (listener_id != 7)
		fail(app->pair, "wrong listener id");
	tcp_peer(c, &peer);
	for (unsigned i = 0; i < app->pair->options.flows; i++) {
		struct pair_flow *f = &app->flows[i];

		if (f->used || flow_peer(f)->conn == NULL || flow_peer(f)->ended)
			continue;
		tcp_peer(flow_peer(f)->conn, &other);
		if (other.local_port != peer.remote_port)
			continue;
		f->used = f->connected = true;
		f->conn = c;
		return f;
	}
	return NULL; /* the client is gone already */
}

static void app_connected(void *ctx, struct tcp_conn *c, void *user)
{
	struct pair_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->connected)
		fail(f->app->pair, "connected() came wrongly");
	f->connected = true;
}

static void app_readable(void *ctx, struct tcp_conn *c, void *user)
{
	struct pair_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->ended)
		fail(f->app->pair, "readable() came wrongly");
	flow_receive(f);
}

static void app_writable(void *ctx, struct tcp_conn *c, void *user)
{
	struct pair_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->ended)
		fail(f->app->pair, "writable() came wrongly");
}

static void app_ended(void *ctx, struct tcp_conn *c, void *user, enum tcp_end why)
{
	struct pair_flow *f = user;

	(void)ctx;
	if (f->conn != c || f->ended)
		fail(f->app->pair, "ended() came wrongly");
	flow_receive(f);
	f->ended = true;
	f->end = why;
}

static const struct tcp_ops app_ops = {
	.accepted = app_accepted,
	.connected = app_connected,
	.readable = app_readable,
	.writable = app_writable,
	.ended = app_ended,
};

void pair_options_plain(struct pair_options *o)
{
	memset(o, 0, sizeof(*o));
	o->faults.delay_ns = 1000000;
	o->mtu = 1500;
	o->flows = 1;
	for (unsigned i = 0; i < 2; i++) {
		o->config[i] = (struct tcp_config){ .connection_limit = 16,
			.syn_limit = 16,
			.rcv_buf_bytes = 65536,
			.snd_buf_bytes = 65536,
			.rto_min_ms = 200,
			.time_wait_ms = 120000,
			.connect_timeout_ms = 120000,
			.worker_count = 1 };
		o->multi_segs[i] = true;
		o->bytes[i] = 20000;
		o->chunk[i] = 1500;
	}
}

static uint32_t range(uint64_t *rng, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(fake_random(rng) % (high - low + 1));
}

void pair_options_random(struct pair_options *o, uint64_t seed)
{
	static const uint16_t mtus[] = { 576, 1280, 1500, 1500, 1500, 9000 };
	static const uint32_t sizes[] = { 0, 1, 300, 5000, 60000, 250000 };
	static const uint32_t buffers[] = { 600, 4096, 20000, 65536, 262144 };
	uint64_t rng = seed * 2 + 1;

	pair_options_plain(o);
	if (range(&rng, 0, 4) > 0) {
		o->faults.lose = range(&rng, 0, 1) ? range(&rng, 0, 80) : 0;
		o->faults.repeat = range(&rng, 0, 1) ? range(&rng, 0, 100) : 0;
		o->faults.reorder = range(&rng, 0, 1) ? range(&rng, 0, 300) : 0;
	}
	o->faults.delay_ns = (uint64_t)range(&rng, 10, 40000) * 1000;
	o->faults.jitter_ns = (uint64_t)range(&rng, 0, 60000) * 1000;
	o->faults.strip = range(&rng, 0, 2) == 0 ? (uint8_t)range(&rng, 0, 15) : 0;
	o->faults.split = range(&rng, 0, 3) == 0 ? 300 : 0;
	o->mtu = mtus[range(&rng, 0, 5)];
	o->flows = range(&rng, 0, 2) == 0 ? range(&rng, 1, PAIR_CONNS) : 1;
	for (unsigned i = 0; i < 2; i++) {
		o->config[i].rcv_buf_bytes = buffers[range(&rng, 0, 4)];
		o->config[i].snd_buf_bytes = buffers[range(&rng, 0, 4)];
		o->config[i].keepalive_ms = range(&rng, 0, 3) == 0 ? 2000 : 0;
		o->multi_segs[i] = range(&rng, 0, 2) > 0;
		o->bytes[i] = sizes[range(&rng, 0, 5)];
		if (o->bytes[i] > 1)
			o->bytes[i] = range(&rng, o->bytes[i] / 2, o->bytes[i]);
		if (o->flows > 2 && o->bytes[i] > 60000)
			o->bytes[i] = 60000;
		o->style[i] = range(&rng, 0, 3) > 0 ? PAIR_CLOSE_WHEN_SENT : range(&rng, 0, 2);
		o->chunk[i] = range(&rng, 0, 3) == 0 ? range(&rng, 1, 100) : range(&rng, 1, 2000);
		if (o->bytes[i] > 60000 && o->chunk[i] < 100)
			o->chunk[i] = 100;
		if (range(&rng, 0, 2) == 0)
			o->read_delay_ns[i] = (uint64_t)range(&rng, 0, 500000) * 1000;
		if (o->bytes[i] > 60000 && o->config[!i].rcv_buf_bytes < 5000)
			o->read_delay_ns[!i] /= 10;
	}
	if (range(&rng, 0, 19) == 0) {
		o->style[range(&rng, 0, 1)] = PAIR_ABORT;
		/* When the RST is lost, a side that only waits learns it in no other way. */
		o->config[0].keepalive_ms = o->config[1].keepalive_ms = 2000;
	}
	/* Both waiting for the other to close would wait for ever. */
	if (o->style[0] == PAIR_CLOSE_AT_EOF && o->style[1] == PAIR_CLOSE_AT_EOF)
		o->style[1] = PAIR_CLOSE_WHEN_SENT;
}

void pair_init(struct pair *p, const struct pair_options *o, uint64_t seed,
	struct rte_mempool *const pool[2])
{
	memset(p, 0, sizeof(*p));
	p->options = *o;
	p->seed = seed;
	p->rng = seed + 77;
	/* Anywhere in the range of 32-bit ticks, and just before its end. */
	p->now_ns = UINT64_C(1000000000) + (seed % 7) * UINT64_C(715827882000000);
	fake_wire_init(&p->wire, &o->faults, seed * 3 + 5);
	p->wire.now_ns = p->now_ns;
	for (unsigned i = 0; i < 2; i++) {
		struct pair_app *app = &p->apps[i];
		struct tcp_config config = o->config[i];

		p->pool[i] = pool[i];
		app->pair = p;
		app->side = i;
		app->chunk = o->chunk[i];
		app->read_delay_ns = o->read_delay_ns[i];
		config.pool = pool[i];
		config.seed = seed + i;
		memset(config.secret, (int)(seed * 5 + i + 1), sizeof(config.secret));
		config.counters = &app->counters;
		fake_net_init(&app->net, &p->wire, i, pool[i], o->mtu, o->multi_segs[i]);
		app->stack = tcp_stack_create(&config, &app->net, &app_ops, app);
		if (app->stack == NULL) {
			fail(p, "tcp_stack_create failed");
			return;
		}
		for (unsigned f = 0; f < PAIR_CONNS; f++)
			app->flows[f] = (struct pair_flow){
				.app = app, .index = f, .to_send = o->bytes[i], .style = o->style[i]
			};
	}
	if (tcp_listen(p->apps[1].stack, &p->apps[1].net.addr, SERVER_PORT, 16, 7) != 0)
		fail(p, "tcp_listen failed");
}

void pair_connect(struct pair *p)
{
	for (unsigned i = 0; i < p->options.flows; i++) {
		struct pair_flow *f = &p->apps[0].flows[i];

		f->used = true;
		if (tcp_connect(p->apps[0].stack, &p->apps[1].net.addr, SERVER_PORT, f, p->now_ns,
			    &f->conn) != 0)
			fail(p, "tcp_connect failed");
	}
	tcp_output(p->apps[0].stack, p->now_ns);
}

/* The application's own work, and when it wants to be asked again. */
static uint64_t app_work(struct pair_app *app)
{
	uint64_t next = UINT64_MAX;
	struct pair *p = app->pair;

	for (unsigned i = 0; i < p->options.flows; i++) {
		struct pair_flow *f = &app->flows[i];

		if (!f->connected || f->ended)
			continue;
		if (f->held > 0 && f->credit_ns <= p->now_ns) {
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
			p->now_ns + 1000000 < next)
			next = p->now_ns + 1000000;
	}
	return next;
}

static uint64_t app_loop(struct pair_app *app)
{
	struct pair *p = app->pair;
	struct rte_mbuf *segs[PORT_RX_BURST];
	uint16_t n = fake_net_receive(&app->net, segs, PORT_RX_BURST);
	const char *wrong;
	uint64_t next, timer;

	tcp_input(app->stack, segs, n, p->now_ns);
	tcp_timers(app->stack, p->now_ns);
	tcp_dispatch(app->stack, p->now_ns);
	next = app_work(app);
	tcp_output(app->stack, p->now_ns);
	if (p->options.check && (wrong = tcp_stack_check(app->stack)) != NULL)
		fail(p, wrong);
	timer = tcp_next_timer(app->stack);
	return timer < next ? timer : next;
}

bool pair_step(struct pair *p)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = app_loop(&p->apps[i]);

		next = at < next ? at : next;
	}
	if (p->wire.broken != NULL)
		fail(p, p->wire.broken);
	if (fake_wire_next(&p->wire) < next)
		next = fake_wire_next(&p->wire);
	if (next == UINT64_MAX || p->wrong != NULL)
		return false;
	p->now_ns = next > p->now_ns ? next : p->now_ns + 1000;
	p->wire.now_ns = p->now_ns;
	p->steps++;
	return true;
}

const char *pair_verdict(struct pair *p)
{
	for (unsigned i = 0; i < 2 && p->wrong == NULL; i++) {
		const struct tcp_stack *s = p->apps[i].stack;

		if (s->conn_count != 0 || s->flow.count != 0 || s->wheel.count != 0 ||
			s->syn_count != 0)
			return "something of a connection is left";
		if (rte_mempool_avail_count(p->pool[i]) != p->pool[i]->size)
			return "mbufs leaked";
		for (unsigned f = 0; f < TCP_LISTENERS; f++)
			if (s->listeners[f].pending != 0)
				return "a listener counts connections that are gone";
	}
	for (unsigned f = 0; f < p->options.flows && p->wrong == NULL; f++) {
		struct pair_flow *a = &p->apps[0].flows[f], *b = &p->apps[1].flows[f];
		bool abrupt = a->style == PAIR_ABORT || b->style == PAIR_ABORT;

		if (!a->ended || (b->used && !b->ended))
			return "a connection never ended";
		if (abrupt)
			continue;
		if (!b->used)
			return "a connection was not accepted";
		/* Who closed both directions does not hear the rest, and the other learns it by
		 * RST. */
		if (a->style != PAIR_CLOSE_BOTH && a->received != b->to_send)
			return "the client lacks bytes";
		if (b->style != PAIR_CLOSE_BOTH && b->received != a->to_send)
			return "the server lacks bytes";
		if (a->style != PAIR_CLOSE_BOTH && b->style != PAIR_CLOSE_BOTH &&
			(a->end != TCP_END_CLOSED || b->end != TCP_END_CLOSED))
			return "a connection did not end in order";
	}
	return p->wrong;
}

const char *pair_run(struct pair *p)
{
	uint64_t begin = p->now_ns;

	if (p->wrong != NULL)
		return p->wrong;
	pair_connect(p);
	while (pair_step(p)) {
		if (p->steps > STEPS_MAX)
			return "a connection does not come to its end (steps)";
		if (p->now_ns - begin > TIME_MAX_NS)
			return "a connection does not come to its end (time)";
	}
	return pair_verdict(p);
}

void pair_print(const struct pair *p, const char *wrong)
{
	const struct pair_options *o = &p->options;

	printf("seed %llu: %s at %.3f s, step %llu: mtu %u, lose %u repeat %u reorder %u, strip "
	       "%u\n",
		(unsigned long long)p->seed, wrong, (double)p->now_ns / 1e9,
		(unsigned long long)p->steps, o->mtu, o->faults.lose, o->faults.repeat,
		o->faults.reorder, o->faults.strip);
	for (unsigned i = 0; i < 2; i++) {
		printf("  side %u: rcv_buf %u snd_buf %u chunk %u read delay %.3f s\n", i,
			o->config[i].rcv_buf_bytes, o->config[i].snd_buf_bytes, o->chunk[i],
			(double)o->read_delay_ns[i] / 1e9);
		for (unsigned n = 0; n < o->flows; n++) {
			const struct pair_flow *f = &p->apps[i].flows[n];

			printf("    flow %u: style %d sent %u of %u received %u%s%s%s%s end %d\n",
				n, f->style, f->sent, f->to_send, f->received,
				f->connected ? " connected" : "", f->closed ? " closed" : "",
				f->eof ? " eof" : "", f->ended ? " ended" : "", f->end);
		}
	}
}

void pair_fini(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++)
		tcp_stack_destroy(p->apps[i].stack);
	fake_wire_fini(&p->wire);
}
