/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of a connection, once a loop: what is lost, then what is new as far as both windows allow
 * (RFC 9293 §3.8.6.2.1 for small ones, RFC 6675 for the pipe), then the ACK that is still owed if
 * nothing took it along. There is no Nagle delay: all that an application wrote in a loop leaves
 * together.
 */
#include <rte_prefetch.h>

#include "dataplane/tcp/tcp_priv.h"

#define FAR_AHEAD  6 /* connections; see fetch_ahead() */
#define NEAR_AHEAD 3

static void segment_send(struct tcp_conn *c, struct rte_mbuf *m, uint8_t ecn)
{
	struct tcp_stack *s = c->stack;

	s->count->segs_out++;
	net_output_tcp(s->net, &c->path, &c->remote, m, ecn, s->now_ns);
}

/* The pool is empty: come back soon. */
static void try_again(struct tcp_conn *c)
{
	net_drop(c->stack->net, NULL, DROP_NO_MBUF);
	tcp_timer_set(c, TCP_TIMER_ACK, TCP_RETRY_MS);
}

bool tcp_out_bare(struct tcp_conn *c, uint32_t seq, uint8_t flags)
{
	struct rte_mbuf *m = tcp_build_data(c, seq, 0, flags);

	if (m == NULL)
		return false;
	if (flags & TCP_RST)
		c->stack->count->resets_out++;
	else
		c->stack->count->pure_acks_out++;
	segment_send(c, m, 0);
	return true;
}

static void out_syn(struct tcp_conn *c)
{
	struct rte_mbuf *m = tcp_build_syn(c, c->state == TCP_SYN_RCVD);

	if (m == NULL) {
		try_again(c);
		return;
	}
	c->flags &= ~TCP_F_SYN_NOW;
	segment_send(c, m, 0);
}

/* RFC 9293 §3.9.1.2: does a segment that goes again end what is queued, now? More may have come
 * since it was sent first, or less followed. */
static uint8_t push_of(const struct tcp_conn *c, uint32_t seq, uint32_t len)
{
	uint32_t end = c->snd_nxt - ((c->flags & TCP_F_FIN_SENT) != 0);

	return len > 0 && c->unsent == 0 && seq + len == end ? TCP_PSH : 0;
}

/* Send a record again. @return false when it could not be done now */
static bool out_again(struct tcp_conn *c, struct tcp_rec *rec)
{
	bool fin = (rec->flags & TCP_REC_FIN) != 0;
	uint32_t room = c->mss - tcp_build_sack_bytes(c);
	uint32_t len = rec->len - fin;
	struct rte_mbuf *m;

	if (len > room) {
		/* Without a record for the rest, the rest waits until this part is acknowledged. */
		tcp_rec_split(c, rec, (uint16_t)room);
		len = room;
		fin = false;
	}
	m = tcp_build_data(c, rec->seq, len,
		(uint8_t)(TCP_ACK | (fin ? TCP_FIN : 0) | push_of(c, rec->seq, len)));
	if (m == NULL) {
		try_again(c);
		return false;
	}
	tcp_rec_mark_resent(c, rec);
	tcp_recovery_sent(c, len);
	c->stack->count->retransmits++;
	segment_send(c, m, 0);
	return true;
}

static void out_lost(struct tcp_conn *c)
{
	struct tcp_rec *rec;

	while ((rec = tcp_rec_lost(c)) != NULL) {
		/* It may be of a time when segments were larger. */
		uint32_t len = rec->len < c->mss ? rec->len : c->mss;

		if (tcp_pipe(c) + len > c->cwnd && !(c->flags & TCP_F_RTX_FORCE))
			return;
		if (!out_again(c, rec))
			return;
		c->flags &= ~TCP_F_RTX_FORCE;
	}
}

/* What the peer's window, and what one connection may have in flight, have room for; negative when
 * it shrank. */
