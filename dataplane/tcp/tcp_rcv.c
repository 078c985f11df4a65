/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiver: segment text and FIN (RFC 9293 §3.10.7.4 steps 7 and 8), when to acknowledge (RFC
 * 5681 §4.2) and which window to offer (RFC 9293 §3.8.6.2). The window is what the application has
 * credited: its right edge never moves back, and not forward in small steps or while the mbuf pool
 * is low.
 */
#include "dataplane/tcp/tcp_priv.h"

#define SEGS_MAX 30000 /* mbufs in one receive queue; nb_segs has 16 bits */

uint16_t tcp_rcv_window(struct tcp_conn *c)
{
	uint32_t limit = tcp_buf_limit(c->stack, c->stack->config.rcv_buf_bytes);
	uint32_t edge = c->rcv_nxt + (limit > c->rcv_held ? limit - c->rcv_held : 0);
	uint32_t step = limit / 2 < c->rcv_mss ? limit / 2 : c->rcv_mss;
	uint32_t grow = edge - c->rcv_adv;
	uint32_t wnd;

	if ((int32_t)grow > 0 && grow >= step) {
		if (c->stack->pool_state < TCP_POOL_LAST) {
			c->rcv_adv = edge;
			c->flags &= ~TCP_F_POOL_SHUT;
		} else if (!(c->flags & TCP_F_POOL_SHUT)) {
			c->flags |= TCP_F_POOL_SHUT;
			tcp_timer_set(c, TCP_TIMER_ACK, TCP_POOL_RECHECK_MS);
		}
	}
	wnd = (c->rcv_adv - c->rcv_nxt) >> c->rcv_scale;
	return (uint16_t)(wnd < UINT16_MAX ? wnd : UINT16_MAX);
}

/* One ACK for a whole burst may be the only one of a window, and where segments get lost ACKs do,
 * too: the sender would wait for a timeout. There every second segment has its own (RFC 5681 §4.2),
 * as long as the window is wide: the application has not read yet, and an ACK that closes it would
 * cost more than it brings. */
static void quick_ack(struct tcp_conn *c)
{
	bool wide = c->rcv_adv - c->rcv_nxt > c->stack->config.rcv_buf_bytes / 2;

	if (c->quick_acks-- > TCP_QUICK_ACKS && wide && c->rcv_nxt - c->ack_sent >= 2u * c->rcv_mss)
		tcp_out_ack(c);
	else
		c->flags |= TCP_F_ACK_NOW;
}

/* What one ACK may be for, in bytes: more once more has come, as a small flight needs several ACKs
 * in case that one gets lost. */
static uint32_t stretch_bytes(struct tcp_conn *c)
{
	uint32_t most = RTE_MIN(
		(uint32_t)TCP_STRETCH_SEGS * c->rcv_mss, c->stack->config.rcv_buf_bytes / 8);

	return RTE_MIN(most, (c->rcv_nxt - tcp_cold(c)->irs) / TCP_STRETCH_PART);
}

void tcp_rcv_ack(struct tcp_conn *c, uint32_t len)
{
	uint32_t owed = c->rcv_nxt - c->ack_sent;

	if (len > c->rcv_mss)
		c->rcv_mss = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX);
	if (c->quick_acks > 0) {
		quick_ack(c);
	} else if (owed < 2u * c->rcv_mss) {
		if (!(c->armed & (1u << TCP_TIMER_ACK)))
			tcp_timer_set(c, TCP_TIMER_ACK, TCP_ACK_DELAY_MS);
		return;
	} else if (owed < stretch_bytes(c)) {
		tcp_stretch_begin(c);
		return;
	} else {
		c->flags |= TCP_F_ACK_NOW;
	}
	tcp_conn_output(c);
}

void tcp_rcv_append(struct tcp_conn *c, struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *head = c->rq_head;

	if (unlikely(c->asked))
		c->asked = TCP_UNASKED;
	if (head != NULL && len < TCP_HOLD_BYTES && tcp_chain_pack(c->rq_tail, m)) {
		c->stack->count->copied_payloads++;
		head->pkt_len += len;
		rte_pktmbuf_free(m);
	} else if (head == NULL) {
		c->rq_head = m;
		c->rq_tail = rte_pktmbuf_lastseg(m);
	} else if (head->nb_segs + m->nb_segs > SEGS_MAX) {
		net_drop(c->stack->net, m, DROP_POOL_LOW);
		return;
	} else {
		c->rq_tail->next = m;
		c->rq_tail = rte_pktmbuf_lastseg(m);
		head->nb_segs = (uint16_t)(head->nb_segs + m->nb_segs);
		head->pkt_len += len;
	}
	c->rcv_nxt += len;
	c->rcv_held += len;
	c->stack->count->bytes_in += len;
	tcp_conn_notify(c, TCP_EV_READABLE);
}

/* Payload for an application that does not read any more. @return false when the connection is
 * gone */
static bool rcv_discard(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	struct tcp_stack *s = c->stack;

	net_drop(s->net, m, DROP_TCP_AFTER_CLOSE);
	/* Once all that was queued is acknowledged, the peer learns that nobody listens. Until then
	 * its data is taken and thrown away: an RST could destroy what it has not read yet. */
	if (c->state == TCP_FIN_WAIT_2) {
		tcp_out_bare(c, c->snd_nxt, TCP_RST | TCP_ACK);
		tcp_conn_end(c, TCP_END_CLOSED);
		return false;
	}
	if (seq == c->rcv_nxt)
		c->rcv_nxt += len;
	c->flags |= TCP_F_ACK_NOW;
	tcp_conn_output(c);
	return true;
}

