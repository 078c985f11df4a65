/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the proxy share among themselves. */
#ifndef SLUICE_DATAPLANE_PROXY_PROXY_PRIV_H
#define SLUICE_DATAPLANE_PROXY_PROXY_PRIV_H

#include <assert.h>
#include <sys/queue.h>

#include "dataplane/backend/backend.h"
#include "dataplane/backend/eject.h"
#include "dataplane/backend/outcome.h"
#include "dataplane/http/h1/http1.h"
#include "dataplane/pipeline/ticket.h"
#include "dataplane/proxy/chain.h"
#include "dataplane/proxy/cors.h"
#include "dataplane/proxy/deadline.h"
#include "dataplane/proxy/edit.h"
#include "dataplane/proxy/hold.h"
#include "dataplane/proxy/proxy.h"
#include "dataplane/proxy/retry.h"
#include "dataplane/proxy/slab.h"
#include "dataplane/proxy/stream.h"
#include "dataplane/proxy/transport.h"

#define TRIED_MAX        4    /* endpoints that one request may be refused by */
#define INTERIM_RESTARTS 10   /* interim responses that begin the route's timeout anew */
#define ROUNDS_MAX       64   /* pipelined requests of one connection that one loop answers */
#define LINGER_MS        3000 /* from our FIN, or from the last part that came, to the client's */
#define LINGER_NS        (LINGER_MS * UINT64_C(1000000))
#define LINGER_ALL_NS    UINT64_C(30000000000) /* for all parts */

enum peer_kind { PEER_CLIENT = 1, PEER_UPSTREAM = 2, PEER_TASK = 3 };

enum client_state {
	CLIENT_HANDSHAKE, /* TLS */
	CLIENT_HEAD,      /* waits for a request, or for the rest of its head */
	CLIENT_DECIDE,    /* in this loop's burst */
	CLIENT_EXCHANGE,  /* a request is under way */
	CLIENT_CLOSING,   /* our FIN is queued; what still comes is thrown away */
	CLIENT_BREAKING,  /* its response broke off: RST once it has what there was of it */
};

struct client {
	uint8_t kind; /* first: tells TCP's users apart; PEER_TASK: of Sluice's own, see task.h */
	uint8_t state;
	bool ready;        /* waits in proxy->ready */
	bool keep_alive;   /* after this answer */
	bool served;       /* has had an answer */
	bool holder;       /* is among proxy->holders */
	bool no_room;      /* CLIENT_HEAD: its next request waits until responses were read */
	bool leaving;      /* its listener is gone: it ends with the next answer */
	bool counted;      /* among its source's connections */
	bool clear_on_tls; /* spoke HTTP where TLS is spoken: to be told so */
	bool unread;       /* CLIENT_CLOSING: had not read all when its deadline was set */
	uint32_t listener_slot;
	struct transport transport;
	struct exchange *exchange;
	struct stream rx; /* clear bytes that were not consumed */
	union {
		uint64_t first_byte_ns; /* of the head that is being received; 0: none */
		uint64_t linger_end_ns; /* while closing: no part that comes prolongs it beyond */
	};
	TAILQ_ENTRY(client) ready_entry;
	struct deadline deadline;
	struct ip_addr remote;
	uint16_t remote_port;
	uint8_t ip_bytes;
	char ip_text[IP_TEXT_BYTES]; /* of remote; a text of IPv4 ends in the third line */

	/* A request seldom touches what is from here on. */
	uint16_t local_port;
	struct ip_addr local;
	LIST_ENTRY(client) all_entry;
	LIST_ENTRY(client) holder_entry;
	uint64_t looked_ns; /* when looked_done was noted, while mbufs were short; 0: not noted */
	uint32_t looked_done;
	/* Unacknowledged bytes when the deadline was set, while closing, breaking or no_room, and for
	 * how long it was set. */
	uint32_t pending_seen, pending_ms;
};
static_assert(offsetof(struct client, deadline.entry) <= 128, "");
static_assert(offsetof(struct client, ip_text) + sizeof("255.255.255.255") <= 192, "");

