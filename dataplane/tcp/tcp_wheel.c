/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashed timer wheel. Arming and disarming cost a few stores; finding the next filled slot reads a
 * bitmap, so that a worker that slept for a minute does not walk its 60,000 empty slots.
 */
#include "dataplane/tcp/tcp_wheel.h"

#include <string.h>

#define FIRST      0x80000000u /* in prev: the node is the first of the slot in the lower bits */
#define SLOT_MASK  (TCP_WHEEL_SLOTS - 1)
#define WORDS      (TCP_WHEEL_SLOTS / 64)
#define NODE(w, i) ((struct tcp_wheel_node *)((w)->nodes + (size_t)(i) * (w)->stride))

size_t tcp_wheel_bytes(void)
{
	return WORDS * sizeof(uint64_t) + TCP_WHEEL_SLOTS * sizeof(uint32_t);
}

void tcp_wheel_start(struct tcp_wheel *w, uint32_t now)
{
	w->now = now;
	w->limit = now - 1;
	w->empty = now;
}

void tcp_wheel_init(struct tcp_wheel *w, void *memory, void *nodes, size_t stride)
{
	tcp_wheel_start(w, 0);
	w->count = 0;
	w->stride = stride;
	w->nodes = nodes;
	w->filled = memory;
	w->first = (uint32_t *)(w->filled + WORDS);
}

void tcp_wheel_disarm(struct tcp_wheel *w, uint32_t index)
{
	struct tcp_wheel_node *node = NODE(w, index);

	if (node->prev == TCP_WHEEL_NIL)
		return;
	if (node->next != TCP_WHEEL_NIL)
		NODE(w, node->next)->prev = node->prev;
	if (node->prev & FIRST) {
		uint32_t slot = node->prev & SLOT_MASK;

		w->first[slot] = node->next + 1;
		if (node->next == TCP_WHEEL_NIL)
			w->filled[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
	} else {
		NODE(w, node->prev)->next = node->next;
	}
	node->prev = TCP_WHEEL_NIL;
	w->count--;
}

void tcp_wheel_arm(struct tcp_wheel *w, uint32_t index, uint32_t at)
{
	struct tcp_wheel_node *node = NODE(w, index);
	uint32_t slot;

	tcp_wheel_disarm(w, index);
	if ((int32_t)(at - w->limit) <= 0)
		at = w->limit + 1;
	if (at - w->now > TCP_WHEEL_HORIZON)
		at = w->now + TCP_WHEEL_HORIZON;
	slot = at & SLOT_MASK;
	node->at = at;
	node->next = w->first[slot] - 1;
	node->prev = FIRST | slot;
	if (node->next != TCP_WHEEL_NIL)
		NODE(w, node->next)->prev = index;
	else
		w->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
	w->first[slot] = index + 1;
	if (w->count++ == 0 || (int32_t)(at - w->empty) < 0)
		w->empty = at;
}

/* Ticks from w->now to the first filled slot; TCP_WHEEL_SLOTS when all are empty. */
static uint32_t wheel_distance(const struct tcp_wheel *w)
{
	uint32_t slot = w->empty & SLOT_MASK;
	uint32_t word = slot / 64;
	uint64_t bits = w->filled[word] & ~UINT64_C(0) << (slot % 64);

	if (w->count == 0)
		return TCP_WHEEL_SLOTS;
	/* The first word comes twice: its low bits are the farthest slots. */
	for (uint32_t i = 0; i <= WORDS; i++) {
		if (bits != 0) {
			uint32_t hit = word * 64 + (uint32_t)__builtin_ctzll(bits);

			return w->empty - w->now + ((hit - slot) & SLOT_MASK);
		}
		word = (word + 1) % WORDS;
		bits = w->filled[word];
	}
	return TCP_WHEEL_SLOTS;
}

uint32_t tcp_wheel_expire(struct tcp_wheel *w, uint32_t tick)
{
	uint32_t ahead, index;

	if ((int32_t)(tick - w->now) < 0)
		return TCP_WHEEL_NIL;
	w->limit = tick;
	ahead = wheel_distance(w);
	w->empty = w->now + ahead;
	if (ahead == TCP_WHEEL_SLOTS || ahead > tick - w->now) {
		w->now = tick + 1;
		return TCP_WHEEL_NIL;
	}
	w->now += ahead;
	index = w->first[w->now & SLOT_MASK] - 1;
	tcp_wheel_disarm(w, index);
	return index;
}

bool tcp_wheel_next(const struct tcp_wheel *w, uint32_t *at)
{
	uint32_t ahead = wheel_distance(w);

	if (ahead == TCP_WHEEL_SLOTS)
		return false;
	*at = w->now + ahead;
	return true;
}
