/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far apart two cores are: every byte that passes between generator and gateway is a line of
 * memory that one wrote and the other reads. A virtual machine's two CPUs share a last-level cache
 * in one run and not in the next.
 */
#ifndef SLUICE_BENCH_GEN_LINE_H
#define SLUICE_BENCH_GEN_LINE_H

/** @param lcore  which waits and is not the caller's
 *  @return cycles until a line that was written there and back again is here, in the best of a hundred tries */
double line_round_trip(unsigned lcore);

#endif
