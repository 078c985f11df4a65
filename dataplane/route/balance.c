/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Smooth weighted round robin: each choice adds every endpoint's weight to its credit, takes the largest
 * credit and charges it the sum of the weights. The credits run through a cycle of sum-of-weights choices
 * in which each endpoint comes up as often as its weight says, spread out, so any window of that length
 * is exact. (The method is nginx's since 1.3.1, ngx_http_upstream_round_robin.)
 *
 * An endpoint whose weight is 0 is drained: it is never chosen, not even for want of others.
 *
 * A retry (some endpoints already tried) takes the largest credit among the others and charges nobody, so
 * that the cycle of first choices stays exact. When an endpoint comes or goes the rest begin a new cycle
 * at a random place in it; without that all workers would send their first request to the same endpoint.
 */
#include <stdlib.h>

#include "dataplane/route/balance.h"
#include "dataplane/route/route_index.h"

#define PHASE_CHOICES 64 /* a cycle begins at one of its first so many places */

struct balance_endpoint {
	int64_t credit;
	uint32_t weight;
	bool ejected;
	bool probing;      /* ejected, and its probe is under way */
	bool silent;       /* ejected because it did not answer: a try would take long */
	uint64_t until_ns; /* ejected: time of its probe */
	uint64_t try_ns;   /* ejected and silent: not given for want of others before then */
};

struct balance_backend {
	uint32_t first, count; /* endpoints */
	uint32_t ejected;
	int64_t weights; /* of those not ejected; 0: none is available */
	uint64_t retry_after_ns;
};

struct balance {
	const struct snapshot *snapshot;
	uint64_t random; /* xorshift64, never 0 */
	uint32_t backend_count, endpoint_count;
	struct balance_backend *backends;
	struct balance_endpoint *endpoints;
	struct route_index names; /* of backends, for the next generation */
	/* Endpoints are looked through for those whose probe is due only when one is. */
	uint64_t probe_ns;   /* of the earliest */
	uint64_t later_ns;   /* the earliest of those that this look passed */
	uint32_t probe_next; /* where the look goes on */
};

static uint64_t random_next(struct balance *balance)
{
	uint64_t x = balance->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	balance->random = x;
	return x;
}

/* One step of the cycle. @return endpoint; SNAP_NONE when all are ejected */
static uint32_t cycle_step(struct balance *balance, const struct balance_backend *backend)
{
	struct balance_endpoint *endpoints = balance->endpoints, *best = NULL;

	for (uint32_t i = backend->first; i < backend->first + backend->count; i++) {
		struct balance_endpoint *endpoint = &endpoints[i];

		if (endpoint->ejected || endpoint->weight == 0)
			continue;
		endpoint->credit += endpoint->weight;
		if (best == NULL || endpoint->credit > best->credit)
			best = endpoint;
	}
	if (best == NULL)
		return SNAP_NONE;
	best->credit -= backend->weights;
	return (uint32_t)(best - endpoints);
}

/* Begin a new cycle among those that are available. */
static void cycle_begin(struct balance *balance, struct balance_backend *backend)
{
	uint64_t steps;

	backend->weights = 0;
	backend->ejected = 0;
	for (uint32_t i = backend->first; i < backend->first + backend->count; i++) {
		struct balance_endpoint *endpoint = &balance->endpoints[i];

		endpoint->credit = 0;
		if (endpoint->weight == 0)
			continue;
		if (!endpoint->ejected) {
			backend->weights += endpoint->weight;
			continue;
		}
		backend->ejected++;
	}
	if (backend->weights == 0)
		return;
	steps = random_next(balance) % PHASE_CHOICES % (uint64_t)backend->weights;
	while (steps-- > 0)
		cycle_step(balance, backend);
}

static bool was_tried(uint32_t endpoint, const uint32_t *tried, uint32_t tried_count)
{
	for (uint32_t i = 0; i < tried_count; i++)
		if (tried[i] == endpoint)
			return true;
	return false;
}

/* The next in line that was not tried, without moving the cycle. */
static uint32_t pick_retry(const struct balance *balance, const struct balance_backend *backend,
	const uint32_t *tried, uint32_t tried_count)
{
	uint32_t best = SNAP_NONE;
	int64_t most = INT64_MIN;

	for (uint32_t i = backend->first; i < backend->first + backend->count; i++) {
		const struct balance_endpoint *endpoint = &balance->endpoints[i];
		int64_t credit = endpoint->credit + endpoint->weight;

		if (endpoint->ejected || endpoint->weight == 0 ||
			was_tried(i, tried, tried_count) || credit <= most)
			continue;
		best = i;
		most = credit;
	}
	return best;
}

/* All are ejected: the one that failed the longest ago. One that did not answer would cost each request the connect
 * timeout: it is given once a pause. */
static uint32_t pick_ejected(struct balance *balance, const struct balance_backend *backend,
	const uint32_t *tried, uint32_t tried_count, uint64_t now_ns)
{
	uint32_t best = SNAP_NONE;

	for (uint32_t i = backend->first; i < backend->first + backend->count; i++) {
		const struct balance_endpoint *endpoint = &balance->endpoints[i];

		if (endpoint->weight == 0 || (endpoint->silent && endpoint->try_ns > now_ns) ||
			was_tried(i, tried, tried_count))
			continue;
		if (best == SNAP_NONE || endpoint->until_ns < balance->endpoints[best].until_ns)
			best = i;
	}
	if (best != SNAP_NONE)
		balance->endpoints[best].try_ns = now_ns + backend->retry_after_ns;
	return best;
}

uint32_t balance_pick(struct balance *balance, uint32_t number, const uint32_t *tried,
	uint32_t tried_count, uint64_t now_ns)
{
	struct balance_backend *backend = &balance->backends[number];

	if (backend->weights == 0)
		return pick_ejected(balance, backend, tried, tried_count, now_ns);
	if (tried_count > 0)
		return pick_retry(balance, backend, tried, tried_count);
	return cycle_step(balance, backend);
}

static struct balance_backend *endpoint_backend(const struct balance *balance, uint32_t endpoint)
{
	return &balance->backends[SNAP_AT(
		balance->snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint)
					  ->backend];
}

/* Take note that a probe is due then. */
static void probe_at(struct balance *balance, uint64_t when_ns)
{
	if (when_ns < balance->probe_ns)
		balance->probe_ns = when_ns;
	if (when_ns < balance->later_ns)
		balance->later_ns = when_ns;
}

bool balance_failed(struct balance *balance, uint32_t number, bool silent, uint64_t now_ns)
{
	struct balance_endpoint *endpoint = &balance->endpoints[number];
	struct balance_backend *backend = endpoint_backend(balance, number);

	endpoint->probing = false;
	if (backend->retry_after_ns == 0)
		return false;
	endpoint->silent = silent;
	endpoint->until_ns = now_ns + backend->retry_after_ns;
	probe_at(balance, endpoint->until_ns);
	if (endpoint->ejected)
		return false;
	endpoint->try_ns = now_ns;
	endpoint->ejected = true;
	cycle_begin(balance, backend);
	return true;
}

void balance_succeeded(struct balance *balance, uint32_t number)
{
	struct balance_endpoint *endpoint = &balance->endpoints[number];

	endpoint->probing = false;
	if (!endpoint->ejected)
		return;
	endpoint->ejected = false;
	cycle_begin(balance, endpoint_backend(balance, number));
}

uint64_t balance_ejected_until(const struct balance *balance, uint32_t number)
{
	const struct balance_endpoint *endpoint = &balance->endpoints[number];

	return endpoint->ejected ? endpoint->until_ns : 0;
}

uint32_t balance_probe(struct balance *balance, uint64_t now_ns)
{
	if (now_ns < balance->probe_ns)
		return SNAP_NONE;
	while (balance->probe_next < balance->endpoint_count) {
		const uint32_t i = balance->probe_next++;
		struct balance_endpoint *endpoint = &balance->endpoints[i];

		if (!endpoint->ejected || endpoint->probing)
			continue;
		if (endpoint->until_ns <= now_ns) {
			endpoint->probing = true;
			return i;
		}
		if (endpoint->until_ns < balance->later_ns)
			balance->later_ns = endpoint->until_ns;
	}
	balance->probe_ns = balance->later_ns;
	balance->later_ns = UINT64_MAX;
	balance->probe_next = 0;
	return SNAP_NONE;
}

static bool endpoint_is_same(const struct snap_endpoint *a, const struct snap_endpoint *b)
{
	return a->slot == b->slot && a->tcp_port == b->tcp_port && ip_equal(&a->addr, &b->addr);
}

/* Take over the pauses of endpoints that stay. @return true when the whole backend is unchanged */
static bool inherit_health(struct balance *balance, const struct balance_backend *backend,
	const struct balance *previous, const struct balance_backend *before)
{
	const struct snap_endpoint *now, *then;
	bool same = backend->count == before->count;
	uint32_t n;

	now = snap_records(balance->snapshot, SNAP_ENDPOINTS, &n);
	then = snap_records(previous->snapshot, SNAP_ENDPOINTS, &n);
	for (uint32_t i = 0; i < backend->count; i++) {
		const struct snap_endpoint *endpoint = &now[backend->first + i];
		struct balance_endpoint *to = &balance->endpoints[backend->first + i];
		const struct balance_endpoint *from;
		uint32_t j = i < before->count ? i : 0, looks = before->count;

		while (looks > 0 && !endpoint_is_same(endpoint, &then[before->first + j])) {
			j = j + 1 < before->count ? j + 1 : 0;
			looks--;
		}
		if (looks == 0 || j != i || endpoint->weight != then[before->first + j].weight)
			same = false;
		if (looks == 0)
			continue;
		from = &previous->endpoints[before->first + j];
		to->ejected = from->ejected;
		to->probing = from->probing;
		to->silent = from->silent;
		to->until_ns = from->until_ns;
		to->try_ns = from->try_ns;
		if (to->ejected && !to->probing)
			probe_at(balance, to->until_ns);
	}
	return same;
}

static void backend_init(struct balance *balance, uint32_t number, const struct balance *previous)
{
	const struct snap_backend *record =
		SNAP_AT(balance->snapshot, SNAP_BACKENDS, snap_backend, number);
	struct balance_backend *backend = &balance->backends[number];
	const struct str name = snap_str(balance->snapshot, record->name);
	const uint64_t hash = index_hash(INDEX_SEED, name);
	const struct balance_backend *before = NULL;
	const struct index_node *node = NULL;
	bool same = false;

	backend->first = record->endpoints.first;
	backend->count = record->endpoints.count;
	backend->retry_after_ns = record->retry_after_ms * UINT64_C(1000000);
	if (index_find(&balance->names, hash, 0, name) == NULL)
		index_add(&balance->names, hash, 0, name)->value = number;
	if (previous != NULL)
		node = index_find(&previous->names, hash, 0, name);
	if (node != NULL) {
		before = &previous->backends[node->value];
		same = inherit_health(balance, backend, previous, before);
	}
	cycle_begin(balance, backend);
	if (!same || before->ejected != backend->ejected)
		return;
	for (uint32_t i = 0; i < backend->count; i++)
		balance->endpoints[backend->first + i].credit =
			previous->endpoints[before->first + i].credit;
}

struct balance *balance_create(
	const struct snapshot *snapshot, const struct balance *previous, uint64_t seed)
{
	struct balance *balance = calloc(1, sizeof(*balance));
	const struct snap_endpoint *endpoints;

	if (balance == NULL)
		return NULL;
	balance->snapshot = snapshot;
	balance->probe_ns = balance->later_ns = UINT64_MAX;
	balance->random = seed != 0 ? seed : INDEX_SEED;
	balance->backend_count = snapshot->sections[SNAP_BACKENDS].count;
	endpoints = snap_records(snapshot, SNAP_ENDPOINTS, &balance->endpoint_count);
	balance->backends = calloc((size_t)balance->backend_count + 1, sizeof(*balance->backends));
	balance->endpoints =
		calloc((size_t)balance->endpoint_count + 1, sizeof(*balance->endpoints));
	if (balance->backends == NULL || balance->endpoints == NULL ||
		!index_init(&balance->names, balance->backend_count)) {
		balance_destroy(balance);
		return NULL;
	}
	for (uint32_t i = 0; i < balance->endpoint_count; i++)
		balance->endpoints[i].weight = endpoints[i].weight;
	for (uint32_t i = 0; i < balance->backend_count; i++)
		backend_init(balance, i, previous);
	return balance;
}

void balance_destroy(struct balance *balance)
{
	if (balance == NULL)
		return;
	index_free(&balance->names);
	free(balance->backends);
	free(balance->endpoints);
	free(balance);
}
