/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_WIRE_EAL_H
#define SLUICE_TESTS_WIRE_EAL_H

#include <stdbool.h>

/** Start DPDK without devices; once in a process. */
bool world_start_eal(const char *program);

#endif
