/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments in: found in the flow table a burst at a time (hash and prefetch the buckets, prefetch
 * the control blocks, then work them in order), then either the fast path, for the next expected
 * segment of an established connection, or RFC 9293 §3.10.7 step by step. The numbers in the
 * comments are the steps of §3.10.7.4.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "dataplane/net/kernel.h"
#include "dataplane/tcp/tcp_priv.h"
#include "lib/base/bytes.h"

#define TS_HEADER_BYTES 32 /* a header with nothing but the usual timestamp option */

struct lookup {
	const struct tcp_stack *stack;
	const struct net_meta *meta;
	uint64_t hash;
};

static inline bool tuple_match(const struct net_meta *meta, const struct ip_addr *local,
	const struct ip_addr *remote, uint16_t local_port, uint16_t remote_port)
{
	return meta->src_port == remote_port && meta->dst_port == local_port &&
	       ip_equal(&meta->src, remote) && ip_equal(&meta->dst, local);
}

static inline bool conn_match(const struct tcp_conn *c, const struct net_meta *meta)
{
	return tuple_match(meta, &c->path.local, &c->remote, c->local_port, c->remote_port);
}

static bool ref_match(const void *arg, uint32_t ref)
{
	const struct lookup *l = arg;
	const struct tcp_tuple *t;

	switch (TCP_REF_KIND(ref)) {
	case TCP_REF_CONN:
		return conn_match(&l->stack->conns[TCP_REF_INDEX(ref)], l->meta);
	case TCP_REF_SYN:
		t = &l->stack->syns[TCP_REF_INDEX(ref)].tuple;
		return tuple_match(l->meta, &t->local, &t->remote, t->local_port, t->remote_port);
	default:
		return l->stack->tws[TCP_REF_INDEX(ref)].hash == l->hash;
	}
}

void tcp_seg_drop(struct tcp_stack *s, struct tcp_seg *seg, enum drop why)
{
	net_drop(s->net, seg->m, why);
	seg->m = NULL;
}

void tcp_in_challenge(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	/* Counted per connection, so that nobody learns from one connection about another
	 * (CVE-2016-5696). */
	if (c->stack->tick - cold->challenge_tick >= 1000) {
		cold->challenge_tick = c->stack->tick;
		cold->challenges = 0;
	}
	if (cold->challenges >= TCP_CHALLENGE_LIMIT)
		return;
	cold->challenges++;
	c->stack->count->challenge_acks++;
	c->flags |= TCP_F_ACK_NOW;
	tcp_conn_output(c);
}

void tcp_in_ack_invalid(struct tcp_conn *c, struct tcp_seg *seg, enum drop why)
{
	/* What holds payload is answered at once: its sender waits for the acknowledgement. What
	 * holds none could be an answer to ours, and two stacks that correct each other would never
	 * stop. */
	if (seg->len > 0 || (seg->flags & TCP_FIN)) {
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_output(c);
	} else {
		tcp_in_challenge(c);
	}
	tcp_seg_drop(c->stack, seg, why);
}

void tcp_in_reset(struct tcp_conn *c, enum tcp_end why)
{
	c->stack->count->resets_in++;
	if (why == TCP_END_REFUSED)
		c->stack->count->refused++;
	tcp_conn_end(c, why);
}

/* First, the sequence number. A window's right edge itself is let in, so that a probe of a closed
 * window and a bare FIN behind a full one are seen; what does not fit is cut off later. */
static bool seq_acceptable(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t size = seg->len + ((seg->flags & TCP_SYN) != 0) + ((seg->flags & TCP_FIN) != 0);

	if (seq_lt(c->rcv_adv, seg->seq))
		return false;
	return size == 0 ? seq_le(c->rcv_nxt, seg->seq) : seq_lt(c->rcv_nxt, seg->seq + size);
}

/* RFC 7323 §5.3, R1: older than what was seen, or without what was agreed on. */
static bool paws_reject(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	if (!(c->flags & TCP_F_TS) || (seg->flags & TCP_RST))
		return false;
	if (!(seg->opt.present & TCP_OPT_TS))
		return true;
	return (int32_t)(seg->opt.ts_val - c->ts_recent) < 0 &&
	       c->stack->tick - c->rcv_tick < TCP_PAWS_MS;
}

