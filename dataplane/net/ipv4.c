/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 (RFC 791, RFC 1122 §3.2) as a server needs it and no wider. Options are refused and counted,
 * and so are fragments but for those of ICMP: both are how filters are walked around, and TCP with
 * path MTU discovery needs neither.
 */
#include "dataplane/net/segment.h"

#define IP_CKSUM_MASK RTE_MBUF_F_RX_IP_CKSUM_MASK

/* Check a field's sum as the port reports it; UNKNOWN, or a port that does not look, means here. */
static bool ip_checksum_good(
	const struct net_port *port, const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip)
{
	if (port->config.port->caps.rx_checksum) {
		uint64_t verdict = m->ol_flags & IP_CKSUM_MASK;

		if (verdict == RTE_MBUF_F_RX_IP_CKSUM_GOOD ||
			verdict == RTE_MBUF_F_RX_IP_CKSUM_NONE)
			return true;
		if (verdict == RTE_MBUF_F_RX_IP_CKSUM_BAD)
			return false;
	}
	if (likely(rte_ipv4_hdr_len(ip) == sizeof(*ip)))
		return checksum_whole(checksum_sum_header(ip));
	return checksum_whole(checksum_sum(ip, rte_ipv4_hdr_len(ip)));
}

/* Of the header as ipv4_output() writes it, from the values: a load of whole words would wait until
 * the stores of their parts have reached the cache. */
static uint16_t header_checksum(const struct rte_ipv4_hdr *ip, uint8_t tos, uint8_t protocol)
{
	uint64_t sum = (uint64_t)rte_cpu_to_be_16(RTE_IPV4_VHL_DEF << 8 | tos) + ip->total_length +
		       rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG) +
		       rte_cpu_to_be_16((uint16_t)(IPV4_TTL << 8 | protocol)) + ip->src_addr +
		       ip->dst_addr;

	return (uint16_t)~checksum_fold(sum);
}

/* Sources that no packet from a wire may have (RFC 1122 §3.2.1.3): "this network", loopback,
 * multicast and what lies above, a connected network's number and broadcast, and our own. */
static bool source_is_martian(const struct net_port *port, uint32_t src_be)
{
	uint32_t src = rte_be_to_cpu_32(src_be);

	if (src >> 24 == 0 || src >> 24 == 127 || src >> 24 >= 224)
		return true;
	for (uint32_t i = 0; i < port->ipv4_count; i++) {
		const struct net_ipv4 *a = &port->ipv4[i];

		if (src_be == a->own_be || src_be == a->first_be || src_be == a->last_be)
			return true;
	}
	return false;
}

/* The header's verdict, in the order of its fields; DROP_COUNT for a packet to accept. */
static enum drop ipv4_judge(
	const struct net_port *port, const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip)
{
	struct ip_addr dst;
	uint32_t header, total;

	if (ip->version_ihl >> 4 != 4)
		return DROP_IP_VERSION;
	header = rte_ipv4_hdr_len(ip);
	total = rte_be_to_cpu_16(ip->total_length);
	if (header < sizeof(*ip) || header > m->data_len || total < header)
		return DROP_IP_HEADER;
	if (total > m->pkt_len)
		return DROP_IP_LENGTH;
	if (!ip_checksum_good(port, m, ip))
		return DROP_IP_CHECKSUM;
	if (header != sizeof(*ip))
		return DROP_IP_OPTIONS;
	if (source_is_martian(port, ip->src_addr))
		return DROP_IP_SOURCE;
	dst = ip_from_v4(ip->dst_addr);
	if (!net_port_owns(port, &dst))
		return DROP_NOT_FOR_US;
	return ip->fragment_offset &
			       rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)
		       ? DROP_IP_FRAGMENT
		       : DROP_COUNT;
}

/* @param m  begins at the TCP header  @param ip  copy of the header before it */
static struct rte_mbuf *tcp_accept(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct rte_ipv4_hdr *ip)
{
	uint64_t pseudo = checksum_pseudo_v4(ip->src_addr, ip->dst_addr, IPPROTO_TCP, m->pkt_len);

