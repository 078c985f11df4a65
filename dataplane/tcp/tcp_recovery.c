/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loss recovery: what an acknowledgement tells about loss, and what the window does about it. With
 * SACK, tcp_rack.c says what is lost; without, duplicate ACKs stand for a segment each that left
 * the network (RFC 6582), so that both send by the same rule, pipe < cwnd, which also is limited
 * transmit (RFC 3042). In fast recovery cwnd follows RFC 6937.
 */
#include "dataplane/tcp/tcp_priv.h"

static uint32_t recovery_larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void tcp_loss_flag(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (c->recovery != TCP_OPEN || cold->sack_segs > 0 || cold->reno_bytes > 0 ||
		cold->dup_acks > 0 || cold->lost_segs > 0 || cold->tlp_active ||
		cold->mtu_probe != 0) {
		c->flags |= TCP_F_LOSS;
		return;
	}
	c->flags &= ~TCP_F_LOSS;
	/* The fast path tells RACK nothing: what it knows would be too old the next time. */
	cold->rack_known = false;
}

/* What a loss is judged by: in flight, but not what limited transmit sent on top (RFC 5681
 * §3.2). */
static uint32_t recovery_flight(const struct tcp_conn *c)
{
	uint32_t bytes = c->snd_nxt - c->snd_una;

	return bytes < c->cwnd ? bytes : c->cwnd;
}

static void recovery_enter(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	tcp_undo_note(c);
	cold->prr_flight = c->snd_nxt - c->snd_una;
	cold->prr_delivered = cold->prr_out = 0;
	c->ssthresh = c->stack->cc->ssthresh(c, recovery_flight(c));
	c->recovery = TCP_RECOVERY;
	cold->recover = c->snd_nxt;
	tcp_ecn_reduced(c);
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
		uint32_t room = recovery_larger(c->pipe, c->mss) + c->mss;

		/* RFC 6937 §3.1; without SACK RFC 6582 §3.2 (3), first choice: no burst. */
		c->cwnd = (c->flags & TCP_F_SACK) || c->ssthresh < room ? c->ssthresh : room;
	}
	c->recovery = TCP_OPEN;
	tcp_rack_recovered(c);
}

/* Proportional rate reduction (RFC 6937 §3): while more is in the network than ssthresh, send in
 * proportion to what leaves it; below, as much as leaves it and a segment more (PRR-SSRB). */
static void recovery_reduce(struct tcp_conn *c, uint32_t delivered)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t pipe = tcp_pipe(c), send, limit, ahead;

	cold->prr_delivered += delivered;
	if (pipe > c->ssthresh) {
		uint64_t share = (uint64_t)cold->prr_delivered * c->ssthresh;

		share = (share + cold->prr_flight - 1) / cold->prr_flight;
		send = share > cold->prr_out ? (uint32_t)(share - cold->prr_out) : 0;
		/* What the application or the peer's window left unused is not saved up. */
		send = send < delivered + c->mss ? send : delivered + c->mss;
	} else {
		ahead = cold->prr_delivered > cold->prr_out ? cold->prr_delivered - cold->prr_out
							    : 0;
		limit = recovery_larger(ahead, delivered) + c->mss;
		send = c->ssthresh - pipe < limit ? c->ssthresh - pipe : limit;
	}
	c->cwnd = recovery_larger(pipe + send, c->mss);
}