enum exchange_flag {
	EX_HEAD_HELD = 1 << 0,    /* the request's head is still in client->rx */
	EX_REQUEST_DONE = 1 << 2, /* the whole request was forwarded */
	EX_RESPONDING = 1 << 3,   /* the answer's head went to the client */
	EX_EXPECT = 1 << 4,       /* 100 Continue is owed */
	EX_RETRIED = 1 << 5,      /* a pooled connection failed once already */
	EX_RATE_FIELDS = 1 << 6,  /* limit_verdict is to be told */
	EX_HTTP10 = 1 << 7,
	EX_BODY_STOPPED = 1 << 8, /* the backend takes no more of the body */
	EX_DECHUNK = 1 << 9,      /* chunked answer to an HTTP/1.0 client */
	EX_REPEATS = 1 << 12,  /* all of the request stays in client->rx until its response begins,
			       * to be sent again if need be */
	EX_RATED = 1 << 13,    /* exchange->rate is in use */
	EX_PAID = 1 << 14,     /* its limits were taken */
	EX_WAITING = 1 << 15,  /* it has a ticket and waits for the answer, see suspend.c */
	EX_RESUMED = 1 << 16,  /* is among proxy->ready, to be decided again */
	EX_ANSWERED = 1 << 17, /* exchange->answer is what it waited for */
	EX_UNANSWERED = 1 << 18,    /* it could not ask, or there was no answer in time */
	EX_UPGRADE = 1 << 19,       /* it asks to become a tunnel, and may */
	EX_TUNNEL = 1 << 20,        /* it is one, see tunnel.c */
	EX_EDIT_RESPONSE = 1 << 21, /* exchange->response_edit says how its response is changed */
	EX_CORS = 1 << 22,          /* its response says which pages may read it, see cors.c */
	EX_RETRY = 1 << 23,         /* it may be tried again as exchange->retry says */
	EX_RETRY_NOTED = 1 << 24,   /* exchange->retry is in use */
	EX_KEPT = 1 << 25,          /* exchange->retry.kept is what was sent of it */
};

/* What a side of an exchange owes, see wait.c. */
enum wait_owes {
	OWES_NOTHING,
	OWES_READING,    /* client: to take bytes that were sent to it */
	OWES_BODY,       /* client */
	OWES_CONNECTION, /* backend */
	OWES_RESPONSE,   /* backend: a response, or to take the request */
	OWES_TRAFFIC,    /* backend, for both: anything in a tunnel */
};

struct wait_side {
	uint64_t since_ns; /* when it began to owe, or moved on last */
	uint32_t mark;     /* changes when it moves on */
	uint8_t owes;      /* enum wait_owes */
};

/* How fast the client sends or reads, see rate.c. */
struct client_rate {
	uint64_t since_ns; /* it owes since then; 0: it does not */
	uint64_t owed_ns;  /* for how long before that */
	uint32_t mark;     /* bytes when the measurement began */
	uint8_t owes;      /* enum wait_owes: what is measured */
};

/* One try of an exchange at one endpoint, see attempt.c. */
struct attempt {
	struct upstream *upstream; /* its connection; NULL: none, or not any more */
	struct rte_mbuf *head;     /* written for the endpoint and not sent yet */
	uint64_t sent_ns;          /* the head was sent; 0: not yet */
	uint64_t answered_ns;      /* the head of the final response came; 0: not yet */
	uint32_t slot;             /* of the endpoint; SNAP_NONE: none, or it is gone */
	uint32_t connect_timeout_ms;
	uint8_t outcome; /* enum outcome */
	bool reused;     /* it was sent over a connection that carried an earlier request */
	uint8_t number;  /* of the exchange's attempts so far */
};

/* One request and its response. */
struct exchange {
	struct client *client;  /* its origin: a client, or a task's session */
	struct attempt attempt; /* the latest */
	uint32_t flags;
	uint32_t head_bytes; /* of the client's head */

