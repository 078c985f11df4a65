/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tail loss probe (RFC 8985 §7): when the end of a flight stays unanswered for two round trips,
 * more is sent, new or the last segment again, so that its acknowledgement starts fast recovery
 * where otherwise a timeout would.
 *
 * Of new data two segments go, not one (§7.3): if all that was lost is the flight's only ACK, the
 * receiver has nothing out of order and waits 40 ms and more before it acknowledges a single
 * segment (RFC 5681 §4.2). RFC 3042 lets as many go beyond cwnd.
 */
#include "dataplane/tcp/tcp_priv.h"

void tcp_tlp_fire(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t before = c->snd_nxt;

	c->flags &= ~TCP_F_PTO;
	if (tcp_out_probe(c)) {
		cold->tlp_active = true;
		cold->tlp_again = c->snd_nxt == before;
		cold->tlp_end = c->snd_nxt;
		c->stack->count->tail_probes++;
		tcp_loss_flag(c);
	}
	tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
}

void tcp_tlp_acked(struct tcp_conn *c, const struct tcp_ack_news *news)
{
	struct tcp_cold *cold = tcp_cold(c);

	/* §7.4.2. */
	if (seq_lt(c->snd_una, cold->tlp_end))
		return;
	if (!cold->tlp_again || news->dsack) {
		cold->tlp_active = false; /* nothing was lost */
	} else if (seq_lt(cold->tlp_end, c->snd_una)) {
		/* The probe repaired a loss that nobody else will notice: it costs all the same. */
		cold->tlp_active = false;
		if (c->recovery != TCP_OPEN)
			return;
		c->ssthresh = c->stack->cc->ssthresh(c, c->cwnd);
		c->cwnd = c->ssthresh < c->cwnd ? c->ssthresh : c->cwnd;
		tcp_ecn_reduced(c);
	} else if (news->dup) {
		cold->tlp_active = false;
	}
}
