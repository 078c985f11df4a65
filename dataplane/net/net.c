/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame around everything: Ethernet (RFC 894, RFC 2464), its VLAN tag (IEEE 802.1Q), dispatch
 * by EtherType, drops and timers. The loop over a burst prefetches one frame ahead, as its first
 * touch of a frame is a cache miss.
 */
#include "dataplane/net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_prefetch.h>

#include "dataplane/net/frame.h"

#define TIMER_STEP_NS  (100 * MILLISECOND_NS)
#define ANNOUNCE_COUNT 2 /* RFC 5227 §1.1: ANNOUNCE_NUM */
#define ANNOUNCE_NS    (2 * SECOND_NS)
#define VLAN_ID_MASK   0x0fff
#define VLAN_ID_LAST   4094

static bool gateways_valid(
	const struct net_port_config *port, const struct ip_addr *gateways, uint32_t count)
{
	if (count > NET_PORT_GATEWAYS)
		return false;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < port->address_count; k++)
			if (ip_equal(&gateways[i], &port->addresses[k].addr))
				return false;
	return true;
}

static bool port_config_valid(const struct net_port_config *port)
{
	if (!port->port || port->address_count > NET_PORT_ADDRESSES || port->vlan > VLAN_ID_LAST)
		return false;
	for (uint32_t i = 0; i < port->address_count; i++)
		if (port->addresses[i].prefix_len > (ip_is_v4(&port->addresses[i].addr) ? 32 : 128))
			return false;
	if (!gateways_valid(port, port->gateways, port->gateway_count) ||
		port->way_count > NET_PORT_WAYS)
		return false;
	for (uint32_t i = 0; i < port->way_count; i++)
		if (!gateways_valid(port, port->ways[i].gateways, port->ways[i].gateway_count))
			return false;
	return true;
}

static bool config_valid(const struct net_config *config)
{
	if (config->port_count == 0 || config->port_count > PORT_MAX || !config->pool ||
		!config->drops || config->neighbour_limit == 0 ||
		config->neighbour_queue_limit == 0 ||
		rte_pktmbuf_priv_size(config->pool) < NET_META_BYTES)
		return false;
	for (uint32_t i = 0; i < config->port_count; i++)
		if (!port_config_valid(&config->ports[i]))
			return false;
	return true;
}

/* What frames are held to, in the order of the wire; see frame.h. */
static void port_ready(struct net_port *port)
{
	const struct rte_ether_addr *mac = &port->config.port->mac;
	const uint16_t type_be = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);

	memcpy(&port->mac_word, mac, sizeof(*mac));
	port->from_word = port->mac_word;
	memcpy((char *)&port->from_word + sizeof(*mac), &type_be, sizeof(type_be));
	for (uint32_t i = 0; i < port->config.address_count; i++) {
		const struct net_address *a = &port->config.addresses[i];
		uint32_t own, mask;

		if (!ip_is_v4(&a->addr))
			continue;
		own = rte_be_to_cpu_32(ip_to_v4(&a->addr));
		mask = a->prefix_len >= 31 ? 0 : UINT32_MAX >> a->prefix_len; /* RFC 3021 */
		port->ipv4[port->ipv4_count++] = (struct net_ipv4){ rte_cpu_to_be_32(own),
			rte_cpu_to_be_32(own & ~mask), rte_cpu_to_be_32(own | mask) };
	}
}

struct net *net_create(const struct net_config *config)
{
	struct net *net;
	int err;

	if (!config_valid(config)) {
		errno = EINVAL;
		return NULL;
	}
	net = calloc(1, sizeof(*net));
	if (!net)
		return NULL;
	net->config = *config;
	net->random = config->seed;
	for (uint32_t i = 0; i < config->port_count; i++) {
		net->ports[i].config = config->ports[i];
		net->ports[i].tx.port = config->ports[i].port;
		net->ports[i].tx.queue = config->queue;
		net->ports[i].l2_bytes = RTE_ETHER_HDR_LEN +
					 (config->ports[i].vlan ? sizeof(struct rte_vlan_hdr) : 0);
		port_ready(&net->ports[i]);
		ndp_init(net, i);
	}
	/* One worker speaks for all: the neighbours need to hear it once. */
	net->announcements_left = config->queue == 0 ? ANNOUNCE_COUNT : 0;
	err = neigh_init(net);
	if (err) {
		free(net);
		errno = -err;
		return NULL;
	}
	err = kernel_init(net);
	if (!err)
		err = reassembly_init(net);
	if (err) {
		net_destroy(net);
		errno = -err;
		return NULL;
	}
	return net;
}

