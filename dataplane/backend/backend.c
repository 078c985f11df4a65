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

int backends_init(struct backends *b, uint32_t slots, struct stats *stats, uint64_t seed)
{
	memset(b, 0, sizeof(*b));
	b->slots = slots;
	b->stats = stats;
	b->balance = balance_create(slots, seed);
	b->pools = malloc(backends_pools_bytes(slots));
	if (b->balance == NULL || b->pools == NULL)
		return -ENOMEM;
	for (uint32_t slot = 0; slot <= slots; slot++)
		pool_init(&b->pools[slot]);
	return 0;
}

void backends_fini(struct backends *b)
{
	balance_destroy(b->balance);
	free(b->pools);
}

size_t backends_bytes(uint32_t slots)
{
	return balance_bytes(slots) + backends_pools_bytes(slots);
}

void backends_follow(struct backends *b, const struct backends_generation *generation)
{
	balance_follow(b->balance, generation->plan, generation->rounds);
	b->indices = generation->indices;
	b->index_count = generation->index_count;
}

void backends_forget(struct backends *b, uint32_t slot)
{
	balance_forget(b->balance, slot);
}
