/* SPDX-License-Identifier: Apache-2.0 */
/* The check of ports, listeners and backends: whether addresses belong together. */
#include "control/config/check_priv.h"

#include <string.h>

/* What a port of the dataplane has room for: see dataplane/net/net.h. */
#define PORT_ADDRESSES 8
#define PORT_ROUTES    16
#define ROUTE_GATEWAYS 4

static struct cfg_port *port_at(struct check *c, uint32_t i)
{
	return CFG_ITEM(c->config->root.dataplane.ports, struct cfg_port, i);
}

/* The place in a port's addresses where @p addr is, or NULL. */
static const struct cfg_value *own_address(const struct cfg_port *port, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < port->addresses.count; i++) {
		const struct cfg_value *a = CFG_ITEM(port->addresses, struct cfg_value, i);

		if (a->valid && ip_equal(&a->addr, addr))
			return a;
	}
	return NULL;
}

static bool has_ipv6(const struct cfg_port *port)
{
	for (uint32_t i = 0; i < port->addresses.count; i++) {
		const struct cfg_value *a = CFG_ITEM(port->addresses, struct cfg_value, i);

		if (a->valid && !ip_is_v4(&a->addr))
			return true;
	}
	return false;
}

static bool is_link_local(const struct ip_addr *addr)
{
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/* Why no host can have the address, or NULL. */
static const char *network_unusable(const struct ip_addr *addr)
{
	static const struct ip_addr zero;
	const uint8_t *v4 = addr->bytes + 12;

	if (ip_is_v4(addr)) {
		if (v4[0] == 127)
			return "a loopback address";
		return v4[0] == 0     ? "no host's address"
		       : v4[0] >= 224 ? "a multicast address"
				      : NULL;
	}
	if (addr->bytes[0] == 0xff)
		return "a multicast address";
	if (memcmp(addr->bytes, zero.bytes, 15) != 0)
		return NULL;
	return addr->bytes[15] == 1   ? "a loopback address"
	       : addr->bytes[15] == 0 ? "no host's address"
				      : NULL;
}

/* "::ffff:192.0.2.1", with or without brackets and port */
static bool is_written_as_ipv6(struct str text)
{
	unsigned colons = 0;

	for (uint32_t i = 0; i < text.len; i++)
		colons += text.data[i] == ':';
	return colons > 1;
}

const char *config_address_fault(struct str text, const struct ip_addr *addr)
{
	return ip_is_v4(addr) && is_written_as_ipv6(text) ? "an IPv4 address: write it as one"
							  : network_unusable(addr);
}

/* Says what is wrong with an address for any use, and makes it invalid then. */
static void check_usable(struct check *c, struct cfg_value *value)
{
	const char *why = value->valid ? config_address_fault(value->text, &value->addr) : NULL;

	if (!why)
		return;
	mistake_add(c->mistakes, value->at, "'%.*s' is %s", (int)value->text.len, value->text.data,
		why);
	value->valid = false;
}

static void check_most(
	struct check *c, const struct cfg_list *list, uint32_t most, const char *what)
{
	if (list->count > most)
		mistake_add(c->mistakes, list->at, "%u %s, but there is room for %u",
			(unsigned)list->count, what, (unsigned)most);
}

static bool is_on_link(const struct cfg_port *port, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < port->addresses.count; i++) {
		const struct cfg_value *a = CFG_ITEM(port->addresses, struct cfg_value, i);

		if (a->valid && ip_in_prefix(addr, &a->addr, a->prefix_len))
			return true;
	}
	return false;
}

/* Is every address of the port known? Otherwise nothing is said about what is none of them. */
static bool knows_addresses(const struct cfg_port *port)
{
	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (!CFG_ITEM(port->addresses, struct cfg_value, i)->valid)
			return false;
	return port->addresses.count > 0;
}

static void check_addresses(struct check *c, uint32_t index)
{
	struct cfg_port *port = port_at(c, index);

	check_most(c, &port->addresses, PORT_ADDRESSES, "addresses");
	for (uint32_t i = 0; i < port->addresses.count; i++)
		check_usable(c, CFG_ITEM(port->addresses, struct cfg_value, i));
	for (uint32_t i = 0; i < port->addresses.count; i++) {
		const struct cfg_value *a = CFG_ITEM(port->addresses, struct cfg_value, i);
		const struct cfg_value *other = NULL;

		for (uint32_t p = 0; a->valid && p <= index && !other; p++)
			other = own_address(port_at(c, p), &a->addr);
		if (other && other != a)
			mistake_add(c->mistakes, a->at,
				"address '%.*s' is a port's already (line %u)", (int)a->text.len,
				a->text.data, other->at.line);
	}
}

