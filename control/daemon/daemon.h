/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-control: one loop (libuv) in one thread, which owns all that is in struct daemon, and a
 * few threads for jobs that take long (job.h). It holds the configuration that the gateway should
 * run (wanted), what it last ran (ran), and the memory of everybody's limits, and hands them to
 * whichever dataplane is there.
 */
#ifndef SLUICE_CONTROL_DAEMON_DAEMON_H
#define SLUICE_CONTROL_DAEMON_DAEMON_H

#include <jansson.h>
#include <uv.h>

#include "control/changes.h"
#include "control/compile/compile.h"
#include "control/daemon/access_log.h"
#include "control/daemon/ask.h"
#include "control/daemon/state.h"
#include "control/daemon/admin.h"
#include "control/daemon/watch.h"
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

#define CLIENTS_MAX        16
#define CLIENTS_OF_USER    4 /* of one who is neither root nor our user */
#define APPLIES_QUEUED_MAX 4 /* behind the one that is under way; they keep places of CLIENTS_MAX */
#define ACCEPTS_PER_TURN   64
#define REQUEST_BYTES_MAX  (64 * 1024)
#define CLIENT_IDLE_MS     10000
#define EXPIRE_INTERVAL_MS 500
#define EVENTS_BATCH       1024
#define DRAIN_INTERVAL_MS  50
#define RECONNECT_MIN_MS   100
#define RECONNECT_MAX_MS   2000
#define APPLY_PATIENCE_MS  30000

/* A connection of sluicectl. */
struct client {
	int fd; /* -1: free */
	struct watch *watch;
	struct daemon *daemon;
	char *in, *out;
	size_t in_used, out_used, out_sent;
	int64_t since_ms; /* of the last progress */
	uint64_t number;  /* of the connection, to find the oldest */
	struct peer_user user;
	enum admin_right right;
	bool waits;   /* for the end of its apply, which is under way */
	bool queued;  /* its apply begins when those before it are done */
	bool changes; /* waits for the end of its change, which is under way */
	char *file;   /* of a queued apply; NULL: what is applied already */
};

/* What a configuration is read for. */
enum configure_for {
	CONFIGURE_START,  /* the process begins with it */
	CONFIGURE_APPLY,  /* sluicectl apply */
	CONFIGURE_RELOAD, /* SIGHUP */
	CONFIGURE_MEET,   /* a dataplane that runs something came */
};

/* How the last apply that a client waited for ended well. */
struct apply_outcome {
	bool pending; /* no dataplane is there */
	uint64_t generation;
	uint32_t workers; /* that run it */
	bool same_file;   /* what was applied is what the process was started with */
};

/* A change by command that is under way. */
struct changing {
	const char *step;        /* "changing" or "recording"; NULL: none is */
	bool pushed;             /* the dataplane's word is due */
	bool making;             /* a job makes a part with the change */
	bool sent;               /* the answer to the generation with that part is due */
	bool saving;             /* a job writes all changes down */
	bool pending;            /* it is made when a dataplane comes */
	bool refused;            /* by the dataplane */
	bool then_apply;         /* changes were taken back: what they hid is applied */
	uint64_t refused_before; /* by the ring, of other changes */
	int64_t since_ms;
	char not_remembered[STATE_WHY_BYTES]; /* empty: it is */
};

struct daemon {
	struct daemon_options options;
	uint64_t boot_id;

	/* The loop. */
	uv_loop_t loop; /* its .data is this struct */
	uv_signal_t signals[4];
	uv_timer_t drain, reconnect, expire, patience;
	bool stop;
	int exit_status;

	/* What is under way with the configuration: one of .reading, .sent (below), .recording.
	 * What comes meanwhile waits in the order of apply.c. */
	bool reading;    /* a job reads and compiles a file */
	bool recording;  /* a job writes down which file was applied */
	bool asked;      /* a client's apply is under way, though the client may have gone */
	bool meet_due;   /* a dataplane came, to which nothing was sent yet */
	bool reload_due; /* SIGHUP came */
	char *subject;   /* the file that is under way; kept until the next */

