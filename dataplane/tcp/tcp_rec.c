/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of what is sent and not yet acknowledged: one for each segment, with its time and its
 * fate. They are the scoreboard of RFC 6675 and the source of RTT samples (RFC 6298, Karn), and
 * carry what RACK (RFC 8985) needs. c->pipe is kept equal to the bytes in records that are neither
 * SACKed nor lost and not sent again; it changes nowhere else.
 *
 * Records are shared by all connections. A connection's first is always to be had, so that none can
 * be kept from sending for ever; the others it gets as long as there are some.
 */
#include "dataplane/tcp/tcp_priv.h"

/* Bytes of the record that count as being in the network. */
static uint32_t rec_pipe(const struct tcp_rec *rec)
{
	if (rec->flags & TCP_REC_SACK)
		return 0;
	if ((rec->flags & (TCP_REC_LOST | TCP_REC_RETX)) == TCP_REC_LOST)
		return 0;
	return rec->len;
}

static uint32_t rec_alloc(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	uint32_t index = s->rec_free;

	if (c->rec_head != TCP_NIL) {
		if (s->rec_extra == 0)
			return TCP_NIL;
		s->rec_extra--;
	}
	s->rec_free = tcp_free_next(index, s->recs[index].next, s->rec_limit);
	return index;
}

/* Give back the first record. */
static void rec_pop(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	uint32_t index = c->rec_head;

	c->rec_head = s->recs[index].next;
	if (c->rec_head == TCP_NIL)
		c->rec_tail = TCP_NIL;
	else
		s->rec_extra++;
	s->recs[index].next = tcp_free_link(index, s->rec_free, s->rec_limit);
	s->rec_free = index;
}

/* Take the record out of every count, before it changes or goes. */
static void rec_uncount(struct tcp_conn *c, const struct tcp_rec *rec)
{
	c->pipe -= rec_pipe(rec);
	if (rec->flags & TCP_REC_SACK) {
		tcp_cold(c)->sack_bytes -= rec->len;
		tcp_cold(c)->sack_segs -= 1u + rec->joined;
	} else if (tcp_rec_resend_due(rec)) {
		tcp_cold(c)->lost_segs--;
	}
}

static void rec_count(struct tcp_conn *c, const struct tcp_rec *rec)
{
	c->pipe += rec_pipe(rec);
	if (rec->flags & TCP_REC_SACK) {
		tcp_cold(c)->sack_bytes += rec->len;
		tcp_cold(c)->sack_segs += 1u + rec->joined;
	} else if (tcp_rec_resend_due(rec)) {
		tcp_cold(c)->lost_segs++;
	}
}

bool tcp_rec_append(struct tcp_conn *c, uint16_t len, bool fin)
{
	uint32_t index = rec_alloc(c);
	struct tcp_rec *rec;

	if (index == TCP_NIL)
		return false;
	rec = &c->stack->recs[index];
	*rec = (struct tcp_rec){ .seq = c->snd_nxt,
		.sent_us = c->stack->now_us,
		.next = TCP_NIL,
		.len = len,
		.flags = fin ? TCP_REC_FIN : 0 };
	if (c->rec_head == TCP_NIL)
		c->rec_head = index;
	else
		c->stack->recs[c->rec_tail].next = index;
	c->rec_tail = index;
	c->pipe += len;
	return true;
}

/* The round trip of a segment that was sent again, last @p age_us ago: the peer's echo has to name
 * that transmission (RFC 6298 §3, RFC 7323 §4.1). An older one may come from a path that became
 * slower, but as well from a duplicate, when the first ACK was lost: its age is that of the
 * timeout, and taken for a round trip it would make the next one longer and longer. */
static uint32_t rtt_of_resent(const struct tcp_conn *c, uint32_t age_us)
{
	if (tcp_cold(c)->echo == 0 || tcp_echo_older(c, age_us) || age_us < c->min_rtt_us)
		return UINT32_MAX;
	return age_us;
}

void tcp_rec_ack(struct tcp_conn *c, uint32_t ack, uint32_t *rtt_us)
{
	uint32_t resent_us = UINT32_MAX;

	*rtt_us = UINT32_MAX;
	while (c->rec_head != TCP_NIL) {
		struct tcp_rec *rec = &c->stack->recs[c->rec_head];

		if (seq_le(ack, rec->seq))
			break;
		rec_uncount(c, rec);
		if (seq_lt(ack, rec->seq + rec->len)) {
			rec->len = (uint16_t)(rec->seq + rec->len - ack);
			rec->seq = ack;
			rec_count(c, rec);
			break;
		}
		/* A SACKed one was received some time ago: its age is no round trip. The oldest of
		 * the others is taken, so that the peer's delay of ACKs is in the sample. */
		if (unlikely((rec->flags & TCP_REC_KARN) && resent_us == UINT32_MAX))
			resent_us = c->stack->now_us - rec->sent_us;
		if (unlikely((c->flags & (TCP_F_LOSS | TCP_F_SACK)) == (TCP_F_LOSS | TCP_F_SACK)) &&
			!(rec->flags & TCP_REC_SACK))
			tcp_rack_delivered(c, rec);
		if (*rtt_us == UINT32_MAX && !(rec->flags & TCP_REC_SACK)) {
			*rtt_us = c->stack->now_us - rec->sent_us;
			c->flags |= rec->len >= c->mss ? TCP_F_WIDE_ACKED : 0;
		}
		rec_pop(c);
	}
	/* Without SACK, what follows a repaired hole was received long before, too. */
	if (unlikely(resent_us != UINT32_MAX))
		*rtt_us = rtt_of_resent(c, resent_us);
}

