/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, ports, listeners, certificates and backends as snapshot records. */
#include "control/compile/compile_priv.h"
#include "control/config/roll.h"

static uint32_t number(const struct cfg_value *value)
{
	return (uint32_t)value->number;
}

/* Memory is set aside once: a running dataplane's capacities stay, unless the file names others. */
static uint32_t capacity(
	const struct compile *c, const struct cfg_value *setting, uint32_t previous)
{
	return c->input->running && !setting->set ? previous : number(setting);
}

/* Lines of the usage segment. They outlive the dataplane, so that there are never fewer than
 * before. */
static uint32_t consumer_capacity(const struct compile *c, uint32_t previous, uint32_t consumers)
{
	uint32_t wanted = consumers < 32768 ? 65536 : consumers * 2;

	if (c->root->dataplane.capacity.consumers.number)
		return number(&c->root->dataplane.capacity.consumers);
	if (c->input->running || previous >= wanted)
		return previous;
	return wanted < SNAP_CONSUMER_CAPACITY_MAX ? wanted : SNAP_CONSUMER_CAPACITY_MAX;
}

static void compile_capacities(struct compile *c)
{
	static const struct snap_settings none;
	const struct cfg_capacity *set = &c->root->dataplane.capacity;
	const struct snap_settings *old =
		c->input->previous ? snap_settings(c->input->previous) : &none;
	struct snap_settings *s = &c->settings;
	uint32_t consumers = c->input->config->roll->consumer_count;

	s->listener_capacity = capacity(c, &set->listeners, old->listener_capacity);
	s->api_capacity = capacity(c, &set->apis, old->api_capacity);
	s->endpoint_capacity = capacity(c, &set->endpoints, old->endpoint_capacity);
	s->consumer_capacity = consumer_capacity(c, old->consumer_capacity, consumers);
	if (consumers > s->consumer_capacity)
		mistake_add(c->mistakes, c->root->consumers.at,
			"%u consumers are configured, but there is room for %u%s", consumers,
			s->consumer_capacity,
			c->input->running ? ": stop the dataplane, apply, and start it again" : "");
}

void compile_settings(struct compile *c)
{
	const struct cfg_root *r = c->root;
	const struct cfg_dataplane *d = &r->dataplane;
	const struct cfg_access_log *log = &r->access_log;
	struct snap_settings *s = &c->settings;

	*s = (struct snap_settings){
		.workers = d->lcores.count ? 0 : number(&d->workers),
		.connections = number(&d->connections),
		.mbufs = number(&d->mbufs),
		.head_bytes_max = number(&r->limits.head_),
		.target_bytes_max = number(&r->limits.target),
		.fields_max = number(&r->limits.fields),
		.head_timeout_ms = number(&r->timeouts.head_),
		.body_timeout_ms = number(&r->timeouts.body),
		.idle_timeout_ms = number(&r->timeouts.idle),
		.send_timeout_ms = number(&r->timeouts.send),
		.backend_idle_timeout_ms = number(&r->timeouts.backend_idle),
		.body_rate_min = number(&r->timeouts.body_rate_min),
		.send_rate_min = number(&r->timeouts.send_rate_min),
		.rto_min_ms = number(&d->rto_min),
		.ecn = number(&d->ecn),
		.rcv_buf_bytes = number(&d->buffers.receive),
		.snd_buf_bytes = number(&d->buffers.send),
		.flags = (r->forwarding.trust_client.number ? SNAP_TRUST_FORWARDED : 0) |
			 (r->forwarding.pass_overrides.number ? SNAP_PASS_OVERRIDES : 0),
		.event_records = number(&log->records),
		.via = compile_text(c, r->forwarding.via.text),
		.body_bytes_max = r->limits.body.number,
		.access_log = log->enabled.set ? (uint32_t)log->enabled.number
					       : log->path.set || c->input->want_access_log,
	};
	if (s->event_records & (s->event_records - 1))
		mistake_add(c->mistakes, log->records.at, "'records' must be a power of two");
	compile_capacities(c);
}

static struct snap_range add_addresses(
	struct compile *c, enum snap_section_id id, const struct cfg_list *list)
{
	struct snap_range range = { snapshot_builder_count(c->builder, id), list->count };

	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_value *value = CFG_ITEM(*list, struct cfg_value, i);
		struct snap_address record = { value->addr, value->prefix_len };