static int32_t window_room(const struct tcp_conn *c)
{
	/* Small segments fill a window with more of them than their records are worth a walk. */
	uint32_t most = c->stack->flight_segs * c->mss;

	return (int32_t)(c->snd_una + RTE_MIN(c->snd_wnd, most) - c->snd_nxt);
}

/* Whether the FIN goes with the last @p len bytes. It needs a place in the window, too: beyond it,
 * the peer would drop every ACK of ours that follows (RFC 9293 §3.4). */
static bool fin_goes(const struct tcp_conn *c, uint32_t len)
{
	return (c->flags & (TCP_F_FIN_QUEUED | TCP_F_FIN_SENT)) == TCP_F_FIN_QUEUED &&
	       len == c->unsent && window_room(c) > (int32_t)len;
}

/* How many bytes may go into the next segment; 0 when a window closes it off. */
static uint32_t new_len(struct tcp_conn *c)
{
	uint32_t room = c->mss - tcp_build_sack_bytes(c);
	uint32_t len = c->unsent < room ? c->unsent : room;
	uint32_t pipe = tcp_pipe(c);
	int32_t usable = window_room(c);

	if (pipe + len > c->cwnd) {
		c->flags |= TCP_F_CWND_LIMITED;
		if (pipe > 0)
			return 0;
		len = c->cwnd < len ? c->cwnd : len;
	}
	if (usable <= 0)
		return 0;
	/* Part of a segment, because the window is small: only if it is half of what the peer ever
	 * offered, or if persist says that it has waited long enough. */
	if ((uint32_t)usable < len) {
		if ((uint32_t)usable < tcp_cold(c)->max_wnd / 2 && !(c->flags & TCP_F_RTX_FORCE))
			return 0;
		len = (uint32_t)usable;
	}
	return len;
}

static void queue_advance(struct tcp_conn *c, uint32_t len)
{
	c->unsent -= len;
	c->next_off += len;
	while (c->sq_next != NULL && c->next_off >= c->sq_next->data_len) {
		c->next_off -= c->sq_next->data_len;
		c->sq_next = c->sq_next->next;
	}
}

/* The mark that new data carries. */
static uint8_t ecn_of(const struct tcp_conn *c)
{
	return (c->flags & TCP_F_ECN) / (TCP_F_ECN / TCP_ECT0);
}

/* Send @p len bytes never sent before, and the FIN. @return false when it could not be done now */
static bool out_next(struct tcp_conn *c, uint32_t len, bool fin)
{
	uint8_t flags = TCP_ACK | (fin ? TCP_FIN : 0) | (len > 0 && len == c->unsent ? TCP_PSH : 0);
	uint8_t ecn = len > 0 ? ecn_of(c) : 0;
	struct rte_mbuf *m;

	if (unlikely(c->flags & TCP_F_CWR) && len > 0)
		flags |= TCP_CWR;
	m = tcp_build_data(c, c->snd_nxt, len, flags);
	if (m == NULL) {
		try_again(c);
		return false;
	}
	if (!tcp_rec_append(c, (uint16_t)(len + fin), fin)) {
		rte_pktmbuf_free(m);
		/* The ACK that the segment would have been is still owed. */
		c->flags |= TCP_F_ACK_NOW;
		return false;
	}
	if (c->flags & TCP_F_PERSIST) {
		c->flags &= ~TCP_F_PERSIST;
		tcp_cold(c)->retries = 0;
		tcp_timer_clear(c, TCP_TIMER_RTX);
	}
	if (unlikely(flags & TCP_CWR))
		c->flags &= ~TCP_F_CWR;
	if (fin)
		c->flags |= TCP_F_FIN_SENT;
	queue_advance(c, len);
	c->snd_nxt += len + fin;
	c->stack->count->bytes_out += len;
	tcp_recovery_sent(c, len);
	segment_send(c, m, ecn);
	return true;
}