void tcp_recovery_timeout(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	bool renege = cold->retries > 0 || (tcp_rec_at(c, c->rec_head)->flags & TCP_REC_SACK);

	/* RFC 5681 §3.1: the threshold stays for a segment that times out again; and one that times
	 * out in recovery is of the same congestion, for which the window gave way. */
	if (c->recovery == TCP_OPEN) {
		tcp_undo_note(c);
		c->ssthresh = c->stack->cc->ssthresh(c, recovery_flight(c));
	}
	if (c->recovery != TCP_LOSS && c->stack->cc->timeout != NULL)
		c->stack->cc->timeout(c);
	c->cwnd = c->mss;
	c->recovery = TCP_LOSS;
	cold->recover = c->snd_nxt;
	tcp_ecn_reduced(c);
	cold->dup_acks = 0;
	cold->tlp_active = false;
	/* RFC 2018 §8: a receiver may have thrown away what it SACKed, once it looks like it. */
	tcp_rec_timeout(c, tcp_rack_patience_us(c), renege);
	if (renege)
		cold->rack_known = false; /* what is acknowledged now was not overtaken */
	c->flags |= TCP_F_RTX_FORCE;
	tcp_loss_flag(c);
}

/* Duplicate ACKs and cumulative progress of a peer without SACK. @return bytes that reached it */
static uint32_t reno_update(struct tcp_conn *c, const struct tcp_ack_news *news, uint32_t acked)
{
	struct tcp_cold *cold = tcp_cold(c);
	struct tcp_rec *first = tcp_rec_at(c, c->rec_head);
	uint32_t before = cold->reno_bytes, all = news->acked;

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
	if (news->dup && first != NULL && c->recovery != TCP_LOSS) {
		if (cold->dup_acks < UINT8_MAX)
			cold->dup_acks++;
		cold->reno_bytes += c->mss;
		if (cold->reno_bytes > c->pipe)
			cold->reno_bytes = c->pipe;
		/* RFC 6582 §4.1: not for duplicates that an earlier recovery caused; one that was
		 * gigabytes ago is out of what is in flight, too. */
		if (c->recovery == TCP_OPEN && cold->dup_acks >= TCP_DUP_THRESH &&
			cold->recover - c->snd_una > c->snd_nxt - c->snd_una)
			tcp_rec_mark_lost(c, first);
	}
	return all + cold->reno_bytes > before ? all + cold->reno_bytes - before : 0;
}

static uint32_t sack_update(struct tcp_conn *c, const struct tcp_ack_news *news)
{
	uint32_t now = news->acked + tcp_cold(c)->sack_bytes;

	tcp_rack_detect(c);
	return now > news->sacked_before ? now - news->sacked_before : 0;
}

void tcp_recovery_step(struct tcp_conn *c, const struct tcp_ack_news *news)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t acked = news->acked, delivered;

	if (cold->tlp_active)
		tcp_tlp_acked(c, news);
	if (cold->mtu_probe != 0)
		tcp_mtu_acked(c);
	if (news->dsack)
		tcp_rack_dsack(c);
	if (c->recovery != TCP_OPEN && acked > 0 && seq_le(cold->recover, c->snd_una)) {
		if (c->recovery == TCP_LOSS)
			c->stack->cc->acked(c, acked, c->stack->now_us);
		recovery_leave(c);
		acked = 0;
	}
	delivered = c->flags & TCP_F_SACK ? sack_update(c, news) : reno_update(c, news, acked);
	if (c->recovery == TCP_OPEN && cold->lost_segs > 0 && !tcp_mtu_only_probe_lost(c))
		recovery_enter(c);
	else if (news->ece && c->recovery != TCP_LOSS)
		tcp_ecn_echoed(c, news->acked); /* and the window does not grow */
	else if (acked > 0 && c->recovery == TCP_OPEN)
		tcp_cc_acked(c, acked);
	else if (acked > 0 && c->recovery == TCP_LOSS)
		c->stack->cc->acked(c, acked, c->stack->now_us);
	if (news->ece)
		cold->undo_known = false; /* whatever was lost or not: there was congestion */
	if (c->recovery == TCP_RECOVERY)
		recovery_reduce(c, delivered);
	else if (c->recovery == TCP_OPEN)
		tcp_undo_try(c);
	tcp_loss_flag(c);
	/* A probe of the tail has no place in recovery. */
	if ((c->flags & (TCP_F_LOSS | TCP_F_PTO)) == (TCP_F_LOSS | TCP_F_PTO))
		tcp_timer_rtx(c);
}
