/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An alarm for a port whose RSS is not what it says. Everything goes on, as each segment is handed
 * to its owner, but at the cost of both workers; without an alarm nobody would look for it.
 */
#ifndef SLUICE_DATAPLANE_STEER_WATCH_H
#define SLUICE_DATAPLANE_STEER_WATCH_H

#include "lib/shm/stats.h"

/* One port's; all zero at first. */
struct steer_watch {
	uint64_t began_ns, received, missteered; /* at the last look */
	bool raised;
};

/**
 * Look at a port's counters, at any time; judges each 5 s as a whole. Above one of a thousand
 * packets, and no fewer than 16, the alarm is raised: a warning, and the gauge "missteering" in the
 * first worker's statistics. A period below ends it.
 * @param stats  of all workers
 */
void steer_watch_look(struct steer_watch *watch, const struct stats *stats, uint32_t workers,
	uint32_t port_index, uint64_t now_ns);

#endif
