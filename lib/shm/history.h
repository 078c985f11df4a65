/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker's statistics were some seconds ago, so that a reader can tell at once what happened
 * of late and not only since the start: copies of its segment, each a segment of statistics itself.
 * Written by the dataplane's main core, the oldest first; a reader gets the oldest.
 */
#ifndef SLUICE_LIB_SHM_HISTORY_H
#define SLUICE_LIB_SHM_HISTORY_H

#include "lib/shm/stats.h"

#define HISTORY_COPIES   3
#define HISTORY_PERIOD_S 5 /* between two copies: the oldest is 10 to 15 s old */

struct history {
	struct stats copies[HISTORY_COPIES];
	unsigned oldest;
	uint64_t taken_s; /* when the latest copy was made */
};

/**
 * Make copies in which nothing has happened yet: the time before the start.
 * @param worker_index, shape, boot_id  as stats_create() got them
 * @return 0 or -errno of stats_create(); to be closed with history_close() in both cases
 */
int history_create(uint32_t worker_index, const struct stats_shape *shape, uint64_t boot_id,
	struct history *out);
void history_close(struct history *history);

/**
 * Overwrite the oldest copy when it is time to.
 * @param live      the worker's statistics, of the same shape
 * @param snapshot  which slots are in use: of others nothing is copied
 * @param now_s     seconds of any clock that does not step back
 */
void history_take(struct history *history, const struct stats *live,
	const struct snapshot *snapshot, uint64_t now_s);

/** @return the oldest copy: for HISTORY_PERIOD_S at most, then it is overwritten */
struct stats *history_oldest(struct history *history);

#endif