	uint64_t generation; /* of the tables that decided it */
	uint32_t backend;    /* index into that generation */
	uint32_t timeout_ms;
	uint8_t tried_count; /* of tried[] */
	uint8_t method;
	uint16_t status;
	uint16_t path_bytes;
	uint8_t host_bytes;
	uint8_t interims; /* responses before the final one, at most INTERIM_RESTARTS are counted */
	struct wait_side client_side, backend_side;
	enum reason reason;
	uint32_t body_max; /* of its route; 0: none of its own */

	struct http1_body request_body, response_body;
	uint64_t body_bytes; /* of the request, so far */
	uint64_t bytes_in, bytes_out;
	uint64_t start_ns;

	uint64_t request_id;
	uint64_t key;       /* first bytes of its digest; 0: none was recognised */
	uint32_t api, plan; /* indices into the generation; SNAP_NONE on open APIs */
	uint32_t api_slot, consumer_slot;
	struct policy_limit_verdict limit;
	uint32_t held_body; /* bytes behind the head of a request that is held, with framing */
	uint32_t progress;  /* moves with each part of the response that restarts the timeout */

	/* What is from here on is not cleared at the beginning. */
	char names[EVENT_HOST_BYTES + EVENT_PATH_BYTES]; /* the host, and behind it the path */
	uint32_t tried[TRIED_MAX];                       /* slots of endpoints that refused it */
	struct client_rate rate;                         /* with EX_RATED */
	uint64_t ticket;                                 /* with EX_WAITING */
	uint64_t answer;                                 /* with EX_ANSWERED */
	struct rte_mbuf *response_edit;                  /* with EX_EDIT_RESPONSE, see edit.c */
	struct rte_mbuf *cors_lines; /* with EX_CORS; NULL: no page may read it */
	struct retry retry;          /* with EX_RETRY_NOTED */
};
static_assert(offsetof(struct exchange, names) == 256, "four lines, and one for the names");

/* Whether its origin is a task of Sluice's own and no client. */
static inline bool exchange_is_internal(const struct exchange *ex)
{
	return unlikely(ex->client->kind == PEER_TASK);
}

static inline char *exchange_path(struct exchange *ex)
{
	return ex->names + ex->host_bytes;
}

#define EXCHANGE_HOT_BYTES 320 /* what a response touches of it, most of the time */
#define CLIENT_HOT_BYTES   192

enum upstream_state {
	UPSTREAM_CONNECTING,
	UPSTREAM_HANDSHAKE, /* TCP has connected */
	UPSTREAM_BUSY,
	UPSTREAM_IDLE
};

/* A connection to a backend's endpoint. */
struct upstream {
	uint8_t kind;
	uint8_t state;
	bool reused;           /* carried an earlier request */
	bool reusable;         /* the response allows another request */
	bool check;            /* a connection that a health check wants */
	bool ended;            /* by a reset or a timeout: TCP is through with it */
	uint16_t keep_alive_s; /* as the backend's latest response said; UPSTREAM_UNSAID */
	struct transport transport;
	struct exchange *exchange;
	struct stream rx;
	struct pool_entry pool_entry; /* while idle */
	uint32_t slot;
	uint32_t idle_limit;
	struct deadline deadline; /* while idle or a probe; an exchange has its client's */
};
static_assert(offsetof(struct upstream, deadline.entry) <= 128, "a request touches two lines");

/** Whether no request can be sent yet. */
static inline bool upstream_opening(const struct upstream *u)
{
	return u->state < UPSTREAM_BUSY;
}

#define UPSTREAM_UNSAID UINT16_MAX

/** The @p i-th of the slab's places, below its touched. @return NULL: it is free. The link of a free
 *  one, which begins it then, is aligned and no kind */
static inline struct upstream *upstream_at(const struct slab *upstreams, uint32_t i)
{
	struct upstream *u = (void *)(upstreams->base + i * upstreams->object_bytes);

	return u->kind == PEER_UPSTREAM ? u : NULL;
}

static inline const struct http_head *decision_head(const struct decision *d)
{
	return d->head;
}

/* What carried it. */
static inline struct http1_head *decision_received(const struct decision *d)
{
	return RTE_PTR_SUB(d->head, offsetof(struct http1_head, message));
}

