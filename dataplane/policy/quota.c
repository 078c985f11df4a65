/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers read the clock at different times, so at a window's edge one may still be in the window
 * that another has left: it then counts in the new one, and no window is counted twice.
 */
#include "dataplane/policy/quota.h"

#define USED_BITS   40
#define USED_MAX    ((UINT64_C(1) << USED_BITS) - 1)
#define WINDOW_MASK UINT64_C(0xffffff)

struct quota_state {
	uint64_t window; /* number, not yet cut to 24 bits */
	uint64_t used;
};

static struct quota_state quota_state(uint64_t value, uint64_t window_s, uint64_t wall_s)
{
	struct quota_state state = { wall_s / window_s, value & USED_MAX };
	const uint64_t ahead = ((value >> USED_BITS) - state.window) & WINDOW_MASK;

	if (ahead == 1 && value != 0)
		state.window++;
	else if (ahead != 0)
		state.used = 0;
	return state;
}

static uint64_t quota_step(uint64_t value, uint64_t amount, uint64_t window_s, uint64_t wall_s,
	bool count_over, struct quota_result *out)
{
	struct quota_state state = quota_state(value, window_s, wall_s);

	out->allowed = state.used < amount;
	out->reset_s = (state.window + 1) * window_s - wall_s;
	if ((out->allowed || count_over) && state.used < USED_MAX)
		state.used++;
	out->remaining = state.used < amount ? amount - state.used : 0;
	return (state.window & WINDOW_MASK) << USED_BITS | state.used;
}

void quota_take(_Atomic uint64_t *word, uint64_t amount, uint64_t window_s, uint64_t wall_s,
	bool count_over, struct quota_result *out)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed), next;

	window_s = window_s != 0 ? window_s : 1;
	do {
		next = quota_step(value, amount, window_s, wall_s, count_over, out);
	} while (next != value && !atomic_compare_exchange_weak_explicit(word, &value, next,
					  memory_order_relaxed, memory_order_relaxed));
}

void quota_look(const _Atomic uint64_t *word, uint64_t amount, uint64_t window_s, uint64_t wall_s,
	struct quota_result *out)
{
	quota_step(atomic_load_explicit(word, memory_order_relaxed), amount,
		window_s != 0 ? window_s : 1, wall_s, false, out);
}

void quota_refund(_Atomic uint64_t *word, uint64_t window_s, uint64_t wall_s)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed), next;

	window_s = window_s != 0 ? window_s : 1;
	do {
		struct quota_state state = quota_state(value, window_s, wall_s);

		if (state.used == 0)
			return;
		next = (state.window & WINDOW_MASK) << USED_BITS | (state.used - 1);
	} while (!atomic_compare_exchange_weak_explicit(
		word, &value, next, memory_order_relaxed, memory_order_relaxed));
}
