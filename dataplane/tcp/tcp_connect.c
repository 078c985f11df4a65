/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Active open: the local port, the SYN, and what answers it (RFC 9293 §3.10.7.3). A local port is
 * one of those by which a reply comes to this worker (net/owner.h); among them the sequence depends
 * on a secret and on the destination (RFC 6056 §3.3.3), and a four-tuple in TIME-WAIT is as much in
 * use as any other.
 */
#include <errno.h>

#include "dataplane/net/owner.h"
#include "dataplane/tcp/tcp_priv.h"

#define PORT_TRIES 4096 /* bounds the search when nearly all ports are taken */

struct taken {
	const struct tcp_stack *stack;
	const struct tcp_tuple *tuple;
	uint64_t hash;
};

static bool taken_match(const void *arg, uint32_t ref)
{
	const struct taken *t = arg;
	struct tcp_tuple other;

	switch (TCP_REF_KIND(ref)) {
	case TCP_REF_CONN:
		tcp_conn_tuple(&t->stack->conns[TCP_REF_INDEX(ref)], &other);
		return memcmp(&other, t->tuple, sizeof(other)) == 0;
	case TCP_REF_SYN:
		return memcmp(&t->stack->syns[TCP_REF_INDEX(ref)].tuple, t->tuple,
			       sizeof(*t->tuple)) == 0;
	default:
		return t->stack->tws[TCP_REF_INDEX(ref)].hash == t->hash;
	}
}

/* Find a free local port for the rest of the tuple. @return false when there is none */
static bool port_choose(
	struct tcp_stack *s, const struct net_path *path, struct tcp_tuple *tuple, uint64_t *hash)
{
	struct net_meta reply = {
		.src = tuple->remote, .dst = tuple->local, .src_port = tuple->remote_port
	};
	struct owner_ports ports = owner_ports(net_rss(s->net, path->port_index),
		s->config.worker_count, s->config.worker_index, &reply);
	uint32_t start;

	tuple->local_port = 0;
	start = (uint32_t)siphash24(&s->key, tuple, sizeof(*tuple)) + s->port_cursor;
	for (uint32_t i = 0; i < ports.count && i < PORT_TRIES; i++) {
		struct taken taken = { s, tuple };

		tuple->local_port = owner_port(&ports, (start + i) % ports.count);
		*hash = taken.hash = tcp_tuple_hash(s, tuple);
		if (tcp_flow_find(&s->flow, *hash, taken_match, &taken) == TCP_FLOW_NONE) {
			s->port_cursor += i + 1 + (uint32_t)(tcp_random(s) & 7);
			return true;
		}
	}
	s->port_cursor += PORT_TRIES;
	return false;
}

#define CONNECT_LINKS(s) (&(s)->cold[0].link), sizeof(struct tcp_cold)

static void connect_begin(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	c->state = TCP_SYN_SENT;
	c->flags |= TCP_F_CONNECTING;
	tcp_fifo_put(&s->connecting, CONNECT_LINKS(s), tcp_conn_index(c));
}

void tcp_connect_over(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (!(c->flags & TCP_F_CONNECTING))
		return;
	c->flags &= ~TCP_F_CONNECTING;
	tcp_fifo_remove(&s->connecting, CONNECT_LINKS(s), tcp_conn_index(c));
}

void tcp_connect_unreachable(struct tcp_stack *s, const struct ip_addr *remote)
{
	uint32_t next;

	for (uint32_t i = s->connecting.head; i != TCP_NIL; i = next) {
		struct tcp_conn *c = &s->conns[i];

		next = s->cold[i].link.next;
		if (ip_equal(&c->remote, remote))
			tcp_conn_end(c, TCP_END_UNREACHABLE);
	}
}

/* The first window: small for who began while mbufs were short, as all of it may come at once. */
uint16_t tcp_connect_window(const struct tcp_conn *c)
{
	uint32_t bytes = c->stack->config.rcv_buf_bytes;

	if (c->flags & TCP_F_LEAN)
		bytes /= TCP_POOL_SHARE;
	return (uint16_t)(bytes < UINT16_MAX ? bytes : UINT16_MAX);
}

int tcp_connect(struct tcp_stack *s, const struct ip_addr *remote, uint16_t port, void *user,
	uint64_t now_ns, struct tcp_conn **out)
{
	struct tcp_tuple tuple = { .remote = *remote, .remote_port = port };
	struct net_path path;
	struct tcp_conn *c;
	uint64_t hash;

	tcp_clock(s, now_ns);
	if (s->conn_free == TCP_NIL)
		return -ENOMEM;
	if (net_path_find(s->net, remote, NULL, &path) != 0)
		return -ENETUNREACH;
	tuple.local = path.local;
	if (!port_choose(s, &path, &tuple, &hash))
		return -EADDRNOTAVAIL;
	c = tcp_conn_new(s, &tuple, hash, &path);
	if (c == NULL)
		return -ENOMEM;
	c->user = user;
	connect_begin(c);
	c->flags |= TCP_F_KNOWN | TCP_F_SYN_NOW;
	if (s->pool_state != TCP_POOL_FINE)
		c->flags |= TCP_F_LEAN;
	c->rcv_scale = s->rcv_scale;
	c->snd_una = tcp_isn(s, &tuple);
	c->snd_nxt = c->snd_una + 1;
	tcp_cold(c)->iss = c->snd_una;
	tcp_cold(c)->syn_us = s->now_us;
	tcp_timer_set(c, TCP_TIMER_RTX, TCP_RTO_INITIAL_MS);
	tcp_timer_set(c, TCP_TIMER_IDLE, s->config.connect_timeout_ms);
	tcp_conn_output(c);
	s->count->connects++;
	*out = c;
	return 0;
}

