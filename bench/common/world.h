/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bench's gateway runs with: a snapshot, compiled in this process from a configuration, the
 * tables made of it, and a worker's memory, sized by the same arithmetic as sluice-dataplane's
 * (dataplane/plan.c).
 */
#ifndef SLUICE_BENCH_COMMON_WORLD_H
#define SLUICE_BENCH_COMMON_WORLD_H

#include "dataplane/plan.h"
#include "dataplane/worker.h"

#define WORLD_WORKERS_MAX 2

struct world;

struct world_options {
	uint32_t workers;
	uint32_t connections; /* client connections a worker has room for */
	uint32_t keys;        /* consumers, each with one key; 0: the API is open */
	uint32_t routes;      /* at least 1; the one that requests take is among them */
	uint32_t backends;
	const uint32_t *weights;
	uint64_t limit; /* requests a second of a consumer; 0: no limit */
	bool access_log;
	bool multi_segs; /* the port sends chains */
	bool offload;    /* the port makes and checks sums, and cuts segments if it takes chains */
	bool tls;        /* the listener speaks it */
};

struct world {
	struct world_options options;
	struct start_plan plan;
	struct usage usage;
	struct tables *tables;
	struct port ports[2];
	struct worker_shared shared;
	struct {
		struct rte_mempool *pool;
		struct stats stats;
		struct event_ring events;
		struct worker *worker;
	} at[WORLD_WORKERS_MAX];
};

/** Build everything; ends the process with a message where that fails. */
void world_create(struct world *w, const struct world_options *options);
void world_destroy(struct world *w);

/** The snapshot alone; ends the process where that fails.
 *  @param secrets  certificate and key of the TLS listener, where there is one; NULL: not wanted */
void world_snapshot(
	const struct world_options *options, struct snapshot *out, struct secrets *secrets);

/** Megabytes for the EAL with so many keys and workers. */
uint32_t world_memory_mb(uint32_t keys, uint32_t workers);

#endif
