/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explicit congestion notification (RFC 3168): what a router would drop it marks, the receiver
 * echoes the mark until it hears that the sender slowed down. New data alone can be marked: never
 * what goes again, a pure ACK or a probe. A mark costs what a loss does (RFC 9438 §4.6), once a
 * window, and nothing goes again.
 */
#include "dataplane/tcp/tcp_priv.h"

/* §6.1.1. Whoever writes into the IP header of a SYN, where no sender may set a codepoint, would do
 * so to data as well. */
bool tcp_ecn_offered(const struct tcp_seg *seg)
{
	uint8_t setup = seg->flags & TCP_ACK ? TCP_ECE : TCP_ECE | TCP_CWR;

	return (seg->flags & (TCP_ECE | TCP_CWR)) == setup && net_meta(seg->m)->ecn == 0;
}

/* §6.1.3; a mark on what carries no data is not the network's (§6.1.4). */
void tcp_ecn_in(struct tcp_conn *c, const struct tcp_seg *seg)
{
	if (seg->len == 0)
		return;
	if (seg->flags & TCP_CWR)
		c->flags &= ~TCP_F_ECHO;
	if (seg->flags & TCP_SEG_CE) {
		c->flags |= TCP_F_ECHO;
		c->stack->count->ce_segs_in++;
	}
}

void tcp_ecn_reduced(struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_ECN))
		return;
	c->flags |= TCP_F_CWR;
	tcp_cold(c)->ecn_end = c->snd_nxt;
}

/* §6.1.2: once a window, which is over when the segment with CWR is acknowledged. Recovery is such
 * a reduction, too. */
void tcp_ecn_echoed(struct tcp_conn *c, uint32_t acked)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t flight = c->snd_nxt - c->snd_una;

	if (cold->ecn_end - c->snd_una <= flight)
		return;
	flight += acked;
	c->ssthresh = c->stack->cc->ssthresh(c, flight < c->cwnd ? flight : c->cwnd);
	if (c->ssthresh < c->cwnd)
		c->cwnd = c->ssthresh;
	tcp_ecn_reduced(c);
	c->stack->count->ecn_reductions++;
}
