/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, ports, listeners, certificates, backends and endpoints as snapshot records. */
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
	const struct cfg_access_log *log = &r->access_log;
	struct snap_settings *s = &c->settings;

	memset(s, 0, sizeof(*s));
	compile_rows(c, SNAP_KIND_GATEWAY, &schema_dataplane, &r->dataplane, s);
	compile_rows(c, SNAP_KIND_GATEWAY, &schema_buffers, &r->dataplane.buffers, s);
	compile_rows(c, SNAP_KIND_GATEWAY, &schema_access_log, log, s);
	compile_rows(c, SNAP_KIND_GATEWAY, &schema_limits, &r->limits, s);
	compile_rows(c, SNAP_KIND_GATEWAY, &schema_timeouts, &r->timeouts, s);
	compile_rows(c, SNAP_KIND_GATEWAY, &schema_forwarding, &r->forwarding, s);
	if (r->dataplane.lcores.count)
		s->workers = 0;
	if (!log->enabled.set)
		s->access_log = log->path.set || c->input->want_access_log;
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
		.addresses = add_addresses(c, SNAP_KERNEL_ADDRESSES, &k->addresses),
		.ports = { snapshot_builder_count(c->builder, SNAP_KERNEL_PORTS), k->ports.count },
		.port = port,
		.interval_ns = {
#define KERNEL_CLASS(NAME, name, rate, text) [KERNEL_##NAME] = interval_ns(&k->rates.name),
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
		},
	};

	compile_rows(c, SNAP_KIND_GATEWAY, &schema_kernel, k, &record);
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
			.addresses = add_addresses(c, SNAP_ADDRESSES, &port->addresses),
			.gateways = add_addresses(c, SNAP_GATEWAYS, &port->gateways),
			.ways = add_ways(c, &port->routes),
		};

		compile_rows(c, SNAP_KIND_GATEWAY, &schema_port, port, &record);
		snapshot_builder_add(c->builder, SNAP_PORTS, &record);
		if (port->kernel.place.set)
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
			.names = { snapshot_builder_count(c->builder, SNAP_CERT_NAMES),
				cert->name_count },
		};

		compile_rows(c, SNAP_KIND_GATEWAY, &schema_certificate,
			CFG_ITEM(*list, struct cfg_certificate, i), &record);
		memcpy(record.fingerprint, cert->fingerprint, sizeof(record.fingerprint));
		for (uint32_t j = 0; j < cert->name_count; j++) {
			struct snap_text name =
				compile_text(c, SNAP_KIND_GATEWAY, str_of(cert->names[j]));

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
		.addr = l->bind.addr,
		.tcp_port = l->bind.port,
		.port = number(&l->port),
		.slot = slot,
		.tls = l->tls.place.set,
		.certs = { snapshot_builder_count(c->builder, SNAP_LISTENER_CERTS),
			l->tls.certificates.count },
		.paths = paths_of(&l->paths),
	};

	compile_rows(c, SNAP_KIND_GATEWAY, &schema_listener, l, &record);
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
			no_slot(c, l->place.at, "listener");
		add_listener(c, l, slot);
	}
	slots_free(slots);
}

/* @return its index; SNAP_NONE without checks */
static uint32_t add_health(struct compile *c, const struct cfg_health *health)
{
	const struct cfg_list *statuses = &health->status;
	struct snap_health record = { .statuses = { { 200, 299 } } };

	if (!health->place.set)
		return SNAP_NONE;
	compile_rows(c, SNAP_KIND_ROUTING, &schema_health, health, &record);
	for (uint32_t i = 0; i < statuses->count; i++) {
		const uint32_t range = number(CFG_ITEM(*statuses, struct cfg_value, i));

		record.statuses[i].least = (uint16_t)(range >> 16);
		record.statuses[i].most = (uint16_t)range;
	}
	return snapshot_builder_add(c->builder, SNAP_HEALTHS, &record);
}

static void add_peer(struct compile *c, const struct cfg_backend_tls *tls,
	const struct file_text *ca, uint32_t backend)
{
	struct snap_peer record = {
		.ca = compile_text(
			c, SNAP_KIND_GATEWAY, (struct str){ ca->data, (uint32_t)ca->len }),
		.cert = tls->certificate.set ? number(&tls->certificate) : SNAP_NONE,
		.slot = backend,
	};

	compile_rows(c, SNAP_KIND_GATEWAY, &schema_backend_tls, tls, &record);
	snapshot_builder_add(c->builder, SNAP_PEERS, &record);
}

static void add_endpoints(
	struct compile *c, const struct cfg_backend *b, uint32_t backend, struct slots *slots)
{
	for (uint32_t i = 0; i < b->endpoints.count; i++) {
		const struct cfg_endpoint *e = CFG_ITEM(b->endpoints, struct cfg_endpoint, i);
		struct snap_endpoint endpoint = {
			.addr = e->address.addr,
			.tcp_port = e->address.port,
			.slot = slots_take(
				slots, (struct slot_name){ b->name.text, e->address.text }),
			.backend = backend,
		};

		compile_rows(c, SNAP_KIND_ENDPOINTS, &schema_endpoint, e, &endpoint);
		if (endpoint.slot == SNAP_NONE)
			no_slot(c, e->place.at, "endpoint");
		snapshot_builder_add(c->builder, SNAP_ENDPOINTS, &endpoint);
	}
}

static void compile_endpoints(struct compile *c)
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
		add_endpoints(c, CFG_ITEM(*list, struct cfg_backend, i),
			compile_slot_of(c, SNAP_BACKENDS, i), slots);
	slots_free(slots);
}

void compile_backends(struct compile *c)
{
	const struct cfg_list *list = &c->root->backends;
	struct slots *slots = compile_slots(c, SNAP_BACKENDS, SNAP_BACKEND_SLOTS);

	for (uint32_t i = 0; i < list->count && slots; i++)
		slots_want(slots,
			(struct slot_name){ CFG_ITEM(*list, struct cfg_backend, i)->name.text });
	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_backend *b = CFG_ITEM(*list, struct cfg_backend, i);
		struct snap_backend record = {
			.slot = slots_take(slots, (struct slot_name){ b->name.text }),
			.health = add_health(c, &b->health),
			.tls = b->tls.place.set,
		};

		compile_rows(c, SNAP_KIND_ROUTING, &schema_backend, b, &record);
		if (record.slot == SNAP_NONE)
			mistake_add(c->mistakes, b->place.at, "there are more than %u backends",
				SNAP_BACKEND_SLOTS);
		snapshot_builder_add(c->builder, SNAP_BACKENDS, &record);
		if (record.tls)
			add_peer(c, &b->tls, &c->authorities.list[i], record.slot);
	}
	slots_free(slots);
	compile_endpoints(c);
}

void compile_network(struct compile *c)
{
	compile_ports(c);
	compile_certificates(c);
	compile_listeners(c);
}
