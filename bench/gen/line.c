/* SPDX-License-Identifier: Apache-2.0 */
/* See line.h. One line of memory, written by both cores in turn. */
#include "bench/gen/line.h"

#include <stdatomic.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_pause.h>

#define BATCHES     100
#define BATCH_TURNS 200 /* round trips */

static _Atomic uint32_t line __rte_cache_aligned;

/* Odd numbers are the main core's, even ones the answers. */
static int answer(void *arg)
{
	for (uint32_t i = 1; i < 2 * BATCHES * BATCH_TURNS; i += 2) {
		while (atomic_load_explicit(&line, memory_order_acquire) != i)
			rte_pause();
		atomic_store_explicit(&line, i + 1, memory_order_release);
	}
	return 0;
}

double line_round_trip(unsigned lcore)
{
	uint64_t least = UINT64_MAX;
	uint32_t at = 0;

	atomic_store(&line, 0);
	rte_eal_remote_launch(answer, NULL, lcore);
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		uint64_t begin = rte_rdtsc();

		for (unsigned i = 0; i < BATCH_TURNS; i++, at += 2) {
			atomic_store_explicit(&line, at + 1, memory_order_release);
			while (atomic_load_explicit(&line, memory_order_acquire) != at + 2)
				rte_pause();
		}
		least = RTE_MIN(least, rte_rdtsc() - begin);
	}
	rte_eal_wait_lcore(lcore);
	return (double)least / BATCH_TURNS;
}
