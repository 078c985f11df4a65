/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way to a peer: the longest connected prefix, else a gateway (RFC 1122 §3.3.1). The source
 * address is always one of the port that sends (the strong host model, RFC 1122 §3.3.4.2): a gateway
 * between two networks must not leak one side's addresses to the other.
 */
#include <errno.h>

#include "dataplane/net/net_priv.h"

struct choice {
	uint32_t port_index;
	int prefix_len; /* -1: none found */
};

/* The network's own number and its broadcast address are no hosts, but for /31 (RFC 3021) and /32. */
static bool is_network_number(const struct net_address *a, const struct ip_addr *remote)
{
	uint32_t mask, remote_host;

	if (!ip_is_v4(remote) || a->prefix_len >= 31)
		return false;
	mask = UINT32_MAX >> a->prefix_len;
	remote_host = rte_be_to_cpu_32(ip_to_v4(remote)) & mask;
	return remote_host == 0 || remote_host == mask;
}

static bool is_host(const struct ip_addr *addr)
{
	uint32_t v4;

	if (!ip_is_v4(addr))
		return false; /* this version sends IPv4 only */
	v4 = rte_be_to_cpu_32(ip_to_v4(addr));
	return v4 >> 24 != 0 && v4 >> 24 != 127 && v4 >> 24 < 224;
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
	}
	return 0;
}

static int choose_gateway(const struct net *net, const struct ip_addr *remote,
	const struct ip_addr *local, struct net_path *path)
{
	for (uint32_t p = 0; p < net->config.port_count; p++) {
		const struct net_port *port = &net->ports[p];

		if (local && !net_port_owns(port, local))
			continue;
		for (uint32_t i = 0; i < port->config.gateway_count; i++) {
			if (ip_is_v4(&port->config.gateways[i]) != ip_is_v4(remote))
				continue;
			path->port_index = (uint8_t)p;
			path->next_hop = port->config.gateways[i];
			return 0;
		}
	}
	return -ENETUNREACH;
}

int net_path_find(struct net *net, const struct ip_addr *remote, const struct ip_addr *local,
	struct net_path *path)
{
	const struct net_address *source;
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
	} else {
		err = choose_gateway(net, remote, local, path);
		if (err)
			return err;
	}
	source = net_port_source(&net->ports[path->port_index], &path->next_hop);
	if (!source)
		return -ENETUNREACH;
	path->local = local ? *local : source->addr;
	path->mtu = net->ports[path->port_index].config.port->mtu;
	path->neighbour = neigh_get(net, path->port_index, &path->next_hop);
	return 0;
}
