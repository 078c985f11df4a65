/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted choice among a backend's endpoints, one state for each worker and backend: smooth weighted
 * round robin, exact in any run of sum-of-weights choices while all are available, and the health of each
 * endpoint: ejected once it refused a connection, until it accepts one that is no request's.
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
 * @return index into SNAP_ENDPOINTS, or SNAP_NONE when none is left. Ejected endpoints are passed over. When all
 *         are, the one that failed the longest ago is given all the same: it may be back, and refusing costs it
 *         nothing; but one that did not answer at all only once a retry_after.
 */
uint32_t balance_pick(struct balance *balance, uint32_t backend, const uint32_t *tried,
	uint32_t tried_count, uint64_t now_ns);

/**
 * The endpoint refused a connection or did not accept it in time: it is ejected until balance_succeeded(), and
 * balance_probe() gives it in a retry_after.
 * @param silent  it did not answer
 * @return true when it is newly ejected
 */
bool balance_failed(struct balance *balance, uint32_t endpoint, bool silent, uint64_t now_ns);
/** The endpoint accepted a connection. */
void balance_succeeded(struct balance *balance, uint32_t endpoint);
/** @return 0, or that the endpoint is ejected, and when it is probed (past while the probe is under way) */
uint64_t balance_ejected_until(const struct balance *balance, uint32_t endpoint);
/**
 * An ejected endpoint whose time has come, each once: connect to it, not for a request, and tell balance_failed()
 * or balance_succeeded() how it went. Cheap while none is due.
 * @return index into SNAP_ENDPOINTS, or SNAP_NONE when no other is due
 */
uint32_t balance_probe(struct balance *balance, uint64_t now_ns);

#endif
