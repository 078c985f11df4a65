/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic generator of the benches: clients on one side of the gateway, backends on the other,
 * each with a TCP just large enough for a link that loses nothing. It knows frames, not ports: the
 * self-driven form (bench/self) calls it from inside the port's receive and transmit, the two-core
 * form (bench/gen) from a loop over real ports.
 *
 * What comes back is checked: status, length and every byte of the content, which is derived from
 * the request's id. The id is in the path; the backend derives the content from the id that it got.
 * So an answer to another request, of another length or with a byte changed is seen, and ends the
 * run.
 */
#ifndef SLUICE_BENCH_ENGINE_ENGINE_H
#define SLUICE_BENCH_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "bench/common/hdr.h"

#define ENGINE_BACKENDS_MAX 16
#define ENGINE_KEY_BYTES    40 /* "ak_live_" and 32 of [0-9a-f] */

/* Addresses, the same in every bench. */
#define ENGINE_IP(a, b, c, d)  ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define ENGINE_GATEWAY_OUTSIDE ENGINE_IP(10, 0, 0, 1)
#define ENGINE_ROUTER          ENGINE_IP(10, 0, 0, 254) /* clients are behind it */
#define ENGINE_GATEWAY_INSIDE  ENGINE_IP(10, 0, 1, 1)
#define ENGINE_BACKEND_FIRST   ENGINE_IP(10, 0, 1, 11)
#define ENGINE_CLIENT_FIRST    ENGINE_IP(100, 64, 0, 0) /* one address a connection, of a /10 */
#define ENGINE_CLIENTS_MAX     (1u << 21)
#define ENGINE_LISTEN_PORT     80
#define ENGINE_BACKEND_PORT    8080
#define ENGINE_HOST            "api.shop.example"
#define ENGINE_PATH            "/v1/orders/" /* 16 hexadecimal digits of the id follow */

enum engine_side { ENGINE_OUTSIDE, ENGINE_INSIDE, ENGINE_SIDES };

struct engine_config {
	uint32_t index;          /* of this engine: its clients have addresses of their own */
	uint32_t connections;    /* client connections */
	uint32_t depth;          /* requests under way on each */
	uint32_t per_connection; /* requests until it is closed; 0: without end */
	uint32_t keys;           /* that requests are of; 0: they carry none */
	uint32_t first_key;      /* of these */
	double zipf;             /* exponent of the keys' popularity; 0: uniform */
	uint32_t head_bytes;     /* of a request */
	uint32_t body_bytes;     /* of an answer */
	uint32_t backends;
	bool timestamps;   /* TCP's, on both sides, as Linux has them */
	bool no_checksums; /* the port computes and checks them */
	double rate;       /* requests a second, open loop; 0: closed loop */
	bool refusals;     /* 429 is a fine answer too */
	bool tls;          /* clients speak TLS 1.3 */
	bool ack_all;      /* clients acknowledge every segment, as they may have to wait */
	bool resets;       /* the gateway may give up an answer that a backend makes */
	struct rte_mempool *pool;
	struct rte_ether_addr gateway_mac[ENGINE_SIDES];
};

struct engine_stats {
	uint64_t answers;    /* complete and right */
	uint64_t refused;    /* of these, 429 */
	uint64_t body_bytes; /* of answers */
	uint64_t requests;   /* that reached a backend */
	uint64_t by_backend[ENGINE_BACKENDS_MAX];
	uint64_t opened, closed; /* client connections */
	uint64_t backend_opened;
	uint64_t frames_in, frames_out;
	uint64_t pure_acks_in; /* from the gateway, without data */
	uint64_t duplicates;   /* segments from the gateway that were there before */
	uint64_t gaps;         /* segments from the gateway with others missing before them */
	uint64_t late;         /* for connections that are over */
	struct hdr latency_ns; /* from when the request was due */
};

struct engine;

/** @return NULL when out of memory */
struct engine *engine_create(const struct engine_config *config, uint64_t now_ns);
void engine_destroy(struct engine *engine);

/** Frames from the gateway. They stay the caller's. */
void engine_receive(struct engine *engine, enum engine_side side, struct rte_mbuf **frames,
	uint16_t n, uint64_t now_ns);
/** Frames towards the gateway, owned by the caller. @return how many, at most @p n */
uint16_t engine_send(struct engine *engine, enum engine_side side, struct rte_mbuf **frames,
	uint16_t n, uint64_t now_ns);

/** Does engine_send() have something, now? */
bool engine_has_work(const struct engine *engine, enum engine_side side);
/** Open loop: when the next request is due; UINT64_MAX in the closed loop. */
uint64_t engine_next_due_ns(const struct engine *engine);
/** Change from closed to open loop, or the rate; 0 for the closed loop. */
void engine_set_rate(struct engine *engine, double rate, uint64_t now_ns);
/** For gateways that may drop what comes: call it often, and who saw no progress for a quarter of a second
 *  sends again. Of one connection each, at @p depth 1. */
void engine_look(struct engine *engine, uint64_t now_ns);
/** Begin no further request: what is under way is finished. */
void engine_stop(struct engine *engine);
/** Begin so many further requests and no more. */
void engine_limit(struct engine *engine, uint64_t requests);
/** Are all requests of engine_limit(), and those before them, answered? */
bool engine_done(const struct engine *engine);

/** Client connections that are open now. */
uint32_t engine_open(const struct engine *engine);
/** Requests due and not sent for want of a free connection. */
uint32_t engine_backlog(const struct engine *engine);

/** Counters since engine_stats_reset(). */
const struct engine_stats *engine_stats(const struct engine *engine);
void engine_stats_reset(struct engine *engine);

/** What went wrong first; NULL while all is well. */
const char *engine_failure(const struct engine *engine);
/** Was it only that requests were due faster than the gateway took them? */
bool engine_overrun(const struct engine *engine);

/** Are @p len bytes from @p at on those of the answer to request @p id? */
bool engine_content_right(
	const struct engine *engine, uint64_t id, uint32_t at, const char *data, uint32_t len);

/** The text of a key, not terminated. @param out  ENGINE_KEY_BYTES */
void engine_key_text(uint64_t key, char *out);
/** The name of its consumer, terminated. @param out  24 bytes  @return its length */
uint32_t engine_consumer_name(uint64_t key, char *out);

#endif
