/* SPDX-License-Identifier: Apache-2.0 */
/* The server's parts: peers and messages (link_server.c), sending (link_send.c), what control hands
 * over (link_apply.c). */
#ifndef SLUICE_DATAPLANE_SYNC_LINK_SERVER_PRIV_H
#define SLUICE_DATAPLANE_SYNC_LINK_SERVER_PRIV_H

#include "dataplane/sync/link_server.h"

/* Readers, one control, and a few that have not said what they are. */
#define PEERS_MAX       (LINK_SERVER_READERS + 8)
#define PEERS_OF_READER 6 /* of one user who may only read */
#define PEERS_RESERVED  4 /* readers' places for root and control's user */

/* Where sending the state stands: one item after another, each when the socket has room. */
enum send_item {
	SEND_WELCOME,
	SEND_PARTS, /* + enum snap_kind */
	SEND_ROOT = SEND_PARTS + SNAP_KINDS,
	SEND_SECRETS,
	SEND_USAGE,
	SEND_DELTAS,
	SEND_BELL,
	SEND_WORKERS, /* + 4 × worker: statistics, as they were some seconds ago, events, questions */
	SEND_READY = SEND_WORKERS + 4 * SNAP_WORKERS_MAX,
	SEND_DONE,
};

struct peer {
	int fd;              /* -1: free */
	enum link_role role; /* 0: no HELLO yet */
	bool reads_only;     /* its user may not be control */
	uint32_t uid, pid;
	uint64_t since;  /* number of the connection, to find the oldest */
	unsigned cursor; /* enum send_item */
	bool reply_waits;
	bool close_after_reply;
	struct link_message reply; /* ACK or PONG; goes after the state */
	/* Of the apply that follows. */
	struct secrets secrets;
	int secrets_error;
	struct snapshot_part *parts[SNAP_KINDS];
	int parts_error; /* of the first that could not be read */
	char parts_why[LINK_TEXT_BYTES];
};

struct link_server {
	const struct link_server_ops *ops;
	void *ctx;
	char *path;
	int listen_fd;
	struct link_access access;
	uint64_t boot_id;
	uint64_t connections; /* ever */
	enum link_state state;
	uint64_t generation;
	uint32_t consumers, plans, endpoints;    /* of the running snapshot */
	struct stats_shape capacity;             /* that statistics were made for */
	struct snapshot_part *parts[SNAP_KINDS]; /* that run */
	struct secrets secrets;
	struct usage usage;
	struct delta_ring deltas;
	uint64_t deltas_made; /* sequence of the latest; acknowledged once it is settled */
	bool unsettled;       /* it is not yet */
	bool pong_due;        /* control's PING came before that */
	struct peer *control; /* into peers, or NULL */
	struct peer peers[PEERS_MAX];
};

/** True when something waits to be sent. */
bool peer_sends(const struct peer *peer);

/** Send what there is room for. @return 0, or -errno when the peer is to be closed */
int peer_send(struct link_server *server, struct peer *peer);

/** Queue a reply behind what is being sent. */
void peer_reply(struct peer *peer, const struct link_message *reply);

/** Forget what was sent for an apply. */
void peer_forget(struct peer *peer);

/** Take a ROOT message of control: apply what it names. */
void control_root(struct link_server *server, struct peer *peer, const struct link_message *root);

/** Take a SEGMENT message of control. @p fd is taken over. @return 0, or -errno to close it */
int control_segment(
	struct link_server *server, struct peer *peer, const struct link_message *message, int fd);

/** Take what waits in the delta ring, a bounded number. @return 0, or -EPROTO when it is damaged */
int deltas_take(struct link_server *server);

/** Acknowledge what every worker acts on by now. */
void deltas_settle(struct link_server *server);

#endif
