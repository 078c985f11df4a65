/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers' questions (lib/shm/ask.h) and their handlers: one function for each row of ask.def,
 * called in the loop's thread. A handler replies at once, or keeps its struct asked and replies
 * when a job is done.
 */
#ifndef SLUICE_CONTROL_DAEMON_ASK_H
#define SLUICE_CONTROL_DAEMON_ASK_H

#include "lib/shm/ask.h"

struct daemon;

/* A question, as long as the reply to it is due. */
struct asked {
	enum ask_kind kind;
	uint32_t worker;
	uint64_t life; /* of the dataplane that asked */
	uint64_t number;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; a later reply is not sent */
};

/* Since the start. */
struct ask_counts {
	uint64_t answered;
	uint64_t late;    /* found, or done, after the deadline: the worker did not wait */
	uint64_t damaged; /* records that are no question */
	uint64_t lost;    /* replies whose dataplane has gone, or does not take replies */
};

#define ASK(NAME, name, deadline_ms, fallback, text)                                               \
	void ask_on_##name(                                                                        \
		struct daemon *d, const struct asked *asked, const uint8_t *data, uint32_t bytes);
#include "lib/shm/ask.def"
#undef ASK

/** Answer what workers asked, and sleep until they ask again. */
void daemon_drain_asks(struct daemon *d);

/**
 * Reply to a question, once, at any time after its handler was called.
 * @param data  @p bytes of it for the asking stage, at most ASK_DATA_BYTES; NULL with 0
 */
void daemon_reply(struct daemon *d, const struct asked *asked, enum ask_verdict verdict,
	const void *data, uint32_t bytes);

#endif
