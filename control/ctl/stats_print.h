/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the parts that stats_tree() makes. */
#ifndef SLUICE_CONTROL_CTL_STATS_PRINT_H
#define SLUICE_CONTROL_CTL_STATS_PRINT_H

#include <jansson.h>

/** All parts that are there. */
void print_stats(const json_t *tree);

/** The list of stats_workers(). @param over  stats_over() */
void print_workers(const json_t *list, const char *over);

/** The time that rates, shares and latencies of a tree are of, in words: "the last 12 s".
 *  @param out  STATS_OVER_BYTES @return @p out */
#define STATS_OVER_BYTES 48
const char *stats_over(const json_t *tree, char *out);

#endif
