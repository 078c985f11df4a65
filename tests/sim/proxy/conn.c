/* SPDX-License-Identifier: Apache-2.0 */
/* The peers' connections and the hosts they are of, see conn.h. */
#include "tests/sim/proxy/conn.h"

#include "dataplane/tcp/tcp_priv.h"
#include "tests/sim/proxy/link.h"
#include "tests/wire/peers.h"

#define PIECE_BYTES 1400
#define PART_BYTES  400 /* more than what is behind a response */
#define GATEWAY_OUT "10.0.0.1"

struct sim_conn *sim_conn_new(struct sim_host *host, const struct conn_ops *ops, void *owner)
{
	struct sim_conn *c = wire_alloc(sizeof(*c));

	c->host = host;
	c->ops = ops;
	c->owner = owner;
	c->next = host->conns;
	host->conns = c;
	return c;
}

static void conn_over(struct sim_conn *c, bool reset)
{
	if (c->over)
		return;
	c->over = true;
	c->ops->ended(c, reset);
}

bool sim_conn_connect(struct sim_conn *c, uint16_t port, bool tls)
{
	struct sim *s = c->host->sim;
	struct ip_addr to;

	ip_parse(STR(GATEWAY_OUT), &to);
	if (tcp_connect(c->host->tcp, &to, port, c, s->now_ns, &c->tcp) != 0) {
		c->tcp = NULL;
		conn_over(c, true);
		return false;
	}
	if (tls)
		c->tls = peer_tls_new("open.test", 13, NULL);
	return true;
}

void sim_conn_write(struct sim_conn *c, const void *data, uint32_t len)
{
	if (!c->tls)
		bytes_put(&c->out, data, len);
	else
		bytes_put(&c->clear, data, len);
}

/* TLS takes it once its handshake is done. */
static void conn_encrypt(struct sim_conn *c)
{
	if (!c->tls || c->clear.len == 0 || !peer_tls_open(c->tls))
		return;
	peer_tls_write(c->tls, c->clear.data, c->clear.len, &c->out);
	c->clear.len = 0;
}

void sim_conn_reset(struct sim_conn *c)
{
	if (!c->tcp)
		return;
	tcp_abort(c->tcp);
	c->tcp = NULL;
	conn_over(c, true);
}

static void sim_conn_close(struct sim_conn *c)
{
	if (c->closed || !c->tcp)
		return;
	c->closed = true;
	tcp_close(c->tcp);
}

/* @return false when no mbuf is free */
static bool piece_send(struct sim_conn *c, uint32_t len)
{
	struct rte_mbuf *head = NULL, *m;

	/* Some stay for what comes. */
	if (rte_mempool_avail_count(c->host->pool) < c->host->pool->size / 2)
		return false;
	while (len > 0) {
		uint32_t n = len < PIECE_BYTES ? len : PIECE_BYTES;

		m = rte_pktmbuf_alloc(c->host->pool);
		if (!m)
			break;
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), c->out.data + c->sent, n);
		c->sent += n;
		len -= n;
		if (head)
			rte_pktmbuf_chain(head, m);
		else
			head = m;
	}
	if (!head)
		return false;
	tcp_send(c->tcp, head);
	return true;
}

/* It sent so much that it ends now. @return true when it did */
static bool conn_end_due(struct sim_conn *c)
{
	if (c->end == END_WHOLE || c->sent < c->end_at)
		return false;
	switch (c->end) {
	case END_RESET:
		sim_conn_reset(c);
		break;
	case END_CLOSE:
		sim_conn_close(c);
		break;
	default:
		break;
	}
	return true;
}

/* What is behind a response leaves at once or waits: in TCP's queue it could be overtaken by the
 * next request, and would look as if it had been sent after it. */
static bool part_waits(const struct sim_conn *c)
{
	const struct tcp_conn *t = c->tcp;
	uint32_t window = t->snd_una + t->snd_wnd - t->snd_nxt;

	return c->part && c->sent == c->part && c->sent < c->out.len &&
	       (t->unsent || (int32_t)window < PART_BYTES || t->cwnd < t->pipe + PART_BYTES);
}

