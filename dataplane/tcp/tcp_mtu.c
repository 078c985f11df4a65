/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of packets that a path takes. ICMP tells when it became smaller (tcp_icmp.c); where
 * nobody tells, a segment that times out again and again does (RFC 4821 §7.7). Growth is tried with
 * segments of data that waits anyway (§7.2), right after a fall between the size that passes and
 * the one that did not, later every ten minutes up to the port's own: no ICMP has to be believed
 * for that, and a probe that is lost costs a segment that goes again, not the window (§7.6).
 *
 * New connections begin with what the path table remembers of the remote, so only the first one
 * finds a black hole by waiting.
 */
#include "dataplane/tcp/tcp_priv.h"

#define BLACK_HOLE_TIMEOUTS 3    /* in a row (RFC 8899 §5.1.2, MAX_PROBES) */
#define BASE_V4             1064 /* segments of 1,024 bytes (RFC 4821 §7.2) */
#define RAISE_MS            600000
#define SEARCH_STEP         32 /* bytes: a search that knows better than this is over */

/* Payload of a segment in a packet of @p mtu bytes, as the peer and the port allow. */
static uint16_t mss_at(const struct tcp_conn *c, uint32_t mtu)
{
	uint32_t headers = tcp_ip_headers(&c->remote), mss = tcp_cold(c)->peer_mss;
	uint32_t room = rte_pktmbuf_data_room_size(c->stack->config.pool) - RTE_PKTMBUF_HEADROOM;

	if (mss == 0)
		mss = ip_is_v4(&c->remote) ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
	if (mtu < headers + mss)
		mss = mtu > headers ? mtu - headers : 0;
	if (mss < TCP_MSS_MIN)
		mss = TCP_MSS_MIN;
	/* A port that takes one mbuf a packet limits a segment to what a mbuf of ours holds. */
	if ((c->flags & TCP_F_LINEAR) &&
		mss > room - sizeof(struct rte_tcp_hdr) - TCP_OPTIONS_BYTES)
		mss = room - sizeof(struct rte_tcp_hdr) - TCP_OPTIONS_BYTES;
	if (c->flags & TCP_F_TS)
		mss -= TCP_TS_BYTES;
	return (uint16_t)mss;
}

void tcp_mtu_set(struct tcp_conn *c, uint16_t mtu)
{
	uint16_t most = net_tx(c->stack->net, c->path.port_index)->port->mtu;

	c->path.mtu = mtu;
	c->mss = mss_at(c, mtu);
	c->flags &= ~(TCP_F_NARROW | TCP_F_WIDE_ACKED);
	if (c->mss < mss_at(c, most)) {
		c->flags |= TCP_F_NARROW;
		tcp_cold(c)->mtu_due = c->stack->tick + RAISE_MS;
	}
	/* It counts in segments. */
	c->stack->cc->init(c);
}

void tcp_mtu_lower(struct tcp_conn *c, uint16_t mtu)
{
	struct tcp_cold *cold = tcp_cold(c);

	cold->icmp_mtu = cold->mtu_probe = cold->mtu_bad = 0;
	net_path_remember(c->stack->net, &c->remote, mtu);
	if (c->state < TCP_ESTABLISHED)
		c->path.mtu = mtu;
	else
		tcp_mtu_set(c, mtu);
}

/* What the path may take where a segment of @p len bytes does not get through, or 0. */
static uint16_t mtu_smaller(const struct tcp_conn *c, uint32_t len)
{
	uint16_t low = tcp_mtu_min(&c->remote);

	if (ip_is_v4(&c->remote) && c->path.mtu > BASE_V4 && len > mss_at(c, BASE_V4))
		return BASE_V4;
	return c->path.mtu > low && len > mss_at(c, low) ? low : 0;
}

/* What ICMP said of a segment that is now known not to arrive (RFC 5927 §7.2), or what another
 * connection found out; else, in the end, a guess. */
