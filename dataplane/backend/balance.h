/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted choice among a backend's endpoints, for each worker by itself: smooth weighted round
 * robin, exact in any run of sum-of-weights choices while all are available. Endpoints that are
 * ejected (eject.h) or down (health.h) are passed over.
 *
 * A worker's state belongs to endpoints' slots and outlives generations. What else a generation
 * needs is made before the worker sees it: its plan, which the workers share, and rounds for each
 * of them. So nothing that a worker does to take over a generation grows with the number of
 * endpoints.
 */
#ifndef SLUICE_DATAPLANE_BACKEND_BALANCE_H
#define SLUICE_DATAPLANE_BACKEND_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/shm/snapshot.h"

struct balance_plan;   /* all backends of one snapshot; but for weights immutable */
struct balance_rounds; /* where one worker is in each of these backends */
struct balance;        /* a worker's endpoints, by slot */

/**
 * @param snapshot  must outlive the plan
 * @param previous  plan of the generation before, read only during the call, or NULL: a backend
 *                  with the same endpoints and weights goes on with its round
 * @return NULL when out of memory
 */
struct balance_plan *balance_plan_create(
	const struct snapshot *snapshot, const struct balance_plan *previous);
void balance_plan_destroy(struct balance_plan *plan);
/**
 * Change a weight while workers choose; by the main core. A worker sees it at its next choice among the
 * backend's endpoints, and begins a new cycle there.
 * @param endpoint  index into SNAP_ENDPOINTS
 * @param weight    0 drains it
 * @return 0 or -EINVAL: no such endpoint, or above SNAP_WEIGHT_MAX
 */
int balance_plan_set_weight(struct balance_plan *plan, uint32_t endpoint, uint32_t weight);

/** Room for one worker with @p plan. @return NULL when out of memory */
struct balance_rounds *balance_rounds_create(const struct balance_plan *plan);
void balance_rounds_destroy(struct balance_rounds *rounds);

/**
 * @param slots  all endpoints' slots are below it
 * @param seed   of this worker, so that workers do not begin with the same endpoint
 * @return NULL when out of memory
 */
struct balance *balance_create(uint32_t slots, uint64_t seed);
void balance_destroy(struct balance *balance);
/** Bytes that balance_create() takes. */
size_t balance_bytes(uint32_t slots);

/**
 * Go on with another generation. Takes the same time whatever its size, but for the first one.
 * @param plan    must outlive its use
 * @param rounds  made for @p plan and for this worker; written from now on
 */
void balance_follow(
	struct balance *balance, const struct balance_plan *plan, struct balance_rounds *rounds);
/**
 * The endpoint is down by its health checks (health.h), or up again: it is passed over while it is.
 * @param endpoint  its index into SNAP_ENDPOINTS; SNAP_NONE: it is not in this generation
 */
void balance_set_down(struct balance *balance, uint32_t slot, uint32_t endpoint, bool down);
/** The slot's endpoint is gone: what comes with this slot is another one. */
void balance_forget(struct balance *balance, uint32_t slot);

/**
 * Choose an endpoint.
 * @param tried    endpoints (indices into SNAP_ENDPOINTS) that this request was refused by already
 * @return index into SNAP_ENDPOINTS, or SNAP_NONE when none is left. Endpoints that are ejected or
 *         down are passed over. When all are, one is chosen all the same. First of those that are only
 *         ejected the one that failed the longest ago: it may accept again, and a refusal comes at
 *         once; but one that did not answer at all only once in its ejection time. Then one of those
 *         that are only down, by weight as if they were up, and last those that are both.
 */
uint32_t balance_pick(struct balance *balance, uint32_t backend, const uint32_t *tried,
	uint32_t tried_count, uint64_t now_ns);

#endif
