/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a part's records. Control is a process of lower privilege that parses what people
 * wrote: what it sends is proven here once, so that workers may follow every index and text without
 * asking. What parts say of each other is checked when they come together (snapshot_root.c). Names
 * go into headers and logs, so that they hold no control characters.
 */
#include <string.h>

#include "lib/shm/snapshot_prove_priv.h"

static bool check_settings(struct snap_check *c, const void *record)
{
	const struct snap_settings *s = record;

	if (s->event_records & (s->event_records - 1))
		return snap_refuse(c, "event_records: %u is no power of two", s->event_records);
	return snap_prove_rows(c, snap_rows_settings, record);
}

static bool check_port(struct snap_check *c, const void *record)
{
	const struct snap_port *p = record;

	return snap_prove_rows(c, snap_rows_port, record) &&
	       snap_prove_range(c, "addresses", p->addresses, SNAP_ADDRESSES) &&
	       snap_prove_range(c, "gateways", p->gateways, SNAP_GATEWAYS) &&
	       (p->mtu == 0 || snap_prove_between(c, "mtu", p->mtu, 576, 65535)) &&
	       snap_prove_range(c, "ways", p->ways, SNAP_WAYS);
}

static bool check_way(struct snap_check *c, const void *record)
{
	const struct snap_way *w = record;

	return snap_prove_between(c, "prefix_len", w->prefix_len, 0, ip_is_v4(&w->to) ? 32 : 128) &&
	       snap_prove_range(c, "gateways", w->gateways, SNAP_GATEWAYS) &&
	       snap_prove_between(c, "gateways of a way", w->gateways.count, 1, SNAP_NONE);
}

static bool check_address(struct snap_check *c, const void *record)
{
	const struct snap_address *a = record;

	return snap_prove_between(c, "prefix_len", a->prefix_len, 0, ip_is_v4(&a->addr) ? 32 : 128);
}

static bool check_kernel(struct snap_check *c, const void *record)
{
	const struct snap_kernel *k = record;

	if (c->record > 0 && k[-1].port >= k->port)
		return snap_refuse(c, "port: not above the one before it");
	for (unsigned i = 0; i < KERNEL_CLASSES; i++)
		if (!snap_prove_between(c, "interval_ns", k->interval_ns[i], 1, UINT64_C(1) << 40))
			return false;
	return snap_prove_rows(c, snap_rows_kernel, record) &&
	       snap_prove_between(c, "length of the interface's name", k->interface.length, 1,
		       SNAP_KERNEL_INTERFACE_BYTES) &&
	       snap_prove_range(c, "addresses", k->addresses, SNAP_KERNEL_ADDRESSES) &&
	       snap_prove_between(
		       c, "addresses", k->addresses.count, 0, SNAP_KERNEL_ADDRESSES_MAX) &&
	       snap_prove_range(c, "ports", k->ports, SNAP_KERNEL_PORTS) &&
	       snap_prove_between(c, "ports", k->ports.count, 0, SNAP_KERNEL_PORTS_MAX) &&
	       snap_prove_index(c, "port", k->port, SNAP_PORTS);
}

static bool check_kernel_port(struct snap_check *c, const void *record)
{
	return snap_prove_between(c, "port", *(const uint32_t *)record, 1, 65535);
}

static bool check_lcore(struct snap_check *c, const void *record)
{
	return snap_prove_between(c, "lcore", *(const uint32_t *)record, 0, 1023);
}

static bool check_listener(struct snap_check *c, const void *record)
{
	const struct snap_listener *l = record;

	return snap_prove_rows(c, snap_rows_listener, record) &&
	       snap_prove_between(c, "tcp_port", l->tcp_port, 1, 65535) &&
	       snap_prove_index(c, "port", l->port, SNAP_PORTS) &&
	       snap_prove_slot(c, l->slot, snap_settings(c->snapshot)->listener_capacity) &&
	       snap_prove_between(c, "tls", l->tls, 0, 1) &&
	       snap_prove_range(c, "certs", l->certs, SNAP_LISTENER_CERTS) &&
	       (!l->tls || snap_prove_between(
				   c, "certs of a TLS listener", l->certs.count, 1, SNAP_NONE)) &&
	       snap_prove_between(c, "paths", l->paths, 0, SNAP_PATH(SNAP_PATH_FORMS, 1) - 1) &&
	       snap_prove_between(c, "dot segments of paths",
		       snap_path_policy(l->paths, SNAP_PATH_DOT_SEGMENTS), SNAP_PATH_REFUSE,
		       SNAP_PATH_REWRITE);
}

