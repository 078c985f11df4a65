/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a NIC does to a frame when it is asked to: sums begun by the sender finished, long segments
 * cut. Written from DPDK's description of the mbuf's flags, and from nothing of the gateway's,
 * whose sums it goes on from: a wrong one stays wrong.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "tests/wire/fake_port.h"

/* Where the headers of a frame are, and how much is behind them. */
struct frame {
	uint8_t *data;
	uint32_t l2, l3, l4, payload;
};

static uint16_t folded(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t sum_of(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
	return sum;
}

/* @param v4 the IPv4 header's sum is asked for @param more to be added to what the TCP header
 * holds */
static void finish(const struct frame *f, bool v4, bool tcp, uint64_t more)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(f->data + f->l2);
	struct rte_tcp_hdr *h = (struct rte_tcp_hdr *)(f->data + f->l2 + f->l3);

	if (v4) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum =
			rte_cpu_to_be_16((uint16_t)~folded(sum_of((uint8_t *)ip, f->l3)));
	}
	if (tcp)
		h->cksum = rte_cpu_to_be_16(
			(uint16_t)~folded(sum_of((uint8_t *)h, f->l4 + f->payload) + more));
}

/* The piece of @p whole that begins @p at bytes into its payload. */
static void cut(
	const struct frame *whole, uint32_t at, uint32_t len, uint8_t *out, struct frame *piece)
{
	uint32_t headers = whole->l2 + whole->l3 + whole->l4;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(out + whole->l2);
	struct rte_tcp_hdr *h = (struct rte_tcp_hdr *)(out + whole->l2 + whole->l3);

	memcpy(out, whole->data, headers);
	memcpy(out + headers, whole->data + headers + at, len);
	*piece = (struct frame){ out, whole->l2, whole->l3, whole->l4, len };
	if (ip->version_ihl >> 4 == 4)
		ip->total_length = rte_cpu_to_be_16((uint16_t)(whole->l3 + whole->l4 + len));
	else
		((struct rte_ipv6_hdr *)ip)->payload_len =
			rte_cpu_to_be_16((uint16_t)(whole->l4 + len));
	h->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(h->sent_seq) + at);
	if (at + len < whole->payload)
		h->tcp_flags &= (uint8_t) ~(RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG);
	if (at > 0)
		h->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
}

void fake_offload(const struct rte_mbuf *m, uint8_t *data, fake_frame_fn fn, uint8_t port)
{
	uint64_t flags = m->ol_flags;
	bool v4 = (flags & RTE_MBUF_F_TX_IP_CKSUM) != 0;
	bool tcp = (flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
	struct frame whole = { data, m->l2_len, m->l3_len, m->l4_len, 0 }, piece;
	static uint8_t out[65536];

	if (!v4 && !tcp) {
		fn(port, data, m->pkt_len);
		return;
	}
	whole.payload = m->pkt_len - whole.l2 - whole.l3 - whole.l4;
	if (!(flags & RTE_MBUF_F_TX_TCP_SEG)) {
		finish(&whole, v4, tcp, 0);
		fn(port, data, m->pkt_len);
		return;
	}
	for (uint32_t at = 0; at < whole.payload; at += piece.payload) {
		uint32_t len = RTE_MIN((uint32_t)m->tso_segsz, whole.payload - at);

		cut(&whole, at, len, out, &piece);
		finish(&piece, v4, tcp, piece.l4 + len); /* the pseudo-header's length */
		fn(port, out, piece.l2 + piece.l3 + piece.l4 + len);
	}
}