	m = segment_accept(net, port_index, m, pseudo, ip->type_of_service & 3);
	if (likely(m != NULL)) {
		net_meta(m)->src = ip_from_v4(ip->src_addr);
		net_meta(m)->dst = ip_from_v4(ip->dst_addr);
		net_meta(m)->ip_bytes = sizeof(*ip);
	}
	return m;
}

/* On to what is behind the header. Ethernet pads short frames: cut to what IP says. */
static void header_leave(struct rte_mbuf *m, uint16_t total)
{
	if (unlikely(m->nb_segs > 1)) {
		rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - total));
		rte_pktmbuf_adj(m, sizeof(struct rte_ipv4_hdr));
		return;
	}
	m->data_off = (uint16_t)(m->data_off + sizeof(struct rte_ipv4_hdr));
	m->data_len = (uint16_t)(total - sizeof(struct rte_ipv4_hdr));
	m->pkt_len = m->data_len;
}

struct rte_mbuf *ipv4_input(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns)
{
	struct ip_addr src, dst;
	struct rte_ipv4_hdr ip;
	enum drop verdict;

	if (unlikely(m->data_len < sizeof(ip))) {
		net_drop(net, m, DROP_FRAME_SHORT);
		return NULL;
	}
	verdict = ipv4_judge(
		&net->ports[port_index], m, rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *));
	if (unlikely(verdict == DROP_IP_FRAGMENT)) {
		m = reassembly_ipv4(net, port_index, m);
		if (!m)
			return NULL;
	} else if (unlikely(verdict != DROP_COUNT)) {
		if (!kernel_take_ipv4(net, port_index, m, verdict))
			net_drop(net, m, verdict);
		return NULL;
	}
	ip = *rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	header_leave(m, rte_be_to_cpu_16(ip.total_length));
	switch (ip.next_proto_id) {
	case IPPROTO_TCP:
		return tcp_accept(net, port_index, m, &ip);
	case IPPROTO_ICMP:
		src = ip_from_v4(ip.src_addr);
		dst = ip_from_v4(ip.dst_addr);
		icmp_input(net, port_index, m, &src, &dst, now_ns);
		return NULL;
	case IPPROTO_UDP:
		if (kernel_take_udp(net, port_index, m, sizeof(ip)))
			return NULL;
		break;
	default:
		break;
	}
	net_drop(net, m, DROP_IP_PROTOCOL);
	return NULL;
}

/* @return NULL when there is no room */
static inline struct rte_ipv4_hdr *ipv4_push(const struct net_path *path,
	const struct ip_addr *remote, struct rte_mbuf *m, uint8_t protocol, uint8_t tos)
{
	struct rte_ipv4_hdr *ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip));

	if (unlikely(!ip))
		return NULL;
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->type_of_service = tos;
	ip->total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len);
	/* DF always, so that path MTU discovery works; then the identification may be 0 (RFC 6864
	 * §4.1). */
	ip->packet_id = 0;
	ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
	ip->time_to_live = IPV4_TTL;
	ip->next_proto_id = protocol;
	ip->hdr_checksum = 0;
	ip->src_addr = ip_to_v4(&path->local);
	ip->dst_addr = ip_to_v4(remote);
	return ip;
}

void ipv4_output(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t protocol, uint8_t tos, uint64_t now_ns)
{
	struct net_port *port = &net->ports[path->port_index];
	struct rte_ipv4_hdr *ip = ipv4_push(path, remote, m, protocol, tos);

	if (unlikely(!ip)) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	if (!(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM))
		ip->hdr_checksum = header_checksum(ip, tos, protocol);
	if (unlikely(!net_ether_push(port, m, NULL, RTE_ETHER_TYPE_IPV4))) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	neigh_output(net, path->port_index, &path->next_hop, path->neighbour, m, now_ns);
}

void ipv4_output_any(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t protocol, uint64_t now_ns)
{
	struct rte_ipv4_hdr *ip;

	if (likely(m->pkt_len + sizeof(*ip) <= path->mtu)) {
		ipv4_output(net, path, remote, m, protocol, 0, now_ns);
		return;
	}
	ip = ipv4_push(path, remote, m, protocol, 0);
	if (!ip) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	ip->packet_id = (rte_be16_t)net_random(net);
	ip->fragment_offset = 0;
	fragment_output(net, path, m, now_ns);
}
