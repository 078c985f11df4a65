/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Was a request decided by one generation? Listener, API, route, consumer, plan and endpoint come
 * from parts of a snapshot that change by themselves. What the gateway records of a request is held
 * against the generation that it names: a request that took one of them from the generation before,
 * or after, shows here. Requests that an apply finds under way are left aside: their slots are
 * recorded as they are when they end.
 */
#include "dataplane/proxy/proxy_priv.h"
#include "tests/sim/proxy/gateway.h"
#include "tests/sim/proxy/ledger.h"

/* @return the API that has the slot, and the request's host; NULL: none */
static const struct snap_api *whole_api(const struct snapshot *s, const struct event *e)
{
	uint32_t index = snap_named(s, SNAP_API, e->api);
	const struct snap_api *api;

	if (index == SNAP_NONE)
		return NULL;
	api = SNAP_AT(s, SNAP_APIS, snap_api, index);
	for (uint32_t i = api->hosts.first; i < api->hosts.first + api->hosts.count; i++)
		if (str_equal(snap_str(s, *SNAP_AT(s, SNAP_HOSTS, snap_text, i)),
			    (struct str){ e->host, e->host_bytes }))
			return api;
	return NULL;
}

/* The route of a path "/a/0000002a": all of the simulation's are prefixes of one segment. */
static const struct snap_route *whole_route(
	const struct snapshot *s, const struct snap_api *api, const struct event *e)
{
	for (uint32_t i = api->routes.first; i < api->routes.first + api->routes.count; i++) {
		const struct snap_route *r = SNAP_AT(s, SNAP_ROUTES, snap_route, i);
		struct str path = snap_str(s, r->path);

		if (e->path_bytes > path.len && e->path[path.len] == '/' &&
			memcmp(e->path, path.data, path.len) == 0)
			return r;
	}
	return NULL;
}

/* @return the consumer that has the slot, and the request's key; NULL: none */
static const struct snap_consumer *whole_consumer(const struct snapshot *s, const struct event *e)
{
	for (uint32_t i = 0; i < s->sections[SNAP_KEYS].count; i++) {
		const struct snap_key *key = SNAP_AT(s, SNAP_KEYS, snap_key, i);
		const struct snap_consumer *c =
			SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, key->consumer);

		if (memcmp(&e->key, key->digest, sizeof(e->key)) == 0)
			return c->slot == e->consumer ? c : NULL;
	}
	return NULL;
}

static bool whole_plan_opens(
	const struct snapshot *s, const struct snap_consumer *c, const struct event *e)
{
	const struct snap_plan *plan = SNAP_AT(s, SNAP_PLANS, snap_plan, c->plan);

	for (uint32_t i = 0; i < plan->apis.count; i++)
		if (SNAP_INDEX_AT(s, SNAP_PLAN_APIS, plan->apis.first + i) == e->api)
			return true;
	return false;
}

/* @return is it an endpoint of the route's backend? */
static bool whole_endpoint(
	const struct snapshot *s, const struct snap_route *route, const struct event *e)
{
	const struct snap_range range = s->endpoints[route->backend];

	for (uint32_t i = range.first; i < range.first + range.count; i++)
		if (SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, i)->slot == e->endpoint)
			return true;
	return false;
}

/* What the generation says of a request whose API is known. */
static const char *whole_decision(
	const struct snapshot *s, const struct snap_api *api, const struct event *e)
{
	const struct snap_route *route = whole_route(s, api, e);
	const struct snap_consumer *consumer;

	if (e->reason == REASON_ROUTE_UNKNOWN)
		return route ? "its route is there" : NULL;
	if (!route)
		return e->reason == REASON_PROXIED ? "there is no such route" : NULL;
	if (e->endpoint != SNAP_NONE && !whole_endpoint(s, route, e))
		return "its endpoint is another backend's";
	if (e->consumer == SNAP_NONE)
		return NULL;
	consumer = whole_consumer(s, e);
	if (!consumer)
		return "its key is not that consumer's";
	if (e->reason == REASON_API_NOT_IN_PLAN && whole_plan_opens(s, consumer, e))
		return "its plan opens the API";
	if (e->reason == REASON_PROXIED && !whole_plan_opens(s, consumer, e))
		return "its plan does not open the API";
	return NULL;
}

void whole_check(struct sim *s, uint32_t id, const struct event *e)
{
	const struct snapshot *snapshot;
	const struct snap_api *api;
	const char *wrong;

	if (e->api == SNAP_NONE || e->generation == 0 || e->generation > GENERATIONS)
		return;
	snapshot = generation_snapshot(e->generation - 1);
	api = whole_api(snapshot, e);
	wrong = api ? whole_decision(snapshot, api, e) : "its API is another host's";
	if (wrong)
		sim_fail(s, "exchange %u was decided on a mixed set (generation %u, %s): %s", id,
			e->generation, reason_name((enum reason)e->reason), wrong);
}

void whole_apply(struct sim *s)
{
	struct client *c;

	LIST_FOREACH (c, &s->gateway.proxy->all, all_entry) {
		uint32_t id;

		if (!c->exchange)
			continue;
		id = ledger_exchange(exchange_path(c->exchange), c->exchange->path_bytes);
		s->ledger->rows[id].elder = true;
	}
}