		snapshot_builder_add(c->builder, id, &record);
	}
	return range;
}

static struct snap_range add_ways(struct compile *c, const struct cfg_list *list)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_WAYS), list->count };

	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_way *way = CFG_ITEM(*list, struct cfg_way, i);
		struct snap_way record = { way->to.addr, way->to.prefix_len,
			add_addresses(c, SNAP_GATEWAYS, &way->gateways) };

		snapshot_builder_add(c->builder, SNAP_WAYS, &record);
	}
	return range;
}

static uint64_t interval_ns(const struct cfg_value *rate)
{
	return rate->number ? rate->window_s * UINT64_C(1000000000) / rate->number : 1;
}

static void add_kernel(struct compile *c, const struct cfg_kernel *k, uint32_t port)
{
	struct snap_kernel record = {
		.interface = compile_text(c, k->interface.text),
		.addresses = add_addresses(c, SNAP_KERNEL_ADDRESSES, &k->addresses),
		.ports = { snapshot_builder_count(c->builder, SNAP_KERNEL_PORTS), k->ports.count },
		.port = port,
		.burst = number(&k->burst),
		.interval_ns = {
#define KERNEL_CLASS(NAME, name, rate, text) [KERNEL_##NAME] = interval_ns(&k->rates.name),
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
		},
	};

	for (uint32_t i = 0; i < k->ports.count; i++) {
		uint32_t value = number(CFG_ITEM(k->ports, struct cfg_value, i));

		snapshot_builder_add(c->builder, SNAP_KERNEL_PORTS, &value);
	}
	snapshot_builder_add(c->builder, SNAP_KERNELS, &record);
}

static void compile_ports(struct compile *c)
{
	const struct cfg_dataplane *d = &c->root->dataplane;

	for (uint32_t i = 0; i < d->ports.count; i++) {
		const struct cfg_port *port = CFG_ITEM(d->ports, struct cfg_port, i);
		struct snap_port record = {
			.name = compile_text(c, port->name.text),
			.device = compile_text(c, port->device.text),
			.addresses = add_addresses(c, SNAP_ADDRESSES, &port->addresses),
			.gateways = add_addresses(c, SNAP_GATEWAYS, &port->gateways),
			.mtu = number(&port->mtu),
			.queues = number(&port->queues),
			.ways = add_ways(c, &port->routes),
			.vlan = number(&port->vlan),
		};

		snapshot_builder_add(c->builder, SNAP_PORTS, &record);
		if (port->kernel.head.set)
			add_kernel(c, &port->kernel, i);
	}
	for (uint32_t i = 0; i < d->lcores.count; i++) {
		uint32_t core = number(CFG_ITEM(d->lcores, struct cfg_value, i));

		snapshot_builder_add(c->builder, SNAP_LCORES, &core);
	}
}

static void compile_certificates(struct compile *c)
{
	const struct cfg_list *list = &c->root->certificates;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct cert *cert = &c->certs.list[i];
		struct snap_cert record = {
			.name = compile_text(
				c, CFG_ITEM(*list, struct cfg_certificate, i)->name.text),
			.names = { snapshot_builder_count(c->builder, SNAP_CERT_NAMES),
				cert->name_count },
		};

		memcpy(record.fingerprint, cert->fingerprint, sizeof(record.fingerprint));
		for (uint32_t j = 0; j < cert->name_count; j++) {
			struct snap_text name = compile_text(c, str_of(cert->names[j]));

			snapshot_builder_add(c->builder, SNAP_CERT_NAMES, &name);
		}
		snapshot_builder_add(c->builder, SNAP_CERTS, &record);
	}
}

static uint32_t paths_of(const struct cfg_paths *p)
{
	return SNAP_PATH(SNAP_PATH_SLASHES, p->slashes.number) |
	       SNAP_PATH(SNAP_PATH_PARAMETERS, p->parameters.number) |
	       SNAP_PATH(SNAP_PATH_ENCODED_SLASH, p->encoded_slash.number) |
	       SNAP_PATH(SNAP_PATH_BACKSLASH, p->backslash.number) |
	       SNAP_PATH(SNAP_PATH_DOT_SEGMENTS, p->dot_segments.number);
}

