/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated world: two sides that talk over a faulty wire, each one of our stacks under an
 * application (app.c) or the reference model (model.c), both with their own clock. Everything
 * follows from the scenario.
 */
#ifndef SLUICE_TESTS_SIM_WORLD_H
#define SLUICE_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_options.h"
#include "tests/sim/scenario.h"
#include "tests/unit/tcp/fake_net.h"

#define SIM_FLOWS        8
#define SIM_PORT         443
#define SIM_POOLS        4
#define SIM_MBUFS        4096 /* of the largest pool */
#define SIM_TIME_WAIT_MS UINT64_C(120000)
#define SIM_ORPHAN_MS    UINT64_C(30000) /* whom the application left does not give up before */
#define SIM_LISTEN       7               /* the listener's id */

enum sim_close {
	SIM_CLOSE_WHEN_SENT, /* half-close after the last byte, go on reading */
	SIM_CLOSE_AT_EOF,    /* only once the other side has closed */
	SIM_CLOSE_BOTH,      /* tcp_close_both() after the last byte */
	SIM_ABORT,           /* tcp_abort() when half was sent */
};

/* What watch.c saw of a connection when the last loop ended. */
struct sim_watch {
	uint64_t undos; /* recoveries of this side that were taken back */
	uint64_t tail_probes;
	bool known;
	uint8_t recovery; /* enum tcp_recovery */
	uint32_t cwnd, ssthresh, una, nxt, pipe;
	uint32_t edge; /* right edge of the window that was advertised last */
	bool edge_known;
	bool markable_known;
	uint32_t markable; /* the last segment that might be marked */
};

/* One end of a connection: what the application on that side did and saw. */
struct sim_flow {
	struct sim_side *side;
	struct tcp_conn *conn;
	unsigned index; /* the same on both sides */
	uint32_t to_send, sent;
	uint32_t received;
	uint32_t held;      /* bytes not credited yet */
	uint64_t credit_ns; /* when they will be */
	enum sim_close style;
	bool used, connected, closed, eof, ended;
	enum tcp_end end;
	uint64_t ended_ns;
	struct sim_watch watch;
};

struct model;

struct sim_side {
	struct world *world;
	unsigned index;
	struct tcp_stack *stack; /* or */
	struct model *model;
	struct net net;
	struct tcp_counters counters;
	struct rte_mempool *pool;
	uint64_t ahead_ns;   /* of the world's clock */
	uint64_t stalled_ns; /* does not run until then */
	uint64_t calm_ns;    /* no new trouble until then */
	uint64_t hog_ns;     /* until when its mbufs are taken */
	uint32_t hog_count;
	struct rte_mbuf *hog[SIM_MBUFS];
	struct sim_flow flows[SIM_FLOWS];
};

struct world {
	struct scenario o;
	uint64_t rng;
	uint64_t now_ns;
	struct fake_wire wire;
	struct sim_side sides[2];
	uint64_t steps;
	bool check; /* walk the stack's invariants after every step */
	const char *wrong;
};

/* Byte number @p at of what a flow's end sends. */
static inline uint8_t sim_byte(const struct sim_flow *f, uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 17 + (at >> 16) * 7 + f->side->world->o.seed * 13 +
			 f->side->index * 101 + f->index * 57);
}

static inline struct sim_flow *sim_peer(const struct sim_flow *f)
{
	return &f->side->world->sides[!f->side->index].flows[f->index];
}

/* What went wrong first is what counts. */
static inline void sim_fail(struct world *w, const char *wrong)
{
	if (w->wrong == NULL)
		w->wrong = wrong;
}

static inline uint32_t sim_pick(struct world *w, uint32_t below)
{
	return (uint32_t)(fake_random(&w->rng) % below);
}

/* world.c */
/* Once a process: EAL and pools. @return false when there is no memory */
bool world_setup(void);
/* Run a scenario to its end. @param trace  print every segment @return NULL, or what went wrong; then world_print() tells more */
const char *world_run(struct world *w, const struct scenario *o, bool trace);
void world_print(const struct world *w);

/* The local port of a flow's end, 0 if it has none. */
uint16_t sim_port(const struct sim_flow *f);

/* app.c: the application on a stack */
bool app_init(struct sim_side *side);
void app_connect(struct sim_side *side, uint64_t now_ns);
/* One turn of the worker's loop. @return when the side wants to run again, in its own time */
uint64_t app_loop(struct sim_side *side, uint64_t now_ns);
/* What is left of connections that should be gone, or NULL. */
const char *app_rest(const struct sim_side *side);

/* model.c: the reference peer */
bool model_init(struct sim_side *side);
void model_fini(struct sim_side *side);
void model_connect(struct sim_side *side, uint64_t now_ns);
uint16_t model_port(const struct sim_flow *f);
uint64_t model_loop(struct sim_side *side, uint64_t now_ns);

/* watch.c: what a connection may never do, seen from outside */
void watch_loop(struct sim_side *side);
/* Sees every segment that a stack sends. @return false: it is not lost */
bool watch_segment(void *ctx, const struct rte_tcp_hdr *h, unsigned side);

#endif
