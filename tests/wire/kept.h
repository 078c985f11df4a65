/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics and events of a world, and what outlives it where it is kept (struct world_kept). */
#ifndef SLUICE_TESTS_WIRE_KEPT_H
#define SLUICE_TESTS_WIRE_KEPT_H

#include "tests/wire/world.h"

/** A worker's segments. @param records  of the event ring  @return false without memory */
bool segments_make(struct world_worker *at, uint32_t index, uint32_t records);
void segments_close(struct world_worker *at);

/** The kept segments, as new, for the world's only worker. @return false without memory */
bool kept_segments(struct world *w);
/** What workers share, as new but for the counters of sources, which are zero already. */
struct worker_shared *kept_shared(struct world_kept *kept);
/**
 * The world's generation, compiled when it is the first world that comes so far. What is compiled
 * stays with what is kept: the caller may close its copies or not.
 * @param previous  the generation before, or NULL
 */
void kept_build(struct world *w, const struct snapshot *previous, struct snapshot *snapshot,
	struct secrets *secrets);

#endif
