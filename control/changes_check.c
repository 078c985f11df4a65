/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a change can be made in a generation, by the rules that a configuration is checked with,
 * and the delta that makes it where one can.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/changes_priv.h"
#include "control/config/config.h"
#include "control/config/nearest.h"
#include "control/config/schema.h"

uint32_t change_find_consumer(const struct snapshot *s, const char *name)
{
	return snap_find_name(
		s, SNAP_CONSUMERS, offsetof(struct snap_consumer, name), str_of(name));
}

uint32_t change_find_plan(const struct snapshot *s, const char *name)
{
	return snap_find_name(s, SNAP_PLANS, offsetof(struct snap_plan, name), str_of(name));
}

uint32_t change_find_backend(const struct snapshot *s, const char *name)
{
	return snap_find_name(s, SNAP_BACKENDS, offsetof(struct snap_backend, name), str_of(name));
}

static bool endpoint_is_of(
	const struct snapshot *s, const struct snap_endpoint *e, uint32_t backend)
{
	return e->backend == SNAP_AT(s, SNAP_BACKENDS, snap_backend, backend)->slot;
}

uint32_t change_find_endpoint(
	const struct snapshot *s, uint32_t backend, const struct ip_addr *addr, uint32_t port)
{
	uint32_t n;
	const struct snap_endpoint *list = snap_records(s, SNAP_ENDPOINTS, &n);

	for (uint32_t i = 0; i < n; i++)
		if (endpoint_is_of(s, &list[i], backend) && list[i].tcp_port == port &&
			ip_equal(&list[i].addr, addr))
			return i;
	return SNAP_NONE;
}

uint32_t change_find_address(const struct snapshot *s, uint32_t backend, const char *address)
{
	struct ip_addr addr;
	uint16_t port;

	return ip_port_parse(str_of(address), &addr, &port) < 0
		       ? SNAP_NONE
		       : change_find_endpoint(s, backend, &addr, port);
}

uint32_t change_count_endpoints(const struct snapshot *s, uint32_t backend)
{
	uint32_t n, count = 0;
	const struct snap_endpoint *list = snap_records(s, SNAP_ENDPOINTS, &n);

	for (uint32_t i = 0; i < n; i++)
		count += endpoint_is_of(s, &list[i], backend);
	return count;
}

/* Where the sentence about a refusal goes. */
struct change_why {
	char *text;
	size_t bytes;
};

__attribute__((format(printf, 2, 3))) static int check_refuse(
	const struct change_why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, why->bytes, format, args);
	va_end(args);
	return -EINVAL;
}

static int check_plan(const struct snapshot *s, const char *name, const struct change_why *why)
{
	struct nearest near = nearest_begin(str_of(name));
	uint32_t n;
	const struct snap_plan *list = snap_records(s, SNAP_PLANS, &n);

	if (change_find_plan(s, name) != SNAP_NONE)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		nearest_offer(&near, snap_str(s, list[i].name));
	return near.best.data ? check_refuse(why, "no plan is named '%s'; did you mean '%.*s'?",
					name, (int)near.best.len, near.best.data)
			      : check_refuse(why, "no plan is named '%s'", name);
}

static int check_consumer(
	const struct change *c, const struct snapshot *s, const struct change_why *why)
{
	static const struct schema_field name = { .type = SCHEMA_NAME };
	const uint32_t found = change_find_consumer(s, c->of);
	const uint32_t room = snap_settings(s)->consumer_capacity;
	const struct snap_plan *plan;
	struct cfg_value ignored;

	if (c->kind == CHANGE_CONSUMER_ADD) {
		if (schema_parse(&name, str_of(c->of), &ignored) < 0)
			return check_refuse(why, "the consumer must be %s, not '%s'",
				schema_type_phrase(SCHEMA_NAME), c->of);
		if (found != SNAP_NONE)
			return check_refuse(why,
				"consumer '%s' is there already: 'consumer plan' changes its plan",
				c->of);
		if (s->sections[SNAP_CONSUMERS].count >= room)
			return check_refuse(why,
				"there is room for %u consumers: raise dataplane.capacity.consumers, "
				"stop the dataplane, apply, and start it again",
				room);
		return check_plan(s, c->name, why);
	}
	if (found == SNAP_NONE)
		return check_refuse(why, "no consumer is named '%s'", c->of);
	if (c->kind == CHANGE_CONSUMER_REMOVE)
		return 0;
	plan = SNAP_AT(
		s, SNAP_PLANS, snap_plan, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, found)->plan);
	if (str_equal(snap_str(s, plan->name), str_of(c->name)))
		return check_refuse(why, "consumer '%s' has plan '%s' already", c->of, c->name);
	return check_plan(s, c->name, why);
}

static bool endpoint_on_link(const struct snapshot *s, const struct snap_port *port,
	const struct ip_addr *addr, bool own)
{
	for (uint32_t i = port->addresses.first; i < port->addresses.first + port->addresses.count;
		i++) {
		const struct snap_address *a = SNAP_AT(s, SNAP_ADDRESSES, snap_address, i);

		if (own ? ip_equal(&a->addr, addr) : ip_in_prefix(addr, &a->addr, a->prefix_len))
			return true;
	}
	return false;
}

static bool endpoint_routed(
	const struct snapshot *s, const struct snap_port *port, const struct ip_addr *addr)
{
	for (uint32_t i = port->ways.first; i < port->ways.first + port->ways.count; i++) {
		const struct snap_way *way = SNAP_AT(s, SNAP_WAYS, snap_way, i);

		if (ip_in_prefix(addr, &way->to, way->prefix_len))
			return true;
	}
	for (uint32_t i = port->gateways.first; i < port->gateways.first + port->gateways.count;
		i++)
		if (ip_is_v4(&SNAP_AT(s, SNAP_GATEWAYS, snap_address, i)->addr) == ip_is_v4(addr))
			return true;
	return false;
}