static void ts_update(struct tcp_conn *c, const struct tcp_seg *seg)
{
	if ((c->flags & TCP_F_TS) && (seg->opt.present & TCP_OPT_TS) &&
		seq_le(seg->seq, c->ack_sent) && (int32_t)(seg->opt.ts_val - c->ts_recent) >= 0)
		c->ts_recent = seg->opt.ts_val;
}

/* First to fourth. @return false when the segment went no further */
static bool in_check(struct tcp_conn *c, struct tcp_seg *seg)
{
	/* First, check sequence number, PAWS before it. */
	if (paws_reject(c, seg)) {
		/* Without the option it is no peer of ours: not a word (RFC 7323 §3.2). */
		if (seg->opt.present & TCP_OPT_TS)
			tcp_in_ack_invalid(c, seg, DROP_TCP_PAWS);
		else
			tcp_seg_drop(c->stack, seg, DROP_TCP_PAWS);
		return false;
	}
	if (!seq_acceptable(c, seg)) {
		bool old = seq_le(seg->seq + seg->len, c->rcv_nxt);

		/* It may be that only our ACKs get lost: the peer is alive all the same, as it is
		 * when it asks whether we are (RFC 9293 §3.8.4). */
		if (old && !(seg->flags & TCP_RST)) {
			if (seg->len > 0 || seg->seq + 1 == c->rcv_nxt)
				c->rcv_tick = c->stack->tick;
			tcp_rcv_twice(c, seg->seq, seg->seq + seg->len);
		}
		if (seg->flags & TCP_RST)
			tcp_seg_drop(c->stack, seg, DROP_TCP_RST_INVALID);
		else
			tcp_in_ack_invalid(
				c, seg, old ? DROP_TCP_DUPLICATE : DROP_TCP_OUT_OF_WINDOW);
		return false;
	}
	/* Second, check the RST bit: only the exact number resets (RFC 5961 §3.2). */
	if (seg->flags & TCP_RST) {
		if (seg->seq == c->rcv_nxt) {
			rte_pktmbuf_free(seg->m);
			tcp_in_reset(c, c->state == TCP_SYN_RCVD ? TCP_END_REFUSED : TCP_END_RESET);
			return false;
		}
		tcp_in_challenge(c);
		tcp_seg_drop(c->stack, seg, DROP_TCP_RST_INVALID);
		return false;
	}
	/* Third, security: nothing. Fourth, check the SYN bit: never a new connection (RFC 5961
	 * §4.2). */
	if (seg->flags & TCP_SYN) {
		tcp_in_challenge(c);
		tcp_seg_drop(c->stack, seg, DROP_TCP_SYN_INVALID);
		return false;
	}
	/* Fifth, the ACK field: without it the segment says nothing. */
	if (!(seg->flags & TCP_ACK)) {
		tcp_seg_drop(c->stack, seg, DROP_TCP_FLAGS);
		return false;
	}
	return true;
}

static __rte_noinline void in_slow(struct tcp_conn *c, struct tcp_seg *seg)
{
	if (c->state == TCP_SYN_SENT) {
		tcp_in_syn_sent(c, seg);
		return;
	}
	if (!in_check(c, seg))
		return;
	c->rcv_tick = c->stack->tick;
	ts_update(c, seg);
	if (c->flags & TCP_F_ECN)
		tcp_ecn_in(c, seg);
	/* Fifth, check the ACK field. */
	if (c->state == TCP_SYN_RCVD) {
		tcp_in_syn_rcvd(c, seg);
		if (seg->m == NULL)
			return;
	}
	if (!tcp_ack_in(c, seg))
		return;
	tcp_close_step(c);
	if (c->state <= TCP_CLOSED) {
		rte_pktmbuf_free(seg->m);
		return;
	}
	/* Sixth, urgent: nothing; the bytes are ordinary ones. Seventh and eighth: text and FIN. */
	tcp_rcv_segment(c, seg);
}

void tcp_in_conn(struct tcp_conn *c, struct tcp_seg *seg)
{
	in_slow(c, seg);
}

/* Cold side of the demultiplexer: everything that is not a connection's. */
static __rte_noinline void in_other(struct tcp_stack *s, uint32_t ref, struct tcp_seg *seg)
{
	uint8_t flags = seg->flags;

	if ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST)))
		tcp_seg_drop(s, seg, DROP_TCP_FLAGS);
	else if (TCP_REF_KIND(ref) == TCP_REF_SYN)
		tcp_syn_segment(s, TCP_REF_INDEX(ref), seg);
	else if (TCP_REF_KIND(ref) == TCP_REF_TW)
		tcp_tw_segment(s, TCP_REF_INDEX(ref), seg);
	else
		tcp_in_unknown(s, seg);
}

