/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors (RFC 5927, RFC 5461), and neighbours that do not answer. Anyone can send an ICMP
 * error, so it must quote a sequence number that is in flight. It ends a connection only while that
 * is being opened, for there is another endpoint to try; later it is remembered as the reason,
 * should nothing else come (RFC 1122 §4.2.3.9). The path's MTU it lowers within reason.
 */
#include "dataplane/tcp/tcp_priv.h"

#define V4_UNREACHABLE     3
#define V4_CODE_NEEDS_FRAG 4
#define V6_UNREACHABLE     1
#define V6_PACKET_TOO_BIG  2

struct quoted {
	const struct tcp_stack *stack;
	const struct net_meta *meta;
};

static bool quoted_match(const void *arg, uint32_t ref)
{
	const struct quoted *q = arg;
	const struct tcp_conn *c;

	if (TCP_REF_KIND(ref) != TCP_REF_CONN)
		return false;
	c = &q->stack->conns[TCP_REF_INDEX(ref)];
	return c->local_port == q->meta->src_port && c->remote_port == q->meta->dst_port &&
	       ip_equal(&c->path.local, &q->meta->src) && ip_equal(&c->remote, &q->meta->dst);
}

/* Who says so of a segment that fits did not see it (RFC 5927 §7.2). */
bool tcp_icmp_too_big(const struct tcp_conn *c, uint32_t seq, uint32_t mtu)
{
	uint32_t headers = tcp_ip_headers(&c->remote);

	if (c->state < TCP_ESTABLISHED)
		return true; /* nobody knows how a SYN grew on its way */
	headers += c->flags & TCP_F_TS ? TCP_TS_BYTES : 0;
	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next) {
		const struct tcp_rec *rec = &c->stack->recs[i];

		if (seq - rec->seq < rec->len)
			return !(rec->flags & TCP_REC_SACK) && rec->len + headers > mtu;
	}
	return false;
}

/* What was too large is lost, and goes again in smaller pieces. */
static void send_again(struct tcp_conn *c)
{
	for (uint32_t i = c->rec_head; i != TCP_NIL; i = c->stack->recs[i].next) {
		struct tcp_rec *rec = &c->stack->recs[i];

		if (rec->len > c->mss && !(rec->flags & TCP_REC_SACK))
			tcp_rec_mark_lost(c, rec);
	}
	if (c->cwnd < c->mss)
		c->cwnd = c->mss;
	tcp_loss_flag(c);
	c->flags |= TCP_F_RTX_FORCE;
	tcp_conn_output(c);
}

static void path_shrink(struct tcp_conn *c, uint32_t seq, uint32_t mtu)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t low = tcp_mtu_min(&c->remote);

	if (mtu < low && !ip_is_v4(&c->remote))
		return; /* there is no such link (RFC 8201 §4) */
	mtu = mtu > low ? mtu : low;
	if (mtu >= c->path.mtu || !tcp_icmp_too_big(c, seq, mtu))
		return;
	/* RFC 5927 §7.2: where segments of this size arrived, it waits for the timeout that would
	 * follow if it were true; tcp_mtu_timeout() looks whether it did. */
	if (c->flags & TCP_F_WIDE_ACKED) {
		cold->icmp_mtu = (uint16_t)mtu;
		cold->icmp_seq = seq;
		return;
	}
	tcp_mtu_lower(c, (uint16_t)mtu);
	if (c->state >= TCP_ESTABLISHED)
		send_again(c);
}

static bool icmp_error(void *ctx, const struct net_icmp_error *error)
{
	struct tcp_stack *s = ctx;
	const struct net_meta *quoted = &error->quoted;
	bool v4 = ip_is_v4(&quoted->dst);
	struct quoted q = { s, quoted };
	struct tcp_conn *c;
	uint32_t ref;

	ref = tcp_flow_find(&s->flow,
		tcp_flow_hash(
			&s->flow, &quoted->src, &quoted->dst, quoted->src_port, quoted->dst_port),
		quoted_match, &q);
	if (ref == TCP_FLOW_NONE)
		return false;
	c = &s->conns[TCP_REF_INDEX(ref)];
	if (seq_lt(error->seq, c->snd_una) || seq_le(c->snd_nxt, error->seq))
		return true;
	if (v4 ? error->type == V4_UNREACHABLE && error->code == V4_CODE_NEEDS_FRAG
	       : error->type == V6_PACKET_TOO_BIG)
		path_shrink(c, error->seq, error->mtu);
	else if (error->type != (v4 ? V4_UNREACHABLE : V6_UNREACHABLE))
		return true;
	else if (c->state == TCP_SYN_SENT)
		tcp_conn_end(c, TCP_END_UNREACHABLE);
	else
		tcp_cold(c)->soft_error = true;
	return true;
}

/* To connections that are open it is a soft error: they go on as long as they have tries left. */
static void icmp_unreachable(void *ctx, const struct ip_addr *remote)
{
	tcp_connect_unreachable(ctx, remote);
}

const struct net_ops tcp_icmp_ops = {
	.icmp_error = icmp_error,
	.unreachable = icmp_unreachable,
};
