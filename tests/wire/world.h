/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of one script: a whole worker, or several, with tables, statistics and events, two fake
 * ports, and a clock that only the script moves. Nothing here knows how scripts are written.
 */
#ifndef SLUICE_TESTS_WIRE_WORLD_H
#define SLUICE_TESTS_WIRE_WORLD_H

#include "dataplane/net/kernel.h"
#include "dataplane/worker.h"
#include "tests/wire/config.h"
#include "tests/wire/eal.h"
#include "tests/wire/fake_port.h"
#include "tests/wire/seen.h"

#define WORLD_START_NS UINT64_C(1000000000000)
#define WORLD_WALL_S   UINT64_C(1800000000) /* 2027-01-15 08:00:00 UTC at the start */
#define WORLD_TICK_NS  UINT64_C(1000000)
#define WORLD_TRACE    24 /* packets shown when a script fails */
#define WORLD_SEED     42

struct conn;

#define WORLD_ASKED   8 /* questions that control keeps */
#define WORLD_WORKERS FAKE_QUEUES
#define QUEUE_RSS     UINT32_MAX       /* as the port's RSS tells */
#define QUEUE_WRONG   (UINT32_MAX - 1) /* the one after that */

struct world_worker {
	struct worker *worker;
	struct stats stats;
	struct event_ring events, reader;
};

#define KEPT_GENERATIONS 3

/* A generation as the control process makes it. */
struct kept_generation {
	bool built;
	struct snapshot snapshot;
	struct secrets secrets;
};

/* What may outlive a world of one worker and serve the next one with the same configuration, as it
 * is costly to make: what its generations are compiled to, tables of the first one, the usage lines
 * that they point to, statistics and events. The next world finds the segments as they were when
 * they were new. */
struct world_kept {
	struct worker_shared
		shared; /* of its sources none is counted once a world was wound down */
	struct kept_generation generations[KEPT_GENERATIONS];
	struct tables *tables;
	struct usage usage;
	struct world_worker segments;
	void *stats_new, *events_new; /* their bytes; NULL: nothing is kept yet */
};

struct world {
	struct net_world net;
	bool six,
		offload; /* both sides have IPv6 unless the script says otherwise; outlives world_init() */
	bool started, arp_manual, quiet, verbose;
	bool untraced;           /* no text of packets is made */
	bool hasty;              /* time in which nothing happens passes in growing steps */
	struct world_kept *kept; /* NULL: nothing outlives the world */
	uint64_t *digest;        /* of all frames that left; NULL: nobody asks */
	struct rte_mempool *pool;
	struct world_worker at[WORLD_WORKERS];
	uint32_t workers;
	uint32_t queue_rule; /* to which queue frames come: its number or QUEUE_* */
	uint32_t stalled;    /* one more than the worker that is not turned; 0: none */
	struct steer_mesh *mesh;
	struct owner_rss *rss[PORTS];
	struct worker_shared *shared;
	struct tables *tables;
	struct usage usage;
	uint64_t now_ns, generation, turns;
	/* Frames of the turn that runs, then those that the script has to expect, by port. */
	struct seen *fresh, *queue[PORTS];
	struct ask_ring asks, control; /* the first worker's side, and control's */
	uint64_t asked[WORLD_ASKED];   /* numbers of questions that control took */
	uint32_t asked_count;
	struct net_kernel kernel; /* the outside port's */
	uint32_t handed_count;    /* since the script looked */
	const char *trace[WORLD_TRACE];
	uint32_t trace_count;
	struct conn *conns;
	uint32_t held_count;
	/* What is large comes last, and world_init() does not zero it. */
	struct wire_config config;
	struct worker_shared own_shared; /* where none is kept */
	struct frame sent, handed;    /* the last one to the gateway, the last one to the kernel */
	struct rte_mbuf *held[65536]; /* mbufs that the script keeps from the gateway */
};

/** Defaults, nothing running. */
void world_init(struct world *w);
/** Ports, addresses and routes as configured. */
void world_fill_net(struct world *w, struct net_config *net);
/** Build the first generation and start the worker. */
void world_start(struct world *w);
/** Turn the worker without moving the clock until nobody has anything to say. */
void world_settle(struct world *w);
/** Move the clock, turning every tick. */
void world_advance(struct world *w, uint64_t ns);
/** The same until @p done says so. @return false when the time passed first */
bool world_advance_until(
	struct world *w, uint64_t ns, bool (*done)(struct world *w, void *ctx), void *ctx);
/** Put a frame into a port's receive queue. */
void world_inject(struct world *w, uint8_t port, const struct frame *f, const struct flow *flow);
/** Build a new generation from the configuration and let the worker change to it. */
void world_apply(struct world *w);
/** Keep mbufs from the gateway until only @p leave are free; 0 gives all back. */
void world_hold(struct world *w, uint32_t leave);
/** Let every peer fall silent and time pass until all connections are gone; fails when something
 *  stays: a connection, a gauge, an mbuf. */
void world_wind_down(struct world *w);
/** Stop and free everything. @return NULL, or what was leaked */
const char *world_stop(struct world *w);
/** Free what was kept. */
void world_forget(struct world_kept *kept);
/** The latest packets, one a line. */
char *world_trace(const struct world *w);

static inline uint64_t world_wall_s(const struct world *w)
{
	return WORLD_WALL_S + (w->now_ns - WORLD_START_NS) / 1000000000u;
}

#endif
