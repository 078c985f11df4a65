/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time for the worker loop: CLOCK_MONOTONIC in nanoseconds, computed from the TSC, so that limit
 * words keep their meaning over restarts and a reading costs a multiplication. Everybody below the
 * loop gets time as an argument.
 */
#ifndef SLUICE_DATAPLANE_CLOCK_H
#define SLUICE_DATAPLANE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include <rte_cycles.h>

struct clock {
	uint64_t tsc, ns; /* the same moment in both */
	uint64_t mult;    /* ns = ticks × mult / 2^32 */
};

static inline uint64_t clock_system_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** Take a bearing; @p hz is the TSC's rate (rte_get_tsc_hz()). */
static inline void clock_init(struct clock *c, uint64_t hz)
{
	c->mult = (uint64_t)(((unsigned __int128)1000000000u << 32) / hz);
	c->tsc = rte_rdtsc();
	c->ns = clock_system_ns(CLOCK_MONOTONIC);
}

/**
 * Unix seconds at @p mono_ns of CLOCK_MONOTONIC.
 * @param offset_ns  CLOCK_REALTIME less CLOCK_MONOTONIC, modulo 2^64. In whole seconds it would be
 *                   wrong by up to one: the seconds of the two clocks do not begin together.
 */
static inline uint64_t clock_wall_s(uint64_t mono_ns, uint64_t offset_ns)
{
	return (mono_ns + offset_ns) / 1000000000u;
}

static inline uint64_t clock_ns(const struct clock *c, uint64_t tsc)
{
	return c->ns + (uint64_t)(((unsigned __int128)(tsc - c->tsc) * c->mult) >> 32);
}

#endif
