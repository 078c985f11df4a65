/* SPDX-License-Identifier: Apache-2.0 */
/* Credential patterns: judged with Hyperscan, and told by their shape where they have one. */
#ifndef SLUICE_CONTROL_COMPILE_PATTERNS_H
#define SLUICE_CONTROL_COMPILE_PATTERNS_H

#include "control/compile/shape.h"
#include "control/config/config.h"

struct pattern_shapes {
	struct shape *shapes; /* of each credential; class 0 where there is none */
};

/**
 * Judge the patterns of all credentials. What Hyperscan refuses is a mistake with its own words.
 * The caller frees @p out with pattern_shapes_free().
 */
void pattern_shapes_make(
	const struct config *config, struct mistakes *mistakes, struct pattern_shapes *out);

void pattern_shapes_free(struct pattern_shapes *patterns);

/** Compile a pattern in this process, however long that takes. @param why  what is wrong; empty for nothing */
void pattern_judge(const char *pattern, char *why, size_t why_bytes);

#endif
