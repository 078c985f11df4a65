/* SPDX-License-Identifier: Apache-2.0 */
/* Credential patterns, compiled with Hyperscan for this machine and serialised for the dataplane.
 * */
#ifndef SLUICE_CONTROL_COMPILE_PATTERNS_H
#define SLUICE_CONTROL_COMPILE_PATTERNS_H

#include "control/compile/shape.h"
#include "control/config/config.h"

struct patterns {
	struct shape *shapes; /* of each credential; class 0 where there is none */
	char *database;       /* hs_serialize_database(); NULL when every credential has a shape */
	size_t database_bytes;
};

/** Compile the patterns of all credentials; the id of each is its index. What Hyperscan refuses is
 *  a mistake with its own words. The caller frees @p out with patterns_free(). */
void patterns_compile(const struct config *config, struct mistakes *mistakes, struct patterns *out);

void patterns_free(struct patterns *patterns);

#endif
