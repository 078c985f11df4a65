/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's end of the link (lib/shm/link.h): the main core accepts control and readers,
 * takes snapshots, secrets, usage memory and deltas from control, and hands out what it runs. No
 * DPDK here: what an apply means is the main program's matter, behind link_server_ops.
 *
 * Who owns what: the server has shares of the running snapshot's parts and keeps the secrets for
 * those who connect later, the mapped usage segment and the delta ring. The program owns the
 * snapshot that it accepted. Statistics and event rings are the program's.
 */
#ifndef SLUICE_DATAPLANE_SYNC_LINK_SERVER_H
#define SLUICE_DATAPLANE_SYNC_LINK_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/shm/ask.h"
#include "lib/shm/delta.h"
#include "lib/shm/events.h"
#include "lib/shm/link.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/stats.h"
#include "lib/shm/usage.h"

#define LINK_SERVER_READERS 16 /* at once */

/* What one worker writes and control reads; NULL: there is none. */
struct link_segments {
	struct stats *stats;
	struct stats *history; /* what it had counted some seconds ago (lib/shm/history.h) */
	struct event_ring *events;
	struct ask_ring *asks;
};

/* The main program. All are called from link_server_poll(). */
struct link_server_ops {
	/**
	 * Run a checked snapshot: build tables, start ports and workers the first time, publish,
	 * wait until every worker runs it. On failure the one before goes on, and nothing handed in
	 * is kept.
	 * @param snapshot  on success the program's: it copies the struct (`mine = *snapshot`) and
	 *                  calls snapshot_close() on its copy once no worker reads it
	 * @param secrets   one entry for each of SNAP_CERTS, fingerprints equal; until the call
	 *                  returns
	 * @param usage     at least consumer_capacity lines; stays until link_server_destroy(), the
	 *                  same in every call that follows a successful one; NULL only where the
	 *                  snapshot reserves no consumers
	 * @param why       on failure, a sentence for the operator; @p why_bytes of room
	 * @return 0 or -errno
	 */
	int (*apply)(void *ctx, struct snapshot *snapshot, const struct secrets *secrets,
		struct usage *usage, char *why, size_t why_bytes);

	/** What worker @p worker counts into and asks by. Called once an apply succeeded.
	 *  @return 0, or -ENOENT beyond the last worker */
	int (*segments)(void *ctx, uint32_t worker, struct link_segments *out);

	/** Make one change to the running tables; its base is the running generation, its indices are
	 *  checked. May be NULL. @return 0 or -errno, which is counted in the ring */
	int (*delta)(void *ctx, const struct delta *delta);
	/** Does every worker act on all changes that were made? May be NULL: yes. */
	bool (*settled)(void *ctx);
	/** The eventfd by which workers wake control when they asked something. May be NULL.
	 *  @return -1: none */
	int (*bell)(void *ctx);
};

struct link_server;

/**
 * Listen for control and readers.
 * @param path    of the socket; a stale file is replaced
 * @param access  who may connect; .own is set here
 * @param ops     kept, as is @p ctx
 * @param out     the server, owned by the caller
 * @param why     on failure, a sentence; @p why_bytes of room
 * @return 0 or -errno of link_listen(): -EADDRINUSE when another dataplane listens there
 */
int link_server_create(const char *path, const struct link_access *access,
	const struct link_server_ops *ops, void *ctx, struct link_server **out, char *why,
	size_t why_bytes);

/** Close all connections and memory, and remove the socket file. NULL is allowed. */
void link_server_destroy(struct link_server *server);

/**
 * Wait for work at most @p timeout_ms, then do what came: connections, messages, applies, deltas.
 * Peers are never waited for: who does not read is sent to when there is room.
 * @return 0, or -errno when polling itself fails
 */
int link_server_poll(struct link_server *server, int timeout_ms);

/** From now on: say so to who connects, refuse applies and deltas. */
void link_server_stopping(struct link_server *server);

/** @return the generation that runs; 0 before the first apply */
uint64_t link_server_generation(const struct link_server *server);

/** @return this start's number, for the segments that the program makes */
uint64_t link_server_boot_id(const struct link_server *server);

/** @return true while a control process is connected */
bool link_server_has_control(const struct link_server *server);

#endif
