/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledgements: what they release (RFC 9293 §3.10.7.4 step 5), the peer's window, the round
 * trip. What they tell about loss goes to tcp_recovery.c.
 */
#include "dataplane/tcp/tcp_priv.h"

/* Free @p n acknowledged bytes of the send queue. */
static void queue_release(struct tcp_conn *c, uint32_t n)
{
	c->sq_bytes -= n;
	n += c->sq_off;
	while (c->sq_head != NULL && n >= c->sq_head->data_len) {
		struct rte_mbuf *m = c->sq_head;

		n -= m->data_len;
		c->sq_head = m->next;
		m->next = NULL;
		m->nb_segs = 1;
		rte_pktmbuf_free_seg(m);
		c->sq_mbufs--;
	}
	c->sq_off = n;
	if (c->sq_head == NULL)
		c->sq_tail = NULL;
}

void tcp_ack_advance(struct tcp_conn *c, uint32_t ack)
{
	uint32_t limit = tcp_buf_limit(c->stack, c->stack->config.snd_buf_bytes);
	uint32_t mark = limit - limit / TCP_WRITABLE_PART;
	uint32_t before = c->sq_bytes, mbufs_before = c->sq_mbufs;
	uint32_t bytes = ack - c->snd_una;
	uint32_t rtt_us;

	tcp_rec_ack(c, ack, &rtt_us);
	c->snd_una = ack;
	c->asked &= TCP_UNASKED;
	if (rtt_us != UINT32_MAX)
		tcp_rtt_sample(c, rtt_us);
	if ((c->flags & TCP_F_FIN_SENT) && ack == c->snd_nxt)
		bytes--; /* the FIN is not in the queue */
	queue_release(c, bytes);
	if (c->flags & (TCP_F_LOSS | TCP_F_PERSIST))
		tcp_cold(c)->retries = 0;
	tcp_timer_rtx(c);
	if (bytes > 0 && !(c->flags & TCP_F_FIN_QUEUED) &&
		(c->sq_bytes == 0 || (before > mark && c->sq_bytes <= mark) ||
			(mbufs_before >= tcp_mbuf_limit(limit) &&
				c->sq_mbufs < tcp_mbuf_limit(limit))))
		tcp_conn_notify(c, TCP_EV_WRITABLE);
}

/* Take over the segment's window (RFC 9293 §3.10.7.4). An ACK that moves snd_una is newer than all
 * before it, whatever its sequence number: were its window left aside, the old one would slide on
 * to where the peer never offered room. @return true when it changed */
static bool window_update(struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t wnd = seg->wnd << c->snd_scale;
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t before = c->snd_wnd;

	if (!seq_lt(c->snd_una, seg->ack) && !seq_lt(c->snd_wl1, seg->seq) &&
		!(c->snd_wl1 == seg->seq && seq_le(c->snd_wl2, seg->ack)))
		return false;
	c->snd_wnd = wnd;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	if (wnd > cold->max_wnd)
		cold->max_wnd = wnd;
	if (wnd == 0 && before != 0)
		c->stack->count->zero_windows++;
	if (wnd != 0 && before == 0 && (c->flags & TCP_F_PERSIST)) {
		c->flags &= ~TCP_F_PERSIST;
		cold->retries = 0;
		tcp_timer_clear(c, TCP_TIMER_RTX);
	}
	return wnd != before;
}

bool tcp_ack_in(struct tcp_conn *c, struct tcp_seg *seg)
{
	struct tcp_cold *cold = tcp_cold(c);
	struct tcp_ack_news news = { .sacked_before = cold->sack_bytes };
	bool changed;

	/* What was never sent cannot be acknowledged, and what is older than all that can have been
	 * in flight is no duplicate but a guess (RFC 5961 §5.2; for MAX.SND.WND stands what the
	 * send buffer allows). */
	if (seq_lt(c->snd_nxt, seg->ack) ||
		seq_lt(seg->ack, c->snd_una - 2 * c->stack->config.snd_buf_bytes)) {
		tcp_in_ack_invalid(c, seg, DROP_TCP_BAD_ACK);
		return false;
	}
	if ((c->flags & TCP_F_SACK) && seg->opt.sack_count > 0)
		news.dsack = tcp_sack_twice(c, seg);
	if (seq_lt(seg->ack, c->snd_una))
		return true; /* a duplicate that was overtaken; its payload may still be new */
	changed = window_update(c, seg);
	news.acked = seg->ack - c->snd_una;
	/* RFC 5681 §2. */
	news.dup = news.acked == 0 && seg->len == 0 && !(seg->flags & TCP_FIN) && !changed &&
		   c->rec_head != TCP_NIL;
	if (news.dup)
		c->stack->count->dup_acks_in++;
	news.ece = (c->flags & TCP_F_ECN) && (seg->flags & TCP_ECE);
	cold->echo = c->flags & TCP_F_TS ? seg->opt.ts_ecr : 0;
	if (news.acked > 0)
		tcp_ack_advance(c, seg->ack);
	if ((c->flags & TCP_F_SACK) && seg->opt.sack_count > 0)
		tcp_sack_in(c, seg);
	if (news.acked > 0 || news.dup || news.dsack || news.ece || (c->flags & TCP_F_LOSS) ||
		cold->sack_segs > 0)
		tcp_recovery_step(c, &news);
	if (c->unsent > 0 || cold->lost_segs > 0 || (c->flags & TCP_F_FIN_QUEUED))
		tcp_conn_output(c);
	return true;
}
