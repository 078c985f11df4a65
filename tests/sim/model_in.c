/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reference peer makes of the stack's segments. Before anything is taken from one, it is
 * judged: bytes, places, options, acknowledgements and SACK blocks must be what a stack may send
 * that follows RFC 9293, RFC 7323 and RFC 2018.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model.h"

static struct world *world(const struct model_conn *c)
{
	return c->flow->side->world;
}

/* Bytes that the stack's application has handed over, as an offset beyond the last. */
static uint32_t peer_end(const struct model_conn *c)
{
	return 1 + sim_peer(c->flow)->sent;
}

static void judge_options(const struct model_conn *c, const struct model_seg *seg)
{
	uint8_t allowed = c->ts ? TCP_OPT_TS : 0;

	if (seg->opt.present & ~allowed)
		sim_fail(world(c), "an option that was not agreed on (RFC 9293 3.2)");
	if (c->ts && !(seg->opt.present & TCP_OPT_TS) && !(seg->flags & TCP_RST))
		sim_fail(world(c), "the agreed timestamp is missing (RFC 7323 3.2)");
	if ((seg->opt.present & TCP_OPT_TS) && (seg->flags & TCP_ACK) &&
		((int32_t)(model_clock_ms(c) - seg->opt.ts_ecr) < 0 ||
			(int32_t)(seg->opt.ts_ecr - c->ts_first) < 0))
		sim_fail(world(c), "a timestamp echoed that was never sent (RFC 7323 4.1)");
	if (seg->opt.sack_count > 0 && !c->sack)
		sim_fail(world(c), "SACK blocks without agreement (RFC 2018 2)");
	for (unsigned i = 0; i < seg->opt.sack_count; i++) {
		uint32_t left = seg->opt.sack[i].left - c->iss;
		uint32_t right = seg->opt.sack[i].right - c->iss;

		if (left < 1 || left >= right || right > c->top)
			sim_fail(world(c), "a SACK block of what was never sent (RFC 2018 4)");
		/* Only the first may lie below the acknowledgement (RFC 2883 4). */
		if (i > 0 && left <= seg->ack)
			sim_fail(world(c), "a SACK block that touches the acknowledgement");
	}
}

static void judge_segment(const struct model_conn *c, const struct model_seg *seg)
{
	uint32_t most = (uint32_t)world(c)->o.mtu - 40;
	uint32_t end = seg->at + seg->len;

	if (c->flow->side->world->o.model_options & TCP_OPT_MSS)
		most = TCP_MSS_DEFAULT_V4;
	if ((seg->flags & TCP_ACK) && seg->ack > c->top)
		sim_fail(world(c), "an acknowledgement of what was never sent");
	judge_options(c, seg);
	if (seg->len == 0)
		return;
	if (seg->len > most && !(world(c)->o.strip & FAKE_STRIP_MSS))
		sim_fail(world(c), "a segment larger than the MSS (RFC 9293 3.7.1)");
	if (end > peer_end(c))
		sim_fail(world(c), "bytes that the application never sent");
	/* One byte beyond it may probe the window (RFC 9293 3.8.6.1). */
	if (end > c->offered && !(seg->len == 1 && seg->at <= c->offered))
		sim_fail(world(c), "a segment beyond the window that was offered");
	for (uint32_t i = 0; i < seg->len; i++)
		if (seg->payload[i] != sim_byte(sim_peer(c->flow), seg->at - 1 + i))
			sim_fail(world(c), "a byte went out wrong");
}

static void take_ack(struct model_conn *c, const struct model_seg *seg)
{
	uint32_t edge = seg->ack + (seg->wnd << c->snd_scale);
	bool same = edge <= c->edge;

	if (edge > c->edge)
		c->edge = edge;
	if (seg->ack > c->una) {
		c->una = seg->ack;
		c->nxt = c->nxt > c->una ? c->nxt : c->una;
		c->dups = c->backoff = 0;
		model_timeout_set(c);
	} else if (seg->ack == c->una && seg->len == 0 && same && c->una < c->nxt &&
		   ++c->dups == 3) {
		uint32_t len = model_end(c) > c->una ? model_end(c) - c->una : 0;

		len = len < c->mss ? len : c->mss;
		len = len < c->nxt - c->una ? len : c->nxt - c->una;
		if (len > 0)
			model_send(c, c->una, len, TCP_ACK);
	}
}

