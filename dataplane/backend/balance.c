/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Smooth weighted round robin: each choice adds every endpoint's weight to its credit, takes the
 * largest credit and charges it the sum of the weights. The credits run through a cycle of
 * sum-of-weights choices in which each endpoint comes up as often as its weight says, spread out,
 * so any window of that length is exact. (The method is nginx's since 1.3.1,
 * ngx_http_upstream_round_robin.)
 *
 * An endpoint whose weight is 0 is drained: it is never chosen, not even for want of others.
 *
 * A retry (some endpoints already tried) takes the largest credit among the others and charges
 * no endpoint, so that the cycle of first choices stays exact. When an endpoint comes or goes the rest
 * begin a new cycle at a random place in it; without that all workers would send their first
 * request to the same endpoint. Over generations a cycle has a number: credits of another number
 * are old. A worker compares them at its first choice among a backend's endpoints, not when it
 * takes over the generation.
 */
#include "dataplane/backend/balance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/backend/balance_priv.h"
#include "lib/base/xorshift.h"

#define BALANCE_PHASE_CHOICES 64 /* a cycle begins at one of its first so many places */

/* One step of the cycle. @return index of the endpoint; SNAP_NONE when none is in the round */
static uint32_t balance_cycle_step(struct balance *balance, const struct balance_group *group,
	const struct balance_rounds *round)
{
	struct balance_endpoint *best = NULL;
	uint32_t best_number = SNAP_NONE;

	for (uint32_t i = group->first; i < group->first + group->count; i++) {
		const uint32_t weight = balance_weight_at(balance, i);
		struct balance_endpoint *endpoint = balance_endpoint_at(balance, i);

		if (!balance_is_in(round, endpoint) || weight == 0)
			continue;
		endpoint->credit += weight;
		if (best == NULL || endpoint->credit > best->credit) {
			best = endpoint;
			best_number = i;
		}
	}
	if (best != NULL)
		best->credit -= round->weights;
	return best_number;
}

/* Take into the round the endpoints that are up; where there is none, those that are only down. */
static void balance_round_fill(struct balance *balance, uint32_t number, uint32_t cycle)
{
	const struct balance_group *group = &balance->plan->groups[number];
	int64_t up = 0, down = 0;

	for (uint32_t i = group->first; i < group->first + group->count; i++) {
		const struct balance_endpoint *endpoint = balance_endpoint_at(balance, i);

		if (endpoint->ejected)
			continue;
		*(endpoint->down ? &down : &up) += balance_weight_at(balance, i);
	}
	balance->rounds[number] = (struct balance_rounds){ up ? up : down, cycle, up == 0 };
}

void balance_cycle_begin(struct balance *balance, uint32_t number)
{
	const struct balance_group *group = &balance->plan->groups[number];
	const uint32_t cycle = atomic_load_explicit(&group->cycle, memory_order_acquire);
	const struct balance_rounds *round = &balance->rounds[number];
	uint64_t steps;

	for (uint32_t i = group->first; i < group->first + group->count; i++) {
		balance_endpoint_at(balance, i)->credit = 0;
		balance_endpoint_at(balance, i)->cycle = cycle;
	}
	balance_round_fill(balance, number, cycle);
	if (round->weights == 0)
		return;
	steps = xorshift64(&balance->random) % BALANCE_PHASE_CHOICES % (uint64_t)round->weights;
	while (steps-- > 0)
		balance_cycle_step(balance, group, round);
}

/* The first look at a backend in this generation, or after a weight was changed: go on with its cycle
 * if that is still the same. */
static void balance_round_begin(struct balance *balance, uint32_t number)
{
	const struct balance_group *group = &balance->plan->groups[number];
	const uint32_t cycle = atomic_load_explicit(&group->cycle, memory_order_acquire);

	for (uint32_t i = group->first; i < group->first + group->count; i++)
		if (balance_endpoint_at(balance, i)->cycle != cycle) {
			balance_cycle_begin(balance, number);
			return;
		}
	balance_round_fill(balance, number, cycle);
}

static bool balance_was_tried(uint32_t endpoint, const uint32_t *tried, uint32_t tried_count)
{
	for (uint32_t i = 0; i < tried_count; i++)
		if (tried[i] == endpoint)
			return true;
	return false;
}

