/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a worker's loop against the self-driven port and accounts for its cycles. Time, for the
 * worker as for the latencies, is the worker's own: cycles of the generator and of anybody who took
 * the core away do not pass. So an open loop at half of what one core can do is just that, with the
 * generator on the same core.
 *
 * drive_requests() has the same work done in each run instead: of so many requests, and time passes
 * by the same step in each turn.
 */
#ifndef SLUICE_BENCH_SELF_DRIVE_H
#define SLUICE_BENCH_SELF_DRIVE_H

#include <stdalign.h>
#include <stdatomic.h>

#include "bench/common/hdr.h"
#include "bench/common/world.h"
#include "bench/engine/engine.h"

#define DRIVE_ROUNDS_MAX 4096

struct drive {
	struct world *world;
	uint32_t index; /* of the worker */
	struct engine *engine;
	double seconds;       /* to measure for, of real time */
	uint32_t connections; /* of the engine */
	uint64_t step_ns;     /* that a turn takes; 0: as long as it took */

	/* Results of turns that nobody interrupted. */
	uint64_t cycles; /* the worker's, in turns that found work */
	uint64_t idle_cycles;
	uint64_t stage[STAGE_COUNT]; /* without the generator's */
	uint64_t generator_cycles, free_cycles;
	uint64_t answers, body_bytes, opened;
	uint64_t turns, lost_turns; /* busy ones, those that somebody interrupted */
	uint64_t events;
	struct hdr turn_ns;
	double round_cycles[DRIVE_ROUNDS_MAX]; /* cycles a request, a round each */
	uint32_t rounds;
	const char *failure;
	bool unmeasurable; /* the failure is the machine's */

	uint64_t now_ns;                /* the worker's time */
	uint64_t frames_in, frames_out; /* seen after the last turn */

	/* Two workers share limits, whose words hold times: neither clock may fall far behind. */
	struct drive *peer;                                     /* NULL: there is one worker */
	alignas(RTE_CACHE_LINE_SIZE) _Atomic uint64_t shown_ns; /* now_ns, for the peer */
};

/** Open all connections and let them answer twice. @return false on failure */
bool drive_warm_up(struct drive *d);
/** Measure for d->seconds. @return false on failure */
bool drive_measure(struct drive *d);
/** Let exactly @p n further requests be answered, for valgrind to count. @return false on
 * failure */
bool drive_requests(struct drive *d, uint64_t n);

#endif
