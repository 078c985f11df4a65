/* SPDX-License-Identifier: Apache-2.0 */
/* What gateway.c and gateway_start.c share: the main core's own state. */
#ifndef SLUICE_DATAPLANE_GATEWAY_PRIV_H
#define SLUICE_DATAPLANE_GATEWAY_PRIV_H

#include "dataplane/gateway.h"
#include "dataplane/io/port_setup.h"
#include "dataplane/net/kernel.h"
#include "dataplane/net/owner.h"
#include "dataplane/plan.h"
#include "dataplane/steer_watch.h"
#include "dataplane/worker.h"
#include "lib/shm/history.h"

struct gateway {
	const struct gateway_options *options;
	uint64_t boot_id;
	bool eal_started, running;
	struct start_plan plan;
	struct port ports[PORT_MAX];
	uint32_t started_ports;
	struct net_kernel kernels[PORT_MAX]; /* by port */
	bool has_kernel[PORT_MAX];
	bool link_up[PORT_MAX];
	struct rte_mempool *pools[TABLES_WORKERS_MAX];
	struct stats stats[TABLES_WORKERS_MAX];
	struct history history[TABLES_WORKERS_MAX];
	struct event_ring events[TABLES_WORKERS_MAX];
	struct ask_ring asks[TABLES_WORKERS_MAX];
	int ask_bell; /* eventfd that wakes control; -1: none */
	struct steer_mesh *mesh;
	struct owner_rss *rss[PORT_MAX]; /* by port; NULL where ports or one worker need none */
	struct steer_watch watch[PORT_MAX];
	struct worker *workers[TABLES_WORKERS_MAX];
	bool stuck[TABLES_WORKERS_MAX];
	struct worker_shared shared;
	struct budget *budget;  /* of retries; made with the first tables */
	uint64_t reclaim_token; /* grace period after the last delta; 0: nothing to reclaim */
	struct tls_tickets tickets;
	uint64_t rotated_s; /* when they got their newest secret */
	uint8_t tcp_secret[16];
	uint64_t seed;
};

/** The first configuration: EAL, pools, ports, workers, and their first tables. Arguments and errors are
 *  gateway_apply()'s. */
int gateway_start(struct gateway *g, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes);

/** Build tables and let the workers have them; arguments and errors are gateway_apply()'s. */
int gateway_publish(struct gateway *g, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes);

/** What the port says now. */
bool gateway_link_is_up(const struct port *port);

/** How far the wall clock is ahead of the workers'. */
void gateway_update_wall_clock(struct gateway *g);

#endif
