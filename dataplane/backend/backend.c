/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a worker's side of endpoints, and its generations; see backend.h. */
#include "dataplane/backend/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t backends_pools_bytes(uint32_t slots)
{
	return ((size_t)slots + 1) * sizeof(struct pool);
}

int backends_init(struct backends *b, uint32_t slots, struct stats *stats, struct health *health,
	uint64_t seed)
{
	memset(b, 0, sizeof(*b));
	b->slots = slots;
	b->stats = stats;
	b->health = health;
	b->balance = balance_create(slots, seed);
	b->pools = malloc(backends_pools_bytes(slots));
	b->down = calloc((size_t)slots / 64 + 1, sizeof(*b->down));
	if (b->balance == NULL || b->pools == NULL || b->down == NULL)
		return -ENOMEM;
	for (uint32_t slot = 0; slot <= slots; slot++)
		pool_init(&b->pools[slot]);
	return 0;
}

void backends_fini(struct backends *b)
{
	balance_destroy(b->balance);
	free(b->pools);
	free(b->down);
}

size_t backends_bytes(uint32_t slots)
{
	return balance_bytes(slots) + backends_pools_bytes(slots) +
	       ((size_t)slots / 64 + 1) * sizeof(uint64_t);
}

void backends_follow(struct backends *b, const struct backends_generation *generation)
{
	balance_follow(b->balance, generation->plan, generation->rounds);
	b->indices = generation->indices;
	b->index_count = generation->index_count;
}

static void backends_follow_word(struct backends *b, uint32_t word)
{
	const uint64_t now = atomic_load_explicit(&b->health->down[word], memory_order_relaxed);
	uint64_t changed = now ^ b->down[word];

	b->down[word] = now;
	for (; changed; changed &= changed - 1) {
		const uint32_t bit = (uint32_t)__builtin_ctzll(changed), slot = 64 * word + bit;

		if (slot < b->slots)
			balance_set_down(b->balance, slot, backends_index(b, slot), now >> bit & 1);
	}
}

void backends_follow_health(struct backends *b)
{
	uint64_t changes;

	if (b->health == NULL)
		return;
	changes = atomic_load_explicit(&b->health->changes, memory_order_acquire);
	if (__builtin_expect(changes == b->health_changes, 1))
		return;
	b->health_changes = changes;
	for (uint32_t word = 0; word <= b->slots / 64 && word < HEALTH_WORDS; word++)
		backends_follow_word(b, word);
}

void backends_forget(struct backends *b, uint32_t slot)
{
	balance_forget(b->balance, slot);
	/* It may be set for the one that comes. */
	b->down[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	b->health_changes = UINT64_MAX;
}
