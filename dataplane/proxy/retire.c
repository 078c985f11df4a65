/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens at an apply to slots that lose their meaning: a listener, API, endpoint or consumer
 * was removed, or another one has its slot. Everything of this worker that still holds such a slot
 * lets go of it, and its counters go back to zero, so that a free slot is always at zero and
 * nothing that began before is counted under a new name.
 *
 * The connections of a listener that is gone close at once when they are idle, else with their next
 * response. One look at each client, and only after an apply that removed something.
 */
#include "dataplane/proxy/proxy_priv.h"

static bool retire_any(const struct tables *before, const struct tables *now)
{
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++)
		if (now->ended[kind] > before->number)
			return true;
	return false;
}

/* Forget a slot that ended. */
static void retire_slot(const struct proxy *p, const struct tables *now, enum slot_kind kind,
	uint32_t *slot, uint32_t gone)
{
	if (tables_slot_ended(p->tables, now, kind, *slot))
		*slot = gone;
}

static void retire_exchange(struct proxy *p, const struct tables *now, struct exchange *ex)
{
	retire_slot(p, now, SLOT_API, &ex->api_slot, SNAP_NONE);
	retire_slot(p, now, SLOT_CONSUMER, &ex->consumer_slot, SNAP_NONE);
	retire_slot(p, now, SLOT_ENDPOINT, &ex->endpoint_slot, SNAP_NONE);
	retire_slot(p, now, SLOT_ENDPOINT, &ex->backend_slot, SNAP_NONE);
	for (uint32_t i = 0; i < ex->tried_count; i++)
		retire_slot(p, now, SLOT_ENDPOINT, &ex->tried[i], SNAP_NONE);
}

/*
 * Connections to endpoints that are gone: those that wait in a pool close, those of requests and
 * probes go on. Every one is in the slab, in use or given back: the link of a free one, which
 * begins it then, is aligned and no kind.
 */
static void retire_upstreams(struct proxy *p, const struct tables *now)
{
	for (uint32_t i = 0; i < p->tables->slots[SLOT_ENDPOINT]; i++)
		if (tables_slot_ended(p->tables, now, SLOT_ENDPOINT, i))
			upstream_pool_close(p, i);
	for (uint32_t i = 0; i < p->upstreams.touched; i++) {
		struct upstream *u = (void *)(p->upstreams.base + i * p->upstreams.object_bytes);

		if (u->kind == PEER_UPSTREAM)
			retire_slot(p, now, SLOT_ENDPOINT, &u->slot, UPSTREAM_SLOT_GONE(p));
	}
}

/* A listener whose port speaks TLS from now on, or no more, ends the connections that began
 * otherwise, too. */
static bool retire_speaks_otherwise(const struct tables *now, const struct client *c)
{
	uint32_t i = tables_listener(now, c->listener_slot);

	return i != SNAP_NONE && (SNAP_AT(&now->snapshot, SNAP_LISTENERS, snap_listener, i)->tls !=
					 0) != (c->tls != NULL);
}

static void retire_client(struct proxy *p, const struct tables *now, struct client *c)
{
	if (c->exchange)
		retire_exchange(p, now, c->exchange);
	if (tables_slot_ended(p->tables, now, SLOT_LISTENER, c->listener_slot)) {
		c->listener_slot = SNAP_NONE;
		c->leaving = true;
	} else if (retire_speaks_otherwise(now, c)) {
		c->leaving = true;
	}
	if (!c->leaving)
		return;
	c->keep_alive = false;
	if (c->state == CLIENT_HANDSHAKE || (c->state == CLIENT_HEAD && stream_bytes(&c->rx) == 0))
		client_close(p, c);
}

/* Counters of slots that ended. */
static void retire_counters(struct proxy *p, const struct tables *now)
{
	const struct tables *before = p->tables;
	struct stats *stats = p->config.stats;

	for (uint32_t i = 0; i < before->slots[SLOT_LISTENER] && i < stats->shape.listeners; i++)
		if (tables_slot_ended(before, now, SLOT_LISTENER, i))
			memset(&stats->listener[i], 0, sizeof(stats->listener[i]));
	for (uint32_t i = 0; i < before->slots[SLOT_API] && i < stats->shape.apis; i++)
		if (tables_slot_ended(before, now, SLOT_API, i))
			memset(&stats->api[i], 0, sizeof(stats->api[i]));
	for (uint32_t i = 0; i < before->slots[SLOT_ENDPOINT] && i < stats->shape.endpoints; i++)
		if (tables_slot_ended(before, now, SLOT_ENDPOINT, i))
			memset(&stats->endpoint[i], 0, sizeof(stats->endpoint[i]));
}

/* Only a listener that changed between clear text and TLS leaves no slot behind. */
static bool retire_tls_changed(const struct tables *before, const struct tables *now)
{
	for (uint32_t i = 0; i < before->snapshot.sections[SNAP_LISTENERS].count; i++) {
		const struct snap_listener *was =
			SNAP_AT(&before->snapshot, SNAP_LISTENERS, snap_listener, i);
		uint32_t is = tables_listener(now, was->slot);

		if (is != SNAP_NONE &&
			SNAP_AT(&now->snapshot, SNAP_LISTENERS, snap_listener, is)->tls != was->tls)
			return true;
	}
	return false;
}

void retire_run(struct proxy *p, const struct tables *now)
{
	struct client *c, *next;

	if (!p->tables || (!retire_any(p->tables, now) && !retire_tls_changed(p->tables, now)))
		return;
	if (now->ended[SLOT_ENDPOINT] > p->tables->number)
		retire_upstreams(p, now);
	for (c = LIST_FIRST(&p->all); c; c = next) {
		next = LIST_NEXT(c, all_entry);
		retire_client(p, now, c);
	}
	retire_counters(p, now);
}
