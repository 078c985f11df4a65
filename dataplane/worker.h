/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: one core, its queue on every port, and all that it owns. Shares nothing with the others
 * but what is declared here: the published tables (read), the usage lines (atomics), its own
 * statistics and events (one writer).
 */
#ifndef SLUICE_DATAPLANE_WORKER_H
#define SLUICE_DATAPLANE_WORKER_H

#include <stdatomic.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/ask/ask.h"
#include "dataplane/backend/health.h"
#include "dataplane/clock.h"
#include "dataplane/net/net.h"
#include "dataplane/proxy/proxy.h"
#include "dataplane/proxy/tables.h"
#include "dataplane/steer.h"
#include "dataplane/tcp/tcp.h"

/* What the main core tells all workers. */
struct worker_shared {
	struct sources sources;
	struct health health;
	struct tables *_Atomic tables;   /* the generation to run */
	_Atomic uint64_t wall_offset_ns; /* see clock_wall_s() */
	_Atomic uint32_t stop;           /* enum worker_stop */
	_Atomic uint32_t links_up;       /* how often a port's link came up since the start */
	_Atomic uint32_t control;        /* asks_follow_control(): odd while control is connected */
	struct rte_rcu_qsbr *qsbr;       /* readers of the key tables; NULL in tests */
	struct clock clock;
};

enum worker_stop { WORKER_RUN, WORKER_DRAIN, WORKER_STOP };

struct worker_config {
	uint32_t index, count;
	struct net_config net;     /* ports, addresses; pool, drops, seed and queue are filled in */
	struct tcp_config tcp;     /* limits; pool, counters and seed are filled in */
	struct proxy_config proxy; /* limits; the rest is filled in */
	struct rte_mempool *pool;
	struct stats *stats;
	struct event_ring *events;
	struct ask_ring *asks; /* NULL: the worker asks nothing */
	int ask_bell;          /* wakes control; -1: none */
	struct worker_shared *shared;
	struct steer_mesh *mesh; /* NULL for a single worker */
	uint64_t seed;
};

struct worker;

/** @return NULL and errno. The config is copied. */
struct worker *worker_create(const struct worker_config *config, uint64_t now_ns);
/** After it stopped. */
void worker_destroy(struct worker *worker);

/** One turn of the loop. @return false when it found nothing to do */
bool worker_turn(struct worker *worker, uint64_t now_ns, uint64_t wall_s);

/** The loop, for rte_eal_remote_launch(); @p arg is the struct worker. */
int worker_main(void *arg);

/** Generation that the worker runs; the main core waits for it before it frees the one before. */
uint64_t worker_generation(const struct worker *worker);
/** True once a drained worker has no connection left, or was told to stop. */
bool worker_idle(const struct worker *worker);
/** proxy_fault() of the worker's proxy. */
const char *worker_fault(const struct worker *worker);

#endif