static bool check_listener_cert(struct snap_check *c, const void *record)
{
	return snap_prove_index(c, "certificate", *(const uint32_t *)record, SNAP_CERTS);
}

static bool check_cert(struct snap_check *c, const void *record)
{
	const struct snap_cert *cert = record;

	return snap_prove_rows(c, snap_rows_certificate, record) &&
	       snap_prove_range(c, "names", cert->names, SNAP_CERT_NAMES);
}

static bool check_host(struct snap_check *c, const void *record)
{
	return snap_prove_lower(c, "name", *(const struct snap_text *)record, 1);
}

static const snap_record_check gateway_checks[SNAP_SECTION_COUNT] = {
	[SNAP_SETTINGS] = check_settings,
	[SNAP_PORTS] = check_port,
	[SNAP_ADDRESSES] = check_address,
	[SNAP_LCORES] = check_lcore,
	[SNAP_LISTENERS] = check_listener,
	[SNAP_LISTENER_CERTS] = check_listener_cert,
	[SNAP_CERTS] = check_cert,
	[SNAP_CERT_NAMES] = check_host,
	[SNAP_HOSTS] = check_host,
	[SNAP_WAYS] = check_way,
	[SNAP_KERNELS] = check_kernel,
	[SNAP_KERNEL_ADDRESSES] = check_address,
	[SNAP_KERNEL_PORTS] = check_kernel_port,
};

static snap_record_check record_check_of(unsigned id)
{
	if (gateway_checks[id])
		return gateway_checks[id];
	return snap_checks_routing[id] ? snap_checks_routing[id] : snap_checks_callers[id];
}

bool snapshot_check_records(struct snap_check *c)
{
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		const uint8_t *records = c->snapshot->sections[id].records;
		const snap_record_check check = record_check_of(id);

		c->section = id;
		if (!check)
			continue;
		for (c->record = 0; c->record < c->snapshot->sections[id].count; c->record++)
			if (!check(c, records + (size_t)c->record *
							snap_section_infos[id].record_bytes))
				return false;
	}
	return true;
}

static uint32_t section_slots_end(const struct snapshot *s, enum snap_section_id id, size_t offset)
{
	const char *records = s->sections[id].records;
	uint32_t end = 0, slot;

	for (uint32_t i = 0; i < s->sections[id].count; i++) {
		memcpy(&slot, records + (size_t)i * snap_section_infos[id].record_bytes + offset,
			sizeof(slot));
		if (slot >= end)
			end = slot + 1;
	}
	return end;
}

uint32_t snapshot_slots_end(const struct snapshot *s, enum snap_kind kind)
{
	uint32_t consumers, retired;

	switch (kind) {
	case SNAP_KIND_ROUTING:
		return section_slots_end(s, SNAP_APIS, offsetof(struct snap_api, slot));
	case SNAP_KIND_ENDPOINTS:
		return section_slots_end(s, SNAP_ENDPOINTS, offsetof(struct snap_endpoint, slot));
	case SNAP_KIND_CALLERS:
		consumers =
			section_slots_end(s, SNAP_CONSUMERS, offsetof(struct snap_consumer, slot));
		retired = section_slots_end(s, SNAP_RETIRED, offsetof(struct snap_retired, slot));
		return consumers > retired ? consumers : retired;
	case SNAP_KIND_GATEWAY:
	case SNAP_KINDS:
		break;
	}
	return 0; /* its listeners were checked with the settings beside them */
}