static void add_listener(struct compile *c, const struct cfg_listener *l, uint32_t slot)
{
	struct snap_listener record = {
		.name = compile_text(c, l->name.text),
		.addr = l->bind.addr,
		.tcp_port = l->bind.port,
		.port = number(&l->port),
		.slot = slot,
		.tls = l->tls.head.set,
		.certs = { snapshot_builder_count(c->builder, SNAP_LISTENER_CERTS),
			l->tls.certificates.count },
		.backlog = number(&l->backlog),
		.connections_per_source = number(&l->connections_per_source),
		.paths = paths_of(&l->paths),
	};

	for (uint32_t i = 0; i < l->tls.certificates.count; i++) {
		uint32_t cert = number(CFG_ITEM(l->tls.certificates, struct cfg_value, i));

		snapshot_builder_add(c->builder, SNAP_LISTENER_CERTS, &cert);
	}
	snapshot_builder_add(c->builder, SNAP_LISTENERS, &record);
}

static void no_slot(struct compile *c, struct cfg_at at, const char *noun)
{
	mistake_add(c->mistakes, at,
		"no slot is left for this %s: the dataplane was started with room for fewer; stop it, "
		"apply, and start it again",
		noun);
}

static void compile_listeners(struct compile *c)
{
	const struct cfg_list *list = &c->root->listeners;
	struct slots *slots = compile_slots(c, SNAP_LISTENERS, c->settings.listener_capacity);

	char room[LISTENER_KEY_BYTES];

	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_listener *l = CFG_ITEM(*list, struct cfg_listener, i);

		slots_want(slots, compile_listener_key(&l->bind.addr, l->bind.port, room));
	}
	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_listener *l = CFG_ITEM(*list, struct cfg_listener, i);
		uint32_t slot =
			slots_take(slots, compile_listener_key(&l->bind.addr, l->bind.port, room));

		if (slot == SNAP_NONE)
			no_slot(c, l->head.at, "listener");
		add_listener(c, l, slot);
	}
	slots_free(slots);
}

static void add_backend(
	struct compile *c, const struct cfg_backend *b, uint32_t index, struct slots *slots)
{
	struct snap_backend record = {
		.name = compile_text(c, b->name.text),
		.endpoints = { snapshot_builder_count(c->builder, SNAP_ENDPOINTS),
			b->endpoints.count },
		.balance = number(&b->balance),
		.connect_timeout_ms = number(&b->connect_timeout),
		.retry_after_ms = number(&b->retry_after),
		.idle_connections = number(&b->idle_connections),
	};

	for (uint32_t i = 0; i < b->endpoints.count; i++) {
		const struct cfg_endpoint *e = CFG_ITEM(b->endpoints, struct cfg_endpoint, i);
		struct snap_endpoint endpoint = {
			.name = compile_text(c, e->address.text),
			.addr = e->address.addr,
			.tcp_port = e->address.port,
			.weight = number(&e->weight),
			.slot = slots_take(
				slots, (struct slot_name){ b->name.text, e->address.text }),
			.backend = index,
		};

		if (endpoint.slot == SNAP_NONE)
			no_slot(c, e->head.at, "endpoint");
		snapshot_builder_add(c->builder, SNAP_ENDPOINTS, &endpoint);
	}
	snapshot_builder_add(c->builder, SNAP_BACKENDS, &record);
}

static void compile_backends(struct compile *c)
{
	const struct cfg_list *list = &c->root->backends;
	struct slots *slots = compile_slots(c, SNAP_ENDPOINTS, c->settings.endpoint_capacity);

	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_backend *b = CFG_ITEM(*list, struct cfg_backend, i);

		for (uint32_t j = 0; j < b->endpoints.count; j++)
			slots_want(slots, (struct slot_name){ b->name.text,
						  CFG_ITEM(b->endpoints, struct cfg_endpoint, j)
							  ->address.text });
	}
	for (uint32_t i = 0; i < list->count && slots; i++)
		add_backend(c, CFG_ITEM(*list, struct cfg_backend, i), i, slots);
	slots_free(slots);
}

void compile_network(struct compile *c)
{
	compile_ports(c);
	compile_certificates(c);
	compile_listeners(c);
	compile_backends(c);
}