static void take_payload(struct model_conn *c, const struct model_seg *seg)
{
	uint32_t end = seg->at + seg->len, was = c->rcv;
	bool twice = seg->at < c->rcv || (seg->at < c->high && c->have[seg->at]);

	for (uint32_t at = seg->at; at < end && at < c->offered; at++)
		if (at >= c->rcv)
			c->have[at] = 1;
	if (end > c->high)
		c->high = end < c->offered ? end : c->offered;
	if (seg->flags & TCP_FIN)
		c->fin = end;
	while (c->rcv < c->high && c->have[c->rcv])
		c->rcv++;
	if (twice && world(c)->o.model_dsack) {
		c->twice = (struct tcp_range){ seg->at, seg->at + 1 };
		while (c->twice.right < end && c->have[c->twice.right])
			c->twice.right++;
		c->twice_due = true;
	}
	c->latest = seg->at;
	c->unacked++;
	/* RFC 5681 §4.2: at once what is out of order, comes twice or fills a gap. */
	if (twice || c->rcv == was || c->rcv < c->high || c->rcv > end ||
		c->unacked >= world(c)->o.model_ack)
		c->ack_now = true;
	else if (c->ack_ns == MODEL_NEVER)
		c->ack_ns = c->flow->side->model->now_ns + world(c)->o.model_ack_ms * 1000000;
}

static void take_text(struct model_conn *c, const struct model_seg *seg)
{
	struct sim_flow *f = c->flow;

	if (seg->len > 0)
		take_payload(c, seg);
	if (seg->flags & TCP_FIN) {
		c->fin = seg->at + seg->len;
		if (c->fin != 1 + sim_peer(f)->to_send)
			sim_fail(world(c), "a FIN before the last byte");
		c->ack_now = true;
	}
	f->received = (c->rcv > peer_end(c) ? peer_end(c) : c->rcv) - 1;
	if (c->fin != 0 && c->rcv == c->fin) {
		c->rcv++;
		f->eof = true;
		c->ack_now = true;
		f->received = c->fin - 1;
	}
}

static void agree(struct model_conn *c, const struct model_seg *seg)
{
	const struct scenario *o = &world(c)->o;
	uint8_t both = seg->opt.present & (uint8_t)~o->model_options;
	uint64_t buf = SCENARIO_OF(o, rcv_buf, c->flow->side->index);
	uint32_t mss = seg->opt.present & TCP_OPT_MSS ? seg->opt.mss : TCP_MSS_DEFAULT_V4;

	c->irs = seg->seq_raw;
	c->rcv = c->taken = c->acked = 1;
	c->high = 1;
	c->ts = (both & TCP_OPT_TS) != 0;
	c->sack = (both & TCP_OPT_SACK_OK) != 0;
	c->ts_recent = seg->opt.ts_val;
	if (both & TCP_OPT_WSCALE) {
		c->snd_scale = seg->opt.wscale;
		for (c->rcv_scale = 1; buf >> c->rcv_scale > UINT16_MAX; c->rcv_scale++)
			;
	}
	if (mss > o->mtu - 40)
		mss = (uint32_t)o->mtu - 40;
	c->mss = mss - (c->ts ? TCP_TS_BYTES : 0) - (c->sack ? 36 : 0);
	if ((int32_t)c->mss < 16)
		c->mss = 16;
	c->edge = 1 + seg->wnd;
	c->have = calloc(1, sim_peer(c->flow)->to_send + 4 + buf + UINT16_MAX);
}

static void model_open(struct model_conn *c)
{
	c->state = MODEL_OPEN;
	c->flow->connected = true;
	c->una = c->nxt = 1;
	c->top = c->top > 1 ? c->top : 1;
	c->backoff = 0;
	c->rtx_ns = MODEL_NEVER;
}

/* A SYN from nowhere: the flow whose other end has that port. */
static void model_listen(struct sim_side *side, const struct net_meta *meta, struct model_seg *seg)
{
	struct world *w = side->world;

	for (unsigned i = 0; i < w->o.flows; i++) {
		struct sim_flow *f = &side->flows[i];
		struct model_conn *c = model_conn(f);

		if (f->used || sim_peer(f)->ended || sim_port(sim_peer(f)) != meta->src_port)
			continue;
		f->used = true;
		*c = (struct model_conn){ .flow = f,
			.state = MODEL_SYN_RCVD,
			.local_port = SIM_PORT,
			.remote_port = meta->src_port,
			.iss = sim_pick(w, UINT32_MAX),
			.top = 1,
			.rtx_ns = side->model->now_ns,
			.ack_ns = MODEL_NEVER,
			.take_ns = MODEL_NEVER,
			.heard_ns = side->model->now_ns };
		c->ts_first = model_clock_ms(c);
		agree(c, seg);
		return;
	}
}

