/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet longer than its way's MTU sent as fragments (RFC 791 §3.2, RFC 8200 §4.5), by DPDK's
 * code: only the answer to an echo request that came in fragments is. The library leaves IPv4's
 * checksums and IPv6's identification to be set here.
 */
#include <rte_ip_frag.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/net_priv.h"

/* One mbuf, for a port that sends no chains. */
static struct rte_mbuf *fragment_linear(struct net *net, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, net->config.pool, 0, UINT32_MAX);

	rte_pktmbuf_free(m);
	if (copy && copy->nb_segs > 1) {
		rte_pktmbuf_free(copy);
		return NULL;
	}
	return copy;
}

static void fragment_finish(struct rte_mbuf *m, bool v4, uint32_t id)
{
	struct rte_ipv4_hdr *ip4 = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);

	if (v4)
		ip4->hdr_checksum = (uint16_t)~checksum_fold(checksum_sum(ip4, sizeof(*ip4)));
	else
		rte_pktmbuf_mtod_offset(
			m, struct rte_ipv6_fragment_ext *, sizeof(struct rte_ipv6_hdr))
			->id = id;
}

uint32_t fragment_split(
	struct net *net, struct rte_mbuf *m, uint16_t mtu, bool chains, struct rte_mbuf **out)
{
	bool v4 = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 4;
	uint32_t id = (uint32_t)net_random(net), count = 0;
	int n;

	n = v4 ? rte_ipv4_fragment_packet(
			 m, out, FRAGMENTS_MAX, mtu, net->config.pool, net->config.pool)
	       : rte_ipv6_fragment_packet(
			 m, out, FRAGMENTS_MAX, mtu, net->config.pool, net->config.pool);
	rte_pktmbuf_free(m);
	if (n < 0)
		net_drop(net, NULL, DROP_NO_MBUF);
	for (int i = 0; i < n; i++) {
		fragment_finish(out[i], v4, id);
		out[count] = chains ? out[i] : fragment_linear(net, out[i]);
		if (out[count])
			count++;
		else
			net_drop(net, NULL, DROP_NO_MBUF);
	}
	return count;
}

void fragment_output(
	struct net *net, const struct net_path *path, struct rte_mbuf *m, uint64_t now_ns)
{
	struct net_port *port = &net->ports[path->port_index];
	bool v4 = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 4;
	struct rte_mbuf *out[FRAGMENTS_MAX];
	uint32_t n = fragment_split(net, m, path->mtu, port->config.port->caps.multi_segs, out);

	for (uint32_t i = 0; i < n; i++) {
		if (net_ether_push(
			    port, out[i], NULL, v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6))
			neigh_output(net, path->port_index, &path->next_hop, path->neighbour,
				out[i], now_ns);
		else
			net_drop(net, out[i], DROP_NO_MBUF);
	}
}
