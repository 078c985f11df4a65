/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledgements: what they release (RFC 9293 §3.10.7.4 step 5), the peer's window, and loss
 * recovery. Fast recovery is RFC 6675's with SACK and RFC 6582's without: duplicate ACKs then stand
 * for a segment each that left the network, so that both send by the same rule, pipe < cwnd. That
 * rule also is limited transmit (RFC 3042).
 */
#include "dataplane/tcp/tcp_priv.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void tcp_loss_flag(struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold(c);

	if (c->recovery != TCP_OPEN || cold->sack_segs > 0 || cold->reno_bytes > 0 ||
		cold->dup_acks > 0 || cold->lost_segs > 0)
		c->flags |= TCP_F_LOSS;
	else
		c->flags &= ~TCP_F_LOSS;
}

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
	}
	c->sq_off = n;
	if (c->sq_head == NULL)
		c->sq_tail = NULL;
}

void tcp_ack_advance(struct tcp_conn *c, uint32_t ack)
{
	uint32_t half = c->stack->config.snd_buf_bytes / 2;
	uint32_t before = c->sq_bytes;
	uint32_t bytes = ack - c->snd_una;
	uint32_t rtt_us;

	tcp_rec_ack(c, ack, &rtt_us);
	c->snd_una = ack;
	if (rtt_us != UINT32_MAX)
		tcp_rtt_sample(c, rtt_us);
	if ((c->flags & TCP_F_FIN_SENT) && ack == c->snd_nxt)
		bytes--; /* the FIN is not in the queue */
	queue_release(c, bytes);
	if (c->flags & (TCP_F_LOSS | TCP_F_PERSIST))
		tcp_cold(c)->retries = 0;
	/* RFC 6298 §5.2, §5.3. */
	if (c->rec_head == TCP_NIL)
		tcp_timer_clear(c, TCP_TIMER_RTX);
	else
		tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
	if (bytes > 0 && !(c->flags & TCP_F_FIN_QUEUED) &&
		(c->sq_bytes == 0 || (before > half && c->sq_bytes <= half)))
		tcp_conn_notify(c, TCP_EV_WRITABLE);
}

void tcp_cc_acked(struct tcp_conn *c, uint32_t bytes)
{
	/* A window that is not used says nothing about the network (RFC 7661). */
	if (c->flags & TCP_F_CWND_LIMITED)
		c->stack->cc->acked(c, bytes, c->stack->now_us);
}

static void recovery_enter(struct tcp_conn *c)
{
	c->ssthresh = c->stack->cc->ssthresh(c, c->snd_nxt - c->snd_una);
	c->cwnd = c->ssthresh;
	c->recovery = TCP_RECOVERY;
	tcp_cold(c)->recover = c->snd_nxt;
	/* The first retransmission does not wait for the pipe to drain. */
	c->flags |= TCP_F_RTX_FORCE;
	c->stack->count->fast_retransmits++;
}

static void recovery_leave(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	cold->reno_bytes = 0;
	cold->dup_acks = 0;
	if (c->recovery == TCP_RECOVERY) {
		uint32_t room = larger(c->pipe, c->mss) + c->mss;

		/* RFC 6582 §3.2 (3), first choice: no burst at the end. */
		c->cwnd = c->ssthresh < room ? c->ssthresh : room;
	}
	c->recovery = TCP_OPEN;
	if (c->stack->cc->recovered != NULL)
		c->stack->cc->recovered(c, c->stack->now_us);
}

void tcp_ack_timeout(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	bool renege = cold->retries > 0 || (tcp_rec_at(c, c->rec_head)->flags & TCP_REC_SACK);

	/* RFC 5681 §3.1: the threshold stays for a segment that times out again. */
	if (c->recovery != TCP_LOSS)
		c->ssthresh = c->stack->cc->ssthresh(c, c->snd_nxt - c->snd_una);
	c->cwnd = c->mss;
	c->recovery = TCP_LOSS;
	cold->recover = c->snd_nxt;
	cold->dup_acks = 0;
	/* RFC 2018 §8: a receiver may have thrown away what it SACKed, once it looks like it. */
	tcp_rec_all_lost(c, renege);
	c->flags |= TCP_F_RTX_FORCE;
	tcp_loss_flag(c);
}