/* @param to  the network that they lead to, NULL for all others */
static void check_gateways(struct check *c, const struct cfg_port *port,
	const struct cfg_list *gateways, const struct cfg_value *to)
{
	check_most(c, gateways, ROUTE_GATEWAYS, "gateways");
	for (uint32_t i = 0; i < gateways->count; i++) {
		struct cfg_value *g = CFG_ITEM(*gateways, struct cfg_value, i);
		int len = (int)g->text.len;

		check_usable(c, g);
		if (!g->valid)
			continue;
		if (own_address(port, &g->addr))
			mistake_add(c->mistakes, g->at, "gateway '%.*s' is the port's own address",
				len, g->text.data);
		else if (is_link_local(&g->addr) ? !has_ipv6(port) : !is_on_link(port, &g->addr))
			mistake_add(c->mistakes, g->at,
				"gateway '%.*s' is in none of the port's networks", len,
				g->text.data);
		if (to && to->valid && ip_is_v4(&to->addr) != ip_is_v4(&g->addr))
			mistake_add(c->mistakes, g->at,
				"gateway '%.*s' is not of the family of '%.*s'", len, g->text.data,
				(int)to->text.len, to->text.data);
		for (uint32_t k = 0; k < i; k++) {
			const struct cfg_value *other = CFG_ITEM(*gateways, struct cfg_value, k);

			if (other->valid && ip_equal(&other->addr, &g->addr))
				mistake_add(c->mistakes, g->at,
					"gateway '%.*s' is in the list already", len, g->text.data);
		}
	}
}

/* The same with all bits beyond the prefix cleared. */
static struct ip_addr network_of(const struct cfg_value *prefix)
{
	struct ip_addr net = prefix->addr;
	unsigned bits = prefix->prefix_len + (ip_is_v4(&net) ? 96u : 0u);

	for (; bits < 128; bits++)
		net.bytes[bits / 8] &= (uint8_t) ~(0x80u >> bits % 8);
	return net;
}

static void check_routes(struct check *c, const struct cfg_port *port)
{
	check_most(c, &port->routes, PORT_ROUTES, "routes");
	for (uint32_t i = 0; i < port->routes.count; i++) {
		const struct cfg_way *way = CFG_ITEM(port->routes, struct cfg_way, i);
		const struct cfg_value *to = &way->to;

		check_gateways(c, port, &way->gateways, to);
		if (!to->valid)
			continue;

		struct ip_addr net = network_of(to);
		char text[IP_TEXT_BYTES];

		ip_format(&net, text);
		if (!ip_equal(&net, &to->addr))
			mistake_add(c->mistakes, to->at,
				"'%.*s' names no network: its network is %s/%u", (int)to->text.len,
				to->text.data, text, (unsigned)to->prefix_len);
		for (uint32_t k = 0; k < i; k++) {
			const struct cfg_value *other =
				&CFG_ITEM(port->routes, struct cfg_way, k)->to;

			if (other->valid && other->prefix_len == to->prefix_len &&
				ip_equal(&other->addr, &to->addr))
				mistake_add(c->mistakes, to->at,
					"the port has a route to '%.*s' already (line %u)",
					(int)to->text.len, to->text.data, other->at.line);
		}
	}
}

static void check_mtu(struct check *c, const struct cfg_port *port)
{
	uint64_t least = has_ipv6(port) ? 1280 : 576;

	if (port->mtu.valid && port->mtu.number && port->mtu.number < least)
		mistake_add(c->mistakes, port->mtu.at, "'mtu' must be 0, or %u or more%s",
			(unsigned)least, least == 1280 ? " with IPv6" : "");
}

