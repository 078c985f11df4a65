/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYN cache (RFC 4987 §3.3): a half-open connection is an entry of 80 bytes, and a control block is
 * taken only when the handshake is complete. The entries of each number of retries form a queue, as
 * all of them wait equally long for the next SYN-ACK. When it is half full, cookies take over
 * (tcp_cookie.c).
 */
#include "dataplane/tcp/tcp_priv.h"

#define SYN_LINKS(s) (&(s)->syns[0].link), sizeof(struct tcp_syn)

static_assert(sizeof(struct tcp_syn) == 80, "a compact entry");

void tcp_syn_init(struct tcp_stack *s)
{
	s->syn_free = TCP_NIL;
	for (uint32_t i = s->config.syn_limit; i-- > 0;) {
		s->syns[i].link.next = s->syn_free;
		s->syn_free = i;
	}
}

static void syn_free(struct tcp_stack *s, uint32_t index)
{
	struct tcp_syn *e = &s->syns[index];

	tcp_fifo_remove(&s->syn_queue[e->retries], SYN_LINKS(s), index);
	tcp_flow_remove(&s->flow, tcp_tuple_hash(s, &e->tuple), TCP_REF_SYN | index);
	tcp_listener_release(s, e->listener, e->listener_gen);
	e->link.next = s->syn_free;
	s->syn_free = index;
	s->syn_count--;
}

/* Not more than fits unscaled (RFC 7323 §2.2). */
uint16_t tcp_syn_window(const struct tcp_stack *s)
{
	uint32_t wnd = s->config.rcv_buf_bytes;

	return (uint16_t)(wnd < UINT16_MAX ? wnd : UINT16_MAX);
}

static void synack_send(struct tcp_stack *s, struct tcp_syn *e)
{
	struct tcp_reply r = { .seq = e->iss,
		.ack = e->irs + 1,
		.flags = TCP_SYN | TCP_ACK | (e->options & TCP_OPT_ECN ? TCP_ECE : 0),
		.wnd = tcp_syn_window(s),
		.options = e->options | TCP_OPT_MSS,
		.wscale = s->rcv_scale,
		.ts_val = s->tick + tcp_ts_offset(s, &e->tuple),
		.ts_ecr = e->ts_recent };
	struct net_path path;

	if (net_path_find(s->net, &e->tuple.remote, &e->tuple.local, &path) != 0) {
		net_drop(s->net, NULL, DROP_IP_NO_ROUTE);
		return;
	}
	r.mss = tcp_own_mss(s, &path, &e->tuple.remote);
	tcp_reply_send(s, &e->tuple, &r);
}

/* Answer a segment that shows the peer without our SYN-ACK; not without limit, for the address may
 * be forged (RFC 4987 §2). */
static void synack_answer(struct tcp_stack *s, struct tcp_syn *e)
{
	if (e->answers >= TCP_SYN_ANSWERS) {
		s->count->answers_limited++;
		return;
	}
	e->answers++;
	synack_send(s, e);
}

/* Into the queue of its retries, due after the RTO with its backoff. */
static void syn_wait(struct tcp_stack *s, struct tcp_syn *e)
{
	e->due = s->tick + (TCP_RTO_INITIAL_MS << e->retries) + 1;
	tcp_fifo_put(&s->syn_queue[e->retries], SYN_LINKS(s), (uint32_t)(e - s->syns));
}

static void syn_fill(struct tcp_stack *s, struct tcp_syn *e, const struct tcp_listener *l,
	const struct tcp_seg *seg, const uint32_t *after)
{
	e->irs = seg->seq;
	e->iss = tcp_isn(s, &e->tuple);
	/* RFC 9293 §3.10.7.4, TIME-WAIT: beyond the old connection's numbers. */
	if (after != NULL && seq_le(e->iss, *after))
		e->iss = *after + 64000;
	e->ts_recent = seg->opt.ts_val;
	e->sent_us = s->now_us;
	e->snd_wnd = seg->wnd;
	e->mss = seg->opt.present & TCP_OPT_MSS ? seg->opt.mss : 0;
	e->wscale = seg->opt.present & TCP_OPT_WSCALE ? seg->opt.wscale : 0;
	e->options = seg->opt.present & (TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS);
	if (s->config.ecn != TCP_ECN_OFF && tcp_ecn_offered(seg))
		e->options |= TCP_OPT_ECN;
	e->retries = e->answers = 0;
	e->listener = (uint16_t)(l - s->listeners);
	e->listener_gen = l->gen;
}

