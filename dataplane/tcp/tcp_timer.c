/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when a connection's time comes: retransmission (RFC 6298 §5), persist (RFC 9293
 * §3.8.6.1), delayed ACK, keep-alive (§3.8.4), connect timeout. A connection has one node on the
 * wheel, armed for its earliest deadline; deadlines that move later do not touch the wheel, the
 * node finds out when it comes up.
 */
#include "dataplane/tcp/tcp_priv.h"

void tcp_timer_set(struct tcp_conn *c, enum tcp_timer which, uint32_t ms)
{
	/* One more, because the current tick has partly passed: a timer is never early. */
	uint32_t at = c->stack->tick + ms + 1;

	c->at[which] = at;
	c->armed |= (uint8_t)(1u << which);
	if (!tcp_wheel_armed(&c->node) || seq_lt(at, c->node.at))
		tcp_wheel_arm(&c->stack->wheel, tcp_conn_index(c), at);
}

/* RFC 6298 §5.5. It stays until a round trip is measured again (§5, last paragraph): a segment that
 * was sent again measures none, and the next would time out just the same. */
static void rto_back_off(struct tcp_conn *c)
{
	c->rto_ms = c->rto_ms < TCP_RTO_MAX_MS / 2 ? c->rto_ms * 2 : TCP_RTO_MAX_MS;
}

uint32_t tcp_persist_ms(const struct tcp_conn *c)
{
	uint64_t ms = (uint64_t)c->rto_ms << tcp_cold(c)->retries;

	return ms < TCP_RTO_MAX_MS ? (uint32_t)ms : TCP_RTO_MAX_MS;
}

/* When the tail is to be probed, or 0 (RFC 8985 §7.2): after two round trips. Not for a single
 * segment: its ACK may be delayed for as long as the timeout takes. */
static uint32_t probe_ms(const struct tcp_conn *c)
{
	uint32_t ms = c->srtt / 4000 + 1;

	if ((c->flags & (TCP_F_SACK | TCP_F_LOSS)) != TCP_F_SACK || c->srtt == 0 ||
		c->rec_head == c->rec_tail)
		return 0;
	ms = ms > TCP_PTO_MIN_MS ? ms : TCP_PTO_MIN_MS;
	return ms < c->rto_ms ? ms : 0;
}

void tcp_timer_probe(struct tcp_conn *c)
{
	uint32_t ms = probe_ms(c);

	if (ms == 0)
		return;
	c->flags |= TCP_F_PTO;
	tcp_timer_set(c, TCP_TIMER_RTX, ms);
}

void tcp_timer_flight(struct tcp_conn *c)
{
	c->flags &= ~(TCP_F_PTO | TCP_F_REO);
	tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms); /* RFC 6298 §5.3 */
	if (c->rec_head != c->rec_tail)
		tcp_timer_probe(c);
}

void tcp_timer_abandon(struct tcp_conn *c)
{
	c->stack->count->timeouts++;
	if (c->state >= TCP_ESTABLISHED)
		tcp_out_bare(c, c->snd_nxt, TCP_RST | TCP_ACK);
	tcp_conn_end(c, tcp_cold(c)->soft_error ? TCP_END_UNREACHABLE : TCP_END_TIMEOUT);
}

static void syn_again(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	/* The connect timeout is what ends this. */
	if (cold->retries < TCP_RETRIES)
		cold->retries++;
	rto_back_off(c);
	c->stack->count->retransmits++;
	c->flags |= TCP_F_SYN_NOW;
	tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
	tcp_conn_output(c);
}

/* An old sequence number and no byte: the peer answers with its window, and nothing needs to be
 * taken back when it drops the probe. */
static void ask_window(struct tcp_conn *c)
{
	tcp_out_bare(c, c->snd_una - 1, TCP_ACK);
}

static void persist_fire(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t interval = tcp_persist_ms(c);

	/* As long as the peer answers, it may keep its window closed (RFC 9293 §3.8.6.1); but
	 * nobody waits for a connection that the application has left. */
	if (c->stack->tick - c->rcv_tick <= interval + 1)
		cold->probes = 0;
	else
		cold->probes++;
	if (cold->probes > TCP_RETRIES ||
		((c->flags & TCP_F_RCV_SHUT) && cold->retries >= TCP_ORPHAN_PROBES)) {
		tcp_timer_abandon(c);
		return;
	}
	if (cold->retries < TCP_RETRIES)
		cold->retries++;
	c->stack->count->persist_probes++;
	if (seq_lt(c->snd_nxt, c->snd_una + c->snd_wnd))
		c->flags |= TCP_F_RTX_FORCE; /* a small window: fill it after all */
	else
		ask_window(c);
	tcp_timer_set(c, TCP_TIMER_RTX, tcp_persist_ms(c));
	tcp_conn_output(c);
}

/* Nobody waits for the connection any more but the peer, if it lives. */
static bool timer_orphan(const struct tcp_conn *c)
{
	return (c->flags & TCP_F_RCV_SHUT) || c->state == TCP_LAST_ACK || c->state == TCP_CLOSING;
}

/* Whether what is in flight was sent often enough (RFC 9293 §3.8.3; RFC 1122 §4.2.3.5 speaks of
 * open connections: a block that only waits for the ACK of its FIN is worth less, unless the peer
 * still speaks: it waits, too). */
static bool timer_exhausted(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t silent_ms = c->stack->tick - c->rcv_tick;
	uint8_t most = timer_orphan(c) && silent_ms >= c->rto_ms ? TCP_ORPHAN_RETRIES : TCP_RETRIES;

	if (tcp_peer_shut(c))
		cold->retries = cold->retries < most ? cold->retries : most - 1;
	if (timer_orphan(c) && c->sq_bytes == 0 && cold->retries >= TCP_ORPHAN_FINS &&
		silent_ms >= TCP_ORPHAN_MS)
		return true;
	return cold->retries >= most;
}

