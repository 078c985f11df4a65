/* SPDX-License-Identifier: Apache-2.0 */
/* Retry budgets, see budget.h. */
#include "dataplane/backend/budget.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/route/route_index.h"

/*
 * The requests that a worker counted of one route: those of two windows, each in the place of its
 * number modulo 2, the number in the upper half. A count of an older window is not looked at.
 */
struct budget_requests {
	_Atomic uint64_t windows[2];
};

struct budget {
	uint32_t workers;
	uint32_t next;                       /* where the search for a free slot goes on */
	uint8_t *used;                       /* by slot, while a plan is made */
	_Atomic uint64_t *spent;             /* by slot: struct budget_spent */
	struct budget_requests *by_worker[]; /* of each worker, by slot */
};

struct budget_plan {
	struct budget *budget;
	struct route_index names; /* of routes, for the next generation */
	uint32_t count;
	uint32_t slots[]; /* by record of SNAP_RETRIES */
};

/* The retries of one route: one word, so that what two windows have spent changes as a whole. */
#define SPENT_BITS    20 /* of each of the two counts */
#define SPENT_MAX     ((UINT64_C(1) << SPENT_BITS) - 1)
#define SPENT_WINDOWS (UINT64_C(1) << (64 - 2 * SPENT_BITS)) /* numbers are modulo this: 5 years */

struct budget_spent {
	uint64_t window, before, now;
};

static struct budget_spent spent_read(uint64_t word)
{
	return (struct budget_spent){ word >> 2 * SPENT_BITS, word >> SPENT_BITS & SPENT_MAX,
		word & SPENT_MAX };
}

static uint64_t spent_word(const struct budget_spent *spent)
{
	return spent->window % SPENT_WINDOWS << 2 * SPENT_BITS | spent->before << SPENT_BITS |
	       spent->now;
}

/* What a word says of the window @p at and the one before, or where it is ahead, by a worker whose
 * time is later, of its own. */
static struct budget_spent spent_at(uint64_t word, uint64_t at)
{
	struct budget_spent spent = spent_read(word);
	const uint64_t behind = (at - spent.window) % SPENT_WINDOWS;

	if (behind > SPENT_WINDOWS / 2)
		at += SPENT_WINDOWS - behind;
	else if (behind == 1)
		spent = (struct budget_spent){ at, spent.now, 0 };
	else if (behind != 0)
		spent = (struct budget_spent){ at, 0, 0 };
	spent.window = at;
	return spent;
}

struct budget *budget_create(uint32_t workers)
{
	struct budget *budget = calloc(1, sizeof(*budget) + workers * sizeof(budget->by_worker[0]));
	bool whole;

	if (!budget)
		return NULL;
	budget->workers = workers;
	budget->spent = calloc(BUDGET_SLOTS, sizeof(*budget->spent));
	budget->used = calloc(BUDGET_SLOTS, sizeof(*budget->used));
	whole = budget->spent != NULL && budget->used != NULL;
	for (uint32_t i = 0; i < workers && whole; i++) {
		budget->by_worker[i] = calloc(BUDGET_SLOTS, sizeof(struct budget_requests));
		whole = budget->by_worker[i] != NULL;
	}
	if (whole)
		return budget;
	budget_destroy(budget);
	return NULL;
}

void budget_destroy(struct budget *budget)
{
	if (!budget)
		return;
	for (uint32_t i = 0; i < budget->workers; i++)
		free(budget->by_worker[i]);
	free(budget->spent);
	free(budget->used);
	free(budget);
}

static void budget_clear(struct budget *budget, uint32_t slot)
{
	atomic_store_explicit(&budget->spent[slot], 0, memory_order_relaxed);
	for (uint32_t i = 0; i < budget->workers; i++)
		memset(&budget->by_worker[i][slot], 0, sizeof(struct budget_requests));
}

void budget_reset(struct budget *budget)
{
	for (uint32_t slot = 0; slot < budget->next && slot < BUDGET_SLOTS; slot++)
		budget_clear(budget, slot);
}

void budget_count(struct budget *budget, uint32_t worker, uint32_t slot, uint64_t now_ns)
{
	const uint32_t window = (uint32_t)(now_ns / BUDGET_WINDOW_NS);
	_Atomic uint64_t *word = &budget->by_worker[worker][slot].windows[window % 2];
	uint64_t counted = atomic_load_explicit(word, memory_order_relaxed);

	if (counted >> 32 != window)
		counted = (uint64_t)window << 32;
	atomic_store_explicit(word, counted + 1, memory_order_relaxed);
}

