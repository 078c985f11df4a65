/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running dataplane cannot change: cores, ports and memory are taken at its start. An apply
 * that would need it is refused with the settings named, instead of half of it being ignored.
 */
#include "control/compile/compile_priv.h"

static void refuse(struct compile *c, struct cfg_at at, const char *setting)
{
	mistake_add(c->mistakes, at,
		"'%s' cannot change while the dataplane runs: stop it, apply, and start it again",
		setting);
}

static void check_port(struct compile *c, const struct snapshot *now, uint32_t i)
{
	const struct snapshot *old = c->input->previous;
	const struct snap_port *a = SNAP_AT(old, SNAP_PORTS, snap_port, i);
	const struct snap_port *b = SNAP_AT(now, SNAP_PORTS, snap_port, i);
	const struct cfg_port *port = CFG_ITEM(c->root->dataplane.ports, struct cfg_port, i);

	if (!snapshot_same_text(old, a->name, now, b->name))
		refuse(c, port->name.at, "name");
	if (!snapshot_same_text(old, a->device, now, b->device))
		refuse(c, port->device.at, "device");
	if (a->mtu != b->mtu)
		refuse(c, port->mtu.at, "mtu");
	if (a->queues != b->queues)
		refuse(c, port->queues.at, "queues");
	if (!snapshot_same_addresses(old, a->addresses, now, b->addresses, SNAP_ADDRESSES))
		refuse(c, port->addresses.at, "addresses");
	if (!snapshot_same_addresses(old, a->gateways, now, b->gateways, SNAP_GATEWAYS))
		refuse(c, port->gateways.at, "gateways");
	if (!snapshot_same_ways(old, a->ways, now, b->ways))
		refuse(c, port->routes.at, "routes");
	if (a->vlan != b->vlan)
		refuse(c, port->vlan.at, "vlan");
}

static void check_kernels(struct compile *c, const struct snapshot *now)
{
	const struct cfg_list *ports = &c->root->dataplane.ports;
	struct cfg_at at = ports->at;

	if (snapshot_same_kernels(c->input->previous, now))
		return;
	for (uint32_t i = 0; i < ports->count; i++)
		if (CFG_ITEM(*ports, struct cfg_port, i)->kernel.head.set)
			at = CFG_ITEM(*ports, struct cfg_port, i)->kernel.head.at;
	refuse(c, at, "kernel");
}

void compile_check_restart(struct compile *c, const struct snapshot *now)
{
	const struct cfg_dataplane *d = &c->root->dataplane;
	const struct cfg_capacity *room = &d->capacity;
	const struct snapshot *old = c->input->previous;
	const struct snap_settings *a = snap_settings(old), *b = snap_settings(now);
	const struct {
		uint32_t was, is;
		struct cfg_at at;
		const char *name;
	} settings[] = {
		{ a->workers, b->workers, d->workers.at, "workers" },
		{ a->connections, b->connections, d->connections.at, "connections" },
		{ a->mbufs, b->mbufs, d->mbufs.at, "mbufs" },
		{ a->rto_min_ms, b->rto_min_ms, d->rto_min.at, "rto_min" },
		{ a->ecn, b->ecn, d->ecn.at, "ecn" },
		{ a->rcv_buf_bytes, b->rcv_buf_bytes, d->buffers.receive.at, "receive" },
		{ a->snd_buf_bytes, b->snd_buf_bytes, d->buffers.send.at, "send" },
		{ a->listener_capacity, b->listener_capacity, room->listeners.at, "listeners" },
		{ a->api_capacity, b->api_capacity, room->apis.at, "apis" },
		{ a->endpoint_capacity, b->endpoint_capacity, room->endpoints.at, "endpoints" },
		{ a->consumer_capacity, b->consumer_capacity, room->consumers.at, "consumers" },
		{ a->event_records, b->event_records, c->root->access_log.records.at, "records" },
	};
	uint32_t lcores = now->sections[SNAP_LCORES].count;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (settings[i].was != settings[i].is)
			refuse(c, settings[i].at, settings[i].name);
	if (lcores != old->sections[SNAP_LCORES].count ||
		(lcores && memcmp(now->sections[SNAP_LCORES].records,
				   old->sections[SNAP_LCORES].records,
				   lcores * sizeof(uint32_t)) != 0))
		refuse(c, d->lcores.at, "lcores");
	if (now->sections[SNAP_PORTS].count != old->sections[SNAP_PORTS].count) {
		refuse(c, d->ports.at, "ports");
		return;
	}
	for (uint32_t i = 0; i < now->sections[SNAP_PORTS].count; i++)
		check_port(c, now, i);
	check_kernels(c, now);
}
