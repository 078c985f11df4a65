/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot made again of sections in memory. */
#ifndef SLUICE_LIB_SHM_SNAPSHOT_COPY_H
#define SLUICE_LIB_SHM_SNAPSHOT_COPY_H

#include "lib/shm/snapshot.h"

/**
 * Make a generation of the sections of @p from, some of which may lie in memory of the caller: there
 * records of @p previous were changed. Texts stay where they are in their strings.
 * @param previous    whose parts are shared where nothing differs
 * @param generation  of the root and of the parts that are made
 * @param out         the checked snapshot; closed by the caller
 * @return as snapshot_builder_finish() and snapshot_open()
 */
int snapshot_copy(const struct snapshot *from, const struct snapshot *previous, uint64_t generation,
	uint64_t boot_id, struct snapshot *out);

#endif