static void conn_pump(struct sim_conn *c)
{
	struct sim *s = c->host->sim;

	while (c->tcp && c->open && !c->closed && s->now_ns >= c->send_ns) {
		uint32_t left = c->out.len - c->sent, n, room = tcp_send_space(c->tcp);

		if (conn_end_due(c))
			return;
		if (c->end != END_WHOLE)
			left = RTE_MIN(left, c->end_at - c->sent);
		if (c->hold_ns > s->now_ns)
			left = RTE_MIN(left, c->hold_at - c->sent);
		if (left == 0 || room == 0 || part_waits(c))
			break;
		n = 1 + sim_pick(s, s->o.chunk);
		if (c->sent < c->part && c->sent + n >= c->part) {
			n = c->part - c->sent;
			c->send_ns = s->now_ns + 1000;
		}
		if (!piece_send(c, RTE_MIN(RTE_MIN(n, left), room)))
			break;
		if (sim_chance(s, s->o.pause))
			c->send_ns = s->now_ns + sim_pick(s, s->o.pause_ms * 1000000);
	}
	if (c->tcp && c->open && c->close_due && c->sent == c->out.len && c->clear.len == 0)
		sim_conn_close(c);
}

static void conn_take(struct sim_conn *c, const uint8_t *data, uint32_t len)
{
	struct bytes clear = { 0 };

	if (!c->tls) {
		c->ops->take(c, data, len);
		return;
	}
	peer_tls_input(c->tls, data, len, &clear, &c->out);
	if (clear.len)
		c->ops->take(c, clear.data, clear.len);
}

