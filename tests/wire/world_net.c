/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a world: ports, addresses, routes and the kernel's side, from what the script
 * says. */
#include "tests/wire/six.h"
#include "tests/wire/world.h"

/* The next item of a list that has a comma behind each, or NULL. */
static const char *next_of(char **list)
{
	char *item = *list, *comma = strchr(item, ',');

	if (!comma || comma == item)
		return NULL;
	*comma = '\0';
	*list = comma + 1;
	return item;
}

static struct net_kernel *fill_kernel(struct world *w)
{
	const struct config_kernel *from = &w->config.kernel;
	struct net_kernel *to = &w->kernel;
	char *list = wire_text("%s,", from->addresses);
	const char *item;

	memset(to, 0, sizeof(*to));
	to->port = fake_ports[KERNEL_PORT].port;
	to->burst = from->burst;
	for (unsigned i = 0; i < KERNEL_CLASSES; i++)
		to->interval_ns[i] = UINT64_C(1000000000) / from->rate;
	while ((item = next_of(&list)))
		to->addresses[to->address_count++] = ip_from_v4(rte_cpu_to_be_32(text_ip(item)));
	list = wire_text("%s,", from->ports);
	while ((item = next_of(&list)))
		to->ports[to->port_count++] = (uint16_t)text_number(item, "port");
	return to;
}

/* Gateways as hosts have them: over IPv6 theirs. */
static void fill_routes(const struct config_port *from, struct net_port_config *port)
{
	char *list = wire_text("%s,", from->gateways);
	const char *item;

	while ((item = next_of(&list))) {
		if (port->gateway_count == NET_PORT_GATEWAYS)
			wire_fail("more than %d gateways", NET_PORT_GATEWAYS);
		port->gateways[port->gateway_count++] = six_address(text_ip(item));
	}
	if (from->way) {
		struct net_way *way = &port->ways[port->way_count++];
		char *to = wire_text("%s", from->way), *via = strchr(to, '>');

		if (!via)
			wire_fail("not a route: %s", to);
		*via = '\0';
		if (ip_prefix_parse(str_of(to), &way->to.addr, &way->to.prefix_len))
			wire_fail("not a prefix: %s", to);
		way->gateways[way->gateway_count++] = six_address(text_ip(via + 1));
	}
}

static void fill_addresses(const struct config_port *from, bool six, struct net_port_config *port)
{
	char *list = wire_text("%s,", from->addresses);
	const char *item;

	while ((item = next_of(&list))) {
		struct net_address *a = &port->addresses[port->address_count++];

		if (port->address_count > NET_PORT_ADDRESSES ||
			ip_prefix_parse(str_of(item), &a->addr, &a->prefix_len))
			wire_fail("not a port's address: %s", item);
		if (six && ip_is_v4(&a->addr)) {
			a->addr = config_address(&a->addr);
			a->prefix_len += SIX_PREFIX_BITS;
		}
	}
}

void world_fill_net(struct world *w, struct net_config *net)
{
	net->port_count = PORTS;
	net->neighbour_limit = 256;
	net->neighbour_queue_limit = 1024;
	for (unsigned i = 0; i < PORTS; i++) {
		struct net_port_config *port = &net->ports[i];

		fake_ports[i].port.mtu = w->config.ports[i].mtu;
		fake_ports[i].port.caps.multi_segs = !w->config.ports[i].linear;
		if (w->offload || w->config.ports[i].offload)
			fake_port_offload(i);
		port->port = &fake_ports[i].port;
		port->rss = w->rss[i];
		fill_routes(&w->config.ports[i], port);
		fill_addresses(&w->config.ports[i], six_sides[i], port);
	}
	if (w->config.kernel.set)
		net->ports[OUTSIDE].kernel = fill_kernel(w);
	net->dad_transmits = w->config.dad;
}
