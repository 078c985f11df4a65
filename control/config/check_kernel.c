/* SPDX-License-Identifier: Apache-2.0 */
/* The check of what a port hands to the operating system's kernel: it and Sluice never claim the same. */
#include "control/config/check_priv.h"
#include "lib/shm/snapshot.h"

static struct cfg_port *port_at(struct check *c, uint32_t i)
{
	return CFG_ITEM(c->config->root.dataplane.ports, struct cfg_port, i);
}

static const struct cfg_value *find_address(const struct cfg_list *list, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_value *a = CFG_ITEM(*list, struct cfg_value, i);

		if (a->valid && ip_equal(&a->addr, addr))
			return a;
	}
	return NULL;
}

static void check_interface(struct check *c, uint32_t index)
{
	const struct cfg_value *name = &port_at(c, index)->kernel.interface;

	if (!name->valid)
		return;
	if (name->text.len > SNAP_KERNEL_INTERFACE_BYTES)
		mistake_add(c->mistakes, name->at,
			"interface '%.*s' is longer than the %d bytes that the kernel allows",
			(int)name->text.len, name->text.data, SNAP_KERNEL_INTERFACE_BYTES);
	for (uint32_t i = 0; i < index; i++) {
		const struct cfg_kernel *other = &port_at(c, i)->kernel;

		if (!other->interface.valid || !str_equal(other->interface.text, name->text))
			continue;
		mistake_add(c->mistakes, name->at,
			"interface '%.*s' is port '%.*s's already (line %u)", (int)name->text.len,
			name->text.data, (int)port_at(c, i)->name.text.len,
			port_at(c, i)->name.text.data, other->interface.at.line);
		break;
	}
}

static void check_addresses(struct check *c, uint32_t index)
{
	const struct cfg_list *list = &port_at(c, index)->kernel.addresses;
	uint32_t ports = c->config->root.dataplane.ports.count;

	if (list->count > SNAP_KERNEL_ADDRESSES_MAX)
		mistake_add(c->mistakes, list->at, "the kernel can have at most %d addresses",
			SNAP_KERNEL_ADDRESSES_MAX);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_value *a = CFG_ITEM(*list, struct cfg_value, i);
		const struct cfg_value *other = NULL;

		for (uint32_t p = 0; a->valid && p < ports && !other; p++)
			other = find_address(&port_at(c, p)->addresses, &a->addr);
		if (other) {
			mistake_add(c->mistakes, a->at,
				"address '%.*s' is Sluice's own (line %u): what the kernel serves "
				"there goes into 'ports'",
				(int)a->text.len, a->text.data, other->at.line);
			continue;
		}
		for (uint32_t p = 0; a->valid && p <= index && !other; p++)
			other = find_address(&port_at(c, p)->kernel.addresses, &a->addr);
		if (other && other != a)
			mistake_add(c->mistakes, a->at,
				"address '%.*s' is the kernel's already (line %u)",
				(int)a->text.len, a->text.data, other->at.line);
	}
}

/* A listener on the same port and, as the kernel serves all of the port's addresses, any of them. */
static const struct cfg_listener *find_listener(
	struct check *c, const struct cfg_port *port, uint64_t tcp_port)
{
	const struct cfg_list *listeners = &c->config->root.listeners;

	for (uint32_t i = 0; i < listeners->count; i++) {
		const struct cfg_listener *l = CFG_ITEM(*listeners, struct cfg_listener, i);

		if (l->bind.valid && l->bind.port == tcp_port &&
			find_address(&port->addresses, &l->bind.addr))
			return l;
	}
	return NULL;
}

static void check_ports(struct check *c, const struct cfg_port *port)
{
	const struct cfg_list *list = &port->kernel.ports;

	if (list->count > SNAP_KERNEL_PORTS_MAX)
		mistake_add(c->mistakes, list->at, "the kernel can have at most %d ports",
			SNAP_KERNEL_PORTS_MAX);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_value *p = CFG_ITEM(*list, struct cfg_value, i);
		const struct cfg_listener *l;

		if (!p->valid)
			continue;
		l = find_listener(c, port, p->number);
		if (l)
			mistake_add(c->mistakes, p->at, "port %u is listener '%.*s's (line %u)",
				(unsigned)p->number, (int)l->name.text.len, l->name.text.data,
				l->bind.at.line);
		for (uint32_t j = 0; j < i; j++) {
			const struct cfg_value *other = CFG_ITEM(*list, struct cfg_value, j);

			if (!other->valid || other->number != p->number)
				continue;
			mistake_add(c->mistakes, p->at, "port %u is in the list already",
				(unsigned)p->number);
			break;
		}
	}
}

static void check_rate(struct check *c, const struct cfg_value *rate)
{
	if (rate->valid && (rate->number < rate->window_s / 60 || rate->window_s == 0 ||
				   rate->number / rate->window_s > 1000000))
		mistake_add(c->mistakes, rate->at, "rate '%.*s' is not within 1/min and 1000000/s",
			(int)rate->text.len, rate->text.data);
}

void check_kernels(struct check *c)
{
	for (uint32_t i = 0; i < c->config->root.dataplane.ports.count; i++) {
		struct cfg_port *port = port_at(c, i);
		const struct cfg_kernel *k = &port->kernel;

		if (!k->place.set)
			continue;
		check_interface(c, i);
		check_addresses(c, i);
		check_ports(c, port);
#define KERNEL_CLASS(NAME, name, rate, text) check_rate(c, &k->rates.name);
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
		if (!k->addresses.set && !k->ports.set)
			mistake_add(c->mistakes, k->place.at,
				"'kernel' has neither 'addresses' nor 'ports': it would get nothing");
	}
}
