/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-control: one thread around one poll(). It holds the configuration that the gateway should
 * run (wanted), what it last ran (ran), and the memory of everybody's limits, and hands them to
 * whichever dataplane is there.
 */
#ifndef SLUICE_CONTROL_DAEMON_DAEMON_H
#define SLUICE_CONTROL_DAEMON_DAEMON_H

#include <jansson.h>

#include "control/compile/compile.h"
#include "control/daemon/access_log.h"
#include "control/daemon/state.h"
#include "control/daemon/admin.h"
#include "control/link_client.h"
#include "control/slot_names.h"

struct daemon_options {
	const char *config;
	const char *socket;         /* the dataplane's */
	const char *control_socket; /* ours */
	const char *access_log;     /* before the file's path; NULL */
	const char *state;          /* folder; NULL: by the control socket's name */
	const char *user;           /* to become; NULL: stay */
	bool core_dumps;
};

#define CLIENTS_MAX       16
#define CLIENTS_OF_USER   4 /* of one who is neither root nor our user */
#define ACCEPTS_PER_TURN  64
#define REQUEST_BYTES_MAX (64 * 1024)
#define CLIENT_IDLE_MS    10000
#define EVENTS_BATCH      1024
#define DRAIN_INTERVAL_MS 50
#define RECONNECT_MIN_MS  100
#define RECONNECT_MAX_MS  2000
#define APPLY_PATIENCE_MS 30000

/* A connection of sluicectl. */
struct client {
	int fd; /* -1: free */
	char *in, *out;
	size_t in_used, out_used, out_sent;
	int64_t since_ms; /* of the last progress */
	uint64_t number;  /* of the connection, to find the oldest */
	struct peer_user user;
	enum admin_right right;
	bool waits; /* for the answer of the dataplane to its apply */
};

struct daemon {
	struct daemon_options options;
	uint64_t boot_id;
	bool started;                    /* the first configuration was read */
	char *config;                    /* what applies read; the last FILE of `sluicectl apply` */
	char *state;                     /* folder of state.h */
	char forgotten[STATE_WHY_BYTES]; /* why config could not be remembered; empty: it was */

	char not_recalled
		[STATE_WHY_BYTES]; /* why, at the start, it was not known what was applied; or empty */

	/* The dataplane. */
	struct link_client link;
	bool connected, attached; /* attached: READY came and the two were brought together */
	bool said_absent;
	int64_t reconnect_ms, reconnect_at_ms;

	/* What is to run, and what ran last. */
	struct compiled wanted, ran;
	bool has_ran;
	const struct compiled *sent; /* wanted or ran: the answer to it is due; else NULL */
	bool changed;                /* wanted is not what runs */
	int64_t applied_at_ms, applied_real_s;
	uint64_t generation;           /* highest that was used */
	json_t *mistakes;              /* of the last reading of the file */
	json_t *mistakes_bare;         /* the same, without anything that files contain */
	char refusal[LINK_TEXT_BYTES]; /* of the last apply; empty: none */
	struct usage usage;
	bool has_usage;

	/* Events. */
	struct access_log log;
	char *log_path;          /* as configured */
	struct slot_names names; /* of ran */
	struct event *batch;
	uint64_t events, dropped_seen;

	/* sluicectl. */
	int listen_fd;
	struct admin admin; /* who may ask what */
	struct client clients[CLIENTS_MAX];
	uint64_t clients_ever;
	bool stop;
};

/** CLOCK_MONOTONIC. */
int64_t daemon_now_ms(void);

/* configure.c: reading the file. */

/**
 * Read @p path into d->wanted, for the dataplane that is there. Mistakes are logged and kept in
 * d->mistakes; after an error d->wanted is what it was.
 * @return 0 or -EINVAL
 */
int daemon_configure(struct daemon *d, const char *path);

/** Remember that d->config was applied, for the next start. */
void daemon_remember(struct daemon *d);

/* attach.c: the dataplane's coming and going, and applies. */

/** Connect when it is time to. */
void daemon_connect(struct daemon *d);
/** Read what the dataplane sent. */
void daemon_link_readable(struct daemon *d);
/** Send d->wanted. @return 0 or -errno; the answer comes later */
int daemon_send_wanted(struct daemon *d);
/** Close, and keep what is to outlive the connection. */
void daemon_disconnect(struct daemon *d);

/* events.c */

/** Move events from all rings into the access log. */
void daemon_drain_events(struct daemon *d);

/* requests.c: sluicectl's connections. */
/** @param uid  owner of the socket's file, with @p gid; -1: ours @return 0 or -errno with a sentence in @p why */
int daemon_listen(
	struct daemon *d, const char *path, uid_t uid, gid_t gid, char *why, size_t why_bytes);
void daemon_accept(struct daemon *d);
void daemon_client_turn(struct daemon *d, struct client *client, short events);
/** Close clients that keep silent. */
void daemon_expire_clients(struct daemon *d, int64_t now_ms);
/** Answer all clients that wait for an apply. @param error  NULL when it runs */
void daemon_answer_apply(struct daemon *d, const char *error);
void daemon_close_clients(struct daemon *d);

/* status.c */
/** @param own  the user may see what is in our files */
json_t *daemon_status(const struct daemon *d, bool own);

#endif
