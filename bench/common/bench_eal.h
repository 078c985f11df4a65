/* SPDX-License-Identifier: Apache-2.0 */
/* Starting DPDK for a bench: no devices, no files, huge pages where they can be had. */
#ifndef SLUICE_BENCH_COMMON_BENCH_EAL_H
#define SLUICE_BENCH_COMMON_BENCH_EAL_H

#include <stdbool.h>
#include <stdint.h>

struct bench_eal {
	const char *lcores; /* "0", "0@1,1@0" */
	uint32_t memory_mb;
	bool plain_pages; /* do not try huge pages: they matter, because table lookups miss the TLB */
};

/**
 * Start the EAL. Huge pages that are missing are reserved and given back at exit, if this process
 * may.
 * @return true when it runs on huge pages; ends the process when the EAL does not start
 */
bool bench_eal_start(const struct bench_eal *config);

#endif
