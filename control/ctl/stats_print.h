/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the parts that stats_tree() makes. */
#ifndef SLUICE_CONTROL_CTL_STATS_PRINT_H
#define SLUICE_CONTROL_CTL_STATS_PRINT_H

#include <jansson.h>

/** All parts that are there. */
void print_stats(const json_t *tree);

/** The list of stats_workers(). */
void print_workers(const json_t *list);

#endif
