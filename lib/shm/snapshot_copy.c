/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot made again of sections in memory, see snapshot_copy.h. */
#include "lib/shm/snapshot_copy.h"

#include <errno.h>

#include "lib/shm/snapshot_priv.h"

/* Are all sections of a kind those of the generation before, in its memory? */
static bool copy_keeps(
	const struct snapshot *from, const struct snapshot *previous, enum snap_kind kind)
{
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++)
		if (snap_section_infos[id].kind == kind &&
			(from->sections[id].records != previous->sections[id].records ||
				from->sections[id].count != previous->sections[id].count))
			return false;
	return true;
}

static void copy_kind(struct snapshot_builder *b, const struct snapshot *from,
	const struct snapshot *previous, enum snap_kind kind)
{
	if (previous && copy_keeps(from, previous, kind)) {
		snapshot_builder_keep(b, kind);
		return;
	}
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++)
		if (snap_section_infos[id].kind == kind)
			snapshot_builder_bytes(b, id, from->sections[id].records,
				(size_t)from->sections[id].count *
					snap_section_infos[id].record_bytes);
}

int snapshot_copy(const struct snapshot *from, const struct snapshot *previous, uint64_t generation,
	uint64_t boot_id, struct snapshot *out)
{
	struct segment segments[SNAP_KINDS];
	struct snapshot_builder *b = snapshot_builder_new();
	char why[200];
	int rc;

	*out = (struct snapshot){ 0 };
	if (!b)
		return -ENOMEM;
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		copy_kind(b, from, previous, kind);
	rc = snapshot_builder_finish(b, previous, generation, boot_id, segments);
	snapshot_builder_free(b);
	return rc ? rc
		  : snapshot_open_segments(segments, previous, generation, out, why, sizeof(why));
}