void net_destroy(struct net *net)
{
	if (!net)
		return;
	neigh_fini(net);
	kernel_fini(net);
	reassembly_fini(net);
	for (uint32_t i = 0; i < net->config.port_count; i++)
		rte_pktmbuf_free_bulk(net->ports[i].tx.pkts, net->ports[i].tx.count);
	free(net);
}

const struct owner_rss *net_rss(const struct net *net, uint32_t port_index)
{
	return net->ports[port_index].config.rss;
}

struct port_tx *net_tx(struct net *net, uint32_t port_index)
{
	return &net->ports[port_index].tx;
}

void net_set_ops(struct net *net, const struct net_ops *ops, void *ctx)
{
	net->ops = ops;
	net->ops_ctx = ctx;
}

void net_set_relay(struct net *net, const struct net_relay_ops *ops, void *ctx)
{
	net->relay = ops;
	net->relay_ctx = ctx;
}

void net_drop(struct net *net, struct rte_mbuf *m, enum drop why)
{
	net->config.drops[why]++;
	rte_pktmbuf_free(m);
}

bool net_port_owns(const struct net_port *port, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < port->config.address_count; i++)
		if (ip_equal(&port->config.addresses[i].addr, addr))
			return true;
	return port->ndp_count && ndp_find(port, addr);
}

bool net_frame_remote(const struct net_port *port, const struct rte_mbuf *m, struct ip_addr *remote)
{
	const rte_be16_t *type =
		rte_pktmbuf_mtod_offset(m, const rte_be16_t *, port->l2_bytes - sizeof(*type));

	if (*type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) {
		*remote = ip_from_v4(
			rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, port->l2_bytes)
				->dst_addr);
		return true;
	}
	if (*type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		return false;
	memcpy(remote->bytes,
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, port->l2_bytes)->dst_addr,
		16);
	return true;
}

bool net_ether_push(struct net_port *port, struct rte_mbuf *m, const struct rte_ether_addr *dst,
	uint16_t ether_type)
{
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_prepend(m, port->l2_bytes);

	if (!eth)
		return false;
	if (dst)
		eth->dst_addr = *dst;
	eth->src_addr = port->config.port->mac;
	if (unlikely(port->config.vlan)) {
		struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);

		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		tag->vlan_tci = rte_cpu_to_be_16(port->config.vlan);
		tag->eth_proto = rte_cpu_to_be_16(ether_type);
		return true;
	}
	eth->ether_type = rte_cpu_to_be_16(ether_type);
	return true;
}

/*
 * One segment, with the whole frame in it where a buffer of ours holds it. Ports do not scatter at
 * usual frame sizes, so that a copy of the few frames that come in pieces costs nothing; all code
 * after this finds every header in the first segment.
 */
static struct rte_mbuf *frame_gather(struct net *net, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, net->config.pool, 0, UINT32_MAX);

	if (!copy)
		net_drop(net, m, DROP_NO_MBUF);
	else
		rte_pktmbuf_free(m);
	return copy;
}

/* Frames to groups: ARP by broadcast, and what IPv6 sends by multicast (RFC 2464 §7), whose group
 * is looked at with the IP header. */
static bool is_for_group(
	const struct net_port *port, const struct rte_ether_addr *dst, uint16_t ether_type)
{
	if (ether_type == RTE_ETHER_TYPE_ARP)
		return rte_is_broadcast_ether_addr(dst);
	return ether_type == RTE_ETHER_TYPE_IPV6 && (port->ndp_count || port->config.kernel) &&
	       dst->addr_bytes[0] == 0x33 && dst->addr_bytes[1] == 0x33;
}

/*
 * The EtherType behind the port's tag, which is taken off. A port without a tag takes those of VLAN
 * 0, which carry a priority and no more (802.1Q §6.9). Returns 0 when the frame is another VLAN's.
 */
static uint16_t vlan_enter(const struct net_port *port, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	uint16_t type;

	if (eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ||
		m->data_len < sizeof(*eth) + sizeof(*tag) ||
		(rte_be_to_cpu_16(tag->vlan_tci) & VLAN_ID_MASK) != port->config.vlan)
		return 0;
	type = rte_be_to_cpu_16(tag->eth_proto);
	/* The addresses move to the type, so that a whole header is in front of the packet. */
	memmove(rte_pktmbuf_adj(m, sizeof(*tag)), eth, 2 * sizeof(eth->dst_addr));
	return type;
}

