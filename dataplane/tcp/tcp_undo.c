/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needless recovery taken back (RFC 2883 §4, RFC 3708 §3, RFC 9438 §4.9): when a D-SACK came for
 * each segment that a recovery sent again, nothing had been lost; a path that only reorders or
 * delays does not cost the window. A peer that reports duplicates that it did not get wins no more
 * than the window that it had.
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

void tcp_undo_note(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	cold->undo_known = true;
	cold->undo_resent = cold->undo_twice = 0;
	cold->undo_una = c->snd_una;
	cold->undo_end = c->snd_nxt;
	cold->undo_cwnd = c->cwnd;
	cold->undo_ssthresh = c->ssthresh;
	memcpy(cold->undo_cc, cold->cc, sizeof(cold->cc));
}

void tcp_undo_twice(struct tcp_conn *c, const struct tcp_range *r)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (cold->undo_known && seq_le(cold->undo_una, r->left) &&
		seq_le(r->right, cold->undo_end) && cold->undo_twice < UINT16_MAX)
		cold->undo_twice++;
}

void tcp_undo_try(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (!cold->undo_known || cold->undo_resent == 0 || cold->undo_twice < cold->undo_resent)
		return;
	cold->undo_known = false;
	if (c->cwnd < cold->undo_cwnd)
		c->cwnd = cold->undo_cwnd;
	c->ssthresh = cold->undo_ssthresh;
	memcpy(cold->cc, cold->undo_cc, sizeof(cold->cc));
	c->stack->count->undos++;
}
