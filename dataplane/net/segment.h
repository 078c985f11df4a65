/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP segment below its IP header: what both families do alike on its way in. Inline, as every
 * packet comes through here.
 */
#ifndef SLUICE_DATAPLANE_NET_SEGMENT_H
#define SLUICE_DATAPLANE_NET_SEGMENT_H

#include "dataplane/net/checksum.h"
#include "dataplane/net/net_priv.h"

/* Of a segment with a whole header: short ones are a header and little else. */
static inline uint64_t segment_sum(const struct rte_mbuf *m)
{
	const uint8_t *tcp = rte_pktmbuf_mtod(m, const uint8_t *);

	if (unlikely(m->next) || m->data_len >= CHECKSUM_LONG)
		return checksum_sum_packet(m);
	return checksum_sum_header(tcp) + checksum_sum_short(tcp + sizeof(struct rte_tcp_hdr),
						  m->data_len - sizeof(struct rte_tcp_hdr));
}

/* The checksum of a segment, whatever is in its field. What is there is taken off again: a zero
 * that was just stored would make the loads around it wait. */
static inline void segment_sum_set(struct rte_mbuf *m, uint64_t pseudo)
{
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);

	tcp->cksum = (uint16_t)~checksum_fold(pseudo + segment_sum(m) + (uint16_t)~tcp->cksum);
}

/* The sum as the port reports it; UNKNOWN, or a port that does not look, means here. */
static inline bool segment_checksum_good(
	const struct net_port *port, const struct rte_mbuf *m, uint64_t pseudo)
{
	if (port->config.port->caps.rx_checksum) {
		uint64_t verdict = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

		if (verdict == RTE_MBUF_F_RX_L4_CKSUM_GOOD ||
			verdict == RTE_MBUF_F_RX_L4_CKSUM_NONE)
			return true;
		if (verdict == RTE_MBUF_F_RX_L4_CKSUM_BAD)
			return false;
	}
	return checksum_whole(pseudo + segment_sum(m));
}

/**
 * Check a segment and describe it, but for the addresses, which the caller adds to net_meta().
 * @param m       begins at the TCP header, trimmed to the IP payload
 * @param pseudo  sum of the pseudo-header
 * @param ecn     the two ECN bits of the IP header
 * @return @p m, or NULL when it was dropped
 */
static inline struct rte_mbuf *segment_accept(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t pseudo, uint8_t ecn)
{
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	struct net_meta *meta;
	uint32_t header;

	if (unlikely(m->data_len < sizeof(*tcp))) {
		net_drop(net, m, DROP_TCP_HEADER);
		return NULL;
	}
	header = (uint32_t)(tcp->data_off >> 4) * 4;
	if (unlikely(header < sizeof(*tcp) || header > m->data_len)) {
		net_drop(net, m, DROP_TCP_HEADER);
		return NULL;
	}
	if (unlikely(!segment_checksum_good(&net->ports[port_index], m, pseudo))) {
		net_drop(net, m, DROP_TCP_CHECKSUM);
		return NULL;
	}
	meta = net_meta(m);
	meta->src_port = bytes_be16(tcp->src_port);
	meta->dst_port = bytes_be16(tcp->dst_port);
	meta->port_index = (uint8_t)port_index;
	meta->ecn = ecn;
	meta->header_bytes = (uint16_t)header;
	meta->payload_bytes = m->pkt_len - header;
	return m;
}

#endif
