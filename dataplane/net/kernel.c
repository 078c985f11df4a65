/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets the kernel gets, see kernel.h. All of this is off the fast path: it is reached
 * where a packet would be dropped otherwise, and with a single look when no port has a kernel's
 * side.
 *
 * Frames are handed over as they came, without a VLAN tag: the bytes before what was read so far
 * are still there, only the mbuf's beginning has moved.
 */
#include "dataplane/net/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net/net_priv.h"

#define PORT_SSH  22
#define PORT_BGP  179

#define NDP_FIRST 133 /* router solicitation … */
#define NDP_LAST  137 /* … redirect */

static_assert(DROP_KERNEL_OTHER_RATE - DROP_KERNEL_NEIGHBOUR_RATE == KERNEL_OTHER,
	"drops in the order of the classes");

/* The first words of UDP and TCP alike. */
struct ports {
	rte_be16_t src, dst;
};

bool net_kernel_take(struct net_kernel *kernel, enum kernel_class class, uint64_t now_ns)
{
	_Atomic uint64_t *word = &kernel->tat_ns[class];
	uint64_t interval = kernel->interval_ns[class];
	uint64_t seen = atomic_load_explicit(word, memory_order_relaxed), tat;

	do {
		tat = RTE_MAX(seen, now_ns);
		if (tat - now_ns > (kernel->burst - 1) * interval)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		word, &seen, tat + interval, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* A datagram that was put together here and turned out to be the kernel's. */
static void hand_in_pieces(struct net *net, struct net_port *port, struct rte_mbuf *m)
{
	struct rte_ether_hdr eth = *rte_pktmbuf_mtod(m, const struct rte_ether_hdr *), *to;
	struct rte_mbuf *out[FRAGMENTS_MAX];
	uint32_t n;

	rte_pktmbuf_adj(m, sizeof(eth));
	n = fragment_split(
		net, m, port->config.port->mtu, port->config.kernel->port.caps.multi_segs, out);
	for (uint32_t i = 0; i < n; i++) {
		to = (void *)rte_pktmbuf_prepend(out[i], sizeof(eth));
		if (!to) {
			net_drop(net, out[i], DROP_NO_MBUF);
			continue;
		}
		*to = eth;
		port_tx_put(&port->kernel->tx, out[i]);
	}
}

void kernel_hand(struct net *net, uint32_t port_index, struct rte_mbuf *m, enum kernel_class class)
{
	struct net_port *port = &net->ports[port_index];

	if (!net_kernel_take(port->config.kernel, class, net->now_ns)) {
		net_drop(net, m, DROP_KERNEL_NEIGHBOUR_RATE + class);
		return;
	}
	if (!rte_pktmbuf_prepend(m, RTE_ETHER_HDR_LEN)) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
	port->kernel->handed[class]++;
	if (unlikely(m->pkt_len > (uint32_t)port->config.port->mtu + RTE_ETHER_HDR_LEN))
		hand_in_pieces(net, port, m);
	else
		port_tx_put(&port->kernel->tx, m);
}

static bool kernel_port_owns(const struct net_port *port, const struct ip_addr *addr)
{
	const struct net_kernel *k = port->config.kernel;

	for (uint32_t i = 0; k && i < k->address_count; i++)
		if (ip_equal(&k->addresses[i], addr))
			return true;
	return false;
}

bool kernel_serves(const struct net *net, uint32_t port_index, uint16_t a, uint16_t b)
{
	const struct net_kernel *k = net->ports[port_index].config.kernel;

	for (uint32_t i = 0; k && i < k->port_count; i++)
		if (k->ports[i] == a || k->ports[i] == b)
			return true;
	return false;
}

bool kernel_owns(const struct net *net, uint32_t port_index, const struct ip_addr *addr)
{
	return kernel_port_owns(&net->ports[port_index], addr);
}

static enum kernel_class class_of_ports(const struct ports *p)
{
	uint16_t src = rte_be_to_cpu_16(p->src), dst = rte_be_to_cpu_16(p->dst);

	if (src == PORT_BGP || dst == PORT_BGP)
		return KERNEL_BGP;
	return src == PORT_SSH || dst == PORT_SSH ? KERNEL_SSH : KERNEL_OTHER;
}

/* @param at  where the IP header's payload begins */
static enum kernel_class kernel_classify(const struct rte_mbuf *m, uint8_t protocol, uint32_t at)
{
	uint8_t type;

	switch (protocol) {
	case IPPROTO_TCP:
		if (at + sizeof(struct ports) > m->data_len)
			return KERNEL_OTHER;
		return class_of_ports(rte_pktmbuf_mtod_offset(m, const struct ports *, at));
	case IPPROTO_ICMP:
		return KERNEL_ICMP;
	case IPPROTO_ICMPV6:
		type = at < m->data_len ? *rte_pktmbuf_mtod_offset(m, const uint8_t *, at) : 0;
		return type >= NDP_FIRST && type <= NDP_LAST ? KERNEL_NEIGHBOUR : KERNEL_ICMP;
	default:
		return KERNEL_OTHER;
	}
}

bool kernel_take_ipv4(struct net *net, uint32_t port_index, struct rte_mbuf *m, enum drop verdict)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	struct ip_addr dst;
	enum kernel_class class = KERNEL_OTHER;

	/* The kernel puts together what Sluice itself refuses. */
	if (!net->ports[port_index].config.kernel ||
		(verdict != DROP_NOT_FOR_US && verdict != DROP_IP_OPTIONS))
		return false;
	dst = ip_from_v4(ip->dst_addr);
	if (!kernel_owns(net, port_index, &dst))
		return false;
	if (!(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK)))
		class = kernel_classify(m, ip->next_proto_id, rte_ipv4_hdr_len(ip));
	kernel_hand(net, port_index, m, class);
	return true;
}

