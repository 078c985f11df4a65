/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection of ours may never do, whatever happens to it, seen from outside between two
 * turns of its loop: a congestion window that grows by more than was acknowledged or does not give
 * way to a loss, more in the network than it allows, a window edge that moves back.
 */
#include "dataplane/tcp/tcp_priv.h"
#include "tests/sim/world.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void watch_growth(struct world *w, const struct tcp_conn *c, const struct sim_watch *was)
{
	uint32_t acked = c->snd_una - was->una;
	uint32_t flight = was->nxt - was->una, window;
	/* Slow start is the fastest there is (RFC 5681 §3.1); recovery returns to ssthresh. */
	uint32_t most = was->cwnd + acked + c->mss;

	if (c->ssthresh != UINT32_MAX)
		most = larger(most, c->ssthresh + c->mss);
	if (c->cwnd > larger(most, c->pipe + 2u * c->mss))
		sim_fail(w, "cwnd grew by more than was acknowledged");
	/* A loss costs (RFC 5681 §3.1 (4), RFC 9438 §4.6), and nothing else sets the threshold. It may show
	 * after the window grew in the same loop, or with the ACK that ends a recovery. */
	window = (was->recovery != TCP_OPEN ? was->ssthresh : was->cwnd) + acked;
	window = larger(flight, window);
	if (c->ssthresh != was->ssthresh && c->ssthresh > larger(window / 10 * 9, 2u * c->mss))
		sim_fail(w, "ssthresh does not give way to a loss");
}

static void watch_conn(struct world *w, struct sim_flow *f)
{
	const struct tcp_conn *c = f->conn;
	struct sim_watch *was = &f->watch;
	bool open = f->connected && !f->ended && c->state >= TCP_ESTABLISHED;

	if (open && was->known) {
		/* What was needless may be taken back at once (RFC 9438 §4.9). */
		if (was->undos == f->side->counters.undos)
			watch_growth(w, c, was);
		/* RFC 5681 §3.1: new data leaves only below the window; a segment that was cut, a
		 * forced retransmission and a FIN come on top, and the probe of a tail (RFC 8985 §7.3)
		 * although a mark made the window smaller. */
		if (c->snd_nxt - was->nxt > 1 &&
			was->tail_probes == f->side->counters.tail_probes &&
			tcp_pipe(c) > c->cwnd + 2u * c->mss)
			sim_fail(w, "more was sent than cwnd allows");
	}
	was->known = open;
	if (!open)
		return;
	was->undos = f->side->counters.undos;
	was->tail_probes = f->side->counters.tail_probes;
	was->cwnd = c->cwnd;
	was->ssthresh = c->ssthresh;
	was->recovery = c->recovery;
	was->una = c->snd_una;
	was->nxt = c->snd_nxt;
	was->pipe = tcp_pipe(c);
}

void watch_loop(struct sim_side *side)
{
	for (unsigned i = 0; i < side->world->o.flows; i++)
		if (side->flows[i].conn != NULL)
			watch_conn(side->world, &side->flows[i]);
}

/* RFC 9293 §3.8.6: the right edge never moves back, but for what scaling cuts off. */
static void watch_window(struct world *w, struct sim_flow *f, const struct rte_tcp_hdr *h)
{
	uint8_t scale = f->conn->rcv_scale;
	uint32_t edge =
		rte_be_to_cpu_32(h->recv_ack) + ((uint32_t)rte_be_to_cpu_16(h->rx_win) << scale);
	struct sim_watch *was = &f->watch;

	if (was->edge_known && (int32_t)(edge + (1u << scale) - was->edge) <= 0)
		sim_fail(w, "the advertised window shrank");
	if (!was->edge_known || (int32_t)(edge - was->edge) > 0)
		was->edge = edge;
	was->edge_known = true;
}

/* RFC 3168 §6.1.2, §6.1.5: only new data may be marked, and only it says CWR. */
static void watch_mark(struct world *w, struct sim_flow *f, const struct rte_tcp_hdr *h)
{
	uint32_t seq = rte_be_to_cpu_32(h->sent_seq);
	struct sim_watch *was = &f->watch;

	if (w->wire.filter_ecn == 0) {
		if (h->tcp_flags & RTE_TCP_CWR_FLAG)
			sim_fail(w, "CWR on what is no new data");
		return;
	}
	if (seq == f->conn->snd_nxt || (was->markable_known && (int32_t)(seq - was->markable) <= 0))
		sim_fail(w, "what is no new data may be marked");
	was->markable = seq;
	was->markable_known = true;
}

bool watch_segment(void *ctx, const struct rte_tcp_hdr *h, unsigned side)
{
	struct world *w = ctx;

	for (unsigned i = 0; i < w->o.flows; i++) {
		struct sim_flow *f = &w->sides[side].flows[i];

		if (f->conn == NULL || !f->connected || f->ended ||
			f->conn->state < TCP_ESTABLISHED ||
			f->conn->local_port != rte_be_to_cpu_16(h->src_port) ||
			f->conn->remote_port != rte_be_to_cpu_16(h->dst_port) ||
			(h->tcp_flags & (TCP_SYN | TCP_RST)))
			continue;
		watch_window(w, f, h);
		watch_mark(w, f, h);
	}
	return false;
}
