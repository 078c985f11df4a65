/* SPDX-License-Identifier: Apache-2.0 */
/* A small snapshot with records in every section, and a walk over everything that a snapshot refers to:
 * what the tests and the fuzzer read. */
#ifndef SLUICE_TESTS_UNIT_SHM_SNAPSHOT_FIXTURE_H
#define SLUICE_TESTS_UNIT_SHM_SNAPSHOT_FIXTURE_H

#include "lib/shm/snapshot.h"

/** Build the fixture. @return 0 or -errno; the caller owns @p out */
int fixture_build(uint64_t generation, struct segment out[SNAP_KINDS]);

/** Open a snapshot of segments that are no mappings, and stay the caller's. @return as
 * snapshot_open() */
int fixture_open_memory(
	const struct segment memory[SNAP_KINDS], struct snapshot *out, char *why, size_t why_bytes);

/** Certificates and keys that belong to it. */
int fixture_secrets(uint64_t generation, struct segment *out);

/** Read every byte that a checked snapshot's records refer to. @return a sum over them */
uint64_t snapshot_walk(const struct snapshot *s);

/** The same for secrets. */
uint64_t secrets_walk(const struct secrets *s);

#endif
