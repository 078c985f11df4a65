/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes laid over a snapshot that was compiled before they were made: a dataplane that begins gets
 * one whole generation, in which a revoked key does not work for the time that a delta takes.
 */
#include <errno.h>

#include "control/changes_priv.h"
#include "control/patch.h"
#include "lib/shm/snapshot_copy.h"

/* What makes them in a generation, as deltas. What it does not have is left out. */
static int part_deltas(const struct changes *changes, uint64_t after, const struct snapshot *s,
	struct delta_ring *ring)
{
	uint64_t sequence = 0;
	struct delta delta;
	char why[200];
	int rc = 0;

	for (uint32_t i = 0; i < changes->count && rc == 0; i++) {
		if (changes->list[i].number <= after ||
			change_delta(&changes->list[i], s, &delta, why, sizeof(why)) < 0)
			continue;
		delta.sequence = ++sequence;
		rc = delta_ring_push(ring, &delta);
	}
	return rc;
}

int changes_lay_snapshot(const struct changes *changes, uint64_t after, const struct snapshot *s,
	uint64_t generation, uint64_t boot_id, struct snapshot *out)
{
	struct change_edit edit;
	struct delta_ring ring;
	struct patch patch;
	int rc = delta_ring_create(CHANGES_MAX, boot_id, &ring);

	if (rc)
		return rc;
	rc = change_edit(changes, after, s, &edit);
	if (rc == 0)
		rc = part_deltas(changes, after, &edit.s, &ring);
	if (rc == 0)
		rc = patch_snapshot(&edit.s, &ring, &patch);
	if (rc == 0) {
		rc = snapshot_copy(&edit.s, s, generation, boot_id, out);
		patch_free(&patch);
	}
	delta_ring_close(&ring);
	change_edit_free(&edit);
	return rc;
}
