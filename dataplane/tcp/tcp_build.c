/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments of a connection as mbufs. Payload is referred to by indirect mbufs, so that what is sent
 * again needs no copy; small payloads and ports that take one mbuf a packet get a copy behind the
 * header. The mbufs of the send queue are never written to: a NIC may still be reading them.
 */
#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/tcp/tcp_priv.h"

/* A place in the send queue. */
struct place {
	struct rte_mbuf *m;
	uint32_t off;
};

/* Ranges out of order that are told, beside what came twice. */
static unsigned sack_blocks(const struct tcp_conn *c)
{
	unsigned most = (c->flags & TCP_F_TS ? 3 : 4) - ((c->flags & TCP_F_DSACK) != 0);
	unsigned n;

	if (!(c->flags & TCP_F_OOO) || !(c->flags & TCP_F_SACK))
		return 0;
	n = tcp_cold(c)->range_count;
	return n < most ? n : most;
}

uint32_t tcp_build_sack_bytes(const struct tcp_conn *c)
{
	unsigned n = 0;

	if (c->flags & (TCP_F_OOO | TCP_F_DSACK))
		n = sack_blocks(c) + ((c->flags & TCP_F_DSACK) != 0);
	return n > 0 ? 4 + 8 * n : 0;
}

static size_t write_range(uint8_t *out, struct tcp_range r)
{
	uint32_t words[2] = { rte_cpu_to_be_32(r.left), rte_cpu_to_be_32(r.right) };

	memcpy(out, words, sizeof(words));
	return sizeof(words);
}

static size_t write_sack(const struct tcp_conn *c, uint8_t *out)
{
	const struct tcp_cold *cold = tcp_cold(c);
	size_t bytes = tcp_build_sack_bytes(c), at = 4;
	unsigned n = sack_blocks(c);

	if (bytes == 0)
		return 0;
	out[0] = out[1] = 1;
	out[2] = 5;
	out[3] = (uint8_t)(bytes - 2);
	if (c->flags & TCP_F_DSACK)
		at += write_range(out + at, cold->twice);
	for (unsigned i = 0; i < n; i++)
		at += write_range(out + at, cold->range[i]);
	return bytes;
}

static void header_write(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint8_t flags,
	uint16_t wnd, size_t options)
{
	struct rte_tcp_hdr *h = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);

	h->src_port = rte_cpu_to_be_16(c->local_port);
	h->dst_port = rte_cpu_to_be_16(c->remote_port);
	h->sent_seq = rte_cpu_to_be_32(seq);
	h->recv_ack = flags & TCP_ACK ? rte_cpu_to_be_32(c->rcv_nxt) : 0;
	h->data_off = (uint8_t)((sizeof(*h) + options) / 4 << 4);
	h->tcp_flags = flags;
	h->rx_win = rte_cpu_to_be_16(wnd);
	h->cksum = 0;
	h->tcp_urp = 0;
	m->data_len = (uint16_t)(sizeof(*h) + options);
	m->pkt_len = m->data_len;
}

struct rte_mbuf *tcp_build_syn(struct tcp_conn *c, bool ack)
{
	struct tcp_stack *s = c->stack;
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->config.pool);
	struct tcp_reply r = { .options =
				       TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS,
		.mss = tcp_own_mss(s, &c->path, &c->remote),
		.wscale = s->rcv_scale,
		.ts_val = tcp_ts_now(c),
		.ts_ecr = c->ts_recent };
	uint8_t flags = TCP_SYN;
	size_t options;

	if (m == NULL)
		return NULL;
	options = tcp_write_syn_options(
		rte_pktmbuf_mtod_offset(m, uint8_t *, sizeof(struct rte_tcp_hdr)), &r);
	if (ack)
		flags |= TCP_ACK | (c->flags & TCP_F_ECN ? TCP_ECE : 0);
	/* Some middleboxes drop it: not when it goes again (RFC 3168 §6.1.1.1). */
	else if (s->config.ecn == TCP_ECN_ON && tcp_cold(c)->retries == 0)
		flags |= TCP_ECE | TCP_CWR;
	header_write(c, m, c->snd_una, flags, tcp_connect_window(c), options);
	return m;
}

