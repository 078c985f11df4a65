/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of connections and requests: a hashed wheel of intrusive nodes with a tick of 10 ms,
 * which is finer than any timeout an operator sets. Moving a deadline later only stores the new
 * time; the node moves when its old slot comes due, so that a busy connection does not pay for its
 * idle timeout.
 */
#ifndef SLUICE_DATAPLANE_PROXY_DEADLINE_H
#define SLUICE_DATAPLANE_PROXY_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define DEADLINE_TICK_NS UINT64_C(10000000)
#define DEADLINE_SLOTS   1024

struct deadline {
	uint64_t when_ns; /* 0: not wanted */
	uint64_t slot_ns; /* time of the slot it waits in */
	bool queued;
	uint8_t kind;               /* the owner's; kept */
	LIST_ENTRY(deadline) entry; /* last: seldom touched, and may be in the owner's next line */
};

LIST_HEAD(deadline_list, deadline);

struct deadline_wheel {
	uint64_t tick; /* last tick that was run */
	struct deadline_list slots[DEADLINE_SLOTS];
};

void deadline_wheel_init(struct deadline_wheel *wheel, uint64_t now_ns);

/** Set or move a deadline. */
void deadline_set(struct deadline_wheel *wheel, struct deadline *d, uint64_t when_ns);

/** Not wanted any more; cheap, the node stays in its slot. */
static inline void deadline_clear(struct deadline *d)
{
	d->when_ns = 0;
}

/** Take the node out: before its memory is reused. */
void deadline_remove(struct deadline *d);

/** Call @p due for every deadline that passed; it may set the same node again or free it. */
void deadline_run(struct deadline_wheel *wheel, uint64_t now_ns,
	void (*due)(void *ctx, struct deadline *d), void *ctx);

#endif