/* What slow readers are held to while mbufs are short. */
struct pressure {
	struct client *next; /* to look at; NULL: the first */
	uint64_t since_ns;   /* when they became short */
	uint64_t look_ns, raise_ns;
	uint32_t rate; /* bytes a second; 0: mbufs are not short */
};

struct proxy {
	struct proxy_config config;
	struct tcp_stack *tcp;
	const struct tables *tables;
	struct backends backends;
	struct policy_scratch *scratch; /* of the tables */
	uint64_t now_ns, wall_s;
	uint64_t date_s; /* of date_text */
	char date_text[32];
	bool draining;
	uint32_t handshake_lines; /* written in the second handshake_lines_s */
	uint64_t handshake_lines_s;
	uint64_t request_id; /* of the latest request, without the worker */
	struct http1_limits limits, response_limits;
	struct stats_worker *counters;
	struct deadline_wheel wheel;
	struct slab clients, exchanges, upstreams, heads;
	struct checks *checks;
	uint32_t client_count;
	struct tickets tickets; /* of exchanges that wait */
	TAILQ_HEAD(ready_list, client) ready;
	LIST_HEAD(, client) all;
	LIST_HEAD(, client) holders; /* may hold bytes that were not read */
	uint32_t holder_count;
	struct pressure pressure;
	/* Where counts of slots go that mean nothing any more: read by nothing. */
	struct stats_listener gone_listener;
	struct stats_api gone_api;
	uint32_t decision_count, deciding_mask;  /* bit i: decisions[i] is some client's still */
	struct client *deciding[PIPELINE_BURST]; /* whose decisions */
	/* From here on with undefined content at the start: written before it is read, for it holds
	 * what an earlier request left there. */
	struct decision decisions[PIPELINE_BURST];
	struct http1_head received[PIPELINE_BURST], again_received; /* what their heads are in */
	struct decision again; /* of a request that is sent a second time */
	struct http1_head answer, trailers;
	char scratch_head[2 * HTTP1_MAX_HEAD_BYTES];
	char scratch_path[HTTP1_MAX_HEAD_BYTES];
	struct edit_scratch edit;
};

static inline const struct snap_settings *proxy_settings(const struct proxy *p)
{
	return snap_settings(&p->tables->snapshot);
}

/* The longest body of a request; 0: no limit. @param own  what its route says; 0: nothing */
static inline uint64_t proxy_body_max(const struct proxy *p, uint32_t own)
{
	const uint64_t all = proxy_settings(p)->body_bytes_max;

	return own && (!all || own < all) ? own : all;
}

/* proxy.c: at its end, free the mbufs that a session and its exchange hold. */
void proxy_free_session(struct proxy *p, struct client *c);

/* client.c */
void *client_accepted(struct proxy *p, struct tcp_conn *tcp, uint32_t listener_slot);
void client_readable(struct proxy *p, struct client *c);
void client_writable(struct proxy *p, struct client *c);
void client_ended(struct proxy *p, struct client *c, enum tcp_end why);
void client_due(struct proxy *p, struct client *c);
/* Put it on the ready list: its head is to be looked at in this loop. */
void client_ready(struct proxy *p, struct client *c);
/* Refuse what never became a request; the connection cannot go on. */
void client_refuse(struct proxy *p, struct client *c, enum reason why);
/* Parse what it has. */
void client_advance(struct proxy *p, struct client *c);
/* Whether there is any. Of TCP's lines it reads one, where the client has read all that was sent to
 * it. */
static inline bool client_has_room(const struct client *c)
{
	return likely(transport_pending(&c->transport) == 0) ||
	       transport_send_space(&c->transport) > 0;
}
/* Send clear bytes; consumes the chain. @return false when they are lost: abort the client */
static inline bool client_send(struct proxy *p, struct client *c, struct rte_mbuf *chain)
{
	return transport_send(&c->transport, chain, p->now_ns) == 0;
}
/* Take so much of what TCP has into rx, in whole mbufs and TLS records. @return true when there is
 * anything */
bool client_pull(struct proxy *p, struct client *c, uint32_t bytes);
/* FIN after what is queued, then throw away what still comes. */
void client_close(struct proxy *p, struct client *c);
/* RST and free. */
void client_abort(struct proxy *p, struct client *c);
/* End its exchange, whose response is out in part only: RST once the client has read that part, or
 * reads no more. */