/* Bytes of the send queue that a port takes in one segment to cut. */
static uint32_t run_bytes(const struct tcp_conn *c)
{
	const struct rte_mbuf *m = c->sq_next;
	uint32_t bytes = 0, n = 0;

	for (; m != NULL && n < PORT_RUN_PIECES && bytes < TCP_RUN_BYTES; m = m->next, n++)
		bytes += m->data_len;
	bytes -= c->next_off;
	return bytes < TCP_RUN_BYTES ? bytes : TCP_RUN_BYTES;
}

/* How many full segments may leave together. What is not plain goes one by one: probes of a window,
 * what follows a loss, and CWR, which is the first segment's alone. The last one goes with the
 * FIN. */
static uint32_t run_segs(const struct tcp_conn *c, uint32_t room)
{
	const uint32_t alone = TCP_F_PERSIST | TCP_F_LOSS | TCP_F_CWR | TCP_F_RTX_FORCE;
	uint32_t pipe = tcp_pipe(c), bytes = run_bytes(c), n;
	int32_t usable = window_room(c);

	if ((c->flags & alone) || usable <= 0 || c->cwnd <= pipe)
		return 0;
	bytes = RTE_MIN(RTE_MIN(bytes, c->unsent), RTE_MIN((uint32_t)usable, c->cwnd - pipe));
	n = RTE_MIN(bytes / room, c->stack->rec_extra);
	return n > 0 && n * room == c->unsent && (c->flags & TCP_F_FIN_QUEUED) ? n - 1 : n;
}

/* Send several full segments as one, which the port cuts; each has its record. @return false when
 * there are not several, or it could not be done now */
static bool out_run(struct tcp_conn *c)
{
	uint32_t room = c->mss - tcp_build_sack_bytes(c), n = run_segs(c, room);
	uint8_t flags = TCP_ACK | (n * room == c->unsent ? TCP_PSH : 0);
	struct rte_mbuf *m;

	if (n < 2)
		return false;
	m = tcp_build_data(c, c->snd_nxt, n * room, flags);
	if (m == NULL)
		return false;
	m->tso_segsz = (uint16_t)room;
	for (uint32_t i = 0; i < n; i++) {
		tcp_rec_append(c, (uint16_t)room, false);
		c->snd_nxt += room;
	}
	queue_advance(c, n * room);
	c->stack->count->bytes_out += n * room;
	c->stack->count->segs_out += n - 1;
	c->stack->count->runs_out++;
	tcp_recovery_sent(c, n * room);
	segment_send(c, m, ecn_of(c));
	return true;
}

/* RFC 5681 §4.1: after a pause the old window is worth nothing. */
static void idle_restart(struct tcp_conn *c)
{
	if (c->stack->tick - tcp_cold(c)->sent_tick > c->rto_ms &&
		c->cwnd > TCP_INITIAL_SEGS * c->mss)
		c->cwnd = TCP_INITIAL_SEGS * c->mss;
}

static void out_new(struct tcp_conn *c)
{
	uint32_t before = c->snd_nxt;

	if (c->unsent > 0 && c->rec_head == TCP_NIL)
		idle_restart(c);
	while (c->unsent > 0) {
		uint32_t len;

		if (unlikely(c->flags & TCP_F_TSO) && out_run(c))
			continue;
		len = new_len(c);
		if (len == 0 || !out_next(c, len, fin_goes(c, len)))
			break;
	}
	if (c->snd_nxt != before)
		tcp_cold(c)->sent_tick = c->stack->tick;
	if (c->unsent == 0 && fin_goes(c, 0))
		out_next(c, 0, true);
	/* The application has no more, or the peer's window has no room: cwnd is not what
	 * limits. */
	if (tcp_pipe(c) < c->cwnd / 2)
		c->flags &= ~TCP_F_CWND_LIMITED;
}

bool tcp_out_sized(struct tcp_conn *c, uint32_t len)
{
	return out_next(c, len, fin_goes(c, len));
}

