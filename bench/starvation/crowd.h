/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crowd of the starvation bench: the slow, who hold memory in one of several manners, and among them some
 * newcomers who read a large answer to its end and come again with a new connection each time. A slow one that is
 * thrown out comes back within a second: it is an attack.
 */
#ifndef SLUICE_BENCH_STARVATION_CROWD_H
#define SLUICE_BENCH_STARVATION_CROWD_H

#include "bench/common/hdr.h"
#include "bench/engine/engine.h"

#define CROWD_FIRST (ENGINE_CLIENT_FIRST + ENGINE_CLIENTS_MAX)
#define CROWD_ROUND UINT64_C(1000000000) /* in which each looks after itself once, ns */

enum crowd_manner {
	CROWD_READERS, /* ask for a large answer and do not read it, or a byte in each round trip */
	CROWD_HEADS,   /* send two packets of a head that does not end */
	CROWD_DISORDER, /* send single bytes, each behind a gap */
	CROWD_REFUSALS, /* pipeline requests that are refused and read as the readers do */
};

struct crowd_config {
	enum crowd_manner manner; /* of the slow */
	uint32_t slow, newcomers;
	uint32_t body_bytes; /* of an answer */
	struct rte_mempool *pool;
	struct rte_ether_addr gateway;
	const struct engine *engine; /* whose backends answer: it knows what is right */
};

struct crowd_stats {
	uint64_t asked;        /* requests of the slow, repetitions left out */
	uint64_t thrown_out;   /* slow ones reset with an answer to read */
	uint64_t turned_away;  /* reset before they asked */
	uint64_t taken_bytes;  /* what the slow read */
	uint64_t answers;      /* of newcomers, complete and right */
	uint64_t dry;          /* frames that found the mbuf pool empty */
	struct hdr latency_ns; /* of newcomers, from the first SYN to the answer's last byte */
};

struct crowd;

/** @return NULL when out of memory */
struct crowd *crowd_create(const struct crowd_config *config);
void crowd_destroy(struct crowd *crowd);

/** From now on the slow ask; until then they only open connections. */
void crowd_ask(struct crowd *crowd);
/** From now on who is out stays out, of the slow. */
void crowd_go(struct crowd *crowd);
/** Let time pass: who has waited for too long says it again, who is out comes back. */
void crowd_look(struct crowd *crowd, uint64_t now_ns);
/** @return whether @p m is for one of the crowd, who has then taken it in; it stays the caller's */
bool crowd_receive(struct crowd *crowd, const struct rte_mbuf *m, uint64_t now_ns);
/** Frames to the gateway, owned by the caller. @return how many, at most @p n */
uint16_t crowd_send(struct crowd *crowd, struct rte_mbuf **frames, uint16_t n, uint64_t now_ns);

/** Of the slow: connections that are open now. */
uint32_t crowd_open(const struct crowd *crowd);
struct crowd_stats *crowd_stats(struct crowd *crowd);
/** What went wrong first; NULL while all is well. */
const char *crowd_failure(const struct crowd *crowd);

#endif
