/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker's open questions to control: what the worker cannot answer itself is submitted here,
 * and an upcall brings the answer a few loops later. Every question that was taken ends once, by a
 * reply, its deadline or control's end, unless it is cancelled; a question that is not taken ends
 * at once. Without a reply the fallback of its row in lib/shm/ask.def holds. Time is an argument;
 * nothing here waits.
 */
#ifndef SLUICE_DATAPLANE_ASK_ASK_H
#define SLUICE_DATAPLANE_ASK_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/shm/ask.h"
#include "lib/shm/stats.h"

/* What struct asks begins with, so that a turn of the loop reads one word. */
struct asks_head {
	uint32_t open;
};
struct asks;

/* How a question ended. */
enum ask_end {
	ASK_ANSWERED,
	ASK_FULL,       /* not taken: ASK_RECORDS are open, or the ring is full */
	ASK_LATE,       /* no reply before its deadline */
	ASK_NO_CONTROL, /* not taken, or ended, as no control is connected */
};

struct ask_answer {
	enum ask_end end;
	bool allowed;        /* control's verdict, or the kind's fallback */
	uint32_t bytes;      /* of data; 0 without a reply */
	const uint8_t *data; /* until the upcall returns */
	uint64_t took_ns;
};

/**
 * A question has ended. New ones may be submitted and others cancelled from within.
 * @param cookie  of ask_submit()
 */
typedef void (*ask_answered_fn)(void *ctx, uint64_t cookie, const struct ask_answer *answer);

struct asks_config {
	struct ask_ring *ring;         /* the worker's; stays the caller's */
	int bell;                      /* eventfd that wakes control; -1: none */
	struct stats_worker *counters; /* asks_* of worker_counters.def */
};

/** @return NULL when out of memory. The config is copied. */
struct asks *asks_create(const struct asks_config *config);
/** Ends no question: what waits for one goes before. NULL is allowed. */
void asks_destroy(struct asks *asks);

/** Name the upcall for the answers to one kind of question; before the first of them. */
void asks_set_upcall(struct asks *asks, enum ask_kind kind, ask_answered_fn answered, void *ctx);

/**
 * Ask. The answer comes from asks_turn() or asks_follow_control(), never from within this call.
 * @param bytes   copied, @p len of them, at most ASK_DATA_BYTES
 * @param cookie  for the upcall; control does not see it
 * @param number  set for ask_cancel(); may be NULL
 * @return ASK_ANSWERED: it was taken, and the upcall will come. Else why not, which is counted: no
 *         upcall comes, and ask_fallback() of the kind holds.
 */
enum ask_end ask_submit(struct asks *asks, enum ask_kind kind, const void *bytes, uint32_t len,
	uint64_t cookie, uint64_t now_ns, uint64_t *number);

/** Forget an open question: no upcall comes. The number of one that has ended is left alone. */
void ask_cancel(struct asks *asks, uint64_t number);

/** Questions that are open: without any, a turn has nothing to do. */
static inline uint32_t asks_open(const struct asks *asks)
{
	return ((const struct asks_head *)(const void *)asks)->open;
}

/** Take the replies that came, and end what is late: once a loop. */
void asks_turn(struct asks *asks, uint64_t now_ns);

/**
 * Control came or went: end all that the one before did not answer.
 * @param control  counts connections: odd while one is there, another number for another one
 */
void asks_follow_control(struct asks *asks, uint32_t control, uint64_t now_ns);

/** Ask control once a second whether it is there, for `sluicectl status`; call it now and then. */
void asks_ping(struct asks *asks, uint64_t now_ns);

#endif