/* One segment beyond what cwnd allows. */
static bool out_beyond(struct tcp_conn *c)
{
	uint32_t room = c->mss - tcp_build_sack_bytes(c);
	uint32_t len = c->unsent < room ? c->unsent : room;

	return len > 0 && window_room(c) >= (int32_t)len && out_next(c, len, fin_goes(c, len));
}

bool tcp_out_probe(struct tcp_conn *c)
{
	if (!out_beyond(c))
		return out_again(c, tcp_rec_at(c, c->rec_tail));
	out_beyond(c); /* see tcp_tlp.c */
	return true;
}

void tcp_out_ack(struct tcp_conn *c)
{
	if ((c->flags & TCP_F_OOO) && c->ack_sent == c->rcv_nxt)
		c->stack->count->dup_acks_out++;
	if (!tcp_out_bare(c, c->snd_nxt, TCP_ACK)) {
		c->flags |= TCP_F_ACK_NOW;
		try_again(c);
	}
}

/* What is in flight has a timeout; what cannot be sent although nothing is in flight, a probe. */
static void out_timer(struct tcp_conn *c, bool sent)
{
	bool waits = c->unsent > 0 ||
		     (c->flags & (TCP_F_FIN_QUEUED | TCP_F_FIN_SENT)) == TCP_F_FIN_QUEUED;

	if (c->armed & (1u << TCP_TIMER_RTX)) {
		if (sent)
			tcp_timer_probe(c);
		return;
	}
	if (c->rec_head != TCP_NIL) {
		tcp_timer_rtx(c);
	} else if (waits) {
		c->flags |= TCP_F_PERSIST;
		tcp_timer_set(c, TCP_TIMER_RTX, tcp_persist_ms(c));
	}
}

void tcp_out_conn(struct tcp_conn *c)
{
	if (c->flags & TCP_F_SYN_NOW)
		out_syn(c);
	if (c->state >= TCP_ESTABLISHED) {
		uint32_t before = c->snd_nxt;

		if (c->flags & (TCP_F_LOSS | TCP_F_NARROW)) {
			out_lost(c);
			tcp_mtu_probe(c);
		}
		out_new(c);
		c->flags &= ~TCP_F_RTX_FORCE;
		out_timer(c, c->snd_nxt != before);
	}
	if (c->state >= TCP_SYN_RCVD && (c->flags & TCP_F_ACK_NOW))
		tcp_out_ack(c);
}

/* The connection that waits @p ahead places behind the next one, or NULL. */
static const struct tcp_conn *out_waiting(const struct tcp_stack *s, uint32_t ahead)
{
	const struct tcp_ring *ring = &s->output;
	uint32_t at = ring->head + ahead;

	if (ahead >= ring->count)
		return NULL;
	return &s->conns[ring->slots[at < ring->size ? at : at - ring->size]];
}

/* Ask for what output will read: blocks first, what they point to when they have come. Of ten
 * thousand connections none is in the nearer caches. */
static void fetch_ahead(const struct tcp_stack *s)
{
	const struct tcp_conn *far = out_waiting(s, FAR_AHEAD), *near = out_waiting(s, NEAR_AHEAD);

	if (far != NULL) {
		for (size_t at = 0; at < sizeof(*far); at += RTE_CACHE_LINE_SIZE)
			rte_prefetch0((const char *)far + at);
		rte_prefetch0(&tcp_cold(far)->sent_tick);
	}
	if (near != NULL && near->sq_next != NULL)
		rte_prefetch0(near->sq_next);
}

void tcp_output(struct tcp_stack *s, uint64_t now_ns)
{
	tcp_clock(s, now_ns);
	for (uint32_t n = s->output.count; n > 0; n--) {
		fetch_ahead(s);

		struct tcp_conn *c = &s->conns[tcp_ring_get(&s->output)];

		c->flags &= ~TCP_F_ON_OUTPUT;
		if (c->state > TCP_CLOSED)
			tcp_out_conn(c);
		else
			tcp_conn_reap(c);
	}
}
