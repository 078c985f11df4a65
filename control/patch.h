/* SPDX-License-Identifier: Apache-2.0 */
/* What deltas changed in a running generation, seen by those who read its snapshot. */
#ifndef SLUICE_CONTROL_PATCH_H
#define SLUICE_CONTROL_PATCH_H

#include "lib/shm/delta.h"
#include "lib/shm/snapshot.h"

/* Copies of the sections that deltas changed; the snapshot's own is read-only. */
struct patch {
	struct snap_endpoint *endpoints;
	struct snap_key *keys;
};

/**
 * Let the snapshot's sections say what the ring's deltas made of them. Keys that were added have no id.
 * @param s      its sections point into @p out afterwards
 * @param ring   deltas of another generation, or that name what is not there, are left out
 * @param out    freed with patch_free(), after the last use of the snapshot
 * @return 0 or -ENOMEM, when nothing was changed
 */
int patch_snapshot(struct snapshot *s, const struct delta_ring *ring, struct patch *out);
void patch_free(struct patch *patch);

#endif
