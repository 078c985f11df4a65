/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ACK for segments that come close together (RFC 5681 §4.2 lets a receiver do so in a burst; a
 * poll loop sees no bursts, as it is back before the next segment). In order, and without a loss
 * lately, the ACK goes when so many have come, or so long after it became due. All wait equally
 * long, so they stand in a queue.
 */
#include "dataplane/tcp/tcp_priv.h"

#define LINKS(s) (&(s)->cold[0].link), sizeof(struct tcp_cold)

void tcp_stretch_begin(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (c->flags & TCP_F_STRETCH)
		return;
	c->flags |= TCP_F_STRETCH;
	tcp_cold(c)->stretch_us = s->now_us + TCP_STRETCH_US;
	tcp_fifo_put(&s->stretched, LINKS(s), tcp_conn_index(c));
}

void tcp_stretch_over(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (!(c->flags & TCP_F_STRETCH))
		return;
	c->flags &= ~TCP_F_STRETCH;
	tcp_fifo_remove(&s->stretched, LINKS(s), tcp_conn_index(c));
}

bool tcp_stretch_next(const struct tcp_stack *s, uint32_t *at_us)
{
	if (s->stretched.head == TCP_NIL)
		return false;
	*at_us = s->cold[s->stretched.head].stretch_us;
	return true;
}

void tcp_stretch_timers(struct tcp_stack *s)
{
	uint32_t at;

	while (tcp_stretch_next(s, &at) && seq_le(at, s->now_us)) {
		struct tcp_conn *c = &s->conns[s->stretched.head];

		tcp_stretch_over(c);
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_output(c);
	}
}
