/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same interface as consumers.c without a table of its own: the keys of a snapshot are sorted by
 * digest, and a program that asks once finds one among them by bisection. sluicectl links it, so that
 * it runs the workers' stages without DPDK. It takes no deltas.
 */
#include <stdlib.h>

#include "dataplane/policy/consumers.h"

struct consumers {
	uint32_t shares;
	const struct snapshot *snapshot;
};

struct consumers *consumers_create(const struct snapshot *snapshot)
{
	struct consumers *c = malloc(sizeof(*c));

	if (c != NULL)
		*c = (struct consumers){ 1, snapshot };
	return c;
}

struct consumers *consumers_hold(struct consumers *consumers)
{
	consumers->shares++;
	return consumers;
}

void consumers_release(struct consumers *consumers)
{
	if (consumers != NULL && --consumers->shares == 0)
		free(consumers);
}

bool consumers_match(struct consumers *consumers, const struct snapshot *snapshot)
{
	return consumers->snapshot == snapshot;
}

bool consumers_changed(const struct consumers *consumers)
{
	(void)consumers;
	return false;
}

uint32_t consumers_find(const struct consumers *c, const uint8_t (*digests)[SNAP_DIGEST_BYTES],
	uint32_t n, void **records)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		/* The other form hands out records of its own, which may be written. */
		records[i] = (void *)(uintptr_t)snap_find_key(c->snapshot, digests[i]);
		found |= (uint32_t)(records[i] != NULL) << i;
	}
	return found;
}

void consumers_callers(
	const struct consumers *c, void *const *records, uint32_t n, struct policy_caller *callers)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct snap_key *key = records[i];
		const struct snap_consumer *consumer;

		if (key == NULL)
			continue;
		consumer = SNAP_AT(c->snapshot, SNAP_CONSUMERS, snap_consumer, key->consumer);
		callers[i] = (struct policy_caller){ key->consumer, consumer->plan, consumer->slot,
			key->expires, snap_str(c->snapshot, consumer->name) };
	}
}
