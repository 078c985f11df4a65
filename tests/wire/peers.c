/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The automatic peers' TCP, see peers.h: enough of RFC 9293 for a network that keeps order and
 * loses nothing. Acknowledges every segment at once and closes when the gateway does.
 */
#include "tests/wire/peers.h"

#define FIN        0x01
#define SYN        0x02
#define RST        0x04
#define PSH        0x08
#define ACK        0x10
#define PEER_WIN   65535u
#define PEER_SCALE 4

struct conn *conn_of(struct world *w, const struct flow *flow)
{
	for (struct conn *c = w->conns; c; c = c->next)
		if (c->flow == flow)
			return c;
	return NULL;
}

static struct conn *conn_new(struct world *w, struct flow *flow)
{
	struct conn *c = wire_alloc(sizeof(*c)), **last = &w->conns;

	c->flow = flow;
	c->number = 1;
	c->mss = 536;
	c->segment = UINT32_MAX;
	c->limit = UINT32_MAX;
	for (; *last; last = &(*last)->next)
		if ((*last)->flow->host == flow->host)
			c->number++;
	*last = c;
	return c;
}

static uint32_t window_left(const struct conn *c)
{
	uint32_t largest = PEER_WIN << PEER_SCALE;

	if (c->limit == UINT32_MAX)
		return largest;
	return RTE_MIN(c->limit > c->in.len ? c->limit - c->in.len : 0, largest);
}

static void send_segment(struct world *w, struct conn *c, uint8_t flags, uint32_t seq,
	const uint8_t *data, uint32_t len)
{
	struct packet p = { .kind = PACKET_TCP, .flags = flags };
	const struct host *host = c->flow->host;
	uint32_t window = window_left(c);
	struct frame f;

	if (w->quiet)
		return;
	packet_set(&p, F_SEQ, seq);
	if (len) {
		p.has_data = true;
		bytes_put(&p.data, data, len);
	}
	if (flags & SYN) {
		p.options[p.option_count++] =
			(struct packet_option){ .kind = OPTION_MSS, .a = 1460 };
		p.options[p.option_count++] =
			(struct packet_option){ .kind = OPTION_WSCALE, .a = PEER_SCALE };
		packet_set(&p, F_WIN, RTE_MIN(window, PEER_WIN));
	} else {
		packet_set(&p, F_WIN, RTE_MIN(window >> PEER_SCALE, PEER_WIN));
	}
	packet_build(&p, c->flow, fake_ports[host->port].port.mac.addr_bytes, c->flow->sut_ip, &f);
	packet_sent(&p, c->flow);
	world_inject(w, host->port, &f, c->flow);
}

static void send_ack(struct world *w, struct conn *c)
{
	send_segment(w, c, ACK, c->flow->snd_nxt, NULL, 0);
}

/* Send what the window allows, then the FIN. @return true when anything left */
static bool pump(struct world *w, struct conn *c)
{
	uint32_t segment = RTE_MIN(c->mss, c->segment);
	uint32_t end = c->out.len - RTE_MIN(c->out.len, c->withheld);
	bool sent = false;

	if (!c->open || c->reset || c->fin_sent)
		return false;
	while (c->sent < end && c->sent - c->acked < c->window) {
		uint32_t n = RTE_MIN(end - c->sent, c->window - (c->sent - c->acked));

		n = RTE_MIN(n, segment);
		send_segment(w, c, c->sent + n == end ? PSH | ACK : ACK, 1 + c->sent,
			c->out.data + c->sent, n);
		c->sent += n;
		sent = true;
	}
	if (c->closing && c->sent == c->out.len) {
		c->fin_sent = true;
		send_segment(w, c, FIN | ACK, 1 + c->sent, NULL, 0);
		sent = true;
	}
	return sent;
}

struct conn *conn_connect(struct world *w, struct flow *flow)
{
	struct conn *c = conn_new(w, flow);

	send_segment(w, c, SYN, 0, NULL, 0);
	return c;
}

void conn_write(struct world *w, struct conn *c, const void *data, uint32_t len)
{
	if (c->tls && len)
		peer_tls_write(c->tls, data, len, &c->out);
	else if (len)
		bytes_put(&c->out, data, len);
	pump(w, c);
}

void conn_close(struct world *w, struct conn *c)
{
	c->closing = true;
	pump(w, c);
}

void conn_reset(struct world *w, struct conn *c)
{
	send_segment(w, c, RST | ACK, c->flow->snd_nxt, NULL, 0);
	c->reset = true;
}

void conn_limit(struct world *w, struct conn *c, uint32_t more)
{
	c->limit = more == UINT32_MAX ? UINT32_MAX : c->in.len + more;
	if (more && c->open && !c->reset)
		send_ack(w, c);
}