static void conn_read(struct sim_conn *c)
{
	struct sim *s = c->host->sim;
	struct rte_mbuf *chain;

	if (s->now_ns < c->read_ns || !c->tcp)
		return;
	if (c->open && c->host == &s->clients && sim_chance(s, s->o.read_pause)) {
		c->read_ns = s->now_ns + sim_pick(s, s->o.read_pause_ms * 1000000);
		return;
	}
	chain = tcp_recv(c->tcp);
	if (chain)
		tcp_recv_credit(c->tcp, chain->pkt_len);
	for (struct rte_mbuf *m = chain; m; m = m->next)
		conn_take(c, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	rte_pktmbuf_free(chain);
	if (c->tcp && tcp_recv_eof(c->tcp) && !c->eof) {
		c->eof = true;
		conn_over(c, false);
		c->close_due = true;
		if (c->end == END_STOP)
			sim_conn_close(c);
	}
}

static void conn_turn(struct sim_conn *c)
{
	conn_read(c);
	if (!c->over)
		c->ops->turn(c);
	conn_encrypt(c);
	conn_pump(c);
}

static void *on_accepted(void *ctx, struct tcp_conn *tcp, uint32_t id);

static void on_connected(void *ctx, struct tcp_conn *tcp, void *user)
{
	struct sim_conn *c = user;

	c->open = true;
	if (c->tls) {
		struct bytes none = { 0 };

		peer_tls_input(c->tls, NULL, 0, &none, &c->out);
	}
	c->ops->opened(c);
}

static void on_readable(void *ctx, struct tcp_conn *tcp, void *user)
{
}

static void on_ended(void *ctx, struct tcp_conn *tcp, void *user, enum tcp_end why)
{
	struct sim_conn *c = user;

	/* What came before a reset may still be read. */
	c->read_ns = 0;
	conn_read(c);
	c->tcp = NULL;
	conn_over(c, why != TCP_END_CLOSED);
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_readable,
	.ended = on_ended,
};

/* Of the host whose turn it is: TCP's upcalls name the host. */
struct host_ctx {
	struct sim_host *host;
	void *(*accepted)(struct sim_host *h, struct tcp_conn *tcp, uint32_t id);
};
static struct host_ctx contexts[SIM_PORTS];

static void *on_accepted(void *ctx, struct tcp_conn *tcp, uint32_t id)
{
	struct host_ctx *h = ctx;

	return h->accepted ? h->accepted(h->host, tcp, id) : NULL;
}

bool host_init(struct sim *s, struct sim_host *h, enum sim_port id, const char *address,
	struct rte_mempool *pool,
	void *(*accepted)(struct sim_host *h, struct tcp_conn *tcp, uint32_t id))
{
	struct net_config net = { .port_count = 1,
		.neighbour_limit = 16,
		.neighbour_queue_limit = 64,
		.pool = pool,
		.drops = h->drops,
		.seed = s->o.seed + id };
	struct tcp_config tcp = { .connection_limit = 256,
		.syn_limit = 64,
		.rcv_buf_bytes = (uint32_t)s->o.peer_buffer,
		.snd_buf_bytes = (uint32_t)s->o.peer_buffer,
		.rto_min_ms = 200,
		.time_wait_ms = 1000,
		.keepalive_ms = 8000,
		.connect_timeout_ms = 10000,
		.worker_count = 1,
		.seed = s->o.seed + 10 + id,
		.pool = pool,
		.drops = h->drops,
		.counters = &h->counters };

	h->sim = s;
	h->port_id = id;
	h->pool = pool;
	link_port_init(&h->port, id, (uint16_t)s->o.mtu, false);
	net.ports[0] = (struct net_port_config){ .port = &h->port, .address_count = 1 };
	ip_parse((struct str){ address, (uint32_t)strlen(address) },
		&net.ports[0].addresses[0].addr);
	net.ports[0].addresses[0].prefix_len = 24;
	h->net = net_create(&net);
	contexts[id] = (struct host_ctx){ h, accepted };
	if (h->net)
		h->tcp = tcp_stack_create(&tcp, h->net, &ops, &contexts[id]);
	return h->tcp != NULL;
}

void host_fini(struct sim_host *h)
{
	for (struct sim_conn *c = h->conns; c; c = c->next)
		if (c->tls)
			peer_tls_free(c->tls);
	if (h->tcp)
		tcp_stack_destroy(h->tcp);
	if (h->net)
		net_destroy(h->net);
}

uint32_t host_open(const struct sim_host *h)
{
	return h->tcp->conn_count;
}

static uint64_t conn_next(const struct sim *s, const struct sim_conn *c)
{
	uint64_t next = UINT64_MAX;

	if (!c->tcp)
		return next;
	if (c->send_ns > s->now_ns && c->sent < c->out.len)
		next = c->send_ns;
	if (c->hold_ns > s->now_ns)
		next = RTE_MIN(next, c->hold_ns);
	if (c->read_ns > s->now_ns)
		next = RTE_MIN(next, c->read_ns);
	return next;
}

uint64_t host_turn(struct sim_host *h)
{
	struct sim *s = h->sim;
	struct rte_mbuf *frames[PORT_RX_BURST], *segs[PORT_RX_BURST];
	uint64_t next = UINT64_MAX;
	uint16_t n;

	do {
		n = port_rx(&h->port, 0, frames, PORT_RX_BURST);
		if (n == 0)
			break;
		n = net_input(h->net, 0, frames, n, segs, s->now_ns);
		tcp_input(h->tcp, segs, n, s->now_ns);
	} while (n == PORT_RX_BURST);
	net_timers(h->net, s->now_ns);
	tcp_timers(h->tcp, s->now_ns);
	tcp_dispatch(h->tcp, s->now_ns);
	for (struct sim_conn *c = h->conns; c; c = c->next)
		if (!c->over || c->tcp)
			conn_turn(c);
	tcp_output(h->tcp, s->now_ns);
	port_tx_flush(net_tx(h->net, 0));
	for (struct sim_conn *c = h->conns; c; c = c->next)
		next = RTE_MIN(next, conn_next(s, c));
	next = RTE_MIN(next, tcp_next_timer(h->tcp));
	return RTE_MIN(next, link_next(h->port_id));
}