/* As config_endpoint_fault(), by the ports that run. */
static const char *endpoint_fault(const struct snapshot *s, const struct ip_addr *addr)
{
	bool reachable = false;

	if (addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80)
		return "is link-local: it does not say through which port it is reached";
	for (uint32_t i = 0; i < s->sections[SNAP_PORTS].count; i++) {
		const struct snap_port *port = SNAP_AT(s, SNAP_PORTS, snap_port, i);

		if (endpoint_on_link(s, port, addr, true))
			return "is Sluice's own address";
		reachable |=
			endpoint_on_link(s, port, addr, false) || endpoint_routed(s, port, addr);
	}
	return reachable ? NULL : "is in no port's network, and no port has a gateway for it";
}

static int check_endpoint_add(const struct change *c, const struct snapshot *s, uint32_t backend,
	const struct cfg_value *address, const struct change_why *why)
{
	const char *fault = config_address_fault(address->text, &address->addr);
	const uint32_t room = snap_settings(s)->endpoint_capacity;

	if (fault)
		return check_refuse(why, "'%s' is %s", c->name, fault);
	if (change_find_endpoint(s, backend, &address->addr, address->port) != SNAP_NONE)
		return check_refuse(why,
			"endpoint %s is in the backend already: 'endpoint weight' changes its weight",
			c->name);
	fault = endpoint_fault(s, &address->addr);
	if (fault)
		return check_refuse(why, "endpoint %s %s", c->name, fault);
	if (s->sections[SNAP_ENDPOINTS].count >= room)
		return check_refuse(why,
			"there is room for %u endpoints: raise dataplane.capacity.endpoints, stop the "
			"dataplane, apply, and start it again",
			room);
	return 0;
}

static int check_endpoint(struct change *c, const struct snapshot *s, const struct change_why *why)
{
	const struct schema_field *field = schema_field(&schema_endpoint, STR("address"));
	struct cfg_value address = { .text = str_of(c->name) };
	const uint32_t backend = change_find_backend(s, c->of);
	uint32_t found;
	struct str name;

	if (backend == SNAP_NONE)
		return check_refuse(why, "no backend is named '%s'", c->of);
	if (schema_parse(field, address.text, &address) < 0)
		return check_refuse(why, "the endpoint must be %s, not '%s'",
			schema_type_phrase(SCHEMA_ENDPOINT), c->name);
	if (c->kind == CHANGE_ENDPOINT_ADD)
		return check_endpoint_add(c, s, backend, &address, why);
	found = change_find_endpoint(s, backend, &address.addr, address.port);
	if (found == SNAP_NONE)
		return check_refuse(why, "backend %s has no endpoint %s", c->of, c->name);
	if (change_count_endpoints(s, backend) == 1)
		return check_refuse(why,
			"%s is the last endpoint of backend %s: add another one first, or drain it",
			c->name, c->of);
	name = snap_str(s, SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, found)->name);
	snprintf(c->name, sizeof(c->name), "%.*s", (int)name.len, name.data);
	return 0;
}

int change_check(struct change *change, const struct snapshot *s, char *why, size_t why_bytes)
{
	const struct change_why refusal = { why, why_bytes };

	return change_target(change->kind) == CHANGE_OF_CONSUMER
		       ? check_consumer(change, s, &refusal)
		       : check_endpoint(change, s, &refusal);
}

static int delta_key_add(const struct change *c, const struct snapshot *s, struct delta *out,
	char *why, size_t why_bytes)
{
	out->op = DELTA_KEY_ADD;
	out->expires = c->expires;
	out->consumer = change_find_consumer(s, c->of);
	if (out->consumer != SNAP_NONE)
		return 0;
	snprintf(why, why_bytes, "no consumer is named '%s'", c->of);
	return -ENOENT;
}

static int delta_weight(const struct change *c, const struct snapshot *s, struct delta *out,
	char *why, size_t why_bytes)
{
	const uint32_t backend = change_find_backend(s, c->of);

	out->op = DELTA_ENDPOINT_WEIGHT;
	out->weight = c->weight;
	if (backend == SNAP_NONE) {
		snprintf(why, why_bytes, "no backend is named '%s'", c->of);
		return -ENOENT;
	}
	out->endpoint = change_find_address(s, backend, c->name);
	if (out->endpoint != SNAP_NONE)
		return 0;
	snprintf(why, why_bytes, "backend %s has no endpoint %s", c->of, c->name);
	return -ENOENT;
}

int change_delta(const struct change *c, const struct snapshot *s, struct delta *out, char *why,
	size_t why_bytes)
{
	*out = (struct delta){ .base_generation = s->generation };
	memcpy(out->digest, c->digest, sizeof(out->digest));
	switch (c->kind) {
	case CHANGE_KEY_ADD:
		return delta_key_add(c, s, out, why, why_bytes);
	case CHANGE_WEIGHT:
	case CHANGE_ENDPOINT_ADD:
		return delta_weight(c, s, out, why, why_bytes);
	case CHANGE_KEY_REVOKE:
		out->op = DELTA_KEY_REMOVE;
		return 0;
	default:
		break;
	}
	snprintf(why, why_bytes, "%s is no delta", change_what(c->kind));
	return -ENOENT;
}
