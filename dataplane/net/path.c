/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way to a peer: the longest connected prefix, else a gateway of the longest static route
 * (RFC
 * 1122 §3.3.1, RFC 4861 §5.2). The source address is always one of the port that sends (the strong
 * host model, RFC 1122 §3.3.4.2): a gateway between two networks must not leak one side's addresses
 * to the other.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/net/net_priv.h"

#define DOWN_NS (10 * SECOND_NS) /* how long a gateway that did not answer is passed over */

struct choice {
	uint32_t port_index;
	int prefix_len; /* -1: none found */
};

/* The network's own number and its broadcast address are no hosts, but for /31 (RFC 3021) and
 * /32. */
static bool is_network_number(const struct net_address *a, const struct ip_addr *remote)
{
	uint32_t mask, remote_host;

	if (!ip_is_v4(remote) || a->prefix_len >= 31)
		return false;
	mask = UINT32_MAX >> a->prefix_len;
	remote_host = rte_be_to_cpu_32(ip_to_v4(remote)) & mask;
	return remote_host == 0 || remote_host == mask;
}

/* Neither unspecified, loopback nor a group. */
static bool is_host(const struct ip_addr *addr)
{
	static const struct ip_addr zero;
	uint32_t v4;

	if (!ip_is_v4(addr))
		return memcmp(addr->bytes, zero.bytes, 15) != 0 ? addr->bytes[0] != 0xff
								: addr->bytes[15] > 1;
	v4 = rte_be_to_cpu_32(ip_to_v4(addr));
	return v4 >> 24 != 0 && v4 >> 24 != 127 && v4 >> 24 < 224;
}

/* A link-local address is on every link: only one of our own says which (RFC 4007 §9). */
static bool is_on_link(
	const struct net_port *port, const struct ip_addr *remote, const struct ip_addr *local)
{
	return local && port->ndp_count && ip_is_link_local(remote);
}

/* The longest connected prefix. @return 0, or -ENETUNREACH when the address is nobody's there */
static int choose_connected(const struct net *net, const struct ip_addr *remote,
	const struct ip_addr *local, struct choice *out)
{
	out->prefix_len = -1;
	for (uint32_t p = 0; p < net->config.port_count; p++) {
		const struct net_port *port = &net->ports[p];

		if (local && !net_port_owns(port, local))
			continue;
		for (uint32_t i = 0; i < port->config.address_count; i++) {
			const struct net_address *a = &port->config.addresses[i];

			if (!ip_in_prefix(remote, &a->addr, a->prefix_len))
				continue;
			if (ip_equal(&a->addr, remote) || is_network_number(a, remote))
				return -ENETUNREACH;
			if (a->prefix_len > out->prefix_len)
				*out = (struct choice){ p, a->prefix_len };
		}
		if (is_on_link(port, remote, local) && out->prefix_len < 0) {
			if (net_port_owns(port, remote))
				return -ENETUNREACH;
			*out = (struct choice){ p, 10 };
		}
	}
	return 0;
}

static bool is_gateway_down(
	const struct net *net, uint32_t port_index, const struct ip_addr *gateway)
{
	for (unsigned i = 0; i < NET_DOWN; i++)
		if (net->now_ns < net->down[i].until_ns && net->down[i].port_index == port_index &&
			ip_equal(&net->down[i].addr, gateway))
			return true;
	return false;
}

/* One of the family's gateways, the same for one remote as long as they all answer. One that does
 * not answer is passed over; when none does, the first choice is tried again. */
static const struct ip_addr *choose_among(const struct net *net, uint32_t port_index,
	const struct ip_addr *gateways, uint32_t count, const struct ip_addr *remote)
{
	const struct ip_addr *first = NULL;
	uint64_t word;
	uint32_t start;

	memcpy(&word, remote->bytes + 8, sizeof(word));
	start = (uint32_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 32) % RTE_MAX(count, 1u);
	for (uint32_t i = 0; i < count; i++) {
		const struct ip_addr *g = &gateways[(start + i) % count];

		if (ip_is_v4(g) != ip_is_v4(remote))
			continue;
		if (!is_gateway_down(net, port_index, g))
			return g;
		if (!first)
			first = g;
	}
	return first;
}

/* The port's longest route that holds the remote; the default one has length 0. */
static const struct ip_addr *choose_way(
	const struct net *net, uint32_t port_index, const struct ip_addr *remote, int *prefix_len)
{
	const struct net_port_config *config = &net->ports[port_index].config;
	const struct net_way *best = NULL;

	for (uint32_t i = 0; i < config->way_count; i++) {
		const struct net_way *w = &config->ways[i];

		if (ip_in_prefix(remote, &w->to.addr, w->to.prefix_len) &&
			(!best || w->to.prefix_len > best->to.prefix_len))
			best = w;
	}
	*prefix_len = best ? best->to.prefix_len : 0;
	return best ? choose_among(net, port_index, best->gateways, best->gateway_count, remote)
		    : choose_among(
			      net, port_index, config->gateways, config->gateway_count, remote);
}

static int choose_gateway(const struct net *net, const struct ip_addr *remote,
	const struct ip_addr *local, struct net_path *path)
{
	int longest = -1;

	for (uint32_t p = 0; p < net->config.port_count; p++) {
		const struct ip_addr *gateway;
		int prefix_len;

		if (local && !net_port_owns(&net->ports[p], local))
			continue;
		gateway = choose_way(net, p, remote, &prefix_len);
		if (!gateway || prefix_len <= longest)
			continue;
		longest = prefix_len;
		path->port_index = (uint8_t)p;
		path->next_hop = *gateway;
	}
	return longest >= 0 ? 0 : -ENETUNREACH;
}

void net_gateway_failed(struct net *net, uint32_t port_index, const struct ip_addr *addr)
{
	const struct net_port_config *config = &net->ports[port_index].config;
	bool ours = false;

	for (uint32_t i = 0; i < config->gateway_count; i++)
		ours |= ip_equal(&config->gateways[i], addr);
	for (uint32_t w = 0; w < config->way_count; w++)
		for (uint32_t i = 0; i < config->ways[w].gateway_count; i++)
			ours |= ip_equal(&config->ways[w].gateways[i], addr);
	if (!ours)
		return;
	net->down[net->down_next % NET_DOWN] = (struct net_down){
		.addr = *addr, .port_index = port_index, .until_ns = net->now_ns + DOWN_NS
	};
	net->down_next++;
}

int net_path_find(struct net *net, const struct ip_addr *remote, const struct ip_addr *local,
	struct net_path *path)
{
	const struct ip_addr *source;
	struct choice connected;
	int err;

	if (!is_host(remote))
		return -ENETUNREACH;
	err = choose_connected(net, remote, local, &connected);
	if (err)
		return err;
	if (connected.prefix_len >= 0) {
		path->port_index = (uint8_t)connected.port_index;
		path->next_hop = *remote;
	} else if (ip_is_link_local(remote)) {
		return -ENETUNREACH;
	} else {
		err = choose_gateway(net, remote, local, path);
		if (err)
			return err;
	}
	/* IPv4's is the one of the network that leads there; IPv6's is chosen by scope and
	 * prefix. */
	source = local ? local
		       : net_port_source(&net->ports[path->port_index],
				 ip_is_v4(remote) ? &path->next_hop : remote);
	if (!source)
		return -ENETUNREACH;
	path->local = *source;
	path->mtu = net_path_mtu(net, remote, net->ports[path->port_index].config.port->mtu);
	path->neighbour = neigh_get(net, path->port_index, &path->next_hop);
	return 0;
}