/* The next in line that was not tried, without moving the cycle. */
static uint32_t balance_pick_retry(
	struct balance *balance, uint32_t number, const uint32_t *tried, uint32_t tried_count)
{
	const struct balance_group *group = &balance->plan->groups[number];
	uint32_t best = SNAP_NONE;
	int64_t most = INT64_MIN;

	for (uint32_t i = group->first; i < group->first + group->count; i++) {
		const struct balance_endpoint *endpoint = balance_endpoint_at(balance, i);
		const uint32_t weight = balance_weight_at(balance, i);
		int64_t credit = endpoint->credit + weight;

		if (!balance_is_in(&balance->rounds[number], endpoint) || weight == 0 ||
			balance_was_tried(i, tried, tried_count) || credit <= most)
			continue;
		best = i;
		most = credit;
	}
	return best;
}

static uint32_t balance_pick_in(
	struct balance *balance, uint32_t number, const uint32_t *tried, uint32_t tried_count)
{
	if (tried_count > 0)
		return balance_pick_retry(balance, number, tried, tried_count);
	return balance_cycle_step(
		balance, &balance->plan->groups[number], &balance->rounds[number]);
}

/* Of the ejected ones that are down, or that are not, the one that failed the longest ago. One that
 * did not answer would cost each request the connect timeout: it is given once a pause. */
static uint32_t balance_pick_ejected(struct balance *balance, const struct balance_group *group,
	bool down, const uint32_t *tried, uint32_t tried_count, uint64_t now_ns)
{
	struct balance_endpoint *best = NULL;
	uint32_t best_number = SNAP_NONE;

	for (uint32_t i = group->first; i < group->first + group->count; i++) {
		struct balance_endpoint *endpoint = balance_endpoint_at(balance, i);

		if (!endpoint->ejected || endpoint->down != down ||
			balance_weight_at(balance, i) == 0 ||
			(endpoint->silent && endpoint->try_ns > now_ns) ||
			balance_was_tried(i, tried, tried_count))
			continue;
		if (best == NULL || endpoint->until_ns < best->until_ns) {
			best = endpoint;
			best_number = i;
		}
	}
	if (best != NULL)
		best->try_ns = now_ns + group->ejection_ns;
	return best_number;
}

/* None is up: first those that are only ejected, then those that are only down, then the others. */
static uint32_t balance_pick_out(struct balance *balance, uint32_t number, const uint32_t *tried,
	uint32_t tried_count, uint64_t now_ns)
{
	const struct balance_group *group = &balance->plan->groups[number];
	uint32_t pick = balance_pick_ejected(balance, group, false, tried, tried_count, now_ns);

	if (pick == SNAP_NONE)
		pick = balance_pick_in(balance, number, tried, tried_count);
	if (pick == SNAP_NONE)
		pick = balance_pick_ejected(balance, group, true, tried, tried_count, now_ns);
	return pick;
}

uint32_t balance_pick(struct balance *balance, uint32_t number, const uint32_t *tried,
	uint32_t tried_count, uint64_t now_ns)
{
	const struct balance_group *group = &balance->plan->groups[number];
	const struct balance_rounds *round = &balance->rounds[number];

	if (__builtin_expect(
		    round->cycle != atomic_load_explicit(&group->cycle, memory_order_relaxed), 0))
		balance_round_begin(balance, number);
	if (__builtin_expect(round->down, 0))
		return balance_pick_out(balance, number, tried, tried_count, now_ns);
	return balance_pick_in(balance, number, tried, tried_count);
}

static void balance_group_init(
	struct balance_plan *plan, uint32_t number, const struct balance_plan *previous)
{
	const struct snap_backend *record =
		SNAP_AT(plan->snapshot, SNAP_BACKENDS, snap_backend, number);
	struct balance_group *group = &plan->groups[number];
	const struct str name = snap_str(plan->snapshot, record->name);
	const uint64_t hash = index_hash(INDEX_SEED, name);
	const struct balance_group *before;
	const struct index_node *node = NULL;

	group->first = plan->snapshot->endpoints[number].first;
	group->count = plan->snapshot->endpoints[number].count;
	group->ejection_ns = record->retry_after_ms * UINT64_C(1000000);
	if (index_find(&plan->names, hash, 0, name) == NULL)
		index_add(&plan->names, hash, 0, name)->value = number;
	if (previous != NULL)
		node = index_find(&previous->names, hash, 0, name);
	before = node != NULL ? &previous->groups[node->value] : NULL;
	if (before != NULL && before->count == group->count &&
		memcmp(&plan->members[group->first], &previous->members[before->first],
			group->count * sizeof(struct balance_member)) == 0)
		atomic_init(&group->cycle, before->cycle);
	else
		atomic_init(&group->cycle, ++plan->cycles);
}