bool kernel_hears(const struct net_port *port, const struct ip_addr *group)
{
	static const uint8_t solicited_node[13] = { 0xff, 2, [11] = 1, 0xff };
	const struct net_kernel *k = port->config.kernel;

	if (!k || memcmp(group->bytes, solicited_node, sizeof(solicited_node)) != 0)
		return false;
	for (uint32_t i = 0; i < k->address_count; i++)
		if (!ip_is_v4(&k->addresses[i]) &&
			memcmp(group->bytes + 13, k->addresses[i].bytes + 13, 3) == 0)
			return true;
	return false;
}

bool kernel_take_ipv6(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct ip_addr *dst)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	const struct net_port *port = &net->ports[port_index];

	if (ip_is_v4(dst) || (!kernel_port_owns(port, dst) && !kernel_hears(port, dst)))
		return false;
	kernel_hand(net, port_index, m, kernel_classify(m, ip->proto, sizeof(*ip)));
	return true;
}

bool kernel_shares(const struct net *net, uint32_t port_index)
{
	const struct net_kernel *k = net->ports[port_index].config.kernel;

	return k && k->port_count > 0;
}

bool kernel_take_udp(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint32_t ip_bytes)
{
	const struct ports *p = rte_pktmbuf_mtod(m, const struct ports *);

	if (m->data_len < sizeof(*p) ||
		!kernel_serves(net, port_index, rte_be_to_cpu_16(p->src), rte_be_to_cpu_16(p->dst)))
		return false;
	kernel_hand_back(net, port_index, m, ip_bytes, KERNEL_OTHER);
	return true;
}

void kernel_hand_back(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint32_t ip_bytes,
	enum kernel_class class)
{
	if (rte_pktmbuf_prepend(m, (uint16_t)ip_bytes))
		kernel_hand(net, port_index, m, class);
	else
		net_drop(net, m, DROP_NO_MBUF);
}

bool net_kernel_offer(struct net *net, struct rte_mbuf *m)
{
	const struct net_meta *meta = net_meta(m);

	if (likely(!kernel_serves(net, meta->port_index, meta->src_port, meta->dst_port)))
		return false;
	kernel_hand_back(net, meta->port_index, m, meta->ip_bytes,
		class_of_ports(rte_pktmbuf_mtod(m, const struct ports *)));
	return true;
}

/* A frame that the kernel sends: the port's own, but for the VLAN tag. */
static void from_kernel(struct net *net, struct net_port *port, struct rte_mbuf *m)
{
	uint32_t len = m->pkt_len, shift = port->l2_bytes - RTE_ETHER_HDR_LEN;
	struct rte_ether_hdr *eth;
	struct rte_vlan_hdr *tag;

	if (m->data_len < RTE_ETHER_HDR_LEN ||
		len > (uint32_t)port->config.port->mtu + RTE_ETHER_HDR_LEN) {
		net_drop(net, m, DROP_KERNEL_FRAME);
		return;
	}
	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
	if (shift) {
		eth = (void *)rte_pktmbuf_prepend(m, (uint16_t)shift);
		if (!eth) {
			net_drop(net, m, DROP_NO_MBUF);
			return;
		}
		memmove(eth, (uint8_t *)eth + shift, 2 * RTE_ETHER_ADDR_LEN);
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		tag = (struct rte_vlan_hdr *)(eth + 1);
		tag->vlan_tci = rte_cpu_to_be_16(port->config.vlan);
	}
	port->kernel->sent++;
	port_tx_put(&port->tx, m);
}

uint16_t net_kernel_turn(struct net *net)
{
	struct rte_mbuf *pkts[NET_KERNEL_BURST];
	uint16_t total = 0, n;

	for (uint32_t i = 0; i < net->config.port_count; i++) {
		struct net_port *port = &net->ports[i];

		if (!port->config.kernel)
			continue;
		n = port_rx(&port->config.kernel->port, net->config.queue, pkts, NET_KERNEL_BURST);
		for (uint16_t k = 0; k < n; k++)
			from_kernel(net, port, pkts[k]);
		port_tx_flush(&port->kernel->tx);
		total = (uint16_t)(total + n);
	}
	return total;
}

bool net_has_kernel(const struct net *net)
{
	for (uint32_t i = 0; i < net->config.port_count; i++)
		if (net->ports[i].config.kernel)
			return true;
	return false;
}

struct net_kernel_counts net_kernel_counts(const struct net *net, uint32_t port_index)
{
	const struct kernel_side *side = net->ports[port_index].kernel;
	struct net_kernel_counts counts = { { 0 } };

	if (!side)
		return counts;
	memcpy(counts.handed, side->handed, sizeof(counts.handed));
	counts.full = side->tx.full_drops;
	counts.sent = side->sent;
	return counts;
}

int kernel_init(struct net *net)
{
	for (uint32_t i = 0; i < net->config.port_count; i++) {
		struct net_port *port = &net->ports[i];

		if (!port->config.kernel)
			continue;
		port->kernel = calloc(1, sizeof(*port->kernel));
		if (!port->kernel)
			return -ENOMEM;
		port->kernel->tx.port = &port->config.kernel->port;
		port->kernel->tx.queue = net->config.queue;
	}
	return 0;
}

void kernel_fini(struct net *net)
{
	for (uint32_t i = 0; i < net->config.port_count; i++) {
		struct kernel_side *side = net->ports[i].kernel;

		if (side)
			rte_pktmbuf_free_bulk(side->tx.pkts, side->tx.count);
		free(side);
	}
}
