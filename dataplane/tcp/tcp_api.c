/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's side of a connection: bytes in and out as mbuf chains, and the upcalls that
 * tcp_dispatch() delivers. Every call is valid from accepted() or tcp_connect() until ended()
 * returns or tcp_abort().
 */
#include <errno.h>

#include "dataplane/tcp/tcp_priv.h"
#include "lib/base/bytes.h"

void tcp_fetch(const struct tcp_conn *c)
{
	bytes_fetch(c, sizeof(*c));
}

void tcp_set_user(struct tcp_conn *c, void *user)
{
	c->user = user;
}

void tcp_peer(const struct tcp_conn *c, struct tcp_peer *out)
{
	out->local = c->path.local;
	out->remote = c->remote;
	out->local_port = c->local_port;
	out->remote_port = c->remote_port;
}

struct rte_mbuf *tcp_recv(struct tcp_conn *c)
{
	struct rte_mbuf *chain = c->rq_head;

	c->rq_head = c->rq_tail = NULL;
	c->events &= (uint8_t)~TCP_EV_READABLE;
	if (c->events & TCP_EV_ENDED)
		tcp_conn_notify(c, TCP_EV_ENDED); /* it only waited for the bytes to be read */
	return chain;
}

struct rte_mbuf *tcp_recv_some(struct tcp_conn *c, uint32_t bytes)
{
	struct rte_mbuf *chain = c->rq_head, *last = chain;
	uint32_t len;
	uint16_t segs = 1;

	if (chain == NULL || chain->pkt_len <= bytes)
		return tcp_recv(c);
	for (len = chain->data_len; len < bytes; segs++) {
		last = last->next;
		len += last->data_len;
	}
	if (last->next == NULL)
		return tcp_recv(c);
	c->rq_head = last->next;
	last->next = NULL;
	c->rq_head->pkt_len = chain->pkt_len - len;
	c->rq_head->nb_segs = (uint16_t)(chain->nb_segs - segs);
	chain->pkt_len = len;
	chain->nb_segs = segs;
	return chain;
}

void tcp_recv_credit(struct tcp_conn *c, uint32_t bytes)
{
	uint32_t limit = tcp_buf_limit(c->stack, c->stack->config.rcv_buf_bytes);
	uint32_t open = c->rcv_adv - c->rcv_nxt;
	uint32_t grow;

	c->rcv_held -= bytes < c->rcv_held ? bytes : c->rcv_held;
	if (c->state <= TCP_CLOSED || (c->flags & TCP_F_FIN_RCVD) || c->rcv_held + open >= limit)
		return;
	/* Tell the peer by itself only if it may be waiting: other ACKs carry the window, too. */
	grow = limit - c->rcv_held - open;
	if (grow < limit / 4 && (open >= 2u * c->rcv_mss || grow < c->rcv_mss))
		return;
	c->flags |= TCP_F_ACK_NOW;
	tcp_conn_output(c);
}

bool tcp_recv_eof(const struct tcp_conn *c)
{
	return (c->flags & TCP_F_FIN_RCVD) && c->rq_head == NULL;
}

bool tcp_quiet(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED && c->rq_head == NULL && c->sq_bytes == 0 &&
	       !(c->flags & (TCP_F_FIN_RCVD | TCP_F_OOO));
}

void tcp_ask(struct tcp_conn *c)
{
	c->asked = TCP_ASKED;
}

void tcp_ask_on(struct tcp_conn *c)
{
	c->asked = c->sq_bytes > 0 ? TCP_ASKED : 0;
}

bool tcp_unasked(const struct tcp_conn *c)
{
	return c->asked == TCP_UNASKED;
}

static bool api_sendable(const struct tcp_conn *c)
{
	return c->state > TCP_CLOSED && !(c->flags & TCP_F_FIN_QUEUED);
}

uint32_t tcp_send_space(const struct tcp_conn *c)
{
	uint32_t limit = tcp_buf_limit(c->stack, c->stack->config.snd_buf_bytes);

	return api_sendable(c) && c->sq_bytes < limit && c->sq_mbufs < tcp_mbuf_limit(limit)
		       ? limit - c->sq_bytes
		       : 0;
}

uint32_t tcp_recv_taken(const struct tcp_conn *c)
{
	return c->rcv_nxt - c->rcv_held;
}

uint32_t tcp_recv_pending(const struct tcp_conn *c)
{
	return c->rq_head != NULL ? c->rq_head->pkt_len : 0;
}

uint32_t tcp_mbufs(const struct tcp_conn *c)
{
	return c->sq_mbufs + (c->rq_head != NULL ? c->rq_head->nb_segs : 0) +
	       (c->flags & TCP_F_OOO ? tcp_cold(c)->ooo_count : 0);
}

uint32_t tcp_send_pending(const struct tcp_conn *c)
{
	return c->sq_bytes;
}

uint32_t tcp_send_acked(const struct tcp_conn *c)
{
	return c->snd_una;
}

static void queue_append(struct tcp_conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *tail = c->sq_tail;
	uint32_t before = tail != NULL ? tail->data_len : 0;

	c->sq_bytes += m->data_len;
	c->unsent += m->data_len;
	m->nb_segs = 1;
	m->next = NULL;
	/* Also behind bytes that are in flight: what refers to them keeps it from being written
	 * to. */
	if (tail != NULL && m->data_len < TCP_HOLD_BYTES && tcp_chain_pack(tail, m)) {
		c->stack->count->copied_payloads++;
		rte_pktmbuf_free_seg(m);
		if (c->sq_next == NULL) {
			c->sq_next = tail;
			c->next_off = before;
		}
		return;
	}
	c->sq_mbufs++;
	if (tail == NULL)
		c->sq_head = m;
	else
		c->sq_tail->next = m;
	c->sq_tail = m;
	if (c->sq_next == NULL) {
		c->sq_next = m;
		c->next_off = 0;
	}
}

