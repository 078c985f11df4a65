/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashed timer wheel of one worker: 65,536 slots of one tick (1 ms), a node for each connection,
 * linked by index. A deadline beyond the horizon is put at the horizon; whoever owns the node arms
 * it again when it comes up, so that the wheel never moves many nodes at once.
 */
#ifndef SLUICE_DATAPLANE_TCP_TCP_WHEEL_H
#define SLUICE_DATAPLANE_TCP_TCP_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_WHEEL_SLOTS   65536u
#define TCP_WHEEL_HORIZON (TCP_WHEEL_SLOTS - 1) /* ticks */
#define TCP_WHEEL_NIL     UINT32_MAX

struct tcp_wheel_node {
	uint32_t next; /* in the slot */
	/* TCP_WHEEL_NIL: not on the wheel; else the one before, or the slot with the highest bit
	 * set */
	uint32_t prev;
	uint32_t at; /* tick it is armed for, at most the horizon away */
};

struct tcp_wheel {
	uint32_t now;   /* every tick before this one has been worked */
	uint32_t limit; /* the tick that is being worked: what is armed now comes after it */
	uint32_t count; /* nodes on the wheel */
	uint32_t empty; /* with nodes: no slot before this tick is filled */
	size_t stride;  /* bytes from one node to the next */
	uint8_t *nodes; /* the first node */
	uint32_t *
		first; /* of each slot, one more than its index: memory of zeros is an empty wheel */
	uint64_t *filled; /* a bit for each slot */
};

/** Bytes of the block that tcp_wheel_init() wants. */
size_t tcp_wheel_bytes(void);

/** @param memory  tcp_wheel_bytes(), 8-byte aligned, zeroed  @param nodes  the first node, of objects that
 * are @p stride bytes apart; each node must have been through tcp_wheel_node_init() */
void tcp_wheel_init(struct tcp_wheel *w, void *memory, void *nodes, size_t stride);

/** Say what time it is, before the first node is armed. */
void tcp_wheel_start(struct tcp_wheel *w, uint32_t now);

static inline void tcp_wheel_node_init(struct tcp_wheel_node *node)
{
	node->prev = TCP_WHEEL_NIL;
}

static inline bool tcp_wheel_armed(const struct tcp_wheel_node *node)
{
	return node->prev != TCP_WHEEL_NIL;
}

/** Arm node @p index for tick @p at (now or the past: the next tick), moving it if it is armed. */
void tcp_wheel_arm(struct tcp_wheel *w, uint32_t index, uint32_t at);

/** Take the node off; nothing if it is not on. */
void tcp_wheel_disarm(struct tcp_wheel *w, uint32_t index);

/** Take off one node that is due at @p tick or before, in order of time.
 *  @return its index, or TCP_WHEEL_NIL when none is left and the wheel has moved on to @p tick */
uint32_t tcp_wheel_expire(struct tcp_wheel *w, uint32_t tick);

/** @return false when nothing is armed, else the first armed tick in @p at */
bool tcp_wheel_next(const struct tcp_wheel *w, uint32_t *at);

#endif
