/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments without a control block: RST for what nobody knows, SYN-ACKs of the SYN cache, ACKs from
 * TIME-WAIT. The way back is looked up each time; these are not on the fast path.
 */
#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/tcp/tcp_priv.h"

void tcp_reply_tuple(const struct net_meta *meta, struct tcp_tuple *out)
{
	out->local = meta->dst;
	out->remote = meta->src;
	out->local_port = meta->dst_port;
	out->remote_port = meta->src_port;
}

size_t tcp_write_ts(uint8_t *out, uint32_t val, uint32_t ecr)
{
	uint32_t words[3] = { RTE_BE32(0x0101080a), rte_cpu_to_be_32(val), rte_cpu_to_be_32(ecr) };

	memcpy(out, words, sizeof(words));
	return sizeof(words);
}

size_t tcp_write_syn_options(uint8_t *out, const struct tcp_reply *r)
{
	size_t n = 0;

	if (r->options & TCP_OPT_MSS) {
		const uint8_t mss[4] = { 2, 4, (uint8_t)(r->mss >> 8), (uint8_t)r->mss };

		memcpy(out, mss, sizeof(mss));
		n += sizeof(mss);
	}
	if (r->options & TCP_OPT_WSCALE) {
		const uint8_t wscale[4] = { 1, 3, 3, r->wscale };

		memcpy(out + n, wscale, sizeof(wscale));
		n += sizeof(wscale);
	}
	if (r->options & TCP_OPT_SACK_OK) {
		const uint8_t sack[4] = { 1, 1, 4, 2 };

		memcpy(out + n, sack, sizeof(sack));
		n += sizeof(sack);
	}
	if (r->options & TCP_OPT_TS)
		n += tcp_write_ts(out + n, r->ts_val, r->ts_ecr);
	return n;
}

void tcp_reply_send(
	struct tcp_stack *s, const struct tcp_tuple *tuple, const struct tcp_reply *reply)
{
	struct net_path path;
	struct rte_tcp_hdr *h;
	struct rte_mbuf *m;
	size_t options;

	if (net_path_find(s->net, &tuple->remote, &tuple->local, &path) != 0) {
		net_drop(s->net, NULL, DROP_IP_NO_ROUTE);
		return;
	}
	m = rte_pktmbuf_alloc(s->config.pool);
	if (m == NULL) {
		net_drop(s->net, NULL, DROP_NO_MBUF);
		return;
	}
	h = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);
	options = tcp_write_syn_options((uint8_t *)(h + 1), reply);
	h->src_port = rte_cpu_to_be_16(tuple->local_port);
	h->dst_port = rte_cpu_to_be_16(tuple->remote_port);
	h->sent_seq = rte_cpu_to_be_32(reply->seq);
	h->recv_ack = rte_cpu_to_be_32(reply->ack);
	h->data_off = (uint8_t)((sizeof(*h) + options) / 4 << 4);
	h->tcp_flags = reply->flags;
	h->rx_win = rte_cpu_to_be_16(reply->wnd);
	h->cksum = 0;
	h->tcp_urp = 0;
	m->data_len = (uint16_t)(sizeof(*h) + options);
	m->pkt_len = m->data_len;
	s->count->segs_out++;
	if (reply->flags & TCP_RST)
		s->count->resets_out++;
	net_output_tcp(s->net, &path, &tuple->remote, m, 0, s->now_ns);
}

/* Not without limit: whoever forges addresses would have us flood their owners. */
static bool reset_allowed(struct tcp_stack *s)
{
	if (s->tick - s->rst_tick >= 1000) {
		s->rst_tick = s->tick;
		s->rst_count = 0;
	}
	if (s->rst_count >= TCP_RST_LIMIT) {
		s->count->answers_limited++;
		return false;
	}
	s->rst_count++;
	return true;
}

void tcp_reply_reset(struct tcp_stack *s, const struct tcp_tuple *tuple, const struct tcp_seg *seg)
{
	struct tcp_reply r = { .flags = TCP_RST };

	if ((seg->flags & TCP_RST) || !reset_allowed(s))
		return;
	if (seg->flags & TCP_ACK) {
		r.seq = seg->ack;
	} else {
		r.flags |= TCP_ACK;
		r.ack = seg->seq + seg->len + ((seg->flags & TCP_SYN) != 0) +
			((seg->flags & TCP_FIN) != 0);
	}
	tcp_reply_send(s, tuple, &r);
}