/* Where sequence number @p seq lies in the send queue. */
static struct place place_find(const struct tcp_conn *c, uint32_t seq)
{
	struct place p = { c->sq_head, seq - c->snd_una + c->sq_off };

	if (seq == c->snd_nxt)
		return (struct place){ c->sq_next, c->next_off };
	while (p.m != NULL && p.off >= p.m->data_len) {
		p.off -= p.m->data_len;
		p.m = p.m->next;
	}
	return p;
}

static unsigned build_pieces(struct place p, uint32_t len)
{
	unsigned n = 0;

	while (len > 0 && p.m != NULL) {
		uint32_t here = p.m->data_len - p.off;

		len -= here < len ? here : len;
		p = (struct place){ p.m->next, 0 };
		n++;
	}
	return n;
}

/* Copy behind the header, into more mbufs where one is too small (never so on a port that takes
 * one). */
static bool payload_copy(struct tcp_conn *c, struct rte_mbuf *head, struct place p, uint32_t len)
{
	struct rte_mbuf *last = head;

	while (len > 0 && p.m != NULL) {
		uint32_t here = p.m->data_len - p.off, room = rte_pktmbuf_tailroom(last);

		if (room == 0) {
			last->next = rte_pktmbuf_alloc(c->stack->config.pool);
			if (last->next == NULL)
				return false;
			last = last->next;
			head->nb_segs++;
			continue;
		}
		here = here < len ? here : len;
		here = here < room ? here : room;
		memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len),
			rte_pktmbuf_mtod_offset(p.m, const uint8_t *, p.off), here);
		last->data_len = (uint16_t)(last->data_len + here);
		head->pkt_len += here;
		len -= here;
		p.off += here;
		if (p.off == p.m->data_len)
			p = (struct place){ p.m->next, 0 };
	}
	return true;
}

static bool payload_refer(struct tcp_conn *c, struct rte_mbuf *head, struct place p, uint32_t len)
{
	struct rte_mbuf *last = head;

	while (len > 0 && p.m != NULL) {
		uint32_t here = p.m->data_len - p.off;
		struct rte_mbuf *piece = rte_pktmbuf_alloc(c->stack->config.pool);

		if (piece == NULL)
			return false;
		here = here < len ? here : len;
		rte_pktmbuf_attach(piece, p.m);
		piece->data_off = (uint16_t)(piece->data_off + p.off);
		piece->data_len = (uint16_t)here;
		piece->pkt_len = here;
		last->next = piece;
		last = piece;
		head->nb_segs++;
		head->pkt_len += here;
		len -= here;
		p = (struct place){ p.m->next, 0 };
	}
	return true;
}

static bool payload_put(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint32_t len)
{
	struct place p = place_find(c, seq);

	if ((c->flags & TCP_F_LINEAR) || len <= TCP_COPY_BYTES ||
		build_pieces(p, len) > (len > c->mss ? PORT_RUN_PIECES : TCP_CHAIN_SEGS))
		return payload_copy(c, m, p, len);
	return payload_refer(c, m, p, len);
}

struct rte_mbuf *tcp_build_data(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t flags)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->stack->config.pool);
	uint8_t *options;
	size_t n = 0;

	if (unlikely(m == NULL))
		return NULL;
	options = rte_pktmbuf_mtod_offset(m, uint8_t *, sizeof(struct rte_tcp_hdr));
	if (c->flags & TCP_F_TS)
		n = tcp_write_ts(options, tcp_ts_now(c), c->ts_recent);
	if (c->flags & (TCP_F_OOO | TCP_F_DSACK | TCP_F_ECHO)) {
		n += write_sack(c, options + n);
		flags |= (c->flags & TCP_F_ECHO) && !(flags & TCP_RST) ? TCP_ECE : 0;
	}
	header_write(c, m, seq, flags, flags & TCP_RST ? 0 : tcp_rcv_window(c), n);
	if (len > 0 && !payload_put(c, m, seq, len)) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	c->ack_sent = c->rcv_nxt;
	c->flags &= ~(TCP_F_ACK_NOW | TCP_F_DSACK);
	if (unlikely(c->flags & TCP_F_STRETCH))
		tcp_stretch_over(c);
	if (!(c->flags & TCP_F_POOL_SHUT))
		tcp_timer_clear(c, TCP_TIMER_ACK);
	return m;
}
