/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP segments on their way out: the sum over the family's pseudo-header, by the port where it can,
 * and the choice of the family.
 */
#include "dataplane/net/segment.h"

static uint64_t pseudo_sum(
	const struct net_path *path, const struct ip_addr *remote, bool v4, uint32_t length)
{
	if (likely(v4))
		return checksum_pseudo_v4(
			ip_to_v4(&path->local), ip_to_v4(remote), IPPROTO_TCP, length);
	return checksum_pseudo_v6(path->local.bytes, remote->bytes, IPPROTO_TCP, length);
}

void net_output_tcp(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t ecn, uint64_t now_ns)
{
	const struct net_port *port = &net->ports[path->port_index];
	const struct port_caps *caps = &port->config.port->caps;
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);
	bool v4 = ip_is_v4(remote);
	/* Only what is too long to go whole is cut: the field may be left over from another use of the mbuf. */
	uint16_t cut = unlikely(m->pkt_len > path->mtu) ? m->tso_segsz : 0;
	/* A port that cuts adds the length of each piece itself. */
	uint64_t sum = pseudo_sum(path, remote, v4, cut ? 0 : m->pkt_len);

	m->ol_flags &=
		~(RTE_MBUF_F_TX_OFFLOAD_MASK | RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
	m->tx_offload = rte_mbuf_tx_offload(port->l2_bytes,
		v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr),
		(uint64_t)(tcp->data_off >> 4) * 4, cut, 0, 0, 0);
	if (caps->tx_tcp_checksum) {
		/* The port goes on from the pseudo-header's sum. */
		m->ol_flags |=
			(v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) | RTE_MBUF_F_TX_TCP_CKSUM;
		if (cut)
			m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
		tcp->cksum = checksum_fold(sum);
	} else {
		/* What is in the field is taken off again: a zero that was just stored would make the loads
		 * around it wait. */
		sum += checksum_sum_packet(m) + (uint16_t)~tcp->cksum;
		tcp->cksum = (uint16_t)~checksum_fold(sum);
	}
	if (unlikely(!v4)) {
		ipv6_output(net, path, remote, m, IPPROTO_TCP, ecn & 3, now_ns);
		return;
	}
	if (caps->tx_ipv4_checksum)
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	ipv4_output(net, path, remote, m, IPPROTO_TCP, ecn & 3, now_ns);
}
