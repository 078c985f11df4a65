/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: how processes find each other and hand memory over. The dataplane listens on a UNIX
 * SOCK_SEQPACKET socket; control and readers (sluicectl) connect. Either end's death is the other's
 * end of file. Messages are fixed structs; descriptors ride along by SCM_RIGHTS.
 *
 *   control -> dataplane   HELLO(role control)
 *   dataplane -> control   WELCOME                      state, generation, boot id
 *                          SEGMENT(snapshot, kind) [fd]...
 *                                                       the parts of what it runs, if anything
 *                          ROOT                         that it runs them
 *                          SEGMENT(secrets) [fd]        to control only
 *                          SEGMENT(usage) [fd]          if it has one
 *                          BELL [eventfd]               to control only: a worker asked something
 *                          SEGMENT(stats, i) [fd]...    once workers run
 *                          SEGMENT(events, i) [fd]...   to control only
 *                          SEGMENT(ask, i) [fd]...      to control only
 *                          READY                        all of the above was sent
 *   control -> dataplane   SEGMENT(usage) [fd]          only when the dataplane has none
 *                          SEGMENT(delta) [fd]
 *                          SEGMENT(secrets) [fd], SEGMENT(snapshot, kind) [fd]...
 *                                                       what an apply changes
 *                          ROOT                         the apply: a part of each kind, sent now
 *                                                       or running
 *   dataplane -> control   ACK(generation, status, text)   when every worker runs it, or it was
 *                                                       refused
 *   after the first snapshot the dataplane starts its ports and workers and sends SEGMENT(stats…),
 *   SEGMENT(events…), SEGMENT(ask…), READY before that ACK.
 *   control -> dataplane   PING
 *   dataplane -> control   PONG                         the main core lives, and every worker acts
 *                                                       on the deltas that were pushed before
 *
 * A part is named by its kind and the generation in its header, which is that of the apply that
 * brought it. An apply during the sending of parts makes the sending of them begin again: what a
 * ROOT names are the last of each kind.
 *
 * Readers get WELCOME, the snapshot, usage, deltas and stats, all read-only, READY, and nothing
 * else. A second control is refused with ACK(-EBUSY) and closed.
 */
#ifndef SLUICE_LIB_SHM_LINK_H
#define SLUICE_LIB_SHM_LINK_H

#include <stdint.h>

#include "lib/base/peer.h"
#include "lib/shm/shm.h"
#include "lib/shm/snapshot.h"

#define LINK_TEXT_BYTES     200
#define LINK_DEFAULT_SOCKET "/run/sluice/dataplane.sock"

enum link_type {
	LINK_HELLO = 1,
	LINK_WELCOME = 2,
	LINK_SEGMENT = 3,
	LINK_READY = 4,
	LINK_ACK = 5,
	LINK_PING = 6,
	LINK_PONG = 7,
	LINK_BELL = 8,
	LINK_ROOT = 9,
};

enum link_role { LINK_ROLE_CONTROL = 1, LINK_ROLE_READER = 2 };

enum link_state {
	LINK_STATE_EMPTY = 1, /* no snapshot yet: no ports, no workers */
	LINK_STATE_RUNNING = 2,
	LINK_STATE_STOPPING = 3,
};

struct link_message {
	uint32_t magic; /* LINK_MAGIC */
	uint32_t type;  /* enum link_type */
	uint16_t abi_major, abi_minor;
	uint32_t role;    /* HELLO */
	uint32_t state;   /* WELCOME: enum link_state */
	uint32_t segment; /* SEGMENT: enum segment_type */
	/* SEGMENT: worker; its statistics of some seconds ago: + SNAP_WORKERS_MAX; of a snapshot:
	 * enum snap_kind */
	uint32_t index;
	int32_t status;             /* ACK: 0 or -errno */
	uint64_t generation;        /* WELCOME, SEGMENT(snapshot), ROOT, ACK */
	uint64_t boot_id;           /* of the sender */
	uint32_t workers;           /* WELCOME */
	uint32_t pid;               /* HELLO, WELCOME */
	uint64_t parts[SNAP_KINDS]; /* ROOT: generation of each */
	char text[LINK_TEXT_BYTES]; /* ACK: why, terminated */
};
#define LINK_MAGIC 0x4b4e4c53u /* "SLNK" */
static_assert(sizeof(struct link_message) == 288, "");

#define LINK_NOBODY ((uint32_t)-1) /* no user, no group */

/* Which users may connect, beside root. */
struct link_access {
	uint32_t own;     /* the user that made the socket */
	uint32_t control; /* the user that control runs as, or LINK_NOBODY */
	uint32_t readers; /* the group whose members may read, or LINK_NOBODY */
};

/**
 * Listen on @p path, by socket_file_listen(). The file has mode 0660 from its first moment, belongs to the user of
 * control and to the group of readers.
 * @param why  on failure, a sentence; @p why_bytes of room
 * @return fd (non-blocking) or an error of socket_file_listen()
 */
int link_listen(const char *path, const struct link_access *access, char *why, size_t why_bytes);

/**
 * Accept a peer whose user may connect. Others are closed.
 * @param user        filled
 * @param reads_only  set for a user who may be a reader, but not control
 * @return fd (non-blocking), -EPERM for another user, -EAGAIN when nobody waits, or -errno
 */
int link_accept(
	int listen_fd, const struct link_access *access, struct peer_user *user, bool *reads_only);

/**
 * Connect; half a second is waited where more connections wait than the kernel keeps.
 * @return fd (non-blocking), -ENOENT or -ECONNREFUSED when no dataplane is there, -ETIMEDOUT, or -errno
 */
int link_connect(const char *path);

/**
 * Send one message.
 * @param pass_fd  rides along and stays the caller's; -1: none
 * @return 0, -EAGAIN when there was no room for a second, -EPIPE or -ECONNRESET when the peer is gone, or
 *         -errno
 */
int link_send(int fd, const struct link_message *message, int pass_fd);

/** As link_send(), without waiting. @return 0, -EAGAIN when there is no room, or -errno */
int link_send_now(int fd, const struct link_message *message, int pass_fd);

/**
 * Receive one message without waiting.
 * @param message  its text is terminated
 * @param pass_fd  set to the received descriptor, owned by the caller, or -1
 * @return 1, 0 when none waits, -ECONNRESET at end of file, -EPROTO for what is no message of this ABI or
 *         carries more than one descriptor, or -errno
 */
int link_receive(int fd, struct link_message *message, int *pass_fd);

/** @return a message with magic, ABI, type, boot id and pid filled, all else zero */
struct link_message link_message_make(enum link_type type, uint64_t boot_id);

/** @return a random number that is not zero */
uint64_t link_boot_id(void);

#endif
