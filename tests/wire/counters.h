/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's counters by name: "drop.tcp_checksum", "tcp.retransmits", "endpoint[0].active". */
#ifndef SLUICE_TESTS_WIRE_COUNTERS_H
#define SLUICE_TESTS_WIRE_COUNTERS_H

#include "tests/wire/world.h"

/** Find a counter. Fails the script where there is none of that name. */
const uint64_t *counter_find(struct world *w, const char *name);

/** The reading that differences are counted from: since the last call for this counter. */
uint64_t counter_since(const uint64_t *counter);
void counters_forget(void);

/** All drops and reasons that are not 0, for a failed script. */
char *counters_show(struct world *w);

#endif