static void retransmit_fire(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (timer_exhausted(c)) {
		tcp_timer_abandon(c);
		return;
	}
	if (cold->retries == 0)
		cold->soft_error = false; /* what was said before is over */
	c->stack->count->rto_timeouts++;
	tcp_mtu_timeout(c);
	tcp_recovery_timeout(c);
	/* A segment that the path no longer takes draws no answer; and keep-alive probes, by which
	 * the peer shows that it lives, are too old to open the window again (RFC 9293
	 * §3.10.7.4). */
	if (tcp_peer_shut(c))
		ask_window(c);
	cold->retries++;
	rto_back_off(c);
	tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
	tcp_conn_output(c);
}

/* What may only have been overtaken had its time (RFC 8985 §6.3). */
static void reorder_fire(struct tcp_conn *c)
{
	struct tcp_ack_news news = { .sacked_before = tcp_cold(c)->sack_bytes };

	tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
	tcp_recovery_step(c, &news);
	tcp_conn_output(c);
}

static void rtx_fire(struct tcp_conn *c)
{
	uint32_t how = c->flags & (TCP_F_PTO | TCP_F_REO);

	c->flags &= ~how;
	if (c->state < TCP_ESTABLISHED)
		syn_again(c);
	else if (c->rec_head != TCP_NIL && (how & TCP_F_REO))
		reorder_fire(c);
	else if (c->rec_head != TCP_NIL && (how & TCP_F_PTO))
		tcp_tlp_fire(c);
	else if (c->rec_head != TCP_NIL)
		retransmit_fire(c);
	else if (c->flags & TCP_F_PERSIST)
		persist_fire(c);
}

static void ack_fire(struct tcp_conn *c)
{
	if (c->rcv_nxt != c->ack_sent)
		c->flags |= TCP_F_ACK_NOW;
	if (c->flags & TCP_F_POOL_SHUT) {
		if (c->stack->pool_state == TCP_POOL_LAST)
			tcp_timer_set(c, TCP_TIMER_ACK, TCP_POOL_RECHECK_MS);
		else
			c->flags = (c->flags & ~TCP_F_POOL_SHUT) | TCP_F_ACK_NOW;
	}
	tcp_conn_output(c);
}

static void keepalive_fire(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t idle = c->stack->tick - c->rcv_tick;
	uint32_t every = c->stack->config.keepalive_ms;
	uint32_t between = every / 4 > 1000 ? every / 4 : 1000;

	if (every == 0)
		return;
	if (idle < every) {
		cold->probes = 0;
		tcp_timer_set(c, TCP_TIMER_IDLE, every - idle);
		return;
	}
	/* What is unanswered already has a timer that ends it. */
	if (c->rec_head != TCP_NIL || (c->flags & TCP_F_PERSIST)) {
		tcp_timer_set(c, TCP_TIMER_IDLE, every);
		return;
	}
	if (cold->probes >= TCP_KEEPALIVE_TRIES) {
		tcp_timer_abandon(c);
		return;
	}
	/* A probe that did not leave says nothing about the peer. */
	if (!tcp_out_bare(c, c->snd_nxt - 1, TCP_ACK)) {
		tcp_timer_set(c, TCP_TIMER_IDLE, TCP_RETRY_MS);
		return;
	}
	cold->probes++;
	c->stack->count->keepalive_probes++;
	tcp_timer_set(c, TCP_TIMER_IDLE, between < 75000 ? between : 75000);
}

static void idle_fire(struct tcp_conn *c)
{
	if (c->state < TCP_ESTABLISHED) {
		c->stack->count->timeouts++;
		tcp_conn_end(c, TCP_END_TIMEOUT);
	} else if (c->state == TCP_FIN_WAIT_2 && (c->flags & TCP_F_RCV_SHUT)) {
		tcp_timer_abandon(c);
	} else {
		keepalive_fire(c);
	}
}

static bool timer_due(const struct tcp_conn *c, enum tcp_timer which)
{
	return (c->armed & (1u << which)) && seq_le(c->at[which], c->stack->tick);
}

static void conn_run(struct tcp_conn *c)
{
	static void (*const fire[TCP_TIMER_COUNT])(struct tcp_conn *) = {
		[TCP_TIMER_RTX] = rtx_fire,
		[TCP_TIMER_ACK] = ack_fire,
		[TCP_TIMER_IDLE] = idle_fire,
	};

	for (unsigned i = 0; i < TCP_TIMER_COUNT; i++) {
		if (c->state <= TCP_CLOSED)
			return;
		if (!timer_due(c, i))
			continue;
		tcp_timer_clear(c, i);
		fire[i](c);
	}
	if (c->state <= TCP_CLOSED)
		return;
	for (unsigned i = 0; i < TCP_TIMER_COUNT; i++)
		if ((c->armed & (1u << i)) &&
			(!tcp_wheel_armed(&c->node) || seq_lt(c->at[i], c->node.at)))
			tcp_wheel_arm(&c->stack->wheel, tcp_conn_index(c), c->at[i]);
}

void tcp_timers(struct tcp_stack *s, uint64_t now_ns)
{
	uint32_t index;

	tcp_clock(s, now_ns);
	tcp_pool_sample(s);
	tcp_ooo_timers(s);
	while ((index = tcp_wheel_expire(&s->wheel, s->tick)) != TCP_NIL)
		conn_run(&s->conns[index]);
	tcp_stretch_timers(s);
	tcp_syn_timers(s);
	tcp_tw_timers(s);
}
