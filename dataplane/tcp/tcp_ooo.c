/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out-of-order queue: segments that lie beyond rcv_nxt, in order of sequence and without overlap,
 * linked through their mbufs' private areas. Small ones are copied behind the one that they follow,
 * and few are kept that follow none. Bounded in segments, and while the pool is low closed and
 * given up, the oldest first: a peer that keeps a hole open must not hold the worker's memory. Nor
 * its time: a place that lies far from both ends is not looked for. The ranges for SACK blocks are
 * kept beside it, the newest first (RFC 2018 §4).
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

static uint32_t ooo_end(struct rte_mbuf *m)
{
	return tcp_ooo(m)->seq + tcp_ooo(m)->len;
}

/* Add [left, right) to the SACK ranges: merge what it touches, put the result first. */
static void range_add(struct tcp_cold *cold, uint32_t left, uint32_t right)
{
	struct tcp_range kept[TCP_SACK_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < cold->range_count; i++) {
		struct tcp_range r = cold->range[i];

		if (seq_le(r.left, right) && seq_le(left, r.right)) {
			left = seq_lt(r.left, left) ? r.left : left;
			right = seq_lt(right, r.right) ? r.right : right;
		} else if (n < TCP_SACK_MAX - 1) {
			kept[n++] = r;
		}
	}
	cold->range[0] = (struct tcp_range){ left, right };
	memcpy(cold->range + 1, kept, n * sizeof(kept[0]));
	cold->range_count = (uint8_t)(n + 1);
}

/* Forget ranges that rcv_nxt has reached. */
static void range_trim(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	unsigned n = 0;

	for (unsigned i = 0; i < cold->range_count; i++)
		if (seq_lt(c->rcv_nxt, cold->range[i].left))
			cold->range[n++] = cold->range[i];
	cold->range_count = (uint8_t)n;
}

#define LINKS(s) (&(s)->cold[0].ooo_link), sizeof(struct tcp_cold)

static void ooo_count(struct tcp_conn *c, int change)
{
	struct tcp_cold *cold = tcp_cold(c);
	bool before = cold->ooo_count > 0;

	cold->ooo_count = (uint16_t)(cold->ooo_count + change);
	if (before == (cold->ooo_count > 0))
		return;
	if (before)
		tcp_fifo_remove(&c->stack->ooo, LINKS(c->stack), tcp_conn_index(c));
	else
		tcp_fifo_put(&c->stack->ooo, LINKS(c->stack), tcp_conn_index(c));
}

static void ooo_flag(struct tcp_conn *c)
{
	if (tcp_cold(c)->ooo_head != NULL || tcp_cold(c)->fin_ahead)
		c->flags |= TCP_F_OOO;
	else
		c->flags &= ~TCP_F_OOO;
}

/* The last queued segment that begins at or before @p seq, or NULL. The tail is tried first: most
 * segments after a hole come in order; and what is sent again begins with the first hole.
 * @return false when it is too far from both */
static bool ooo_before(struct tcp_cold *cold, uint32_t seq, struct rte_mbuf **prev)
{
	uint32_t steps = 0;

	*prev = cold->ooo_tail;
	if (cold->ooo_tail != NULL && seq_le(tcp_ooo(cold->ooo_tail)->seq, seq))
		return true;
	*prev = NULL;
	for (struct rte_mbuf *m = cold->ooo_head; m != NULL; m = tcp_ooo(m)->next) {
		if (seq_lt(seq, tcp_ooo(m)->seq))
			break;
		if (++steps > TCP_OOO_STEPS)
			return false;
		*prev = m;
	}
	return true;
}

/* Free the segments after @p prev that end at or before @p end. @return the next one that
 * remains */
static struct rte_mbuf *ooo_swallow(struct tcp_conn *c, struct rte_mbuf *next, uint32_t end)
{
	while (next != NULL && seq_le(ooo_end(next), end)) {
		struct rte_mbuf *gone = next;

		next = tcp_ooo(gone)->next;
		ooo_count(c, -1);
		net_drop(c->stack->net, gone, DROP_TCP_DUPLICATE);
	}
	return next;
}

/* Whether the queue takes one more. Small segments that follow none cost an mbuf for next to
 * nothing. */
static bool ooo_takes(const struct tcp_conn *c, uint32_t len)
{
	uint32_t most = len < TCP_HOLD_BYTES ? TCP_OOO_SMALL : tcp_ooo_most(c->stack);

	return tcp_cold(c)->ooo_count < most;
}

/* Whether a small segment can be copied behind the one that it follows. */
static bool ooo_packs(struct rte_mbuf *prev, const struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	return prev != NULL && ooo_end(prev) == seq && len < TCP_HOLD_BYTES && prev->nb_segs == 1 &&
	       tcp_chain_packs(prev, m);
}

static void ooo_pack(struct tcp_conn *c, struct rte_mbuf *prev, struct rte_mbuf *m, uint32_t len)
{
	tcp_chain_pack(prev, m);
	prev->pkt_len += len;
	tcp_ooo(prev)->len += len;
	c->stack->count->copied_payloads++;
	rte_pktmbuf_free(m);
}