/* Classify one frame, whatever it is. Returns the TCP segment in it, or NULL. */
static __rte_noinline struct rte_mbuf *frame_input(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns)
{
	const struct net_port *port = &net->ports[port_index];
	const struct rte_ether_hdr *eth;
	uint16_t ether_type;
	bool ours;

	if (unlikely(m->nb_segs > 1)) {
		m = frame_gather(net, m);
		if (!m)
			return NULL;
	}
	if (unlikely(m->data_len < sizeof(*eth))) {
		net_drop(net, m, DROP_FRAME_SHORT);
		return NULL;
	}
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	ours = rte_is_same_ether_addr(&eth->dst_addr, &port->config.port->mac);
	ether_type = rte_be_to_cpu_16(eth->ether_type);
	if (unlikely(port->config.vlan || ether_type == RTE_ETHER_TYPE_VLAN)) {
		struct rte_ether_addr dst = eth->dst_addr;

		ether_type = vlan_enter(port, m);
		if (ether_type == 0) {
			net_drop(net, m, DROP_VLAN);
			return NULL;
		}
		ours |= is_for_group(port, &dst, ether_type);
	}
	if (unlikely(!ours && !is_for_group(port, &eth->dst_addr, ether_type))) {
		net_drop(net, m, DROP_NOT_FOR_US);
		return NULL;
	}
	rte_pktmbuf_adj(m, sizeof(*eth));
	switch (ether_type) {
	case RTE_ETHER_TYPE_IPV4:
		return ipv4_input(net, port_index, m, now_ns);
	case RTE_ETHER_TYPE_IPV6:
		if (port->ndp_count == 0 && !port->config.kernel)
			break;
		return ipv6_input(net, port_index, m, now_ns);
	case RTE_ETHER_TYPE_ARP:
		arp_input(net, port_index, m, now_ns);
		return NULL;
	default:
		break;
	}
	net_drop(net, m, DROP_ETHER_TYPE);
	return NULL;
}

uint16_t net_input(struct net *net, uint32_t port_index, struct rte_mbuf **pkts, uint16_t n,
	struct rte_mbuf **tcp, uint64_t now_ns)
{
	uint16_t count = 0;

	net->now_ns = now_ns;
	if (n)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[0], void *));
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *segment;

		if (i + 1 < n) {
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + 1], void *));
			rte_prefetch0(net_meta(pkts[i + 1]));
		}
		segment = likely(frame_is_plain(&net->ports[port_index], pkts[i]))
				  ? frame_accept(net, port_index, pkts[i])
				  : frame_input(net, port_index, pkts[i], now_ns);
		if (segment)
			tcp[count++] = segment;
	}
	return count;
}

void net_icmp_learn(struct net *net, const struct net_icmp_error *error)
{
	if (net->ops && net->ops->icmp_error)
		net->ops->icmp_error(net->ops_ctx, error);
}

void net_neighbour_learn(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited, uint64_t now_ns)
{
	if (port_index >= net->config.port_count)
		return;
	if (!ip_is_v4(addr) && net_port_owns(&net->ports[port_index], addr))
		ndp_conflict(net, port_index, addr, mac, now_ns);
	else
		neigh_learn(net, port_index, addr, mac, solicited, now_ns);
}

/* One worker speaks for all: the neighbours need to hear it once. */
void net_announce(struct net *net)
{
	net->announcements_left = net->config.queue == 0 ? ANNOUNCE_COUNT : 0;
	net->announce_ns = 0;
	ndp_announce(net);
	for (uint32_t p = 0; p < net->config.port_count; p++)
		neigh_ask_again(net, p, net->now_ns);
}

void net_timers(struct net *net, uint64_t now_ns)
{
	net->now_ns = now_ns;
	if (likely(now_ns < net->timer_ns))
		return;
	net->timer_ns = now_ns + TIMER_STEP_NS;
	if (net->announcements_left && now_ns >= net->announce_ns) {
		net->announcements_left--;
		net->announce_ns = now_ns + ANNOUNCE_NS;
		arp_announce(net);
	}
	ndp_timers(net, now_ns);
	mld_timers(net, now_ns);
	reassembly_timers(net, now_ns);
	neigh_timers(net, now_ns);
}
