/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage that a program adds behind those of stage.def and that may ask somewhere else and wait for
 * the answer. sluice-dataplane adds none yet; the tests add one that answers as a script or a seed
 * wants it.
 */
#ifndef SLUICE_DATAPLANE_PIPELINE_HOOKS_H
#define SLUICE_DATAPLANE_PIPELINE_HOOKS_H

#include "dataplane/pipeline/pipeline.h"

struct pipeline_hooks {
	void *ctx;
	uint32_t wait_ms; /* the longest that a request waits; at least 1 */
	/* What a request is refused with that cannot ask or is not answered in time.
	 * REASON_PROXIED: it goes on. */
	enum reason otherwise;
	/* The requests of @p mask got through all stages: say by burst_reply(), burst_wait() and
	 * burst_reset() what else is to become of them. What was answered comes again, with
	 * decision->asked, and does not wait again. */
	void (*request)(void *ctx, struct burst *burst, uint32_t mask);
	/** Ask what the waiting request wants to know. @param ticket  names it in the answer
	 *  @return false when that cannot be done now */
	bool (*ask)(void *ctx, const struct decision *decision, uint64_t ticket);
	/** Take the next answer, to whatever ticket, also to one that nothing waits with any more.
	 *  @return false when there is none */
	bool (*answer)(void *ctx, uint64_t *ticket, uint64_t *answer);
	/** An exchange ended: called once for each that there was, refused ones included. */
	void (*end)(void *ctx, enum reason why);
};

/* Take the lowest request out of @p mask, which is not empty. */
static inline uint32_t burst_first(uint32_t *mask)
{
	const uint32_t i = (uint32_t)__builtin_ctz(*mask);

	*mask &= *mask - 1;
	return i;
}

/* The request goes no further: it is answered for the reason. */
static inline void burst_reply(struct burst *b, uint32_t i, enum reason why)
{
	b->decisions[i].verdict = why;
	b->next &= ~(UINT32_C(1) << i);
}

/* The request waits for an answer. */
static inline void burst_wait(struct burst *b, uint32_t i)
{
	b->next &= ~(UINT32_C(1) << i);
	b->wait |= UINT32_C(1) << i;
}

/* The request's connection is reset. */
static inline void burst_reset(struct burst *b, uint32_t i, enum reason why)
{
	burst_reply(b, i, why);
	b->reset |= UINT32_C(1) << i;
}

#endif
