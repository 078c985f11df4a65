/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of one worker to control, and the replies: two rings in one segment, each with a single
 * producer and a single consumer. Neither side waits: a full ring refuses. Each side keeps its own
 * index to itself and treats everything that it reads as hostile: the other's index, the sequence of
 * records, lengths, and to which question a reply belongs.
 */
#ifndef SLUICE_LIB_SHM_ASK_H
#define SLUICE_LIB_SHM_ASK_H

#include <stdatomic.h>

#include "lib/shm/shm.h"

#define ASK_RECORDS    256 /* of each ring: a worker has so many questions open at most */
#define ASK_DATA_BYTES 960

enum ask_kind {
#define ASK(NAME, name, deadline_ms, fallback, text) ASK_##NAME,
#include "lib/shm/ask.def"
#undef ASK
	ASK_KIND_COUNT
};

enum ask_verdict { ASK_REFUSE = 1, ASK_ALLOW = 2 };

struct ask_question {
	uint64_t sequence; /* in its ring, counts up from 1 */
	uint64_t number;   /* the reply repeats it; it means something to the worker alone */
	uint64_t asked_ns, deadline_ns; /* CLOCK_MONOTONIC */
	uint32_t kind;                  /* enum ask_kind */
	uint32_t bytes;                 /* of data */
	uint64_t reserved[3];
	uint8_t data[ASK_DATA_BYTES];
};
static_assert(sizeof(struct ask_question) == 1024, "sixteen lines");

struct ask_reply {
	uint64_t sequence; /* in its ring, counts up from 1 */
	uint64_t life;     /* boot id of the segment that the question came from */
	uint64_t number;   /* of the question */
	uint32_t verdict;  /* enum ask_verdict */
	uint32_t bytes;    /* of data */
	uint64_t reserved[4];
	uint8_t data[ASK_DATA_BYTES];
};
static_assert(sizeof(struct ask_reply) == sizeof(struct ask_question), "both rings are one array");

struct ask_ring_header {
	uint32_t records; /* of both rings together, a power of two: the first half are questions */
	uint32_t record_bytes;
	uint64_t reserved[7];
	_Alignas(64) _Atomic uint64_t asked;   /* written by the worker: questions ever put */
	_Alignas(64) _Atomic uint64_t taken;   /* written by control: questions ever taken */
	_Alignas(64) _Atomic uint32_t sleeps;  /* set by control before it sleeps, cleared by the
						* worker that wakes it */
	_Alignas(64) _Atomic uint64_t replied; /* written by control: replies ever put */
	_Alignas(64) _Atomic uint64_t read;    /* written by the worker: replies ever taken */
};

/* Both rings as one side sees them. */
struct ask_ring {
	struct segment segment;
	uint64_t life; /* boot id of the segment */
	struct ask_ring_header *header;
	struct ask_question *questions;
	struct ask_reply *replies;
	uint32_t mask;      /* of each ring */
	uint64_t put, got;  /* this side's own indices */
	uint64_t room_seen; /* the other's index when it was last read for room */
};

/**
 * Make both rings, as their worker.
 * @param records  of each, a power of two, at most ASK_RECORDS
 * @return 0, -EINVAL or -errno; the caller owns @p out
 */
int ask_ring_create(uint32_t worker, uint32_t records, uint64_t boot_id, struct ask_ring *out);
/**
 * Map received rings, as control. It goes on where the control before it stopped.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EBADMSG when the numbers do not fit, or an error of segment_map()
 */
int ask_ring_open(int fd, struct ask_ring *out);
/** Unmap and close; what holds nothing is left alone. */
void ask_ring_close(struct ask_ring *ring);

/* The worker's side. */

/**
 * Put a question.
 * @param head  its number, times, kind and bytes (at most ASK_DATA_BYTES); the data is in @p data
 * @param wake  set when control sleeps and has to be woken, once for each sleep
 * @return false when the ring is full
 */
bool ask_ring_put(
	struct ask_ring *ring, const struct ask_question *head, const void *data, bool *wake);
/**
 * Take the next reply. After damage the ring goes on empty.
 * @param out  a copy, whose verdict and bytes are in range
 * @return 1, 0 when there is none, -EPROTO for what is none: damaged indices or sequence, another
 *         worker's life, a verdict or length out of range
 */
int ask_ring_reply_take(struct ask_ring *ring, struct ask_reply *out);

/* Control's side. */

/**
 * Take the next question. After damage the ring goes on empty.
 * @param out  a copy, whose bytes are in range; its kind may be any number
 * @return 1, 0 when there is none, -EPROTO as for replies
 */
int ask_ring_take(struct ask_ring *ring, struct ask_question *out);
/**
 * Put a reply.
 * @param head  its life, number, verdict and bytes (at most ASK_DATA_BYTES)
 * @return false when the worker leaves its replies in the ring
 */
bool ask_ring_reply(struct ask_ring *ring, const struct ask_reply *head, const void *data);
/** Let the worker wake us with its next question. @return false when one waits already */
bool ask_ring_sleep(struct ask_ring *ring);

/** @return "ping"; "unknown" for what is no kind */
const char *ask_name(enum ask_kind kind);
/** How long a worker waits for an answer, in milliseconds. */
uint32_t ask_deadline_ms(enum ask_kind kind);
/** What holds without an answer. */
enum ask_verdict ask_fallback(enum ask_kind kind);

#endif
