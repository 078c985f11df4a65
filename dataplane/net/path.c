/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way to a peer: the longest connected prefix, else a gateway (RFC 1122 §3.3.1). The source
 * address is always one of the port that sends (the strong host model, RFC 1122 §3.3.4.2): a gateway
 * between two networks must not leak one side's addresses to the other.
 */
#include <errno.h>
#include <string.h>

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
	/* IPv4's is the one of the network that leads there; IPv6's is chosen by scope and prefix. */
	source = local ? local
		       : net_port_source(&net->ports[path->port_index],
				 ip_is_v4(remote) ? &path->next_hop : remote);
	if (!source)
		return -ENETUNREACH;
	path->local = *source;
	path->mtu = net->ports[path->port_index].config.port->mtu;
	path->neighbour = neigh_get(net, path->port_index, &path->next_hop);
	return 0;
}