void tcp_mtu_timeout(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	const struct tcp_rec *head = tcp_rec_at(c, c->rec_head);
	uint16_t known = net_path_mtu(c->stack->net, &c->remote, c->path.mtu), mtu;

	if (cold->mtu_probe != 0 && (head->flags & TCP_REC_PROBE))
		cold->mtu_bad = cold->mtu_probe;
	cold->mtu_probe = 0;
	if (cold->icmp_mtu != 0 && cold->icmp_mtu < c->path.mtu &&
		tcp_icmp_too_big(c, cold->icmp_seq, cold->icmp_mtu)) {
		tcp_mtu_lower(c, cold->icmp_mtu);
		return;
	}
	cold->icmp_mtu = 0;
	if (known < c->path.mtu && head->len > mss_at(c, known)) {
		tcp_mtu_lower(c, known);
		return;
	}
	if (cold->retries + 1 < BLACK_HOLE_TIMEOUTS || tcp_peer_shut(c))
		return;
	mtu = mtu_smaller(c, head->len);
	if (mtu == 0)
		return;
	c->stack->count->black_holes++;
	known = c->path.mtu;
	tcp_mtu_lower(c, mtu);
	cold->mtu_bad = known;
	cold->mtu_due = c->stack->tick;
}

/* The next size to try, or 0 when the search is over for now. */
static uint16_t mtu_candidate(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (cold->mtu_bad == 0)
		return net_tx(c->stack->net, c->path.port_index)->port->mtu;
	if (cold->mtu_bad >= c->path.mtu + SEARCH_STEP)
		return (uint16_t)((c->path.mtu + cold->mtu_bad) / 2);
	cold->mtu_bad = 0;
	cold->mtu_due = c->stack->tick + RAISE_MS;
	net_path_remember(c->stack->net, &c->remote, c->path.mtu);
	return 0;
}

void tcp_mtu_probe(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint16_t mtu;
	uint32_t len, all;

	/* Without SACK a lost probe cannot be told from a lost window's beginning. */
	if ((c->flags & (TCP_F_LOSS | TCP_F_SACK)) != TCP_F_SACK || cold->mtu_probe != 0 ||
		seq_lt(c->stack->tick, cold->mtu_due))
		return;
	mtu = mtu_candidate(c);
	if (mtu == 0)
		return;
	len = mss_at(c, mtu) - tcp_build_sack_bytes(c);
	/* What follows it tells whether it arrived (§7.4). */
	all = len + TCP_DUP_THRESH * c->mss;
	if (c->unsent < all || tcp_pipe(c) + all > c->cwnd ||
		(int32_t)(c->snd_una + c->snd_wnd - c->snd_nxt - all) < 0)
		return;
	if (!tcp_out_sized(c, len))
		return;
	c->stack->count->mtu_probes++;
	tcp_rec_at(c, c->rec_tail)->flags |= TCP_REC_PROBE;
	cold->mtu_probe = mtu;
	cold->mtu_probe_end = c->snd_nxt;
	tcp_loss_flag(c);
}

void tcp_mtu_acked(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint16_t bad = cold->mtu_bad;

	if (seq_lt(c->snd_una, cold->mtu_probe_end))
		return;
	tcp_mtu_set(c, cold->mtu_probe);
	cold->mtu_probe = 0;
	cold->mtu_due = c->stack->tick;
	net_path_remember(c->stack->net, &c->remote, c->path.mtu);
	cold->mtu_bad = bad;
}

bool tcp_mtu_only_probe_lost(struct tcp_conn *c)
{
	struct tcp_cold *cold = tcp_cold(c);
	bool only = true;

	for (uint32_t i = c->rec_head; i != TCP_NIL && only; i = c->stack->recs[i].next)
		only = !tcp_rec_resend_due(&c->stack->recs[i]) ||
		       (c->stack->recs[i].flags & TCP_REC_PROBE);
	/* With others it was lost to congestion, which says nothing about its size. */
	if (only && cold->mtu_probe != 0) {
		cold->mtu_bad = cold->mtu_probe;
		c->flags |= TCP_F_RTX_FORCE;
	}
	cold->mtu_probe = 0;
	return only;
}