void client_break(struct proxy *p, struct client *c, enum reason why);
/* The answer is complete: next request, or close. */
void client_answered(struct proxy *p, struct client *c);

/* decide.c */
/* Its head was read for the next of p->decisions. */
void decide_add(struct proxy *p, struct client *c);
void decide_run(struct proxy *p);
void decide_forget(struct proxy *p, const struct client *c);
/**
 * Decide a request a second time, before it is sent again: an apply may have come since the first.
 * Its limits were taken then and are not taken twice.
 * @param d  its head is read; the rest is filled in
 * @return REASON_PROXIED, or why the running configuration refuses it
 */
enum reason decide_again(struct proxy *p, struct exchange *ex, struct decision *d);

/* rate.c */
/* After a change of what the client owes. @return when the measurement ends, or UINT64_MAX */
uint64_t rate_update(const struct proxy *p, struct exchange *ex);
/* A measurement ended: the next one begins. @return true when the client was slower than the least
 * rate */
bool rate_late(const struct proxy *p, struct exchange *ex);
/* Whether a client without an exchange has read, and fast enough, since pending_seen was noted
 * pending_ms ago. */
bool rate_reads(const struct proxy *p, const struct client *c);
static inline bool rate_wanted(const struct proxy *p)
{
	return proxy_settings(p)->body_rate_min | proxy_settings(p)->send_rate_min;
}

/* pressure.c */
/* While mbufs are short: give up what holds them too long. Once a loop. */
void pressure_run(struct proxy *p);
/* It may hold bytes from now on. */
void pressure_watch(struct proxy *p, struct client *c);
void pressure_forget(struct proxy *p, struct client *c);

/* exchange.c */
struct exchange *exchange_begin(struct proxy *p, struct client *c, const struct decision *d);
/* The answer is complete, or it never will be: record it and free the exchange. */
void exchange_end(struct proxy *p, struct exchange *ex, enum reason why);
/* Choose an endpoint, write the head for it and send it; also after a failure. @param d its head is
 * parsed. The client may be gone after it */
void exchange_dispatch(struct proxy *p, struct exchange *ex, struct decision *d);
/* Its attempt ended before a response began: another one, or a problem by that reason. */
void exchange_failed(struct proxy *p, struct exchange *ex, enum reason why);
/* Send it once more, as its route wants it. @param why  what the last attempt failed by @param paid  the
 * route's budget was asked already */
void exchange_again(struct proxy *p, struct exchange *ex, enum reason why, bool paid);
/* Answer in Sluice's own name and let the backend go. */
void exchange_refuse(struct proxy *p, struct exchange *ex, enum reason why);

/* attempt.c */
/* Begin one: write the head and get a connection. @param d  its head is parsed @param endpoint  index
 * into SNAP_ENDPOINTS @return false without memory: it has ended then */
bool attempt_begin(
	struct proxy *p, struct exchange *ex, const struct decision *d, uint32_t endpoint);
/* The head is sent; the head of the final response came. */
void attempt_sent(struct proxy *p, struct exchange *ex);
void attempt_answered(struct proxy *p, struct exchange *ex);
/* It is over, if it was not before; its connection is reset if it still has one. */
void attempt_end(struct proxy *p, struct exchange *ex, enum outcome outcome);

/* wait.c */
/* Set the exchange's deadline by what its sides owe now. After each upcall that moved it. */
void wait_update(struct proxy *p, struct exchange *ex);
/* The deadline passed. The exchange and its client may be gone after it. */
void wait_due(struct proxy *p, struct exchange *ex);
/* @return NULL, or in what way not exactly one deadline runs for the client and its exchange */
const char *wait_fault(const struct proxy *p, const struct client *c);

