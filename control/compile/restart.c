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

/* The settings of a group, in a record of both. */
static void check_rows(struct compile *c, const struct schema_group *group, const void *from,
	const void *was, const struct snapshot *now, const void *is)
{
	for (const struct schema_field *f = group->fields; f->name; f++)
		if (f->snap && f->snap->restart &&
			!snap_row_same(f->snap, c->input->previous, was, now, is))
			refuse(c,
				((const struct cfg_value *)(const void *)((const char *)from +
									  f->offset))
					->at,
				f->name);
}

static void check_port(struct compile *c, const struct snapshot *now, uint32_t i)
{
	const struct snapshot *old = c->input->previous;
	const struct snap_port *a = SNAP_AT(old, SNAP_PORTS, snap_port, i);
	const struct snap_port *b = SNAP_AT(now, SNAP_PORTS, snap_port, i);
	const struct cfg_port *port = CFG_ITEM(c->root->dataplane.ports, struct cfg_port, i);

	check_rows(c, &schema_port, port, a, now, b);
	if (!snapshot_same_addresses(old, a->addresses, now, b->addresses, SNAP_ADDRESSES))
		refuse(c, port->addresses.at, "addresses");
	if (!snapshot_same_addresses(old, a->gateways, now, b->gateways, SNAP_GATEWAYS))
		refuse(c, port->gateways.at, "gateways");
	if (!snapshot_same_ways(old, a->ways, now, b->ways))
		refuse(c, port->routes.at, "routes");
}

static void check_kernels(struct compile *c, const struct snapshot *now)
{
	const struct cfg_list *ports = &c->root->dataplane.ports;
	struct cfg_at at = ports->at;

	if (snapshot_same_kernels(c->input->previous, now))
		return;
	for (uint32_t i = 0; i < ports->count; i++)
		if (CFG_ITEM(*ports, struct cfg_port, i)->kernel.place.set)
			at = CFG_ITEM(*ports, struct cfg_port, i)->kernel.place.at;
	refuse(c, at, "kernel");
}

void compile_check_restart(struct compile *c, const struct snapshot *now)
{
	const struct cfg_dataplane *d = &c->root->dataplane;
	const struct snapshot *old = c->input->previous;
	const struct snap_settings *a = snap_settings(old), *b = snap_settings(now);
	uint32_t lcores = now->sections[SNAP_LCORES].count;

	check_rows(c, &schema_dataplane, d, a, now, b);
	check_rows(c, &schema_buffers, &d->buffers, a, now, b);
	check_rows(c, &schema_capacity, &d->capacity, a, now, b);
	check_rows(c, &schema_access_log, &c->root->access_log, a, now, b);
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