static void model_syn_sent(struct model_conn *c, struct model_seg *seg)
{
	if (!(seg->flags & TCP_ACK) || seg->ack_raw != c->iss + 1)
		return;
	if (seg->flags & TCP_RST) {
		sim_fail(world(c), "the connection was refused");
		return;
	}
	if (!(seg->flags & TCP_SYN))
		return;
	agree(c, seg);
	model_open(c);
	c->ack_now = true;
}

static void model_rst(struct model_conn *c, const struct model_seg *seg)
{
	struct sim_flow *f = c->flow;

	if (seg->at == c->rcv) {
		c->state = MODEL_DEAD;
		f->ended = true;
		f->end = TCP_END_RESET;
		f->ended_ns = f->side->world->now_ns;
	} else if (seg->at > c->rcv && seg->at < c->offered) {
		c->ack_now = true; /* RFC 5961 §3.2 */
	}
}

static void model_known(struct model_conn *c, struct model_seg *seg)
{
	seg->at = seg->seq_raw - c->irs;
	seg->ack = seg->ack_raw - c->iss;
	c->heard_ns = c->flow->side->model->now_ns;
	if (seg->flags & TCP_RST) {
		if (c->state <= MODEL_OPEN)
			model_rst(c, seg);
		return;
	}
	if (seg->flags & TCP_SYN) { /* ours was lost, or theirs came late */
		if (c->state == MODEL_SYN_RCVD && !(seg->flags & TCP_ACK))
			c->rtx_ns = c->heard_ns;
		c->ack_now = c->state != MODEL_SYN_RCVD;
		return;
	}
	if (c->state == MODEL_DEAD) {
		model_reset(c->flow->side, c->local_port, c->remote_port, seg->ack_raw);
		return;
	}
	if (!(seg->flags & TCP_ACK)) {
		sim_fail(world(c), "a segment without ACK (RFC 9293 3.10.7.4)");
		return;
	}
	judge_segment(c, seg);
	if (c->state == MODEL_SYN_RCVD) {
		if (seg->ack != 1)
			return;
		model_open(c);
	}
	if (c->ts && seg->at <= c->acked && (int32_t)(seg->opt.ts_val - c->ts_recent) >= 0)
		c->ts_recent = seg->opt.ts_val;
	if (c->state == MODEL_DONE) {
		c->ack_now |= seg->len > 0 || (seg->flags & TCP_FIN);
		return;
	}
	take_ack(c, seg);
	/* A probe or a keep-alive: an old number and nothing in it. */
	if (seg->at + seg->len < c->rcv || (seg->len == 0 && seg->at < c->rcv))
		c->ack_now = true;
	take_text(c, seg);
}

void model_segment(struct sim_side *side, struct rte_mbuf *m)
{
	static uint8_t payload[UINT16_MAX];
	const struct net_meta *meta = net_meta(m);
	const struct rte_tcp_hdr *h = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	struct model_seg seg = { .flags = h->tcp_flags,
		.seq_raw = rte_be_to_cpu_32(h->sent_seq),
		.ack_raw = rte_be_to_cpu_32(h->recv_ack),
		.wnd = rte_be_to_cpu_16(h->rx_win),
		.len = meta->payload_bytes };

	if (!tcp_options_parse((const uint8_t *)(h + 1), meta->header_bytes - sizeof(*h), &seg.opt))
		sim_fail(side->world, "options that cannot be read");
	seg.payload = rte_pktmbuf_read(m, meta->header_bytes, seg.len, payload);
	for (unsigned i = 0; i < side->world->o.flows; i++) {
		struct model_conn *c = &side->model->conns[i];

		if (c->state == MODEL_FREE || c->remote_port != meta->src_port ||
			c->local_port != meta->dst_port)
			continue;
		if (c->state == MODEL_SYN_SENT)
			model_syn_sent(c, &seg);
		else
			model_known(c, &seg);
		return;
	}
	if ((seg.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		model_listen(side, meta, &seg);
}
