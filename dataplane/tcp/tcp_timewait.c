/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TIME-WAIT (RFC 9293 §3.10.7.4) in 32 bytes: enough to acknowledge a FIN that comes again and to
 * tell an old segment from a new connection. RSTs are ignored (RFC 1337). All entries wait equally
 * long, so they form a queue; when there is no free one, the oldest makes room.
 */
#include "dataplane/tcp/tcp_priv.h"

#define TW_LINKS(s)    (&(s)->tws[0].link), sizeof(struct tcp_tw)
#define TW_HAS_TS      1u /* lowest bit of expires */
#define TW_EXPIRES(tw) ((tw)->expires & ~TW_HAS_TS)

void tcp_tw_init(struct tcp_stack *s)
{
	s->tw_queue = (struct tcp_fifo){ TCP_NIL, TCP_NIL };
}

static void tw_free(struct tcp_stack *s, uint32_t index)
{
	struct tcp_tw *tw = &s->tws[index];

	tcp_fifo_remove(&s->tw_queue, TW_LINKS(s), index);
	tcp_flow_remove(&s->flow, tw->hash, TCP_REF_TW | index);
	tw->link.next = tcp_free_link(index, s->tw_free, s->tw_limit);
	s->tw_free = index;
}

static uint32_t tw_deadline(const struct tcp_stack *s)
{
	return (s->tick + s->config.time_wait_ms + 2) & ~TW_HAS_TS;
}

void tcp_tw_enter(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	struct tcp_tuple tuple;
	struct tcp_tw *tw;
	uint32_t index;

	tcp_conn_tuple(c, &tuple);
	tcp_conn_unhook(c);
	if (s->tw_free == TCP_NIL)
		tw_free(s, s->tw_queue.head);
	index = s->tw_free;
	tw = &s->tws[index];
	s->tw_free = tcp_free_next(index, tw->link.next, s->tw_limit);
	*tw = (struct tcp_tw){ .hash = tcp_tuple_hash(s, &tuple),
		.snd_nxt = c->snd_nxt,
		.rcv_nxt = c->rcv_nxt,
		.ts_recent = c->ts_recent,
		.expires = tw_deadline(s) | (c->flags & TCP_F_TS ? TW_HAS_TS : 0) };
	tcp_fifo_put(&s->tw_queue, TW_LINKS(s), index);
	tcp_flow_insert(&s->flow, tw->hash, TCP_REF_TW | index); /* into the place just left */
	s->count->time_waits++;
}

static void tw_ack(struct tcp_stack *s, const struct tcp_tw *tw, const struct tcp_seg *seg)
{
	struct tcp_reply r = { .seq = tw->snd_nxt, .ack = tw->rcv_nxt, .flags = TCP_ACK };
	struct tcp_tuple tuple;

	tcp_reply_tuple(net_meta(seg->m), &tuple);
	r.wnd = UINT16_MAX;
	if (tw->expires & TW_HAS_TS) {
		r.options = TCP_OPT_TS;
		r.ts_val = s->tick + tcp_ts_offset(s, &tuple);
		r.ts_ecr = tw->ts_recent;
	}
	tcp_reply_send(s, &tuple, &r);
}

/* A SYN that is surely newer than the old connection (RFC 9293 §3.10.7.4, RFC 6191 §2). */
static bool tw_reusable(const struct tcp_tw *tw, const struct tcp_seg *seg)
{
	if ((seg->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	if ((tw->expires & TW_HAS_TS) && (seg->opt.present & TCP_OPT_TS) &&
		(int32_t)(seg->opt.ts_val - tw->ts_recent) > 0)
		return true;
	return seq_lt(tw->rcv_nxt, seg->seq);
}

void tcp_tw_segment(struct tcp_stack *s, uint32_t index, struct tcp_seg *seg)
{
	struct tcp_tw *tw = &s->tws[index];
	const struct net_meta *meta = net_meta(seg->m);
	struct tcp_listener *l;

	if (seg->flags & TCP_RST) { /* RFC 1337 */
		tcp_seg_drop(s, seg, DROP_TCP_RST_INVALID);
		return;
	}
	l = tcp_listener_find(s, &meta->dst, meta->dst_port);
	if (l != NULL && tw_reusable(tw, seg)) {
		uint32_t after = tw->snd_nxt;

		tw_free(s, index);
		tcp_syn_listen(s, l, seg, &after);
		return;
	}
	/* Our ACK was lost: the FIN comes again, or what was sent before it. Start the wait
	 * anew. */
	if ((seg->flags & TCP_FIN) || (seg->len > 0 && (seg->flags & TCP_ACK))) {
		tcp_fifo_remove(&s->tw_queue, TW_LINKS(s), index);
		tw->expires = tw_deadline(s) | (tw->expires & TW_HAS_TS);
		tcp_fifo_put(&s->tw_queue, TW_LINKS(s), index);
	}
	/* An ACK of the ACK would be answered for ever. */
	if (seg->len > 0 || (seg->flags & (TCP_FIN | TCP_SYN)) || seq_lt(seg->seq, tw->rcv_nxt))
		tw_ack(s, tw, seg);
	tcp_seg_drop(s, seg, DROP_TCP_CLOSING);
}

void tcp_tw_timers(struct tcp_stack *s)
{
	while (s->tw_queue.head != TCP_NIL &&
		seq_le(TW_EXPIRES(&s->tws[s->tw_queue.head]), s->tick))
		tw_free(s, s->tw_queue.head);
}

bool tcp_tw_next(const struct tcp_stack *s, uint32_t *tick)
{
	if (s->tw_queue.head == TCP_NIL)
		return false;
	*tick = TW_EXPIRES(&s->tws[s->tw_queue.head]);
	return true;
}
