/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endpoints are down by their health checks. One worker checks an endpoint, and all of them
 * follow what it finds: a bit for each slot, shared by the workers of the appliance, and a number
 * that says that one of the bits changed. A worker compares that number once a loop.
 */
#ifndef SLUICE_DATAPLANE_BACKEND_HEALTH_H
#define SLUICE_DATAPLANE_BACKEND_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/shm/snapshot.h"

#define HEALTH_WORDS (SNAP_ENDPOINT_CAPACITY_MAX / 64)

/* Zero at the beginning: all are up. */
struct health {
	_Atomic uint64_t changes;
	_Atomic uint64_t down[HEALTH_WORDS]; /* bits by slot */
};

/** Whether the endpoint with @p slot is down. */
bool health_is_down(const struct health *health, uint32_t slot);

/** Say so, or that it is up. By the worker that checks it; seen by the others within a loop. */
void health_set(struct health *health, uint32_t slot, bool down);

/* One endpoint's checks in a row. Zero at the beginning. */
struct health_run {
	uint32_t passed, failed; /* since the last one with the other result */
	bool down;
};

/**
 * Count a check.
 * @param rise  so many that pass bring an endpoint up
 * @param fall  so many that fail bring it down
 * @return true when it went up or down by this one
 */
bool health_run_add(struct health_run *run, bool passed, uint32_t rise, uint32_t fall);

#endif