/* The other half of the cache is kept for those who come again from TIME-WAIT. */
static bool syn_crowded(const struct tcp_stack *s, const struct tcp_listener *l)
{
	return l->pending >= l->backlog || s->syn_count >= (s->config.syn_limit + 1) / 2;
}

void tcp_syn_listen(
	struct tcp_stack *s, struct tcp_listener *l, struct tcp_seg *seg, const uint32_t *after)
{
	uint32_t index = s->syn_free;
	struct tcp_syn *e;

	s->count->syns_in++;
	if (s->pool_state >= TCP_POOL_SHUT) {
		tcp_seg_drop(s, seg, DROP_POOL_LOW);
		return;
	}
	if (syn_crowded(s, l)) {
		if (after == NULL && tcp_shed_syn(s, seg->hash)) {
			tcp_seg_drop(s, seg, DROP_TCP_SYN_SHED);
			return;
		}
		/* A cookie's number cannot be chosen, so it may not follow TIME-WAIT. */
		if (after == NULL && tcp_cookie_send(s, seg)) {
			rte_pktmbuf_free(seg->m);
			return;
		}
		if (l->pending >= l->backlog || index == TCP_NIL) {
			tcp_seg_drop(s, seg, DROP_TCP_BACKLOG);
			return;
		}
	}
	if (!tcp_flow_insert(&s->flow, seg->hash, TCP_REF_SYN | index)) {
		tcp_seg_drop(s, seg, DROP_TCP_NO_MEMORY);
		return;
	}
	e = &s->syns[index];
	s->syn_free = e->link.next;
	s->syn_count++;
	l->pending++;
	tcp_reply_tuple(net_meta(seg->m), &e->tuple);
	syn_fill(s, e, l, seg, after);
	syn_wait(s, e);
	rte_pktmbuf_free(seg->m);
	synack_send(s, e);
}

struct tcp_conn *tcp_syn_open(
	struct tcp_stack *s, const struct tcp_syn *e, const struct tcp_seg *seg)
{
	struct net_path path;
	struct tcp_conn *c;

	if (net_path_find(s->net, &e->tuple.remote, &e->tuple.local, &path) != 0)
		return NULL;
	c = tcp_conn_new(s, &e->tuple, seg->hash, &path);
	if (c == NULL)
		return NULL;
	s->listeners[e->listener].pending++; /* until accepted() */
	tcp_cold(c)->listener = e->listener;
	tcp_cold(c)->listener_gen = e->listener_gen;
	tcp_cold(c)->listener_id = s->listeners[e->listener].id;
	tcp_cold(c)->peer_mss = e->mss;
	tcp_cold(c)->iss = e->iss;
	tcp_cold(c)->irs = e->irs;
	c->flags |= e->options & TCP_OPT_TS ? TCP_F_TS : 0;
	c->flags |= e->options & TCP_OPT_SACK_OK ? TCP_F_SACK : 0;
	c->flags |= e->options & TCP_OPT_ECN ? TCP_F_ECN : 0;
	c->snd_scale = e->options & TCP_OPT_WSCALE ? e->wscale : 0;
	c->rcv_scale = e->options & TCP_OPT_WSCALE ? s->rcv_scale : 0;
	c->ts_recent = e->ts_recent;
	c->snd_una = c->snd_nxt = e->iss + 1;
	c->snd_wnd = seg->wnd << c->snd_scale;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	c->rcv_nxt = c->ack_sent = e->irs + 1;
	c->rcv_adv = c->rcv_nxt + tcp_syn_window(s);
	tcp_conn_establish(c);
	s->count->accepted++;
	tcp_conn_notify(c, TCP_EV_ACCEPTED);
	return c;
}

/* The handshake is complete: a control block takes the entry's place. NULL when there is none. */
static struct tcp_conn *syn_accept(struct tcp_stack *s, uint32_t index, const struct tcp_seg *seg)
{
	struct tcp_syn e = s->syns[index];
	struct tcp_conn *c;

	if (s->conn_free == TCP_NIL)
		return NULL;
	syn_free(s, index);
	c = tcp_syn_open(s, &e, seg);
	if (c != NULL)
		tcp_rtt_handshake(c, e.retries > 0, e.sent_us);
	return c;
}