void tcp_in_unknown(struct tcp_stack *s, struct tcp_seg *seg)
{
	const struct net_meta *meta = net_meta(seg->m);
	struct tcp_listener *l;
	struct tcp_tuple tuple;

	l = tcp_listener_find(s, &meta->dst, meta->dst_port);
	if (l == NULL && net_kernel_offer(s->net, seg->m))
		return;
	/* RFC 9293 §3.10.7.1 (closed) and §3.10.7.2 (listen). */
	if (seg->flags & TCP_RST) {
		tcp_seg_drop(s, seg, DROP_TCP_CLOSING);
		return;
	}
	if (l != NULL && (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		tcp_syn_listen(s, l, seg, NULL);
		return;
	}
	if (l != NULL && !(seg->flags & TCP_ACK)) {
		tcp_seg_drop(s, seg, DROP_TCP_FLAGS);
		return;
	}
	if (l != NULL && tcp_cookie_segment(s, l, seg))
		return;
	tcp_reply_tuple(meta, &tuple);
	tcp_reply_reset(s, &tuple, seg);
	tcp_seg_drop(s, seg, l != NULL ? DROP_TCP_CLOSING : DROP_TCP_NO_LISTENER);
}

static bool options_read(struct tcp_stack *s, struct tcp_seg *seg, const uint8_t *header)
{
	if (tcp_options_parse(header + sizeof(struct rte_tcp_hdr),
		    seg->header_bytes - sizeof(struct rte_tcp_hdr), &seg->opt))
		return true;
	tcp_seg_drop(s, seg, DROP_TCP_OPTIONS);
	return false;
}

/* The timestamps of a header in the usual form, or false. */
static inline bool ts_read(const struct tcp_seg *seg, const uint8_t *header, uint32_t *val)
{
	uint32_t words[2];

	if (seg->header_bytes != TS_HEADER_BYTES)
		return false;
	memcpy(words, header + sizeof(struct rte_tcp_hdr), sizeof(words));
	*val = rte_be_to_cpu_32(words[1]);
	return words[0] == RTE_BE32(0x0101080a);
}

/*
 * Header prediction: the next expected segment, in an established connection where nothing is out
 * of order or lost, with an ACK of what is in flight. All RFC steps hold trivially or are done
 * here. @return false when it is not such a segment; nothing was touched
 */
static inline bool in_fast(struct tcp_conn *c, struct tcp_seg *seg, const uint8_t *header)
{
	uint32_t acked = seg->ack - c->snd_una;
	uint32_t ts_val = 0, wnd;

	if (c->state != TCP_ESTABLISHED || (c->flags & TCP_F_SLOW) ||
		(seg->flags & ~TCP_PSH) != TCP_ACK || seg->seq != c->rcv_nxt ||
		acked > c->snd_nxt - c->snd_una ||
		(acked == 0 && (seg->len == 0 || seq_lt(seg->seq, c->snd_wl1))) ||
		seg->len > c->rcv_adv - c->rcv_nxt)
		return false;
	if (c->flags & TCP_F_TS) {
		if (!ts_read(seg, header, &ts_val) || (int32_t)(ts_val - c->ts_recent) < 0)
			return false;
		if (c->ack_sent == seg->seq)
			c->ts_recent = ts_val;
	} else if (seg->header_bytes != sizeof(struct rte_tcp_hdr)) {
		return false;
	}
	wnd = seg->wnd << c->snd_scale;
	if (unlikely(wnd == 0 || (c->flags & TCP_F_PERSIST)))
		return false;
	c->rcv_tick = c->stack->tick;
	c->snd_wnd = wnd;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	if (acked > 0) {
		tcp_ack_advance(c, seg->ack);
		tcp_cc_acked(c, acked);
	}
	if (c->unsent > 0)
		tcp_conn_output(c);
	if (seg->len == 0) {
		rte_pktmbuf_free(seg->m);
		return true;
	}
	tcp_rcv_append(c, tcp_chain_cut_front(seg->m, seg->header_bytes), seg->len);
	tcp_rcv_ack(c, seg->len);
	return true;
}

/* One segment, found under @p ref as far as the burst's beginning knew. */
static void in_segment(struct tcp_stack *s, struct rte_mbuf *m, uint64_t hash, uint32_t ref)
{
	const struct net_meta *meta = net_meta(m);
	const struct rte_tcp_hdr *h = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	struct tcp_seg seg = { .m = m, .hash = hash };
	struct lookup lookup = { s, meta, hash };
	struct tcp_conn *c;

	s->count->segs_in++;
	if (unlikely(m->data_len < sizeof(*h) || meta->header_bytes < sizeof(*h) ||
		     meta->header_bytes > m->data_len)) {
		tcp_seg_drop(s, &seg, DROP_TCP_HEADER);
		return;
	}
	seg.seq = rte_be_to_cpu_32(h->sent_seq);
	seg.ack = rte_be_to_cpu_32(h->recv_ack);
	seg.wnd = rte_be_to_cpu_16(h->rx_win);
	seg.flags = h->tcp_flags & ~TCP_SEG_CE;
	/* 3, and no other codepoint, carries into the bit. */
	seg.flags |= (meta->ecn + 1u) << 3 & TCP_SEG_CE;
	seg.header_bytes = meta->header_bytes;
	seg.len = meta->payload_bytes;
	/* A segment before this one may have made or ended what the tag found: compare, else look
	 * again. */
	if (TCP_REF_KIND(ref) != TCP_REF_CONN ||
		!(s->conns[TCP_REF_INDEX(ref)].flags & TCP_F_IN_FLOW) ||
		!conn_match(&s->conns[TCP_REF_INDEX(ref)], meta))
		ref = tcp_flow_find(&s->flow, hash, ref_match, &lookup);
	if (likely(TCP_REF_KIND(ref) == TCP_REF_CONN && s->pool_state < TCP_POOL_SHUT)) {
		c = &s->conns[TCP_REF_INDEX(ref)];
		if (in_fast(c, &seg, (const uint8_t *)h))
			return;
	}
	if (!options_read(s, &seg, (const uint8_t *)h))
		return;
	if (TCP_REF_KIND(ref) == TCP_REF_CONN)
		in_slow(&s->conns[TCP_REF_INDEX(ref)], &seg);
	else
		in_other(s, ref, &seg);
}

#define IN_AHEAD 4 /* segments */

/* What the connection names and a segment of it touches: the mbuf that it acknowledges, of which
 * freeing needs all, and the application's, who will read the data. */
static inline void fetch_named(const struct tcp_conn *c)
{
	rte_prefetch0(c->user);
	if (c->sq_head)
		bytes_fetch(c->sq_head, sizeof(*c->sq_head));
}

static void in_burst(struct tcp_stack *s, struct rte_mbuf **segs, uint16_t n)
{
	uint64_t hash[TCP_BURST];
	uint32_t ref[TCP_BURST];

	for (uint16_t i = 0; i < n; i++) {
		const struct net_meta *meta = net_meta(segs[i]);

		rte_prefetch0(rte_pktmbuf_mtod(segs[i], void *));
		hash[i] = tcp_flow_hash(
			&s->flow, &meta->dst, &meta->src, meta->dst_port, meta->src_port);
		tcp_flow_prefetch(&s->flow, hash[i]);
	}
	for (uint16_t i = 0; i < n; i++) {
		ref[i] = tcp_flow_peek(&s->flow, hash[i]);
		if (TCP_REF_KIND(ref[i]) == TCP_REF_CONN)
			tcp_fetch(&s->conns[TCP_REF_INDEX(ref[i])]);
	}
	for (uint16_t i = 0; i < n + IN_AHEAD; i++) {
		if (i < n && TCP_REF_KIND(ref[i]) == TCP_REF_CONN)
			fetch_named(&s->conns[TCP_REF_INDEX(ref[i])]);
		if (i >= IN_AHEAD)
			in_segment(s, segs[i - IN_AHEAD], hash[i - IN_AHEAD], ref[i - IN_AHEAD]);
	}
}

void tcp_input(struct tcp_stack *s, struct rte_mbuf **segs, uint16_t n, uint64_t now_ns)
{
	tcp_clock(s, now_ns);
	tcp_pool_sample(s);
	s->burst_full = n >= PORT_RX_BURST;
	for (uint16_t at = 0; at < n; at += TCP_BURST)
		in_burst(s, segs + at, n - at < TCP_BURST ? n - at : TCP_BURST);
}
