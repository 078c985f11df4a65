/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP segments on their way out: the sum over the family's pseudo-header, by the port where it can,
 * and the choice of the family.
 */
#include "dataplane/net/frame.h"

static uint64_t pseudo_sum(
	const struct net_path *path, const struct ip_addr *remote, bool v4, uint32_t length)
{
	if (likely(v4))
		return checksum_pseudo_v4(
			ip_to_v4(&path->local), ip_to_v4(remote), IPPROTO_TCP, length);
	return checksum_pseudo_v6(path->local.bytes, remote->bytes, IPPROTO_TCP, length);
}

/* Sums are the port's where it can; then it also cuts what is longer than a packet. */
static void sums_begin(const struct net_port *port, const struct net_path *path,
	const struct ip_addr *remote, struct rte_mbuf *m, bool v4)
{
	const struct port_caps *caps = &port->config.port->caps;
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);
	uint32_t header = (uint32_t)(tcp->data_off >> 4) * 4;
	uint16_t cut = caps->tso ? m->tso_segsz : 0;

	/* The field may be left over from another use of the mbuf, in an answer without data. */
	if (m->pkt_len <= header + cut)
		cut = 0;
	m->tx_offload = rte_mbuf_tx_offload(port->l2_bytes,
		v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr), header, cut, 0, 0,
		0);
	if (v4 && caps->tx_ipv4_checksum)
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	if (!caps->tx_tcp_checksum) {
		segment_sum_set(m, pseudo_sum(path, remote, v4, m->pkt_len));
		return;
	}
	m->ol_flags |= (v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) | RTE_MBUF_F_TX_TCP_CKSUM;
	if (cut)
		m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	/* The port goes on from the pseudo-header's sum, and adds the length of each piece
	 * itself. */
	tcp->cksum = checksum_fold(pseudo_sum(path, remote, v4, cut ? 0 : m->pkt_len));
}

static __rte_noinline void output_any(struct net *net, const struct net_path *path,
	const struct ip_addr *remote, struct rte_mbuf *m, uint8_t ecn, uint64_t now_ns)
{
	bool v4 = ip_is_v4(remote);

	sums_begin(&net->ports[path->port_index], path, remote, m, v4);
	if (likely(v4))
		ipv4_output(net, path, remote, m, IPPROTO_TCP, ecn, now_ns);
	else
		ipv6_output(net, path, remote, m, IPPROTO_TCP, ecn, now_ns);
}

void net_output_tcp(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t ecn, uint64_t now_ns)
{
	struct net_port *port = &net->ports[path->port_index];

	ecn &= 3;
	m->ol_flags &=
		~(RTE_MBUF_F_TX_OFFLOAD_MASK | RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
	if (unlikely(!frame_port_plain(port) || !ip_is_v4(remote) ||
		     !frame_send(net, port, path, remote, m, ecn, now_ns)))
		output_any(net, path, remote, m, ecn, now_ns);
}