	bool started;                    /* the first configuration was read */
	char *config;                    /* what applies read; the last FILE of `sluicectl apply` */
	char *state;                     /* folder of state.h */
	char forgotten[STATE_WHY_BYTES]; /* why config could not be remembered; empty: it was */

	char not_recalled
		[STATE_WHY_BYTES]; /* why, at the start, it was not known what was applied; or empty */

	/* The dataplane. */
	struct link_client link;
	struct watch *link_watch, *bell_watch;
	bool connected, attached; /* attached: READY came */
	bool said_absent;
	uint64_t reconnect_ms; /* the last interval between attempts */

	/* What is to run, and what ran last. */
	struct compiled wanted, ran;
	struct compiled amended; /* ran, with a change by command that needs a part */
	bool has_ran;
	const struct compiled *sent; /* the answer to one of these is due; else NULL */
	bool changed;                /* wanted is not what runs */
	int64_t applied_at_ms, applied_real_s;
	uint64_t generation;           /* highest that was used */
	json_t *mistakes;              /* of the last reading of the file */
	json_t *mistakes_bare;         /* the same, without anything that files contain */
	char refusal[LINK_TEXT_BYTES]; /* of the last apply; empty: none */
	struct apply_outcome outcome;

	/* Changes by command. */
	struct changes changes;
	struct changes changes_before;  /* the one that amends, which may be refused */
	bool amend_due;                 /* what runs does not hold a change that needs a part */
	uint64_t laid_wanted, laid_ran; /* number of the latest that wanted and ran hold */
	struct delta_ring deltas;       /* header NULL: none */
	uint64_t deltas_base, deltas_pushed;
	struct changing changing;

	struct usage usage;
	bool has_usage;

	/* Events. */
	struct access_log log;
	struct slot_names names; /* of ran */
	struct event *batch;
	uint64_t events, dropped_seen;

	struct ask_counts asks;

	/* sluicectl. */
	int listen_fd;
	struct watch *listen_watch;
	struct admin admin; /* who may ask what */
	struct client clients[CLIENTS_MAX];
	uint64_t clients_ever;
};

/** CLOCK_MONOTONIC. */
int64_t daemon_now_ms(void);

/* loop.c: the loop, its signals and timers. */

/** Open the loop and take signals from here on. @return 0 or -errno */
int daemon_loop_open(struct daemon *d);
/** Serve sluicectl and look for a dataplane: the first configuration was read. @return 0 or -ENOMEM */
int daemon_serve(struct daemon *d);
/** Run until SIGTERM or daemon_end_loop(). */
void daemon_run(struct daemon *d);
/** Let daemon_run() return. */
void daemon_end_loop(struct daemon *d, int exit_status);
/** After daemon_run(): wait some seconds for a job that runs. @return false when it still runs */
bool daemon_finish_job(struct daemon *d);

/* configure.c: reading the file. */

/**
 * Begin to read @p path, for the dataplane that is there. Mistakes are then logged and kept in
 * d->mistakes, what was compiled in d->wanted, which stays as it was after mistakes;
 * daemon_configured() tells.
 * @return 0 or -ENOMEM: nothing was begun
 */
int daemon_configure(struct daemon *d, const char *path, enum configure_for purpose);

/* apply.c: what is done with a configuration, one thing after the other. */

/** What is under way: "reading", "sent", "recording", or NULL. */
const char *daemon_step(const struct daemon *d);
/** Take up what waits, when nothing is under way. */
void daemon_go_on(struct daemon *d);
/** Begin a client's apply. @param path  NULL: what is applied already @return 0 or -ENOMEM */
int daemon_apply(struct daemon *d, const char *path);
/** @p path was read, without mistakes when @p good. */
void daemon_configured(struct daemon *d, const char *path, enum configure_for purpose, bool good);
/** Send d->wanted, or keep it for the dataplane that will come. */
void daemon_deliver(struct daemon *d);
/** Remember for the next start that d->config was applied, then answer. */
void daemon_record(struct daemon *d, bool pending);

/* change.c: changes by command. */

/** Read what was changed before this process began. @return 0 or -errno, which was logged */
int daemon_recall_changes(struct daemon *d);
/**
 * Begin a change; daemon_answer_change() tells the end. Nothing else is under way.
 * @param why  room for a sentence @return NULL, or why it is not begun
 */