bool tcp_rec_split(struct tcp_conn *c, struct tcp_rec *rec, uint16_t len)
{
	uint32_t self = (uint32_t)(rec - c->stack->recs);
	uint32_t index = rec_alloc(c);
	struct tcp_rec *rest;

	if (index == TCP_NIL)
		return false;
	rec_uncount(c, rec);
	rest = &c->stack->recs[index];
	*rest = *rec;
	rest->seq += len;
	rest->len = (uint16_t)(rec->len - len);
	rec->len = len;
	rec->joined = rest->joined = 0;
	rec->flags &= (uint8_t)~TCP_REC_FIN;
	rec->next = index;
	if (c->rec_tail == self)
		c->rec_tail = index;
	rec_count(c, rec);
	rec_count(c, rest);
	return true;
}

bool tcp_rec_join(struct tcp_conn *c, struct tcp_rec *before, struct tcp_rec *rec)
{
	const uint8_t apart = TCP_REC_FIN | TCP_REC_PROBE;
	struct tcp_stack *s = c->stack;
	uint32_t index = before->next;

	if (!(before->flags & rec->flags & TCP_REC_SACK) ||
		((before->flags | rec->flags) & apart) || before->len + rec->len > UINT16_MAX ||
		before->joined + rec->joined >= UINT8_MAX)
		return false;
	/* The times of segments that were sent once are not asked for any more. */
	if ((rec->flags & TCP_REC_KARN) &&
		(!(before->flags & TCP_REC_KARN) || (int32_t)(rec->sent_us - before->sent_us) > 0))
		before->sent_us = rec->sent_us;
	before->flags |= rec->flags & TCP_REC_KARN;
	before->len = (uint16_t)(before->len + rec->len);
	before->joined = (uint8_t)(before->joined + rec->joined + 1);
	before->next = rec->next;
	if (c->rec_tail == index)
		c->rec_tail = (uint32_t)(before - s->recs);
	rec->next = tcp_free_link(index, s->rec_free, s->rec_limit);
	s->rec_free = index;
	s->rec_extra++;
	return true;
}

static void rec_set(struct tcp_conn *c, struct tcp_rec *rec, uint8_t on, uint8_t off)
{
	rec_uncount(c, rec);
	rec->flags = (uint8_t)((rec->flags & ~off) | on);
	rec_count(c, rec);
}

void tcp_rec_mark_lost(struct tcp_conn *c, struct tcp_rec *rec)
{
	rec_set(c, rec, TCP_REC_LOST, TCP_REC_RETX);
}

void tcp_rec_mark_sacked(struct tcp_conn *c, struct tcp_rec *rec)
{
	rec_set(c, rec, TCP_REC_SACK, 0);
}

void tcp_rec_mark_resent(struct tcp_conn *c, struct tcp_rec *rec)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (cold->undo_resent < UINT16_MAX)
		cold->undo_resent++;
	rec->sent_us = c->stack->now_us;
	rec_set(c, rec, TCP_REC_RETX | TCP_REC_KARN, TCP_REC_PROBE);
}

void tcp_rec_timeout(struct tcp_conn *c, uint32_t patience_us, bool renege)
{
	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next) {
		struct tcp_rec *rec = &c->stack->recs[i];

		if (i != c->rec_head && c->stack->now_us - rec->sent_us < patience_us)
			continue;
		if (renege || !(rec->flags & TCP_REC_SACK)) {
			rec_set(c, rec, TCP_REC_LOST, TCP_REC_RETX | TCP_REC_SACK);
			rec->joined = 0;
		}
	}
	tcp_cold(c)->reno_bytes = 0;
}

struct tcp_rec *tcp_rec_lost(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_LOSS) || tcp_cold(c)->lost_segs == 0)
		return NULL;
	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next)
		if (tcp_rec_resend_due(&c->stack->recs[i]))
			return &c->stack->recs[i];
	return NULL;
}

void tcp_rec_free_all(struct tcp_conn *c)
{
	while (c->rec_head != TCP_NIL)
		rec_pop(c);
	c->pipe = 0;
}
