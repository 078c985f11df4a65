/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cycles of one stage alone. A case is a function that does its work n times; the frame runs it
 * often enough for the clock and reports the median of many samples, so that what else the machine
 * does shows little. Caches are warm unless the case says otherwise.
 */
#ifndef SLUICE_BENCH_MICRO_MICRO_H
#define SLUICE_BENCH_MICRO_MICRO_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/report.h"

struct micro {
	struct report *report;
	const char *only; /* cases whose name holds this; NULL for all */
	double seconds;   /* for a case */
	bool quick;
};

/** Does the work @p n times. @return anything that depends on it, so that it is not left out */
typedef uint64_t (*micro_fn)(void *ctx, uint32_t n);

bool micro_wanted(const struct micro *m, const char *name);
/** Measure and add a row: cycles for one of @p per_call pieces of work that a call of n = 1
 * does. */
void micro_run(struct micro *m, const char *name, uint32_t per_call, micro_fn fn, void *ctx);

/** Cycles that one call takes, from end to end. */
double micro_sample(micro_fn fn, void *ctx, uint32_t n);

/** The median of many samples, for one call. @param best  set to the lowest */
double micro_cycles(const struct micro *m, micro_fn fn, void *ctx, double *best);
/** Add a row that was measured otherwise. */
void micro_row(struct micro *m, const char *name, double cycles);

void micro_http(struct micro *m);
void micro_policy(struct micro *m);
void micro_keys(struct micro *m, uint32_t keys);
void micro_route(struct micro *m);
void micro_memory(struct micro *m);
void micro_worker(struct micro *m);

#endif