/* What the peer's SYN says. */
static void syn_take(struct tcp_conn *c, const struct tcp_seg *seg)
{
	struct tcp_cold *cold = tcp_cold(c);

	cold->irs = seg->seq;
	cold->peer_mss = seg->opt.present & TCP_OPT_MSS ? seg->opt.mss : 0;
	c->rcv_nxt = c->ack_sent = seg->seq + 1;
	c->rcv_adv = c->rcv_nxt + tcp_connect_window(c);
	c->rcv_tick = c->stack->tick;
	c->snd_wnd = seg->wnd; /* never scaled in a SYN (RFC 7323 §2.2) */
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	if (seg->opt.present & TCP_OPT_WSCALE)
		c->snd_scale = seg->opt.wscale;
	else
		c->rcv_scale = 0;
	if (seg->opt.present & TCP_OPT_SACK_OK)
		c->flags |= TCP_F_SACK;
	if (c->stack->config.ecn == TCP_ECN_ON && tcp_ecn_offered(seg))
		c->flags |= TCP_F_ECN;
	if (seg->opt.present & TCP_OPT_TS) {
		c->flags |= TCP_F_TS;
		c->ts_recent = seg->opt.ts_val;
	}
}

/* The SYN of ours is acknowledged. */
static void connect_done(struct tcp_conn *c)
{
	uint8_t retries = tcp_cold(c)->retries;

	c->snd_una = c->snd_nxt;
	c->flags &= ~TCP_F_SYN_NOW;
	tcp_conn_establish(c);
	tcp_rtt_handshake(c, retries > 0, tcp_cold(c)->syn_us);
	if (c->flags & TCP_F_FIN_QUEUED)
		c->state = TCP_FIN_WAIT_1;
	c->flags |= TCP_F_ACK_NOW;
	c->stack->count->connected++;
	tcp_conn_notify(c, TCP_EV_CONNECTED);
	tcp_conn_output(c);
}

/* Our SYN met a connection that the peer still has from before we started anew: its challenge ACK
 * is answered with a reset, which ends it, and the SYN goes again at once, not after the timeout.
 * As anybody can send such an ACK: one time. */
static void answer_wrong_ack(struct tcp_conn *c, struct tcp_seg *seg)
{
	struct tcp_cold *cold = tcp_cold(c);
	struct tcp_tuple tuple;

	tcp_conn_tuple(c, &tuple);
	tcp_reply_reset(c->stack, &tuple, seg);
	if (cold->retries == 0 && !(seg->flags & (TCP_SYN | TCP_RST))) {
		cold->retries = 1;
		c->stack->count->retransmits++;
		c->flags |= TCP_F_SYN_NOW;
		tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
		tcp_conn_output(c);
	}
	tcp_seg_drop(c->stack, seg, DROP_TCP_BAD_ACK);
}

void tcp_in_syn_sent(struct tcp_conn *c, struct tcp_seg *seg)
{
	struct tcp_stack *s = c->stack;

	/* First, check the ACK bit: only our SYN can be acknowledged. */
	if ((seg->flags & TCP_ACK) && seg->ack != c->snd_nxt) {
		answer_wrong_ack(c, seg);
		return;
	}
	/* Second, check the RST bit: it counts only with that ACK. */
	if (seg->flags & TCP_RST) {
		if (!(seg->flags & TCP_ACK)) {
			tcp_seg_drop(s, seg, DROP_TCP_RST_INVALID);
			return;
		}
		rte_pktmbuf_free(seg->m);
		tcp_in_reset(c, TCP_END_REFUSED);
		return;
	}
	/* Third, security: nothing. Fourth, check the SYN bit; fifth, without it drop the
	 * segment. */
	if (!(seg->flags & TCP_SYN) || (seg->flags & TCP_FIN)) {
		tcp_seg_drop(s, seg, DROP_TCP_FLAGS);
		return;
	}
	tcp_connect_over(c);
	syn_take(c, seg);
	if (seg->flags & TCP_ACK) {
		connect_done(c);
	} else { /* both sides opened at once */
		c->state = TCP_SYN_RCVD;
		c->flags |= TCP_F_SYN_NOW;
		tcp_timer_set(c, TCP_TIMER_RTX, c->rto_ms);
		tcp_conn_output(c);
	}
	/* Text that came along comes again once the peer has our ACK. */
	rte_pktmbuf_free(seg->m);
	seg->m = NULL;
}

void tcp_in_syn_rcvd(struct tcp_conn *c, struct tcp_seg *seg)
{
	struct tcp_tuple tuple;

	if (seg->ack != c->snd_nxt) {
		tcp_conn_tuple(c, &tuple);
		tcp_reply_reset(c->stack, &tuple, seg);
		tcp_seg_drop(c->stack, seg, DROP_TCP_BAD_ACK);
		return;
	}
	c->snd_wnd = seg->wnd << c->snd_scale;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	connect_done(c);
}
