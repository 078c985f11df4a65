/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential patterns on their way to a Hyperscan database. The snapshot holds texts only: a
 * database is a program for Hyperscan's engine, which trusts it, so that it is made on this side,
 * of texts that Hyperscan's parser checks.
 */
#ifndef SLUICE_DATAPLANE_POLICY_PATTERNS_H
#define SLUICE_DATAPLANE_POLICY_PATTERNS_H

#include <stddef.h>

#include "lib/shm/snapshot.h"

/* The texts, each behind its id and length (two uint32_t) and terminated. */
struct patterns {
	char *data;
	size_t bytes;
};

/* Makes a serialised database of texts. NULL where one is wanted: patterns_compile(). */
struct pattern_compiler {
	/**
	 * @param out        for free(); @p out_bytes its length
	 * @param why        on failure, a sentence; @p why_bytes of room
	 * @return 0 or -errno
	 */
	int (*compile)(void *ctx, const struct patterns *patterns, char **out, size_t *out_bytes,
		char *why, size_t why_bytes);
	void *ctx;
};

/** Collect the patterns of all credentials that have no exact shape; the id of each is its
 * pattern_id.
 *  @return 0, -ENOMEM or -EINVAL (a pattern with a NUL); free .data */
int patterns_collect(const struct snapshot *snapshot, struct patterns *out);

/** Compile in this process; what struct pattern_compiler.compile says, without a context. */
int patterns_compile(const struct patterns *patterns, char **out, size_t *out_bytes, char *why,
	size_t why_bytes);

#endif