int tcp_send(struct tcp_conn *c, struct rte_mbuf *chain)
{
	if (!api_sendable(c)) {
		rte_pktmbuf_free(chain);
		return -EPIPE;
	}
	while (chain != NULL) {
		struct rte_mbuf *next = chain->next;

		if (chain->data_len == 0) {
			chain->next = NULL;
			chain->nb_segs = 1;
			rte_pktmbuf_free_seg(chain);
		} else {
			queue_append(c, chain);
		}
		chain = next;
	}
	tcp_conn_output(c);
	return 0;
}

void tcp_abort(struct tcp_conn *c)
{
	if (c->state >= TCP_SYN_RCVD)
		tcp_out_bare(c, c->snd_nxt, TCP_RST | TCP_ACK);
	tcp_conn_free(c);
}

static bool api_settled(const struct tcp_conn *c)
{
	return c->state < TCP_ESTABLISHED || (c->sq_bytes == 0 && c->snd_una == c->snd_nxt) ||
	       tcp_cold(c)->retries >= TCP_SETTLE_RETRIES;
}

bool tcp_stack_settled(struct tcp_stack *s)
{
	while (s->settled < s->config.connection_limit && api_settled(&s->conns[s->settled]))
		s->settled++;
	return s->settled == s->config.connection_limit;
}

void tcp_stack_abort(struct tcp_stack *s, uint64_t now_ns)
{
	tcp_clock(s, now_ns);
	for (uint32_t i = 0; i < s->config.connection_limit; i++)
		if (s->conns[i].state != TCP_FREE)
			tcp_abort(&s->conns[i]);
}

/* @return false when the application refused or ended the connection */
static bool deliver_accepted(struct tcp_stack *s, struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	void *user;

	c->events &= (uint8_t)~TCP_EV_ACCEPTED;
	tcp_listener_release(s, cold->listener, cold->listener_gen);
	cold->listener = TCP_LISTENERS;
	user = s->ops->accepted(s->ctx, c, cold->listener_id);
	if (c->state == TCP_FREE)
		return false;
	if (user == NULL) {
		tcp_abort(c);
		return false;
	}
	c->user = user;
	c->flags |= TCP_F_KNOWN;
	return true;
}

static void deliver_ended(struct tcp_stack *s, struct tcp_conn *c)
{
	uint8_t end = tcp_cold(c)->end;

	/* An orderly end waits until the application has read everything. */
	if (end == TCP_END_CLOSED && c->rq_head != NULL)
		return;
	c->events = 0;
	s->ops->ended(s->ctx, c, c->user, end);
	if (c->state != TCP_FREE)
		tcp_conn_free(c);
}

/* @return false when the upcall ended the connection */
static bool deliver_event(struct tcp_stack *s, struct tcp_conn *c, uint8_t event,
	void (*upcall)(void *ctx, struct tcp_conn *c, void *user))
{
	if (!(c->events & event))
		return true;
	c->events &= (uint8_t)~event;
	upcall(s->ctx, c, c->user);
	return c->state != TCP_FREE;
}

/* The block stays in the ring's possession meanwhile (TCP_F_ON_READY): whatever the upcalls do, it
 * is not used anew before this is through with it. */
static void api_deliver(struct tcp_stack *s, struct tcp_conn *c)
{
	if ((c->events & TCP_EV_ACCEPTED) && !deliver_accepted(s, c))
		return;
	if (!deliver_event(s, c, TCP_EV_CONNECTED, s->ops->connected) ||
		!deliver_event(s, c, TCP_EV_READABLE, s->ops->readable) ||
		!deliver_event(s, c, TCP_EV_WRITABLE, s->ops->writable))
		return;
	if (c->events & TCP_EV_ENDED)
		deliver_ended(s, c);
}

/* Tell of those behind the next one. */
static void look_ahead(struct tcp_stack *s)
{
	for (uint32_t left = 1; left <= TCP_AHEAD && left < s->ready.count; left++) {
		const struct tcp_conn *c = &s->conns[tcp_ring_peek(&s->ready, left)];

		if (c->state != TCP_FREE && c->user)
			s->ops->ahead(s->ctx, c->user, left);
	}
}

void tcp_dispatch(struct tcp_stack *s, uint64_t now_ns)
{
	tcp_clock(s, now_ns);
	/* Upcalls may add to the ring; the bound keeps a loop between two of them from being
	 * endless. */
	for (uint32_t n = 2 * s->config.connection_limit; n > 0 && s->ready.count > 0; n--) {
		struct tcp_conn *c;

		if (s->ops->ahead)
			look_ahead(s);
		c = &s->conns[tcp_ring_get(&s->ready)];
		if (c->state != TCP_FREE)
			api_deliver(s, c);
		c->flags &= ~TCP_F_ON_READY;
		if (c->state == TCP_FREE)
			tcp_conn_reap(c);
		else if (c->events & ~TCP_EV_ENDED)
			tcp_conn_notify(c, 0);
	}
}