/* Duplicate ACKs and cumulative progress of a peer without SACK. */
static void reno_update(struct tcp_conn *c, uint32_t acked, bool dup)
{
	struct tcp_cold *cold = tcp_cold(c);
	struct tcp_rec *first = tcp_rec_at(c, c->rec_head);

	if (acked > 0 && c->recovery == TCP_RECOVERY) {
		/* A partial ACK: one segment was the hole, the others had been reported; and the
		 * next hole is at the new snd_una (RFC 6582 §3.2 (5)). */
		uint32_t told = acked > c->mss ? acked - c->mss : 0;

		cold->reno_bytes -= told < cold->reno_bytes ? told : cold->reno_bytes;
		if (first != NULL) {
			tcp_rec_mark_lost(c, first);
			c->flags |= TCP_F_RTX_FORCE;
		}
	} else if (acked > 0) {
		cold->reno_bytes = 0;
		cold->dup_acks = 0;
	}
	if (!dup || first == NULL || c->recovery == TCP_LOSS)
		return;
	if (cold->dup_acks < UINT8_MAX)
		cold->dup_acks++;
	cold->reno_bytes += c->mss;
	if (cold->reno_bytes > c->pipe)
		cold->reno_bytes = c->pipe;
	/* RFC 6582 §4.1: not for duplicates that an earlier recovery caused. */
	if (c->recovery == TCP_OPEN && cold->dup_acks >= TCP_DUP_THRESH &&
		seq_lt(cold->recover, c->snd_una))
		tcp_rec_mark_lost(c, first);
}

static void recovery_step(struct tcp_conn *c, uint32_t acked, bool dup)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (c->recovery != TCP_OPEN && acked > 0 && seq_le(cold->recover, c->snd_una)) {
		if (c->recovery == TCP_LOSS)
			c->stack->cc->acked(c, acked, c->stack->now_us);
		recovery_leave(c);
		acked = 0;
	}
	if (c->flags & TCP_F_SACK)
		tcp_sack_detect(c);
	else
		reno_update(c, acked, dup);
	if (c->recovery == TCP_OPEN && cold->lost_segs > 0)
		recovery_enter(c);
	else if (acked > 0 && c->recovery == TCP_OPEN)
		tcp_cc_acked(c, acked);
	else if (acked > 0 && c->recovery == TCP_LOSS)
		c->stack->cc->acked(c, acked, c->stack->now_us);
	tcp_loss_flag(c);
}

/* Take over the segment's window (RFC 9293 §3.10.7.4). An ACK that moves snd_una is newer than all
 * before it, whatever its sequence number: were its window left aside, the old one would slide on to
 * where the peer never offered room. @return true when it changed */
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
	bool changed, dup;
	uint32_t acked;

	/* What was never sent cannot be acknowledged, and what is older than all that can have been
	 * in flight is no duplicate but a guess (RFC 5961 §5.2; for MAX.SND.WND stands what the
	 * send buffer allows). */
	if (seq_lt(c->snd_nxt, seg->ack) ||
		seq_lt(seg->ack, c->snd_una - 2 * c->stack->config.snd_buf_bytes)) {
		tcp_in_ack_invalid(c, seg, DROP_TCP_BAD_ACK);
		return false;
	}
	if (seq_lt(seg->ack, c->snd_una))
		return true; /* a duplicate that was overtaken; its payload may still be new */
	changed = window_update(c, seg);
	acked = seg->ack - c->snd_una;
	/* RFC 5681 §2. */
	dup = acked == 0 && seg->len == 0 && !(seg->flags & TCP_FIN) && !changed &&
	      c->rec_head != TCP_NIL;
	if (dup)
		c->stack->count->dup_acks_in++;
	if (acked > 0)
		tcp_ack_advance(c, seg->ack);
	if ((c->flags & TCP_F_SACK) && seg->opt.sack_count > 0)
		tcp_sack_in(c, seg);
	if (acked > 0 || dup || (c->flags & TCP_F_LOSS) || cold->sack_segs > 0)
		recovery_step(c, acked, dup);
	if (c->unsent > 0 || cold->lost_segs > 0 || (c->flags & TCP_F_FIN_QUEUED))
		tcp_conn_output(c);
	return true;
}