static void check_cores(struct check *c)
{
	struct cfg_dataplane *d = &c->config->root.dataplane;

	if (d->workers.set && d->lcores.set)
		mistake_add(c->mistakes, d->lcores.at,
			"'lcores' and 'workers' exclude each other (line %u)", d->workers.at.line);
	for (uint32_t i = 0; i < d->lcores.count; i++) {
		const struct cfg_value *core = CFG_ITEM(d->lcores, struct cfg_value, i);

		for (uint32_t j = 0; j < i && core->valid; j++) {
			const struct cfg_value *other = CFG_ITEM(d->lcores, struct cfg_value, j);

			if (!other->valid || other->number != core->number)
				continue;
			mistake_add(c->mistakes, core->at, "core %u is in the list already",
				(unsigned)core->number);
			break;
		}
	}
	if (d->lcores.count > 64)
		mistake_add(c->mistakes, d->lcores.at, "at most 64 cores can be workers");
	if (d->mbufs.valid && d->mbufs.number && d->mbufs.number < 1024)
		mistake_add(c->mistakes, d->mbufs.at, "'mbufs' must be 0, or 1024 or more");
}

static void check_capacity(
	struct check *c, const struct cfg_value *capacity, uint64_t used, const char *noun)
{
	if (capacity->valid && used > capacity->number)
		mistake_add(c->mistakes, capacity->at,
			"%u %s are configured, but dataplane.capacity has room for %u",
			(unsigned)used, noun, (unsigned)capacity->number);
}

static uint64_t endpoint_count(const struct cfg_root *root)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < root->backends.count; i++)
		count += CFG_ITEM(root->backends, struct cfg_backend, i)->endpoints.count;
	return count;
}

void check_dataplane(struct check *c)
{
	const struct cfg_root *root = &c->config->root;
	const struct cfg_capacity *capacity = &root->dataplane.capacity;

	check_cores(c);
	check_capacity(c, &capacity->listeners, root->listeners.count, "listeners");
	check_capacity(c, &capacity->apis, root->apis.count, "APIs");
	check_capacity(c, &capacity->endpoints, endpoint_count(root), "endpoints");
	for (uint32_t i = 0; i < root->dataplane.ports.count; i++) {
		struct cfg_port *port = port_at(c, i);

		check_addresses(c, i);
		check_gateways(c, port, &port->gateways, NULL);
		check_routes(c, port);
		check_mtu(c, port);
		for (uint32_t j = 0; j < i && port->device.valid; j++) {
			const struct cfg_port *other = port_at(c, j);

			if (!other->device.valid ||
				!str_equal(other->device.text, port->device.text))
				continue;
			mistake_add(c->mistakes, port->device.at,
				"device '%.*s' is port '%.*s' already (line %u)",
				(int)port->device.text.len, port->device.text.data,
				(int)other->name.text.len, other->name.text.data,
				other->device.at.line);
			break;
		}
	}
}

static void check_bind(struct check *c, uint32_t index)
{
	const struct cfg_list *listeners = &c->config->root.listeners;
	struct cfg_listener *l = CFG_ITEM(*listeners, struct cfg_listener, index);

	check_usable(c, &l->bind);
	if (!l->bind.valid)
		return;

	const struct cfg_port *port = l->port.valid ? port_at(c, (uint32_t)l->port.number) : NULL;

	if (port && knows_addresses(port) && !own_address(port, &l->bind.addr))
		mistake_add(c->mistakes, l->bind.at,
			"'bind' %.*s is none of the addresses of port '%.*s'",
			(int)l->bind.text.len, l->bind.text.data, (int)l->port.text.len,
			l->port.text.data);
	for (uint32_t i = 0; i < index; i++) {
		const struct cfg_listener *other = CFG_ITEM(*listeners, struct cfg_listener, i);

		if (other->bind.valid && other->bind.port == l->bind.port &&
			ip_equal(&other->bind.addr, &l->bind.addr))
			mistake_add(c->mistakes, l->bind.at,
				"listener '%.*s' is bound to %.*s already (line %u)",
				(int)other->name.text.len, other->name.text.data,
				(int)other->bind.text.len, other->bind.text.data,
				other->bind.at.line);
	}
}

void check_listeners(struct check *c)
{
	const struct cfg_root *root = &c->config->root;

	for (uint32_t i = 0; i < root->listeners.count; i++) {
		struct cfg_listener *l = CFG_ITEM(root->listeners, struct cfg_listener, i);

		check_reference(c, &l->port, c->ports, &root->dataplane.ports,
			sizeof(struct cfg_port), "port");
		check_references(c, &l->tls.certificates, c->certificates, &root->certificates,
			sizeof(struct cfg_certificate), "certificate");
		check_bind(c, i);
	}
}