static void rcv_out_of_order(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	if (c->asked)
		c->asked = TCP_UNASKED;
	tcp_ooo_insert(c, m, seq, len);
	/* At once, one for each segment: it is what the sender counts (RFC 5681 §4.2). */
	c->quick_acks = TCP_LOSSY_ACKS;
	tcp_out_ack(c);
}

static void rcv_payload(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	bool filled = (c->flags & TCP_F_OOO) != 0;

	if (seq != c->rcv_nxt) {
		rcv_out_of_order(c, m, seq, len);
		return;
	}
	tcp_rcv_append(c, m, len);
	if (filled)
		tcp_ooo_deliver(c);
	tcp_rcv_ack(c, len);
	if (filled && c->ack_sent != c->rcv_nxt) { /* RFC 5681 §4.2: at once when it fills a gap */
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_output(c);
	}
}

/* The FIN at rcv_nxt. */
static void rcv_fin(struct tcp_conn *c)
{
	tcp_ooo_free(c); /* nothing can follow it */
	c->rcv_nxt++;
	c->flags |= TCP_F_FIN_RCVD | TCP_F_ACK_NOW;
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt;
	tcp_conn_output(c);
	if (!(c->flags & TCP_F_RCV_SHUT))
		tcp_conn_notify(c, TCP_EV_READABLE);
	tcp_close_step(c);
}

void tcp_rcv_twice(struct tcp_conn *c, uint32_t left, uint32_t right)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (!(c->flags & TCP_F_SACK) || !seq_lt(left, right))
		return;
	if ((c->flags & TCP_F_DSACK) && cold->twice.right == left)
		cold->twice.right = right;
	else
		cold->twice = (struct tcp_range){ left, right };
	c->flags |= TCP_F_DSACK | TCP_F_ACK_NOW;
	c->quick_acks = TCP_LOSSY_ACKS; /* our ACK may have been lost */
	tcp_conn_output(c);
}

/* Cut the segment down to what is new and within the window. @return false when nothing is left */
static bool rcv_trim(struct tcp_conn *c, struct tcp_seg *seg)
{
	if (seq_lt(seg->seq, c->rcv_nxt)) {
		uint32_t known = c->rcv_nxt - seg->seq;

		tcp_rcv_twice(c, seg->seq, seg->seq + (known < seg->len ? known : seg->len));
		if (known > seg->len) {
			seg->flags &= (uint8_t)~TCP_FIN;
			known = seg->len;
		}
		if (known > 0)
			seg->m = tcp_chain_cut_front(seg->m, known);
		seg->seq += known;
		seg->len -= known;
	}
	if (seq_lt(c->rcv_adv, seg->seq + seg->len)) {
		uint32_t beyond = seg->seq + seg->len - c->rcv_adv;

		beyond = beyond < seg->len ? beyond : seg->len;
		tcp_chain_cut_back(seg->m, beyond);
		seg->len -= beyond;
		seg->flags &= (uint8_t)~TCP_FIN;
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_output(c);
	}
	return seg->len > 0 || (seg->flags & TCP_FIN);
}

/* While mbufs are short, who has taken nothing from us yet waits for those who have; and at the end
 * everybody does, for what all windows together promise is more than the pool. It is sent again. */
static bool may_hold(struct tcp_conn *c)
{
	return c->stack->pool_state == TCP_POOL_SHUT && c->snd_una != tcp_cold(c)->iss + 1;
}

void tcp_rcv_segment(struct tcp_conn *c, struct tcp_seg *seg)
{
	struct tcp_stack *s = c->stack;
	struct tcp_cold *cold = tcp_cold(c);
	struct rte_mbuf *m;
	uint32_t fin_seq;

	if (seg->len == 0 && !(seg->flags & TCP_FIN)) {
		rte_pktmbuf_free(seg->m);
		return;
	}
	/* Nothing follows the peer's FIN, and it does not come twice. */
	if ((c->flags & TCP_F_FIN_RCVD) || seg->m->pkt_len < seg->header_bytes + seg->len) {
		net_drop(s->net, seg->m, DROP_TCP_DUPLICATE);
		return;
	}
	if (unlikely(s->pool_state >= TCP_POOL_SHUT) && seg->len > 0 && !may_hold(c)) {
		net_drop(s->net, seg->m, DROP_POOL_LOW);
		return;
	}
	seg->m = tcp_chain_cut_front(seg->m, seg->header_bytes);
	if (!rcv_trim(c, seg)) {
		net_drop(s->net, seg->m, DROP_TCP_OUT_OF_WINDOW);
		return;
	}
	m = seg->m;
	seg->m = NULL;
	fin_seq = seg->seq + seg->len;
	/* What claims to follow a FIN that is known to come contradicts it. */
	if (cold->fin_ahead && seq_lt(cold->fin_seq, fin_seq)) {
		net_drop(s->net, m, DROP_TCP_AFTER_CLOSE);
		return;
	}
	if (seg->len == 0)
		rte_pktmbuf_free(m);
	else if (!(c->flags & TCP_F_RCV_SHUT))
		rcv_payload(c, m, seg->seq, seg->len);
	else if (!rcv_discard(c, m, seg->seq, seg->len))
		return;
	if (seg->flags & TCP_FIN) {
		cold->fin_ahead = true;
		cold->fin_seq = fin_seq;
		c->flags |= TCP_F_OOO;
		if (seg->len == 0) {
			c->flags |= TCP_F_ACK_NOW;
			tcp_conn_output(c);
		}
	}
	if (cold->fin_ahead && seq_le(cold->fin_seq, c->rcv_nxt))
		rcv_fin(c);
}
