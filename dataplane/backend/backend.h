/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one worker keeps of the endpoints behind it, by their slots, over all generations: which of
 * them is next (balance.h), which are ejected (eject.h) or down (health.h), idle connections to them (pool.h), and what
 * became of attempts there (outcome.h).
 */
#ifndef SLUICE_DATAPLANE_BACKEND_BACKEND_H
#define SLUICE_DATAPLANE_BACKEND_BACKEND_H

#include "dataplane/backend/balance.h"
#include "dataplane/backend/health.h"
#include "dataplane/backend/pool.h"
#include "lib/shm/stats.h"

struct backends {
	struct balance *balance;
	struct pool *pools; /* by slot; one more is for connections whose endpoint is gone */
	struct stats *stats;
	uint32_t slots;
	struct health *health;   /* of all workers; NULL: no checks */
	uint64_t health_changes; /* that were looked at */
	uint64_t *down;          /* bits by slot: what the worker knows of them */
	/* Of the generation: slot to index into SNAP_ENDPOINTS, SNAP_NONE for none. */
	const uint32_t *indices;
	uint32_t index_count;
	struct stats_endpoint gone; /* where counts of slots go that have no meaning any more */
};

/* What a generation has for this worker; all of it outlives the generation's use. */
struct backends_generation {
	const struct balance_plan *plan;
	struct balance_rounds *rounds; /* made for the plan and for this worker; written */
	const uint32_t *indices;       /* by slot, as above; @p index_count of them */
	uint32_t index_count;
};

/**
 * @param slots  all endpoints' slots are below it
 * @param stats   this worker's, not owned
 * @param health  of all workers, not owned; NULL: no endpoint is checked
 * @param seed   of this worker, see balance_create()
 * @return 0, or -ENOMEM; backends_fini() in either case
 */
int backends_init(struct backends *b, uint32_t slots, struct stats *stats, struct health *health,
	uint64_t seed);
void backends_fini(struct backends *b);
/** Bytes that backends_init() takes, without the struct. */
size_t backends_bytes(uint32_t slots);

/** Go on with another generation. Takes the same time whatever its size. */
void backends_follow(struct backends *b, const struct backends_generation *generation);

/** Take note of endpoints that went up or down. Once a loop; cheap while none did. */
void backends_follow_health(struct backends *b);

/** The endpoint of @p slot is gone: what comes with this slot is another one. Its pool is the
 * caller's to empty. */
void backends_forget(struct backends *b, uint32_t slot);

/** Index into SNAP_ENDPOINTS of the endpoint with @p slot in this generation, or SNAP_NONE. */
static inline uint32_t backends_index(const struct backends *b, uint32_t slot)
{
	return slot < b->index_count ? b->indices[slot] : SNAP_NONE;
}

/** The slot of connections whose endpoint is gone: its pool stays empty. */
static inline uint32_t backends_slot_gone(const struct backends *b)
{
	return b->slots;
}

/** The statistics of the endpoint with @p slot; never NULL. */
static inline struct stats_endpoint *backends_stats(struct backends *b, uint32_t slot)
{
	return slot < b->stats->shape.endpoints ? &b->stats->endpoint[slot] : &b->gone;
}

#endif