/* Fifth step of SYN-RECEIVED. */
static void syn_ack_in(struct tcp_stack *s, uint32_t index, struct tcp_seg *seg)
{
	struct tcp_syn *e = &s->syns[index];
	const struct tcp_listener *l = &s->listeners[e->listener];
	struct tcp_conn *c;

	/* The peer may answer a cookie that was under way when its SYN came again and found
	 * room. */
	if (seg->ack != e->iss + 1 && tcp_cookie_known(s, seg)) {
		syn_free(s, index);
		tcp_cookie_segment(s, l, seg);
		return;
	}
	if (seg->ack != e->iss + 1) {
		tcp_reply_reset(s, &e->tuple, seg);
		tcp_seg_drop(s, seg, DROP_TCP_BAD_ACK);
		return;
	}
	c = syn_accept(s, index, seg);
	if (c == NULL) {
		tcp_seg_drop(s, seg, DROP_TCP_NO_MEMORY); /* the peer sends it again */
		return;
	}
	tcp_in_conn(c, seg);
}

void tcp_syn_segment(struct tcp_stack *s, uint32_t index, struct tcp_seg *seg)
{
	struct tcp_syn *e = &s->syns[index];
	uint32_t offset = seg->seq - (e->irs + 1);
	bool again = (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && seg->seq == e->irs;

	/* The SYN again: so is the answer. */
	if (again) {
		s->count->syns_in++;
		tcp_seg_drop(s, seg, DROP_TCP_DUPLICATE);
		synack_answer(s, e);
		return;
	}
	/* First, sequence number: within the window that the SYN-ACK offered. */
	if (offset > tcp_syn_window(s)) {
		if (!(seg->flags & TCP_RST))
			synack_answer(s, e);
		tcp_seg_drop(s, seg, DROP_TCP_OUT_OF_WINDOW);
		return;
	}
	if ((e->options & seg->opt.present & TCP_OPT_TS) && !(seg->flags & TCP_RST) &&
		(int32_t)(seg->opt.ts_val - e->ts_recent) < 0) {
		tcp_seg_drop(s, seg, DROP_TCP_PAWS);
		return;
	}
	/* Second, RST: back to listening. */
	if (seg->flags & TCP_RST) {
		if (offset != 0) {
			tcp_seg_drop(s, seg, DROP_TCP_RST_INVALID);
			return;
		}
		s->count->resets_in++;
		rte_pktmbuf_free(seg->m);
		syn_free(s, index);
		return;
	}
	/* Fourth, SYN, and fifth, ACK. */
	if (seg->flags & TCP_SYN)
		tcp_seg_drop(s, seg, DROP_TCP_SYN_INVALID);
	else if (!(seg->flags & TCP_ACK))
		tcp_seg_drop(s, seg, DROP_TCP_FLAGS);
	else
		syn_ack_in(s, index, seg);
}

static void syn_due(struct tcp_stack *s, uint32_t index)
{
	struct tcp_syn *e = &s->syns[index];

	if (e->retries == TCP_SYNACK_RETRIES) {
		syn_free(s, index);
		return;
	}
	tcp_fifo_remove(&s->syn_queue[e->retries], SYN_LINKS(s), index);
	e->retries++;
	e->answers = 0;
	syn_wait(s, e);
	s->count->retransmits++;
	synack_send(s, e);
}

void tcp_syn_timers(struct tcp_stack *s)
{
	for (unsigned i = TCP_SYNACK_RETRIES + 1; i-- > 0;) {
		struct tcp_fifo *queue = &s->syn_queue[i];

		while (queue->head != TCP_NIL && seq_le(s->syns[queue->head].due, s->tick))
			syn_due(s, queue->head);
	}
}

bool tcp_syn_next(const struct tcp_stack *s, uint32_t *tick)
{
	bool any = false;

	for (unsigned i = 0; i <= TCP_SYNACK_RETRIES; i++) {
		uint32_t head = s->syn_queue[i].head;

		if (head == TCP_NIL || (any && seq_le(*tick, s->syns[head].due)))
			continue;
		*tick = s->syns[head].due;
		any = true;
	}
	return any;
}

void tcp_syn_purge(struct tcp_stack *s, uint16_t listener)
{
	for (unsigned i = 0; i <= TCP_SYNACK_RETRIES; i++) {
		uint32_t next;

		for (uint32_t e = s->syn_queue[i].head; e != TCP_NIL; e = next) {
			next = s->syns[e].link.next;
			if (s->syns[e].listener == listener)
				syn_free(s, e);
		}
	}
}
