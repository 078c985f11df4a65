/* SPDX-License-Identifier: Apache-2.0 */
/* What l7 switches off to see what it costs: the gateway itself has no such switch. */
#ifndef SLUICE_BENCH_SELF_STATISTICS_H
#define SLUICE_BENCH_SELF_STATISTICS_H

#include <stdbool.h>

/* Off: what record.c and backend/outcome.c remember of a request is not remembered, the access event
 * among it, nor what policy counts on the consumer's line. */
extern bool self_statistics;

#endif
