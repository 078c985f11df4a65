/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callgrind counts of `l7 --requests=N`: the worker's instructions and cache misses, from the
 * first of these requests to the last one's response. The world is built and the generator runs
 * without being counted; what the generator takes from the caches stays in, as with cycles. Outside
 * of valgrind each of these is a few instructions that do nothing.
 */
#ifndef SLUICE_BENCH_SELF_COLLECT_H
#define SLUICE_BENCH_SELF_COLLECT_H

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION ((void)0)
#define CALLGRIND_STOP_INSTRUMENTATION  ((void)0)
#define CALLGRIND_TOGGLE_COLLECT        ((void)0)
#endif

/** Begin to follow the caches. */
static inline void collect_start(void)
{
	CALLGRIND_START_INSTRUMENTATION;
}

static inline void collect_stop(void)
{
	CALLGRIND_STOP_INSTRUMENTATION;
}

/** From the generator to the worker, or back. */
static inline void collect_toggle(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}

#endif
