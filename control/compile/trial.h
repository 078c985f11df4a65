/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern of a few characters can keep Hyperscan busy for minutes, or take all memory. So patterns
 * are tried in a child with limits, which says of each what it found: where it ends without a word,
 * that pattern was too much.
 */
#ifndef SLUICE_CONTROL_COMPILE_TRIAL_H
#define SLUICE_CONTROL_COMPILE_TRIAL_H

#include <stdint.h>

#define TRIAL_WHY_BYTES 256 /* a pipe writes that in one piece */

struct trial {
	char why[TRIAL_WHY_BYTES]; /* what is wrong with the pattern; empty for nothing */
};

/**
 * Try patterns with pattern_judge(). They have 5 s of processor time and 1 GiB of memory together;
 * those behind one that took too much are not tried.
 * @param out  a result of each
 */
void trial_patterns(const char *const *patterns, uint32_t count, struct trial *out);

#endif
