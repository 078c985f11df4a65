/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted choice among a backend's endpoints, one state for each worker and backend: smooth weighted
 * round robin, exact in any run of sum-of-weights choices while all are available, and the passive health
 * of each endpoint (left alone for a while after it refused).
 */
#ifndef SLUICE_DATAPLANE_ROUTE_BALANCE_H
#define SLUICE_DATAPLANE_ROUTE_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/shm/snapshot.h"

struct balance; /* of all backends of one snapshot, for one worker */

/**
 * @param previous  state of the generation before, or NULL: the health of endpoints with the same slot
 *                  and address, and the round-robin credit of unchanged backends, are taken over;
 *                  its snapshot must still be there
 * @param seed      of this worker, so that workers do not begin with the same endpoint
 * @return NULL when out of memory. The snapshot must outlive the state.
 */
struct balance *balance_create(
	const struct snapshot *snapshot, const struct balance *previous, uint64_t seed);
void balance_destroy(struct balance *balance);

/**
 * Choose an endpoint.
 * @param tried    endpoints (indices into SNAP_ENDPOINTS) that this request was refused by already
 * @return index into SNAP_ENDPOINTS, or SNAP_NONE when none is left. Endpoints that are left alone are
 *         passed over; when all are, the one whose pause ends first is given, once a retry_after each.
 */
uint32_t balance_pick(struct balance *balance, uint32_t backend, const uint32_t *tried,
	uint32_t tried_count, uint64_t now_ns);

/** The endpoint refused a connection or did not accept it in time. @return true when it is newly ejected */
bool balance_failed(struct balance *balance, uint32_t endpoint, uint64_t now_ns);
/** The endpoint accepted a connection. */
void balance_succeeded(struct balance *balance, uint32_t endpoint);
/** Is the endpoint being left alone? */
bool balance_is_ejected(const struct balance *balance, uint32_t endpoint, uint64_t now_ns);

#endif
