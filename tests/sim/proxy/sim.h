/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated world of the proxy: a whole worker, and on its two networks one host each, with our
 * own TCP, which all clients and all backends share. Everything follows from the scenario, time
 * too. What a client and a backend do with an exchange is known beforehand (plan.h), and each byte
 * of it says which exchange it belongs to (message.h).
 */
#ifndef SLUICE_TESTS_SIM_PROXY_SIM_H
#define SLUICE_TESTS_SIM_PROXY_SIM_H

#include "dataplane/pipeline/hooks.h"
#include "dataplane/proxy/proxy_priv.h"
#include "dataplane/worker.h"
#include "lib/shm/usage.h"
#include "tests/sim/proxy/plan.h"
#include "tests/sim/proxy/scenario.h"
#include "tests/wire/base.h"

enum sim_port { PORT_OUTSIDE, PORT_INSIDE, PORT_CLIENTS, PORT_BACKENDS, SIM_PORTS };

#define SIM_START_NS  UINT64_C(1000000000000)
#define SIM_WALL_S    UINT64_C(1800000000)
#define SIM_ENDPOINTS 13
#define SIM_POOLS     3
#define SIM_CLIENTS   16
#define SIM_EXCHANGES 256 /* ids are below */
#define SIM_HOG       8192

struct sim;
struct sim_conn;

/* The hosts of the clients and of the backends. */
struct sim_host {
	struct sim *sim;
	enum sim_port port_id;
	struct port port;
	struct net *net;
	struct tcp_stack *tcp;
	struct tcp_counters counters;
	uint64_t drops[DROP_COUNT];
	struct rte_mempool *pool;
	struct sim_conn *conns; /* all that ever were, the latest first */
};

#define SIM_ANSWERS 256

struct sim_answer {
	uint64_t at_ns, ticket;
};

/* What answers the gateway's questions, see asker.h. */
struct sim_asker {
	struct pipeline_hooks hooks;
	uint64_t dead_until_ns, ended;
	uint32_t count; /* of answers under way */
	struct sim_answer answers[SIM_ANSWERS];
};

/* The worker, and what stands for its main core and for control. */
struct sim_gateway {
	struct worker *worker;
	struct proxy *proxy; /* the worker's, looked into */
	struct worker_shared shared;
	struct port ports[2];
	struct stats stats;
	struct event_ring events, reader;
	struct rte_mempool *pool;
	uint32_t generation;    /* index of the one that runs */
	uint64_t gone_requests; /* of listeners that are gone */
	bool drained;
	struct sim_asker asker;
	struct rte_mbuf *hog[SIM_HOG];
	uint32_t hog_count;
	uint64_t hog_until_ns;
};

struct sim {
	struct scenario o;
	uint64_t rng;
	uint64_t now_ns, begin_ns, steps;
	struct sim_gateway gateway;
	struct sim_host clients, backends;
	struct sim_client *client[SIM_CLIENTS];
	struct plan plans[SIM_EXCHANGES];
	struct ledger *ledger;
	const char *wrong;
	bool trace;
};

static inline uint64_t sim_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint32_t sim_pick(struct sim *s, uint64_t below)
{
	return (uint32_t)(sim_random(&s->rng) % below);
}

static inline bool sim_chance(struct sim *s, uint64_t of_thousand)
{
	return of_thousand > 0 && sim_pick(s, 1000) < of_thousand;
}

/* What went wrong first is what counts. */
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* world.c */
/** Once a process: EAL, pools, generations. @return false when there is no memory */
bool sim_setup(void);
/** Run a scenario to its end. @return NULL, or what went wrong */
const char *sim_run(struct sim *s, const struct scenario *o, bool trace);
void sim_print(const struct sim *s);

#endif
