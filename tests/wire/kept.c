/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives a world and serves the next one, see kept.h. */
#include "tests/wire/kept.h"

#include <stdlib.h>
#include <unistd.h>

bool segments_make(struct world_worker *at, uint32_t index, uint32_t records)
{
	static const struct stats_shape shape = {
		.ports = PORTS, .listeners = 8, .apis = 32, .endpoints = 32
	};

	return stats_create(index, &shape, 1, &at->stats) == 0 &&
	       event_ring_create(index, records, 1, &at->events) == 0 &&
	       event_ring_open(dup(at->events.segment.fd), &at->reader) == 0;
}

void segments_close(struct world_worker *at)
{
	event_ring_close(&at->reader);
	event_ring_close(&at->events);
	stats_close(&at->stats);
}

static void *copy_of(const struct segment *segment)
{
	void *copy = malloc(segment->length);

	if (!copy)
		abort();
	memcpy(copy, segment->base, segment->length);
	return copy;
}

bool kept_segments(struct world *w)
{
	struct world_kept *kept = w->kept;

	if (!kept->stats_new) {
		if (!segments_make(&kept->segments, 0, w->config.events))
			return false;
		kept->stats_new = copy_of(&kept->segments.stats.segment);
		kept->events_new = copy_of(&kept->segments.events.segment);
	}
	w->at[0] = kept->segments;
	memcpy(w->at[0].stats.segment.base, kept->stats_new, w->at[0].stats.segment.length);
	memcpy(w->at[0].events.segment.base, kept->events_new, w->at[0].events.segment.length);
	return true;
}

struct worker_shared *kept_shared(struct world_kept *kept)
{
	memset((char *)&kept->shared + sizeof(kept->shared.sources), 0,
		sizeof(kept->shared) - sizeof(kept->shared.sources));
	return &kept->shared;
}

void kept_build(struct world *w, const struct snapshot *previous, struct snapshot *snapshot,
	struct secrets *secrets)
{
	struct kept_generation *g;
	char why[200] = "";

	if (w->generation > KEPT_GENERATIONS)
		wire_fail("more than %d generations of a world that is kept", KEPT_GENERATIONS);
	g = &w->kept->generations[w->generation - 1];
	if (!g->built)
		config_build(&w->config, previous, w->generation, &g->snapshot, &g->secrets);
	g->built = true;
	if (snapshot_open(g->snapshot.parts, g->snapshot.generation, snapshot, why, sizeof(why)) !=
		0)
		wire_fail("the snapshot was refused: %s", why);
	*secrets = g->secrets;
}

void world_forget(struct world_kept *kept)
{
	tables_destroy(kept->tables);
	for (unsigned i = 0; i < KEPT_GENERATIONS; i++) {
		if (!kept->generations[i].built)
			continue;
		snapshot_close(&kept->generations[i].snapshot);
		secrets_close(&kept->generations[i].secrets);
	}
	usage_close(&kept->usage);
	if (kept->stats_new)
		segments_close(&kept->segments);
	free(kept->stats_new);
	free(kept->events_new);
	memset(kept, 0, sizeof(*kept));
}