/* suspend.c */
/* Ask and wait. @return false when that cannot be: the exchange does not wait */
bool suspend_begin(struct proxy *p, struct exchange *ex, const struct decision *d);
/* With hooks: the exchange ends, for its reason. */
void suspend_over(struct proxy *p, struct exchange *ex);
/* Resume what has been answered. Once a loop. */
void suspend_answers(struct proxy *p);
/* The deadline of the wait passed. The exchange and its client may be gone after it. */
void suspend_due(struct proxy *p, struct exchange *ex);
/* If its exchange is resumed: into the burst with it. */
void suspend_advance(struct proxy *p, struct client *c);
/* @return NULL, or what is wrong with an exchange without a backend */
const char *suspend_fault(const struct proxy *p, const struct exchange *ex);

/* upstream.c */
struct upstream *upstream_get(struct proxy *p, struct exchange *ex, uint32_t endpoint, bool fresh);
void upstream_connected(struct proxy *p, struct upstream *u);
void upstream_readable(struct proxy *p, struct upstream *u);
void upstream_writable(struct proxy *p, struct upstream *u);
void upstream_ended(struct proxy *p, struct upstream *u, enum tcp_end why);
void upstream_due(struct proxy *p, struct upstream *u);
/* It was not accepted in time. */
void upstream_connect_late(struct proxy *p, struct upstream *u);
/* After a complete answer: back into the pool, or closed. */
void upstream_release(struct proxy *p, struct upstream *u);
/* RST and free. */
void upstream_abort(struct proxy *p, struct upstream *u);
/* Bytes came that cannot be the response to its request: on a pooled connection they were behind
 * the last response, and the request may go elsewhere; another backend breaks the rules. */
void upstream_spoke_early(struct proxy *p, struct upstream *u);
/* It broke TLS, or an alert came: a client certificate is refused behind the handshake. */
void upstream_broke_tls(struct proxy *p, struct upstream *u);
/* Its FIN came before an answer. */
void upstream_closed_early(struct proxy *p, struct upstream *u);
/* Connect to ejected endpoints whose time has come. Once a loop. */
void upstream_probes(struct proxy *p);
/* Connect to an endpoint for a health check, which check_connected() or check_failed() ends.
 * @return false without memory */
bool upstream_check(struct proxy *p, uint32_t endpoint, uint32_t timeout_ms);
/* The idle connection of one endpoint that is taken next, and the one after it; NULL: none. */
static inline struct upstream *upstream_of_pool(const struct pool_entry *entry)
{
	return entry ? RTE_PTR_SUB(entry, offsetof(struct upstream, pool_entry)) : NULL;
}
static inline struct upstream *upstream_first_idle(const struct proxy *p, uint32_t slot)
{
	return upstream_of_pool(pool_first(&p->backends.pools[slot]));
}
static inline struct upstream *upstream_next_idle(const struct upstream *u)
{
	return upstream_of_pool(pool_next(&u->pool_entry));
}
/* Close the idle ones: all, or those of one endpoint. */
void upstream_pools_close(struct proxy *p);
void upstream_pool_close(struct proxy *p, uint32_t slot);

/* retire.c */
/* Before @p next takes over: slots that mean something else there are taken from what holds
 * them. */
void retire_run(struct proxy *p, const struct tables *next);

/* forward.c */
typedef void (*forward_write_fn)(struct http1_writer *w, const void *ctx);
/* A writer's output as an mbuf: written in place when it fits one, else by way of the scratch. NULL
 * when no mbuf was free. */
struct rte_mbuf *forward_write(struct proxy *p, forward_write_fn write, const void *ctx);
/* Send the head that was written for the endpoint. */
void forward_send_head(struct proxy *p, struct exchange *ex);
void forward_request_body(struct proxy *p, struct exchange *ex);
void forward_response(struct proxy *p, struct exchange *ex);
/* The backend's connection is gone: forward what it sent before that and was acknowledged. It goes
 * beyond the client's send space once, by what the receive queue held. @return true when that ended
 * the exchange */
bool forward_rest(struct proxy *p, struct exchange *ex);

/* tunnel.c */
/* The backend agreed: from here on both sides may send what they like, until one of them ends. */
void tunnel_begin(struct proxy *p, struct exchange *ex);
/* The client ended its direction. */
void tunnel_client_ended(struct proxy *p, struct exchange *ex);
/* End it on our own account, in order, on both sides. The client may be gone after it. */
void tunnel_end(struct proxy *p, struct exchange *ex, enum reason why);
/* End all. */
void tunnel_end_all(struct proxy *p);

