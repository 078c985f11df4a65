/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a route among few and many. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/common/world.h"
#include "bench/engine/engine.h"
#include "bench/micro/micro.h"
#include "dataplane/route/route.h"

#define PATHS 4096

struct routes {
	struct route_table *table;
	uint32_t at;
	char (*paths)[64];
	uint32_t *lengths;
};

static uint64_t match(void *ctx, uint32_t n)
{
	struct routes *r = ctx;
	struct route_match found;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = r->at++ % PATHS;

		sum += route_find(r->table, 0, STR(ENGINE_HOST),
			(struct str){ r->paths[k], r->lengths[k] }, 0, &found);
		sum += found.route;
	}
	return sum;
}

/* Paths of routes all over the table, as add_routes() of world_snapshot.c makes them. */
static void make_paths(struct routes *r, uint32_t routes)
{
	uint64_t random = 7;

	for (uint32_t i = 0; i < PATHS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint32_t route = (uint32_t)(random >> 33) % routes;

		r->lengths[i] = (uint32_t)(route == routes / 2
						   ? snprintf(r->paths[i], 64, ENGINE_PATH "%u", i)
						   : snprintf(r->paths[i], 64,
							     "/v1/service%u/resource%u/%u",
							     route / 100, route, i));
	}
}

void micro_route(struct micro *m)
{
	static const uint32_t counts[] = { 10, 1000, 50000 };
	static const uint32_t weight = 1;

	for (unsigned i = 0; i < RTE_DIM(counts); i++) {
		struct world_options options = { 1, 1024, 0, counts[i], 1, &weight, 0, true, true };
		struct snapshot snapshot;
		struct routes r = { 0 };
		char name[48];

		snprintf(name, sizeof(name), "route match, %u routes", counts[i]);
		if (!micro_wanted(m, name))
			continue;
		world_snapshot(&options, &snapshot, NULL);
		r.table = route_table_create(&snapshot);
		r.paths = calloc(PATHS, sizeof(*r.paths));
		r.lengths = calloc(PATHS, sizeof(*r.lengths));
		if (r.table && r.paths && r.lengths) {
			make_paths(&r, counts[i]);
			micro_run(m, name, 1, match, &r);
		}
		route_table_destroy(r.table);
		snapshot_close(&snapshot);
		free(r.paths);
		free(r.lengths);
	}
}
