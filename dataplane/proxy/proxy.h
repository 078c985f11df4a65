/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy of one worker: from accepted connections to requests, to decisions, to backends and
 * back. It is the application above TCP; its parts are named after what they hold: client.c (a
 * client's connection), exchange.c (one request and its response), wait.c (what it waits for),
 * suspend.c (requests that wait for an answer from elsewhere), decide.c (into the pipeline and out
 * of it), attempt.c (one try at one endpoint), upstream.c (connections to backends), head.c (a
 * request's head for its endpoint), tunnel.c (WebSocket), task.c (requests of Sluice's own) and check.c (health checks),
 * forward.c (bytes in both directions), reply.c and problem.c (responses that Sluice gives itself),
 * record.c (statistics and events).
 */
#ifndef SLUICE_DATAPLANE_PROXY_PROXY_H
#define SLUICE_DATAPLANE_PROXY_PROXY_H

#include "dataplane/proxy/sources.h"
#include "dataplane/proxy/tables.h"
#include "dataplane/tcp/tcp.h"
#include "lib/shm/events.h"
#include "lib/shm/stats.h"

struct proxy;
struct pipeline_hooks;

struct proxy_config {
	uint32_t worker_index;
	uint32_t client_limit;              /* client connections */
	uint32_t exchange_limit;            /* requests under way at once */
	uint32_t upstream_limit;            /* backend connections */
	uint32_t endpoint_slots;            /* capacity of statistics and pools */
	const struct pipeline_hooks *hooks; /* a stage of the program's own, or NULL */
	uint32_t wait_limit;                /* with hooks: requests that wait at once */
	struct rte_mempool *pool;
	struct stats *stats;       /* this worker's */
	struct event_ring *events; /* this worker's, or NULL for no access events */
	struct sources
		*sources;      /* of all workers, or NULL for no limit of connections per source */
	struct health *health; /* of all workers, or NULL for no health checks */
	uint64_t seed;
	uint64_t
		request_id_base; /* the first id of this run is the next; 48 bits, the worker comes above */
};

/** What TCP calls. The context is the struct proxy. */
extern const struct tcp_ops proxy_tcp_ops;

/** @return NULL when out of memory; the config is copied */
struct proxy *proxy_create(const struct proxy_config *config, uint64_t now_ns);
/** Frees everything without a word to anybody; the TCP stack is destroyed after it. */
void proxy_destroy(struct proxy *proxy);

/** Bytes that proxy_create() takes: for the arithmetic printed at start. */
uint64_t proxy_bytes(const struct proxy_config *config);

/** The stack below; before the first packet. */
void proxy_attach(struct proxy *proxy, struct tcp_stack *tcp);

/**
 * Change to the generation that follows the running one, or to the first: listeners are opened and
 * closed, pools of endpoints that went away are emptied, requests under way go on. Between bursts
 * only.
 */
void proxy_set_tables(struct proxy *proxy, const struct tables *tables, uint64_t now_ns);

/* Stages of the worker's loop. */

/** Before tcp_dispatch(): the time that upcalls see. @param wall_s Unix seconds */
void proxy_begin(struct proxy *proxy, uint64_t now_ns, uint64_t wall_s);
/** After tcp_dispatch(): parse and decide the requests that the burst completed. */
void proxy_run(struct proxy *proxy);
/** Run deadlines that passed. */
void proxy_timers(struct proxy *proxy);

/** Stop accepting; connections close after their next answer. */
void proxy_drain(struct proxy *proxy);
/** Connections still open. */
uint32_t proxy_clients(const struct proxy *proxy);
/**
 * Check between turns that exactly one deadline runs for each client with its exchange, and for
 * each pooled connection, so that none of them is held for ever. For tests: it walks all of them.
 * @return NULL, or what is wrong
 */
const char *proxy_fault(const struct proxy *proxy);

#endif
