/* SPDX-License-Identifier: Apache-2.0 */
/* A small EAL for unit tests: no hugepages, no devices, nothing left behind. */
#ifndef SLUICE_TESTS_UNIT_POLICY_EAL_H
#define SLUICE_TESTS_UNIT_POLICY_EAL_H

#include <rte_eal.h>

static inline int eal_begin(void **state)
{
	static char name[] = "test", huge[] = "--no-huge", pci[] = "--no-pci",
		    memory[] = "--no-shconf", m[] = "-m", mb[] = "64", l[] = "-l", lcore[] = "0",
		    telemetry[] = "--no-telemetry", log[] = "--log-level=error";
	char *argv[] = { name, huge, pci, memory, m, mb, l, lcore, telemetry, log, NULL };

	return rte_eal_init(10, argv) < 0 ? -1 : 0;
}

static inline int eal_end(void **state)
{
	return rte_eal_cleanup();
}

#endif