static void ooo_link(struct tcp_conn *c, struct rte_mbuf *prev, struct rte_mbuf *m)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (prev != NULL)
		tcp_ooo(prev)->next = m;
	else
		cold->ooo_head = m;
	if (tcp_ooo(m)->next == NULL)
		cold->ooo_tail = m;
	ooo_count(c, 1);
}

/* Let go of the segments after @p prev that the new one covers. @return the next one that
 * remains */
static struct rte_mbuf *ooo_make_room(struct tcp_conn *c, struct rte_mbuf *prev, uint32_t end)
{
	struct tcp_cold *cold = tcp_cold(c);
	struct rte_mbuf *next =
		ooo_swallow(c, prev != NULL ? tcp_ooo(prev)->next : cold->ooo_head, end);

	if (prev != NULL)
		tcp_ooo(prev)->next = next;
	else
		cold->ooo_head = next;
	if (next == NULL)
		cold->ooo_tail = prev;
	return next;
}

/* Queue a segment that begins behind @p prev. */
static void ooo_put(
	struct tcp_conn *c, struct rte_mbuf *prev, struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	struct tcp_cold *cold = tcp_cold(c);
	bool packs = ooo_packs(prev, m, seq, len);
	struct rte_mbuf *next;

	if (!packs && !ooo_takes(c, len)) {
		net_drop(c->stack->net, m, DROP_TCP_OOO_FULL);
		return;
	}
	next = ooo_make_room(c, prev, seq + len);
	/* What comes again in other pieces may lie across two that are here. */
	if (next != NULL && seq_le(tcp_ooo(next)->seq, seq)) {
		tcp_rcv_twice(c, seq, seq + len);
		range_add(cold, seq, seq + len);
		net_drop(c->stack->net, m, DROP_TCP_DUPLICATE);
		return;
	}
	if (next != NULL && seq_lt(tcp_ooo(next)->seq, seq + len)) {
		uint32_t excess = seq + len - tcp_ooo(next)->seq;

		tcp_chain_cut_back(m, excess);
		len -= excess;
	}
	if (packs) {
		ooo_pack(c, prev, m, len);
	} else {
		*tcp_ooo(m) = (struct tcp_ooo){ .next = next, .seq = seq, .len = len };
		ooo_link(c, prev, m);
	}
	c->stack->count->ooo_segs++;
	range_add(cold, seq, seq + len);
	ooo_flag(c);
}

void tcp_ooo_insert(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	struct tcp_cold *cold = tcp_cold(c);
	struct rte_mbuf *prev;

	if (c->stack->pool_state != TCP_POOL_FINE || !ooo_before(cold, seq, &prev)) {
		net_drop(c->stack->net, m, DROP_TCP_OOO_FULL);
		return;
	}
	if (prev != NULL && seq_lt(seq, ooo_end(prev))) {
		uint32_t known = ooo_end(prev) - seq;

		tcp_rcv_twice(c, seq, seq + (known < len ? known : len));
		if (known >= len) {
			range_add(cold, seq, seq + len);
			net_drop(c->stack->net, m, DROP_TCP_DUPLICATE);
			return;
		}
		m = tcp_chain_cut_front(m, known);
		seq += known;
		len -= known;
	}
	ooo_put(c, prev, m, seq, len);
}

void tcp_ooo_deliver(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	while (cold->ooo_head != NULL && seq_le(tcp_ooo(cold->ooo_head)->seq, c->rcv_nxt)) {
		struct rte_mbuf *m = cold->ooo_head;
		uint32_t end = ooo_end(m), known = c->rcv_nxt - tcp_ooo(m)->seq;
		uint32_t len = tcp_ooo(m)->len;

		cold->ooo_head = tcp_ooo(m)->next;
		ooo_count(c, -1);
		if (seq_le(end, c->rcv_nxt)) {
			net_drop(c->stack->net, m, DROP_TCP_DUPLICATE);
			continue;
		}
		if (known > 0)
			m = tcp_chain_cut_front(m, known);
		tcp_rcv_append(c, m, len - known);
	}
	if (cold->ooo_head == NULL)
		cold->ooo_tail = NULL;
	range_trim(c);
	ooo_flag(c);
}

/* Free what is queued, and tell of none of it any more. */
static void ooo_forget(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	while (cold->ooo_head != NULL) {
		struct rte_mbuf *m = cold->ooo_head;

		cold->ooo_head = tcp_ooo(m)->next;
		rte_pktmbuf_free(m);
	}
	ooo_count(c, -cold->ooo_count);
	cold->ooo_tail = NULL;
	cold->range_count = 0;
	ooo_flag(c);
}

void tcp_ooo_free(struct tcp_conn *c)
{
	tcp_cold(c)->fin_ahead = false;
	ooo_forget(c);
}

void tcp_ooo_timers(struct tcp_stack *s)
{
	struct tcp_conn *c;

	if (likely(s->pool_state == TCP_POOL_FINE || s->ooo.head == TCP_NIL))
		return;
	c = &s->conns[s->ooo.head];
	s->count->ooo_forgotten += tcp_cold(c)->ooo_count;
	ooo_forget(c);
}
