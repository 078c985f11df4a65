/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all congestion control has in common: slow start (RFC 5681 §3.1) with bytes counted instead
 * of ACKs (RFC 3465), because a peer that acknowledges many segments at once would hold the window
 * down otherwise, and a bound beyond which a window is no use.
 */
#include "dataplane/tcp/tcp_priv.h"

#define SLOW_START_SEGS 8 /* most growth for one ACK, in segments: bounds the burst that follows */

const struct tcp_cc_ops *tcp_cc_find(enum tcp_congestion which)
{
	return which == TCP_CONGESTION_NEWRENO ? &tcp_newreno : &tcp_cubic;
}

bool tcp_cc_full(const struct tcp_conn *c)
{
	/* More than there can ever be in flight could overflow. */
	return c->cwnd >= 2 * c->stack->config.snd_buf_bytes + TCP_INITIAL_SEGS * c->mss;
}

bool tcp_cc_slow_start(struct tcp_conn *c, uint32_t bytes)
{
	uint32_t most = (c->recovery == TCP_LOSS ? 1 : SLOW_START_SEGS) * c->mss;

	if (c->cwnd >= c->ssthresh)
		return false;
	c->cwnd += bytes < most ? bytes : most;
	return true;
}
