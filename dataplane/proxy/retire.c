/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens at an apply to slots that lose their meaning: a listener, API, endpoint or consumer
 * was removed, or another one has its slot. Everything of this worker that still holds such a slot
 * lets go of it, and its counters go back to zero, so that a free slot is always at zero and
 * nothing that began before is counted under a new name.
 *
 * The connections of a listener that is gone close at once when they are idle, else with their next
 * response. One look at each client, and only after an apply that removed something. What was
 * removed was found before the worker saw the generation (tables_slots.c).
 */
#include "dataplane/proxy/proxy_priv.h"

static bool retire_any(const struct tables *now)
{
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++)
		if (now->ended[kind].count > 0)
			return true;
	return now->listening.tls_changed || now->reconnect.count > 0;
}

/* Forget a slot that ended. */
static void retire_slot(
	const struct tables *now, enum slot_kind kind, uint32_t *slot, uint32_t gone)
{
	if (tables_slot_ended(now, kind, *slot))
		*slot = gone;
}

static void retire_exchange(const struct tables *now, struct exchange *ex)
{
	retire_slot(now, SLOT_API, &ex->api_slot, SNAP_NONE);
	retire_slot(now, SLOT_CONSUMER, &ex->consumer_slot, SNAP_NONE);
	retire_slot(now, SLOT_ENDPOINT, &ex->attempt.slot, SNAP_NONE);
	for (uint32_t i = 0; i < ex->tried_count; i++)
		retire_slot(now, SLOT_ENDPOINT, &ex->tried[i], SNAP_NONE);
}

/*
 * Connections to endpoints that are gone: those that wait in a pool close, those of requests and
 * probes go on. The same with those to endpoints that are to be spoken to otherwise, whose
 * connections carry no other request.
 */
static void retire_upstreams(struct proxy *p, const struct tables *now)
{
	const struct tables_ended *ended = &now->ended[SLOT_ENDPOINT];

	for (uint32_t i = 0; i < ended->count; i++) {
		upstream_pool_close(p, ended->slots[i]);
		checks_forget(p, ended->slots[i]);
		backends_forget(&p->backends, ended->slots[i]);
	}
	for (uint32_t i = 0; i < now->reconnect.count; i++)
		upstream_pool_close(p, now->reconnect.slots[i]);
	for (uint32_t i = 0; i < p->upstreams.touched; i++) {
		struct upstream *u = upstream_at(&p->upstreams, i);

		if (!u)
			continue;
		if (tables_slot_reconnects(now, u->slot))
			u->idle_limit = 0;
		retire_slot(now, SLOT_ENDPOINT, &u->slot, backends_slot_gone(&p->backends));
	}
}

/* A listener whose port speaks TLS from now on, or no more, ends the connections that began
 * otherwise, too. */
static bool retire_speaks_otherwise(const struct tables *now, const struct client *c)
{
	uint32_t i = tables_listener(now, c->listener_slot);

	return i != SNAP_NONE && (SNAP_AT(&now->snapshot, SNAP_LISTENERS, snap_listener, i)->tls !=
					 0) != transport_secure(&c->transport);
}

static void retire_client(struct proxy *p, const struct tables *now, struct client *c)
{
	if (c->exchange)
		retire_exchange(now, c->exchange);
	if (tables_slot_ended(now, SLOT_LISTENER, c->listener_slot)) {
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

/* Counters of slots that ended: @p counters is an array of @p count such, by slot. */
static void retire_counters(
	const struct tables_ended *ended, void *counters, size_t bytes, uint32_t count)
{
	for (uint32_t i = 0; i < ended->count; i++)
		if (ended->slots[i] < count)
			memset((char *)counters + ended->slots[i] * bytes, 0, bytes);
}

void retire_run(struct proxy *p, const struct tables *now)
{
	struct stats *stats = p->config.stats;
	struct client *c, *next;

	if (!retire_any(now))
		return;
	if (now->ended[SLOT_ENDPOINT].count > 0 || now->reconnect.count > 0)
		retire_upstreams(p, now);
	for (c = LIST_FIRST(&p->all); c; c = next) {
		next = LIST_NEXT(c, all_entry);
		retire_client(p, now, c);
	}
	retire_counters(&now->ended[SLOT_LISTENER], stats->listener, sizeof(*stats->listener),
		stats->shape.listeners);
	retire_counters(&now->ended[SLOT_API], stats->api, sizeof(*stats->api), stats->shape.apis);
	retire_counters(&now->ended[SLOT_ENDPOINT], stats->endpoint, sizeof(*stats->endpoint),
		stats->shape.endpoints);
}
