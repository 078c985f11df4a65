/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack's invariants, walked in full: for tests and the simulation, which call it after every
 * step. A worker never does.
 */
#include "dataplane/tcp/tcp_priv.h"

static const char *check_records(const struct tcp_conn *c, uint32_t *count)
{
	const struct tcp_cold *cold = tcp_cold(c);
	uint32_t pipe = 0, sack_bytes = 0, sack_segs = 0, lost = 0, next = c->snd_una;
	uint32_t last = TCP_NIL;

	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next) {
		const struct tcp_rec *rec = &c->stack->recs[i];

		if (rec->seq != next)
			return "records are not contiguous from snd_una";
		if (rec->len == 0)
			return "a record is empty";
		next += rec->len;
		last = i;
		(*count)++;
		if (rec->flags & TCP_REC_SACK) {
			sack_bytes += rec->len;
			sack_segs += 1u + rec->joined;
		} else if ((rec->flags & (TCP_REC_LOST | TCP_REC_RETX)) == TCP_REC_LOST) {
			lost++;
		} else {
			pipe += rec->len;
		}
	}
	if (last != c->rec_tail)
		return "the last record is not the tail";
	if (c->state >= TCP_ESTABLISHED && next != c->snd_nxt)
		return "records do not end at snd_nxt";
	if (pipe != c->pipe)
		return "pipe differs from its records";
	if (sack_bytes != cold->sack_bytes || sack_segs != cold->sack_segs)
		return "SACK counts differ from the records";
	if (lost != cold->lost_segs)
		return "the count of lost segments differs from the records";
	if ((lost > 0 || sack_segs > 0) && !(c->flags & TCP_F_LOSS))
		return "the fast path would not see a loss";
	return NULL;
}

static const char *check_queues(const struct tcp_conn *c)
{
	uint32_t bytes = 0, unsent = 0;
	bool reached = false;
	uint32_t segs = 0;

	for (const struct rte_mbuf *m = c->sq_head; m != NULL; m = m->next) {
		bytes += m->data_len;
		segs++;
		reached |= m == c->sq_next;
		unsent += reached ? m->data_len : 0;
		if (m->next == NULL && m != c->sq_tail)
			return "the last mbuf of the send queue is not the tail";
	}
	if (segs != c->sq_mbufs)
		return "sq_mbufs differs from the queue";
	if (bytes - c->sq_off != c->sq_bytes)
		return "sq_bytes differs from the queue";
	if (c->unsent != (c->sq_next != NULL ? unsent - c->next_off : 0))
		return "unsent differs from the queue";
	bytes = segs = 0;
	for (const struct rte_mbuf *m = c->rq_head; m != NULL; m = m->next) {
		bytes += m->data_len;
		segs++;
		if (m->next == NULL && m != c->rq_tail)
			return "the last mbuf of the receive queue is not the tail";
	}
	if (c->rq_head != NULL && (c->rq_head->pkt_len != bytes || c->rq_head->nb_segs != segs))
		return "the receive queue's head does not describe the chain";
	return NULL;
}

static const char *check_ooo(const struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold(c);
	uint32_t next = c->rcv_nxt, count = 0;

	for (struct rte_mbuf *m = cold->ooo_head; m != NULL; m = tcp_ooo(m)->next) {
		if (count == 0 ? !seq_lt(next, tcp_ooo(m)->seq) : seq_lt(tcp_ooo(m)->seq, next))
			return "out-of-order segments overlap or are in order";
		if (tcp_ooo(m)->len != m->pkt_len)
			return "an out-of-order segment's length is wrong";
		next = tcp_ooo(m)->seq + tcp_ooo(m)->len;
		count++;
		if (tcp_ooo(m)->next == NULL && m != cold->ooo_tail)
			return "the last out-of-order segment is not the tail";
	}
	if (count != cold->ooo_count || count > tcp_ooo_most(c->stack))
		return "the count of out-of-order segments is wrong";
	if ((count > 0) > ((c->flags & TCP_F_OOO) != 0))
		return "the fast path would not see the out-of-order queue";
	for (unsigned i = 0; i < cold->range_count; i++)
		if (!seq_lt(c->rcv_nxt, cold->range[i].left) ||
			!seq_lt(cold->range[i].left, cold->range[i].right))
			return "a SACK range is empty or in order";
	return NULL;
}

static const char *check_conn(const struct tcp_conn *c)
{
	if (c->state < TCP_ESTABLISHED)
		return NULL;
	if (seq_lt(c->snd_nxt, c->snd_una))
		return "snd_una is beyond snd_nxt";
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		return "rcv_nxt is beyond the window";
	if (c->rcv_adv - c->rcv_nxt > c->stack->config.rcv_buf_bytes &&
		c->rcv_adv - c->rcv_nxt > UINT16_MAX)
		return "the window is larger than the buffer";
	if (c->cwnd < c->mss || c->mss == 0)
		return "cwnd is below a segment";
	if (c->rec_head != TCP_NIL && !(c->armed & (1u << TCP_TIMER_RTX)) &&
		!(c->flags & TCP_F_ON_OUTPUT))
		return "data is in flight without a timer";
	if (c->rec_head == TCP_NIL && c->unsent > 0 && !(c->armed & (1u << TCP_TIMER_RTX)) &&
		!(c->flags & TCP_F_ON_OUTPUT))
		return "data waits without a timer";
	if (c->rcv_nxt != c->ack_sent && !(c->armed & (1u << TCP_TIMER_ACK)) &&
		!(c->flags & (TCP_F_STRETCH | TCP_F_ON_OUTPUT)))
		return "an ACK is owed and nothing will send it";
	if (c->armed != 0 && !tcp_wheel_armed(&c->node))
		return "a timer is set and the wheel does not know";
	return NULL;
}

const char *tcp_stack_check(const struct tcp_stack *s)
{
	uint32_t blocks = 0;

	for (uint32_t i = 0; i < s->config.connection_limit; i++) {
		const struct tcp_conn *c = &s->conns[i];
		uint32_t records = 0;
		const char *wrong = NULL;

		if (c->state != TCP_FREE || (c->flags & (TCP_F_ON_READY | TCP_F_ON_OUTPUT)))
			blocks++;
		if (c->state == TCP_FREE)
			continue;
		if ((c->state == TCP_SYN_SENT) != ((c->flags & TCP_F_CONNECTING) != 0))
			return "the list of connects is not of those in SYN-SENT";
		if (c->state > TCP_CLOSED) {
			wrong = check_records(c, &records);
			if (wrong == NULL)
				wrong = check_conn(c);
		}
		if (wrong == NULL)
			wrong = check_queues(c);
		if (wrong == NULL)
			wrong = check_ooo(c);
		if (wrong != NULL)
			return wrong;
	}
	return blocks == s->conn_count ? NULL : "connections are counted wrongly";
}