/* RFC 9293 §3.10.7.1: a RST for what belongs to nobody. */
static void send_reset(struct world *w, const struct seen *s, struct flow *flow)
{
	struct packet p = { .kind = PACKET_TCP, .flags = RST | ACK };
	struct frame f;

	if (w->quiet || (s->flags & RST))
		return;
	flow->rcv_nxt = s->seq - flow->sut_isn + ((s->flags & SYN) != 0) + s->payload_len;
	packet_set(&p, F_SEQ, s->flags & ACK ? s->ack - flow->peer_isn : 0);
	packet_build(&p, flow, fake_ports[s->port].port.mac.addr_bytes, s->src, &f);
	world_inject(w, s->port, &f, flow);
}

static void accept_syn(struct world *w, struct seen *s, struct host *host)
{
	struct flow *flow = flow_add(&w->net, host->name, host);
	uint32_t len;
	const uint8_t *v;
	struct conn *c;

	flow->bound = flow->sut_isn_known = true;
	flow->sut_ip = s->src;
	flow->sut_port = s->sport;
	flow->peer_port = s->dport;
	flow->sut_isn = s->seq;
	flow->rcv_nxt = 1;
	if (host->manner == HOST_REFUSES) {
		send_reset(w, s, flow);
		return;
	}
	c = conn_new(w, flow);
	if (c->number > 1)
		flow->name = wire_text("%s:%u", host->name, c->number);
	v = seen_option(s, OPTION_MSS, &len);
	if (v)
		c->mss = (uint32_t)v[0] << 8 | v[1];
	v = seen_option(s, OPTION_WSCALE, &len);
	c->window_shift = v ? v[0] : 0;
	c->window = s->win;
	send_segment(w, c, SYN | ACK, 0, NULL, 0);
}

static void complete_handshake(struct world *w, struct conn *c, const struct seen *s)
{
	uint32_t len;
	const uint8_t *v;

	c->open = true;
	if (!(s->flags & SYN))
		return;
	c->flow->rcv_nxt = 1;
	v = seen_option(s, OPTION_MSS, &len);
	if (v)
		c->mss = (uint32_t)v[0] << 8 | v[1];
	v = seen_option(s, OPTION_WSCALE, &len);
	c->window_shift = v ? v[0] : 0;
	c->window = s->win;
	send_ack(w, c);
}

/* Bytes for the script, through TLS where there is one. */
static void take_data(struct world *w, struct conn *c, const uint8_t *data, uint32_t len)
{
	bytes_put(&c->in, data, len);
	c->flow->rcv_nxt += len;
	if (c->tls)
		peer_tls_input(c->tls, data, len, &c->clear_in, &c->out);
}

/* @return true when the segment calls for an ACK */
static bool take_segment(struct world *w, struct conn *c, const struct seen *s)
{
	uint32_t seq = s->seq - c->flow->sut_isn, skip = c->flow->rcv_nxt - seq, room;
	bool fin = s->flags & FIN;

	if (s->payload_len == 0 && !fin)
		return seq != c->flow->rcv_nxt; /* a keep-alive probe, or an old segment */
	if ((int32_t)skip < 0 || c->eof)
		return true; /* behind a gap, or after the end */
	if (skip < s->payload_len) {
		room = window_left(c);
		take_data(w, c, s->payload + skip, RTE_MIN(s->payload_len - skip, room));
	}
	if (fin && c->flow->rcv_nxt == seq + s->payload_len) {
		c->flow->rcv_nxt++;
		c->eof = true;
		if (!c->lingers)
			c->closing = true;
	}
	return true;
}

static void conn_input(struct world *w, struct conn *c, const struct seen *s)
{
	bool was_open = c->open, owed;

	if (s->flags & RST) {
		c->reset = true;
		return;
	}
	if (!c->open && (s->flags & ACK))
		complete_handshake(w, c, s);
	if (!(s->flags & SYN) && (s->flags & ACK)) {
		uint32_t acked = s->ack - c->flow->peer_isn - 1;

		if ((int32_t)(acked - c->acked) > 0 && acked <= c->out.len)
			c->acked = acked;
		c->window = (uint32_t)s->win << c->window_shift;
	}
	owed = (s->flags & SYN) ? was_open : take_segment(w, c, s);
	if (owed && c->flow->host->serves)
		serve_requests(w, c);
	/* Data carries the ACK along. */
	if (!pump(w, c) && owed)
		send_ack(w, c);
}

void peers_frame(struct world *w, struct seen *s, struct host *host, struct flow *flow)
{
	struct conn *c = flow ? conn_of(w, flow) : NULL;

	if (host->manner == HOST_SILENT && (!c || !c->open))
		return;
	if (c && !((s->flags & SYN) && host->port == INSIDE && (c->reset || c->fin_sent)))
		conn_input(w, c, s);
	else if ((s->flags & (SYN | ACK)) == SYN && host->port == INSIDE)
		accept_syn(w, s, host);
	else if (flow)
		send_reset(w, s, flow);
}

void peers_free(struct world *w)
{
	for (struct conn *c = w->conns; c; c = c->next)
		if (c->tls)
			peer_tls_free(c->tls);
	w->conns = NULL;
}
