/* SPDX-License-Identifier: Apache-2.0 */
/* A load for l7, and the standard ones. */
#ifndef SLUICE_BENCH_SELF_L7_CASE_H
#define SLUICE_BENCH_SELF_L7_CASE_H

#include "bench/common/report.h"
#include "bench/engine/engine.h"
#include "lib/shm/stats.h"

#define L7_LOADS 2

struct l7_case {
	const char *name;
	uint32_t connections, depth, per_connection, keys, head_bytes, body_bytes, routes, backends;
	uint32_t weights[ENGINE_BACKENDS_MAX];
	double zipf;
	uint64_t limit;
	bool no_events, no_multi_segs, offload, no_timestamps, tls;
	/* Open loops at these shares of what the closed loop gave; 0: none. */
	double loads[L7_LOADS];
	bool quick;         /* what --quick is content with */
	double target;      /* cycles a request */
	double rate_target; /* requests a second */
	uint32_t
		workers; /* 2: beside the same load on one. Keys are divided, a single one is shared */
	double speedup_target; /* requests a second of both, over those of one */
	double statistics_target; /* cycles with statistics over those without, in turns; 0: not asked */
};

extern const struct l7_case l7_default;
/* Ends with a case without a name. */
extern const struct l7_case l7_cases[];

/** Run one load and add its rows, or one that says why there is none. */
void l7_run(const struct l7_case *c, double seconds, struct report *report);

/** Run @p n requests that are the same in each run, for valgrind to count. */
void l7_requests(const struct l7_case *c, uint64_t n, struct report *report);

/** Run one closed loop. @param stage  set to cycles a request, by enum stage. @return false, and a row of @p which in
 *  @p report says why, when it failed */
bool l7_stages(const struct l7_case *c, double seconds, double *stage, const char *which,
	struct report *report);

#endif
