/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nearly every frame is: in one piece, untagged, IPv4 without options, TCP. Both directions of
 * it on one screen and inline, each header read and written once. It decides nothing by itself:
 * whatever is otherwise, or wrong, goes the long way through net.c, ipv4.c and neigh.c, which finds
 * out what it is and has all the rules.
 */
#ifndef SLUICE_DATAPLANE_NET_FRAME_H
#define SLUICE_DATAPLANE_NET_FRAME_H

#include "dataplane/net/segment.h"

#define FRAME_IPV4_BYTES (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr))

/* For our MAC address, and untagged: the first eight bytes without the two of the source. */
static inline bool frame_is_ours(const struct net_port *port, const struct rte_ether_hdr *eth)
{
	uint64_t head;

	memcpy(&head, eth, sizeof(head));
	return ((head ^ port->mac_word) & rte_cpu_to_le_64(UINT64_MAX >> 16)) == 0 &&
	       eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) && port->config.vlan == 0;
}

/* From somebody who may send, for an address of the port: ipv4.c's source_is_martian() says why. */
static inline bool frame_addresses_good(
	const struct net_port *port, uint32_t src_be, uint32_t dst_be)
{
	uint32_t top = rte_be_to_cpu_32(src_be) >> 24;
	bool ours = false;

	if (top - 1 >= 223 || top == 127)
		return false;
#pragma GCC unroll 1 /* there are one or two */
	for (uint32_t i = 0; i < port->ipv4_count; i++) {
		const struct net_ipv4 *a = &port->ipv4[i];

		if (src_be == a->own_be || src_be == a->first_be || src_be == a->last_be)
			return false;
		ours |= dst_be == a->own_be;
	}
	return ours;
}

static inline bool frame_sum_good(
	const struct net_port *port, const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip)
{
	if (port->config.port->caps.rx_checksum)
		return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	return checksum_whole(checksum_sum_header(ip));
}

/**
 * @param m  begins at the Ethernet header
 * @return true when it is such a frame, whole and for us; the TCP header is not looked at
 */
static inline bool frame_is_plain(const struct net_port *port, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(eth + 1);
	uint32_t total;

	if (m->nb_segs != 1 || m->data_len < FRAME_IPV4_BYTES + sizeof(struct rte_tcp_hdr) ||
		!frame_is_ours(port, eth) || ip->version_ihl != RTE_IPV4_VHL_DEF ||
		ip->next_proto_id != IPPROTO_TCP ||
		ip->fragment_offset &
			rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	total = bytes_be16(ip->total_length);
	return total >= sizeof(*ip) + sizeof(struct rte_tcp_hdr) &&
	       total <= m->data_len - (uint32_t)RTE_ETHER_HDR_LEN && frame_sum_good(port, m, ip) &&
	       frame_addresses_good(port, ip->src_addr, ip->dst_addr);
}

/** What net_input() does with a frame that frame_is_plain(). @return the segment, or NULL when it
 * was dropped */
static inline struct rte_mbuf *frame_accept(
	struct net *net, uint32_t port_index, struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	const uint32_t src_be = ip->src_addr, dst_be = ip->dst_addr;
	const uint16_t length = (uint16_t)(bytes_be16(ip->total_length) - sizeof(*ip));
	const uint8_t ecn = ip->type_of_service & 3;

	/* Ethernet pads short frames: cut to what IP says. */
	m->data_off = (uint16_t)(m->data_off + FRAME_IPV4_BYTES);
	m->pkt_len = length;
	m->data_len = length;
	m = segment_accept(
		net, port_index, m, checksum_pseudo_v4(src_be, dst_be, IPPROTO_TCP, length), ecn);
	if (likely(m != NULL)) {
		net_meta(m)->src = ip_from_v4(src_be);
		net_meta(m)->dst = ip_from_v4(dst_be);
		net_meta(m)->ip_bytes = sizeof(*ip);
	}
	return m;
}

/* Does the gateway do all of a packet itself here? */
static inline bool frame_port_plain(const struct net_port *port)
{
	const struct port_caps *caps = &port->config.port->caps;

	return !caps->tx_tcp_checksum && !caps->tx_ipv4_checksum && !port->config.vlan;
}

/* The neighbour that the path names, when it can be sent to with nothing else to do. */
static inline struct neigh *frame_neighbour(
	struct net *net, const struct net_path *path, uint64_t now_ns)
{
	struct neigh *e = &net->neigh.entries[path->neighbour];

	if (unlikely(path->neighbour >= net->neigh.limit || e->port_index != path->port_index ||
		     !ip_equal(&e->addr, &path->next_hop)))
		return NULL;
	if (likely(e->state == NEIGH_REACHABLE))
		return now_ns < e->due_ns ? e : NULL;
	return e->state == NEIGH_PROBE ? e : NULL;
}

/* IPv4's header as ipv4_output() writes it. Its sum is of the values, as a load of whole words
 * would wait until the stores of their parts have reached the cache. */
static inline void frame_write_ipv4(
	struct rte_ipv4_hdr *ip, uint32_t src_be, uint32_t dst_be, uint16_t total, uint8_t tos)
{
	/* Up to the identification, which is 0, and from there to the sum. */
	const uint32_t first =
		rte_cpu_to_be_32((uint32_t)RTE_IPV4_VHL_DEF << 24 | (uint32_t)tos << 16 | total);
	const uint32_t second = rte_cpu_to_be_32(RTE_IPV4_HDR_DF_FLAG);
	const uint16_t third = rte_cpu_to_be_16(IPV4_TTL << 8 | IPPROTO_TCP);

	memcpy(ip, &first, sizeof(first));
	memcpy(&ip->packet_id, &second, sizeof(second));
	memcpy(&ip->time_to_live, &third, sizeof(third));
	ip->hdr_checksum =
		(uint16_t)~checksum_fold((uint64_t)src_be + dst_be + first + second + third);
	ip->src_addr = src_be;
	ip->dst_addr = dst_be;
}

/**
 * What net_output_tcp() does with a segment to an IPv4 remote, at an untagged port that sums in
 * software, whose neighbour is known.
 * @return false when it is not such a one, and nothing was done
 */
static inline bool frame_send(struct net *net, struct net_port *port, const struct net_path *path,
	const struct ip_addr *remote, struct rte_mbuf *m, uint8_t tos, uint64_t now_ns)
{
	const uint32_t src_be = ip_to_v4(&path->local), dst_be = ip_to_v4(remote);
	struct neigh *e = frame_neighbour(net, path, now_ns);
	struct rte_ether_hdr *eth;
	uint32_t length = m->pkt_len;

	if (unlikely(!e || m->data_off < FRAME_IPV4_BYTES))
		return false;
	segment_sum_set(m, checksum_pseudo_v4(src_be, dst_be, IPPROTO_TCP, length));
	m->data_off = (uint16_t)(m->data_off - FRAME_IPV4_BYTES);
	m->data_len = (uint16_t)(m->data_len + FRAME_IPV4_BYTES);
	m->pkt_len = length + (uint32_t)FRAME_IPV4_BYTES;
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	eth->dst_addr = e->mac;
	memcpy(&eth->src_addr, &port->from_word, sizeof(port->from_word));
	frame_write_ipv4((struct rte_ipv4_hdr *)(eth + 1), src_be, dst_be,
		(uint16_t)(length + sizeof(struct rte_ipv4_hdr)), tos);
	e->used_ns = net->now_ns = now_ns;
	port_tx_put(&port->tx, m);
	return true;
}

#endif