const char *daemon_change(struct daemon *d, const json_t *request, char *why, size_t why_bytes);
/** Begin to take back one change, or all: 0. An apply follows. @return false when there is none */
bool daemon_forget_changes(struct daemon *d, uint64_t number);
/** Push what the generation that runs does not hold. */
void daemon_push_changes(struct daemon *d);
/** The dataplane said that workers act on what was pushed. */
void daemon_change_ponged(struct daemon *d);
/** The dataplane has gone. */
void daemon_change_lost(struct daemon *d);
/** The ring belongs to a generation that runs no more, or to a dataplane that has gone. */
void daemon_forget_ring(struct daemon *d);
/** The dataplane does not say that its workers act on the change. */
bool daemon_change_hangs(const struct daemon *d);

/** Write the list of changes down, and answer the client of the one that is under way. */
void daemon_save_changes(struct daemon *d);

/* change_read.c */

/** What a change is made in: what runs, or what a dataplane that comes begins with. */
const struct snapshot *daemon_change_basis(const struct daemon *d);
/** Read and check a request. @return NULL, or why it is none that can be made */
const char *daemon_read_change(const struct daemon *d, const json_t *request, struct change *change,
	char *why, size_t why_bytes);

/* amend.c: changes that need a new part of the snapshot. */

/** Make what runs, or will, hold all changes. d->changes_before, unless empty, holds again after a
 *  refusal. */
void daemon_amend(struct daemon *d);
/** The dataplane's answer to d->amended. @param refusal  NULL: it runs */
void daemon_amended(struct daemon *d, const char *refusal);

/* attach.c: the dataplane's coming and going. */

/** Connect to the dataplane after @p ms, and try again until one is there. */
void daemon_connect_in(struct daemon *d, uint64_t ms);
/** Bring a dataplane that came and the configuration together. */
void daemon_meet(struct daemon *d);
/** The file was read for daemon_meet(). @param good  without mistakes */
void daemon_meet_configured(struct daemon *d, bool good);
/** Send d->wanted. @return 0 or -errno; the response comes later */
int daemon_send_wanted(struct daemon *d);
/** The same of d->amended. */
int daemon_send_amended(struct daemon *d);
/** Limits follow consumers and plans from @p old to @p now, which runs from here on. */
void daemon_carry_limits(struct daemon *d, const struct snapshot *old, const struct snapshot *now);
/** Put a snapshot in the place of what ran, of the same certificates. */
void daemon_replace_ran(struct daemon *d, struct snapshot *now);
/** Close the link, and the segments that came over it. */
void daemon_link_close(struct daemon *d);

/* events.c */

/** Move events from all rings into the access log. */
void daemon_drain_events(struct daemon *d);

/* requests.c: sluicectl's connections. */
/**
 * @param uid  owner of the socket's file, with @p gid; -1: ours
 * @return 0 or -errno with a sentence in @p why
 */
int daemon_listen(
	struct daemon *d, const char *path, uid_t uid, gid_t gid, char *why, size_t why_bytes);
/** @param context  the struct daemon */
void daemon_accept(void *context);
/** Close clients that keep silent, and answer those whose apply takes a dataplane too long. */
void daemon_expire_clients(struct daemon *d);
/** How many applies wait for the one that is under way. */
unsigned daemon_applies_queued(const struct daemon *d);
/** Begin the apply that waits longest. @return false when none does */
bool daemon_apply_next(struct daemon *d);
/** Answer all clients that wait for the apply under way. @param error  NULL: d->outcome */
void daemon_answer_apply(struct daemon *d, const char *error);
/** The same, for a file with mistakes. */
void daemon_answer_mistakes(struct daemon *d, const char *path);
/** Answer the client of the change that is under way. @param error  NULL: d->changing */
void daemon_answer_change(struct daemon *d, const char *error);
/** Answer those that wait, and close all connections. */
void daemon_close_clients(struct daemon *d);

/* status.c */
/** @param own  the user may see what is in our files */
json_t *daemon_status(const struct daemon *d, bool own);

#endif
