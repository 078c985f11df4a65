/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the link (lib/shm/link.h): how control and sluicectl reach a dataplane. Connecting
 * collects what it runs; control then sends applies and waits for their answers. Nothing waits unless
 * its name says so: put link_client.fd into a poll() and call link_client_step() when it is readable.
 */
#ifndef SLUICE_CONTROL_LINK_CLIENT_H
#define SLUICE_CONTROL_LINK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/patch.h"
#include "lib/shm/ask.h"
#include "lib/shm/delta.h"
#include "lib/shm/events.h"
#include "lib/shm/link.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/stats.h"
#include "lib/shm/usage.h"

/* The last answer to an apply. */
struct link_client_ack {
	bool arrived;
	int status; /* 0 or -errno */
	uint64_t generation;
	char text[LINK_TEXT_BYTES]; /* why it was refused */
};

/* One connection and all that came over it. Read what you need; link_client_close() unmaps it. */
struct link_client {
	int fd; /* -1: not connected */
	enum link_role role;
	uint64_t boot_id;    /* ours */
	bool welcome, ready; /* READY comes a second time after the first apply */
	enum link_state state;
	uint64_t generation; /* that the dataplane runs; follows ACKs of 0 */
	uint64_t dataplane_boot_id;
	uint32_t dataplane_pid;
	uint32_t workers;
	bool has_snapshot;
	struct snapshot snapshot; /* what it ran when we connected; for readers with its deltas */
	struct snapshot_part *parts[SNAP_KINDS]; /* that came, until their root does */
	struct patch patch;                      /* memory of these */
	int secrets_fd;                          /* -1: none; control only, for the next apply */
	bool has_usage;
	struct usage usage; /* writable for control */
	/* SNAP_WORKERS_MAX each; those below the count whose segment.base is set are mapped. */
	struct stats *stats;
	struct stats *before; /* the same some seconds ago (lib/shm/history.h) */
	uint32_t stats_count, before_count;
	struct event_ring *events; /* control only */
	uint32_t events_count;
	struct ask_ring *asks; /* control only */
	uint32_t asks_count;
	int bell; /* control only: eventfd, readable when a worker asked; -1: none */
	struct link_client_ack ack;
	uint64_t pongs;
	char why[LINK_TEXT_BYTES]; /* after an error: a sentence */
};

/**
 * Connect and say who we are.
 * @param boot_id  of this process (link_boot_id())
 * @param out      to be closed with link_client_close(), also after a later error
 * @return 0, -ENOENT or -ECONNREFUSED when no dataplane is there, -EACCES, or -errno; after an error
 *         there is nothing to close
 */
int link_client_connect(
	const char *path, enum link_role role, uint64_t boot_id, struct link_client *out);

/** Unmap what the statistics were some seconds ago. */
void link_client_forget_before(struct link_client *c);

/** Close the connection and all that was mapped. May be called twice. */
void link_client_close(struct link_client *c);

/**
 * Take what has arrived, without waiting.
 * @return number of messages taken, -ECONNRESET when the dataplane is gone, -EBUSY when it refused us,
 *         -EPROTO or -EBADMSG for what cannot be read; c->why has a sentence. What was mapped stays.
 */
int link_client_step(struct link_client *c);

/** Wait until READY. @return 0, -ETIMEDOUT, or an error of link_client_step() */
int link_client_wait_ready(struct link_client *c, int timeout_ms);

/**
 * Hand over usage memory (only where the dataplane has none: !c->has_usage) or a new delta ring.
 * @return 0 or -errno of link_send()
 */
int link_client_send_usage(struct link_client *c, const struct usage *usage);
int link_client_send_deltas(struct link_client *c, const struct delta_ring *ring);

/**
 * Send an apply: the parts that the dataplane does not have, and the root. Its answer arrives as
 * c->ack with the snapshot's generation.
 * @param snapshot  its generation is above the running one
 * @param running   what the dataplane runs: parts that both share are not sent; NULL: all are
 * @param secrets   sealed, or NULL when the certificates are the running ones, or there are none
 * @return 0 or -errno of link_send()
 */
int link_client_apply(struct link_client *c, const struct snapshot *snapshot,
	const struct snapshot *running, const struct segment *secrets);

/**
 * Wait for the answer to an apply.
 * @param status  the dataplane's verdict: 0, or -errno with the reason in c->ack.text
 * @return 0, -ETIMEDOUT, or an error of link_client_step()
 */
int link_client_wait_ack(struct link_client *c, uint64_t generation, int timeout_ms, int *status);

/** Ask whether the main core lives: c->pongs grows. @return 0 or -errno of link_send() */
int link_client_ping(struct link_client *c);

/** Take usage memory out of the connection, so that it outlives it. @return false when there is none */
bool link_client_take_usage(struct link_client *c, struct usage *out);

#endif