static bool leads_to(const struct cfg_list *gateways, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < gateways->count; i++) {
		const struct cfg_value *g = CFG_ITEM(*gateways, struct cfg_value, i);

		if (g->valid && ip_is_v4(&g->addr) == ip_is_v4(addr))
			return true;
	}
	return false;
}

static bool is_routed(const struct cfg_port *port, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < port->routes.count; i++) {
		const struct cfg_way *way = CFG_ITEM(port->routes, struct cfg_way, i);

		if (way->to.valid && ip_in_prefix(addr, &way->to.addr, way->to.prefix_len))
			return true;
	}
	return leads_to(&port->gateways, addr);
}

const char *config_endpoint_fault(const struct config *config, const struct ip_addr *addr)
{
	const struct cfg_list *ports = &config->root.dataplane.ports;
	bool reachable = false;

	if (is_link_local(addr))
		return "is link-local: it does not say through which port it is reached";
	for (uint32_t i = 0; i < ports->count; i++) {
		const struct cfg_port *port = CFG_ITEM(*ports, struct cfg_port, i);

		if (own_address(port, addr))
			return "is Sluice's own address";
		reachable |= is_on_link(port, addr) || is_routed(port, addr);
	}
	return reachable ? NULL : "is in no port's network, and no port has a gateway for it";
}

static void check_reachable(struct check *c, const struct cfg_value *address)
{
	const char *fault = config_endpoint_fault(c->config, &address->addr);

	if (fault)
		mistake_add(c->mistakes, address->at, "endpoint %.*s %s", (int)address->text.len,
			address->text.data, fault);
}

/* One whose endpoints are all drained works, and answers nothing. */
static void check_drained(struct check *c, const struct cfg_backend *backend)
{
	uint32_t drained = 0;

	for (uint32_t i = 0; i < backend->endpoints.count; i++) {
		const struct cfg_value *weight =
			&CFG_ITEM(backend->endpoints, struct cfg_endpoint, i)->weight;

		drained += weight->set && weight->valid && weight->number == 0;
	}
	if (drained && drained == backend->endpoints.count)
		mistake_warn(c->mistakes, backend->place.at,
			"all endpoints of backend %.*s have weight 0: its requests get 503",
			(int)backend->name.text.len, backend->name.text.data);
}

static void check_backend_tls(struct check *c, struct cfg_backend_tls *tls)
{
	const struct cfg_value *name = &tls->server_name;
	const struct cfg_root *root = &c->config->root;
	struct ip_addr addr;

	if (!tls->place.set)
		return;
	check_reference(c, &tls->certificate, c->certificates, &root->certificates,
		sizeof(struct cfg_certificate), "certificate");
	if (!name->set || !name->valid)
		return;
	if (ip_parse(name->text, &addr) == 0)
		mistake_add(c->mistakes, name->at,
			"'%.*s' is an address: leave server_name out, and certificates have to name "
			"the endpoint's address",
			(int)name->text.len, name->text.data);
	else if (!check_is_host(name->text) || name->text.data[0] == '*')
		mistake_add(c->mistakes, name->at,
			"'%.*s' is no host name: write one such as \"orders.internal\", without a port",
			(int)name->text.len, name->text.data);
}

void check_backends(struct check *c)
{
	struct cfg_root *root = &c->config->root;

	for (uint32_t b = 0; b < root->backends.count; b++) {
		struct cfg_backend *backend = CFG_ITEM(root->backends, struct cfg_backend, b);

		check_drained(c, backend);
		check_health(c, &backend->health);
		check_backend_tls(c, &backend->tls);
		for (uint32_t i = 0; i < backend->endpoints.count; i++) {
			struct cfg_value *a =
				&CFG_ITEM(backend->endpoints, struct cfg_endpoint, i)->address;

			check_usable(c, a);
			if (!a->valid)
				continue;
			check_reachable(c, a);
			for (uint32_t j = 0; j < i; j++) {
				const struct cfg_value *other =
					&CFG_ITEM(backend->endpoints, struct cfg_endpoint, j)
						 ->address;

				if (other->valid && other->port == a->port &&
					ip_equal(&other->addr, &a->addr))
					mistake_add(c->mistakes, a->at,
						"endpoint %.*s is in the backend already (line %u)",
						(int)a->text.len, a->text.data, other->at.line);
			}
		}
	}
}
