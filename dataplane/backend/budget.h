/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry budgets: of each route that has one, the retries of all workers stay within a share of its
 * requests. Both are counted in windows of BUDGET_WINDOW_NS. A retry is granted if it and all that
 * were granted in the same window and in the one before are at most that share of the requests of
 * these two windows, or at most BUDGET_LEAST.
 *
 * Requests are counted by each worker for itself, with plain stores. The retries of a route are one
 * word that all workers change by compare-and-swap, and only when a retry is wanted: so no two of
 * them are granted for the same room, and what is spent is never more than the share of the requests
 * that were counted by then.
 *
 * A route has the same slot for as long as it is in the configuration with the same API, path and
 * methods, so that an apply neither fills nor empties a budget.
 */
#ifndef SLUICE_DATAPLANE_BACKEND_BUDGET_H
#define SLUICE_DATAPLANE_BACKEND_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/shm/snapshot.h"

#define BUDGET_WINDOW_NS UINT64_C(10000000000)
#define BUDGET_LEAST     10    /* retries in two windows that need no requests to be a share of */
#define BUDGET_SLOTS     65536 /* routes with retries in a configuration, at most */

struct budget;      /* of all workers and generations */
struct budget_plan; /* the slots of one generation; immutable */

/** @param workers  that count @return NULL when out of memory */
struct budget *budget_create(uint32_t workers);
/** NULL is allowed. */
void budget_destroy(struct budget *budget);

/** Forget all that was counted, while no worker runs: for tests, whose runs are alike then. */
void budget_reset(struct budget *budget);

/** A request of a route. Cheap, without a locked instruction. @param worker  whose thread this is */
void budget_count(struct budget *budget, uint32_t worker, uint32_t slot, uint64_t now_ns);

/**
 * Take one retry out of a route's budget; by any thread.
 * @param share   of SNAP_SHARE_WHOLE
 * @param now_ns  the caller's time. Workers' times may differ: where that of the latest grant is in a
 *                later window, that window holds
 * @return false when the budget is empty
 */
bool budget_take(struct budget *budget, uint32_t slot, uint32_t share, uint64_t now_ns);

/**
 * Give the routes of a generation their slots; by the main core.
 * @param snapshot  must outlive the plan
 * @param previous  of the generation before, which all workers run or have run, or NULL. Read only
 *                  during the call
 * @return NULL when out of memory, or of slots
 */
struct budget_plan *budget_plan_create(
	struct budget *budget, const struct snapshot *snapshot, const struct budget_plan *previous);
/** NULL is allowed. */
void budget_plan_destroy(struct budget_plan *plan);

/** The slot of a record of SNAP_RETRIES. */
uint32_t budget_plan_slot(const struct budget_plan *plan, uint32_t retry);

#endif