/* head.c */
/**
 * Write the request's head for an endpoint into ex->attempt.head, with the body behind it if that is held.
 * @param d         the decision; its head is parsed
 * @param endpoint  index into SNAP_ENDPOINTS
 * @return false when no mbuf was free
 */
bool head_write(struct proxy *p, struct exchange *ex, const struct decision *d, uint32_t endpoint);
/* The path that was matched: as the client sent it, or in p->scratch_path as the listener reads it. */
struct str head_path_matched(struct proxy *p, const struct client *c, const struct decision *d);

/* Write the request's id: 16 hexadecimal digits. @return 16 */
uint32_t head_format_id(uint64_t id, char *out);

/* trailers.c */
/**
 * Take the trailer section that the chain begins with, once all of it has come.
 * @param forward  make what may be forwarded of it into *out, with its empty line
 * @param used     set to the bytes that were taken off the chain
 * @return HTTP1_MORE, HTTP1_DONE (the body is over), HTTP1_BAD
 */
enum http1_verdict trailers_take(struct proxy *p, struct chain *chain, struct http1_body *body,
	bool forward, uint32_t *used, struct rte_mbuf **out);

/* reply.c */
#define REPLY_FIELDS_BYTES 1536 /* of a reply that is one copy */
/* A response that Sluice gives itself. */
struct reply {
	enum reason reason; /* of the exchange's end */
	uint16_t status;
	struct str type;   /* media type of the body; empty: none */
	struct str fields; /* more field lines, each with its CRLF */
	struct str body;   /* not sent in response to HEAD, nor with a status that has none */
};
/* Send it and end the exchange; a part of its request that is here is dropped. The strings are
 * copied. The client may be gone after it. */
void reply(struct proxy *p, struct exchange *ex, const struct reply *r);
/* Write the Date that a response without one needs (RFC 9110 §6.6.1). */
void reply_date(struct proxy *p, struct http1_writer *w);
/* Write the field lines of the plan's limits. */
void reply_rate_fields(struct proxy *p, const struct exchange *ex, struct http1_writer *w);

/* reply_route.c */
/* Reply to a request that a stage stopped for that reason: as its route is configured, or with a problem.
 * The client may be gone after it. */
void reply_verdict(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d);

/* problem.c */
/* Reply with an error of Sluice's own. @param d the decision, where its head is parsed; NULL when
 * the request was decided earlier or never understood. The client may be gone after it. */
void problem(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d);

/* check.c */
/* @return NULL without memory */
struct checks *checks_create(uint32_t slots);
void checks_destroy(struct proxy *p);
size_t checks_bytes(uint32_t slots);
/* Another generation runs. */
void checks_follow(struct proxy *p);
/* Begin the checks of endpoints that came. Once a loop. */
void checks_run(struct proxy *p);
/* The time of a check, or of its end. */
void checks_due(struct proxy *p, struct client *session);
/* The endpoint of the slot is gone. */
void checks_forget(struct proxy *p, uint32_t slot);
/* None from now on. */
void checks_stop(struct proxy *p);
/* A connection that a check wanted was accepted, or was not. */
void checks_connected(struct proxy *p, uint32_t slot, bool accepted, enum reason why);
/* @return NULL, or what is wrong with the checks' deadlines */
const char *checks_fault(const struct proxy *p);

/* record.c */
void record_exchange(struct proxy *p, struct exchange *ex);
void record_handshake_failed(struct proxy *p, const struct client *c);
/** TLS with an endpoint failed. @param why  a sentence's end */
void record_peer_failed(struct proxy *p, uint32_t slot, const char *why);
/* An endpoint went down or up by its health checks. @param why  of the latest check, with the status of
 * its response, or 0 */
void record_health(struct proxy *p, uint32_t slot, bool down, enum reason why, uint16_t status);
struct stats_api *record_api(struct proxy *p, uint32_t slot);
struct stats_listener *record_listener(struct proxy *p, uint32_t slot);

#endif