/* Of the window @p at and the one before. */
static uint64_t budget_requests(const struct budget *budget, uint32_t slot, uint64_t at)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < budget->workers; i++)
		for (uint64_t window = at - 1; window != at + 1; window++) {
			const uint64_t counted = atomic_load_explicit(
				&budget->by_worker[i][slot].windows[window % 2],
				memory_order_relaxed);

			if (counted >> 32 == (uint32_t)window)
				sum += (uint32_t)counted;
		}
	return sum;
}

bool budget_take(struct budget *budget, uint32_t slot, uint32_t share, uint64_t now_ns)
{
	const uint64_t at = now_ns / BUDGET_WINDOW_NS;
	uint64_t word = atomic_load_explicit(&budget->spent[slot], memory_order_relaxed);
	struct budget_spent spent;

	do {
		uint64_t room;

		spent = spent_at(word, at);
		room = budget_requests(budget, slot, spent.window) * share / SNAP_SHARE_WHOLE;
		if (room < BUDGET_LEAST)
			room = BUDGET_LEAST;
		if (spent.before + spent.now + 1 > room || spent.now == SPENT_MAX)
			return false;
		spent.now++;
	} while (!atomic_compare_exchange_weak_explicit(&budget->spent[slot], &word,
		spent_word(&spent), memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* A route's name in the index: its path, in the scope of the rest. Two that differ in methods of
 * names that the configuration does not know do not occur. */
static uint32_t budget_scope(const struct snapshot *s, const struct snap_route *route)
{
	const struct snap_api *api = SNAP_AT(s, SNAP_APIS, snap_api, route->api);

	return api->slot ^ route->kind << 16 ^ route->methods << 18;
}

static uint32_t budget_slot_free(struct budget *budget)
{
	for (uint32_t n = 0; n < BUDGET_SLOTS; n++) {
		const uint32_t slot = budget->next++ % BUDGET_SLOTS;

		if (budget->used[slot])
			continue;
		budget->used[slot] = true;
		/* No generation that runs has the slot: nothing is written there meanwhile. */
		budget_clear(budget, slot);
		return slot;
	}
	return SNAP_NONE;
}

static uint64_t budget_hash(uint32_t scope, struct str path)
{
	return index_scoped(index_hash(INDEX_SEED, path), scope);
}

static uint32_t budget_slot_of(
	struct budget *budget, const struct budget_plan *previous, uint32_t scope, struct str path)
{
	const struct index_node *node =
		previous ? index_find(&previous->names, budget_hash(scope, path), scope, path)
			 : NULL;

	return node ? node->value : budget_slot_free(budget);
}

static uint32_t budget_route_count(const struct snapshot *s)
{
	uint32_t routes, count = 0;
	const struct snap_route *route = snap_records(s, SNAP_ROUTES, &routes);

	for (uint32_t i = 0; i < routes; i++)
		count += route[i].retry != SNAP_NONE;
	return count;
}

static bool budget_plan_fill(
	struct budget_plan *plan, const struct snapshot *s, const struct budget_plan *previous)
{
	uint32_t routes;
	const struct snap_route *route = snap_records(s, SNAP_ROUTES, &routes);

	for (uint32_t i = 0; i < routes; i++, route++) {
		const struct str path = snap_str(s, route->path);
		const uint32_t scope = budget_scope(s, route);
		const uint64_t hash = budget_hash(scope, path);
		struct index_node *node;

		if (route->retry == SNAP_NONE)
			continue;
		node = index_find(&plan->names, hash, scope, path);
		if (!node) {
			const uint32_t slot = budget_slot_of(plan->budget, previous, scope, path);

			if (slot == SNAP_NONE)
				return false;
			node = index_add(&plan->names, hash, scope, path);
			node->value = slot;
		}
		plan->slots[route->retry] = node->value;
	}
	return true;
}

struct budget_plan *budget_plan_create(
	struct budget *budget, const struct snapshot *snapshot, const struct budget_plan *previous)
{
	const uint32_t count = snapshot->sections[SNAP_RETRIES].count;
	struct budget_plan *plan = calloc(1, sizeof(*plan) + count * sizeof(plan->slots[0]));

	if (!plan)
		return NULL;
	plan->budget = budget;
	plan->count = count;
	memset(budget->used, 0, BUDGET_SLOTS);
	for (uint32_t i = 0; previous && i < previous->count; i++)
		budget->used[previous->slots[i]] = true;
	if (index_init(&plan->names, budget_route_count(snapshot)) &&
		budget_plan_fill(plan, snapshot, previous))
		return plan;
	budget_plan_destroy(plan);
	return NULL;
}

void budget_plan_destroy(struct budget_plan *plan)
{
	if (!plan)
		return;
	index_free(&plan->names);
	free(plan);
}

uint32_t budget_plan_slot(const struct budget_plan *plan, uint32_t retry)
{
	return plan->slots[retry];
}
