/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RACK (RFC 8985 §6): a segment is lost when one that was sent after it has been delivered and it
 * had a little longer to arrive, the reordering window. That window opens where the path was seen
 * to reorder, and wider where D-SACKs (RFC 2883) say that what was sent again had not been lost.
 * Retransmissions are judged by the same rule, so a lost one is found without a timeout.
 */
#include "dataplane/tcp/tcp_priv.h"

#define REO_PERSIST 16 /* recoveries after which a widened window goes back (§6.2 step 4) */
#define REO_MULT    16 /* the widest */

/* RACK_sent_after() */
static bool sent_after(uint32_t us1, uint32_t end1, uint32_t us2, uint32_t end2)
{
	return seq_lt(us2, us1) || (us1 == us2 && seq_lt(end2, end1));
}

void tcp_rack_delivered(struct tcp_conn *c, const struct tcp_rec *rec)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t end = rec->seq + rec->len, rtt_us = c->stack->now_us - rec->sent_us;

	/* Step 2: what may be the answer to an earlier transmission says nothing. */
	if (rec->flags & TCP_REC_KARN) {
		if (tcp_echo_older(c, rtt_us) || rtt_us < c->min_rtt_us)
			return;
	}
	if (!cold->rack_known ||
		sent_after(rec->sent_us, end, cold->rack_sent_us, cold->rack_end)) {
		cold->rack_sent_us = rec->sent_us;
		cold->rack_end = end;
		cold->rack_rtt_us = rtt_us;
	}
	/* Step 3: below the highest delivered and never sent again: it was overtaken. */
	if (!cold->rack_known || seq_lt(cold->rack_fack, c->snd_una))
		cold->rack_fack = c->snd_una;
	if (seq_lt(cold->rack_fack, end))
		cold->rack_fack = end;
	else if (seq_lt(end, cold->rack_fack) && !(rec->flags & TCP_REC_KARN) &&
		 seq_lt(c->snd_una, cold->rack_fack))
		cold->rack_reordered = true;
	cold->rack_known = true;
}

void tcp_rack_dsack(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	/* Step 4: once a round trip. */
	if (cold->rack_round && cold->rack_round_end != c->snd_una &&
		cold->rack_round_end - c->snd_una <= c->snd_nxt - c->snd_una)
		return;
	cold->rack_round = true;
	cold->rack_round_end = c->snd_nxt;
	cold->rack_persist = REO_PERSIST;
	if (cold->rack_mult < REO_MULT)
		cold->rack_mult++;
}

void tcp_rack_recovered(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (cold->rack_persist > 0 && --cold->rack_persist == 0)
		cold->rack_mult = 0;
}

/* RACK_update_reo_wnd() */
static uint32_t reo_window_us(const struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold(c);
	uint32_t rtt_us = c->min_rtt_us > 0 ? c->min_rtt_us : c->srtt / 8;
	uint32_t wnd_us = rtt_us / 4 * (cold->rack_mult + 1u);

	if (!cold->rack_reordered && (c->recovery != TCP_OPEN || cold->sack_segs >= TCP_DUP_THRESH))
		return 0;
	return wnd_us < c->srtt / 8 ? wnd_us : c->srtt / 8;
}

/* §6.3, RACK_mark_losses_on_RTO(); before anything is known, all is lost (RFC 6298 §5.4). */
uint32_t tcp_rack_patience_us(const struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold(c);

	return cold->rack_known ? cold->rack_rtt_us + reo_window_us(c) : 0;
}

/* Whether @p rec left before what was delivered. What was sent again in the same instant as new
 * data is not taken to be before it, whatever its number. */
static bool sent_before(const struct tcp_cold *cold, const struct tcp_rec *rec)
{
	if ((rec->flags & TCP_REC_KARN) && rec->sent_us == cold->rack_sent_us)
		return false;
	return sent_after(cold->rack_sent_us, cold->rack_end, rec->sent_us, rec->seq + rec->len);
}

/* Step 5. @return microseconds after which more may be lost; 0 for never */
static uint32_t rack_detect(struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold(c);
	uint32_t wait_us = cold->rack_rtt_us + reo_window_us(c), longest_us = 0;

	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next) {
		struct tcp_rec *rec = &c->stack->recs[i];
		int32_t rest_us;

		if ((rec->flags & TCP_REC_SACK) || tcp_rec_resend_due(rec))
			continue;
		if (!sent_before(cold, rec)) {
			/* In order of their sending, but for what was sent again. */
			if (!(rec->flags & TCP_REC_KARN) && c->recovery != TCP_LOSS)
				break;
			continue;
		}
		rest_us = (int32_t)(rec->sent_us + wait_us - c->stack->now_us);
		if (rest_us <= 0)
			tcp_rec_mark_lost(c, rec);
		else if ((uint32_t)rest_us > longest_us)
			longest_us = (uint32_t)rest_us;
	}
	return longest_us;
}

void tcp_rack_detect(struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold(c);
	uint32_t wait_us = 0;

	if (cold->rack_known && c->rec_head != TCP_NIL &&
		(cold->sack_segs > 0 || c->recovery != TCP_OPEN))
		wait_us = rack_detect(c);
	if (wait_us > 0 && wait_us / 1000 + 1 < c->rto_ms) {
		c->flags = (c->flags & ~TCP_F_PTO) | TCP_F_REO;
		tcp_timer_set(c, TCP_TIMER_RTX, wait_us / 1000 + 1);
	} else if (c->flags & TCP_F_REO) {
		tcp_timer_rtx(c);
	}
}