struct balance_plan *balance_plan_create(
	const struct snapshot *snapshot, const struct balance_plan *previous)
{
	struct balance_plan *plan = calloc(1, sizeof(*plan));
	const struct snap_endpoint *endpoints;

	if (plan == NULL)
		return NULL;
	plan->snapshot = snapshot;
	plan->cycles = previous != NULL ? previous->cycles : 0;
	plan->group_count = snapshot->sections[SNAP_BACKENDS].count;
	endpoints = snap_records(snapshot, SNAP_ENDPOINTS, &plan->member_count);
	plan->groups = calloc((size_t)plan->group_count + 1, sizeof(*plan->groups));
	plan->members = calloc((size_t)plan->member_count + 1, sizeof(*plan->members));
	if (plan->groups == NULL || plan->members == NULL ||
		!index_init(&plan->names, plan->group_count)) {
		balance_plan_destroy(plan);
		return NULL;
	}
	for (uint32_t i = 0; i < plan->member_count; i++)
		plan->members[i] =
			(struct balance_member){ endpoints[i].slot, endpoints[i].weight };
	for (uint32_t i = 0; i < plan->group_count; i++)
		balance_group_init(plan, i, previous);
	return plan;
}

int balance_plan_set_weight(struct balance_plan *plan, uint32_t endpoint, uint32_t weight)
{
	struct balance_group *group = plan->groups;
	uint32_t number = 0;

	if (endpoint >= plan->member_count || weight > SNAP_WEIGHT_MAX)
		return -EINVAL;
	while (number < plan->group_count && endpoint - group[number].first >= group[number].count)
		number++;
	if (number == plan->group_count)
		return -EINVAL;
	if (atomic_load_explicit(&plan->members[endpoint].weight, memory_order_relaxed) == weight)
		return 0;
	atomic_store_explicit(&plan->members[endpoint].weight, weight, memory_order_relaxed);
	atomic_store_explicit(&group[number].cycle, ++plan->cycles, memory_order_release);
	return 0;
}

void balance_plan_destroy(struct balance_plan *plan)
{
	if (plan == NULL)
		return;
	index_free(&plan->names);
	free(plan->groups);
	free(plan->members);
	free(plan);
}

struct balance_rounds *balance_rounds_create(const struct balance_plan *plan)
{
	return calloc((size_t)plan->group_count + 1, sizeof(struct balance_rounds));
}

void balance_rounds_destroy(struct balance_rounds *rounds)
{
	free(rounds);
}

struct balance *balance_create(uint32_t slots, uint64_t seed)
{
	struct balance *balance =
		calloc(1, sizeof(*balance) + slots * sizeof(balance->endpoints[0]));

	if (balance == NULL)
		return NULL;
	balance->ejected = malloc(((size_t)slots + 1) * sizeof(*balance->ejected));
	if (balance->ejected == NULL) {
		free(balance);
		return NULL;
	}
	balance->probe_ns = balance->later_ns = UINT64_MAX;
	balance->random = seed != 0 ? seed : INDEX_SEED;
	return balance;
}

size_t balance_bytes(uint32_t slots)
{
	return sizeof(struct balance) + slots * sizeof(struct balance_endpoint) +
	       ((size_t)slots + 1) * sizeof(uint32_t);
}

void balance_destroy(struct balance *balance)
{
	if (balance == NULL)
		return;
	free(balance->ejected);
	free(balance);
}

void balance_follow(
	struct balance *balance, const struct balance_plan *plan, struct balance_rounds *rounds)
{
	const bool first = balance->plan == NULL;

	balance->plan = plan;
	balance->rounds = rounds;
	for (uint32_t i = 0; first && i < plan->group_count; i++)
		balance_cycle_begin(balance, i);
}

void balance_set_down(struct balance *balance, uint32_t slot, uint32_t number, bool down)
{
	balance->endpoints[slot].down = down;
	if (number != SNAP_NONE)
		balance_cycle_begin(balance, balance_group_of(balance, number));
}

void balance_forget(struct balance *balance, uint32_t slot)
{
	if (balance->endpoints[slot].ejected)
		eject_remove(balance, slot);
	balance->endpoints[slot] = (struct balance_endpoint){ .cycle = 0 };
}
