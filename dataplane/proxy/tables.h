/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One generation's tables: the snapshot and everything that the main core builds from it before the
 * workers see it. Immutable once published (but for keys that deltas change, behind policy), replaced
 * as a whole, freed when QSBR says that every worker moved on.
 */
#ifndef SLUICE_DATAPLANE_PROXY_TABLES_H
#define SLUICE_DATAPLANE_PROXY_TABLES_H

#include "dataplane/policy/policy.h"
#include "dataplane/route/route.h"
#include "dataplane/tls/tls.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/usage.h"

#define TABLES_WORKERS_MAX 64

struct tables {
	struct snapshot snapshot; /* owned */
	struct route_table *routes;
	struct policy *policy;
	struct usage *usage; /* the gateway's, not owned: outlives every generation */
	uint32_t worker_count;
	struct tls_contexts *tls[TABLES_WORKERS_MAX]; /* NULL where no listener has TLS */
	/* Slot to index in this generation, SNAP_NONE where the slot is free. */
	uint32_t *listener_by_slot, *endpoint_by_slot;
	uint32_t listener_slots, endpoint_slots;
};

struct tables_config {
	uint32_t worker_count;
	struct rte_mempool **pools;   /* one for each worker: TLS writes into it */
	const uint8_t *ticket_secret; /* 80 bytes */
	struct usage *usage;
};

/**
 * Build the tables of a generation.
 * @param snapshot  taken over on success
 * @param secrets   read only during the call
 * @param previous  the running generation, or NULL
 * @param why       on failure, a sentence; @p why_bytes of room
 * @return NULL on failure
 */
struct tables *tables_create(const struct tables_config *config, struct snapshot *snapshot,
	const struct secrets *secrets, struct tables *previous, char *why, size_t why_bytes);
void tables_destroy(struct tables *tables);

/** Index of the endpoint with @p slot in this generation, or SNAP_NONE. */
static inline uint32_t tables_endpoint(const struct tables *t, uint32_t slot)
{
	return slot < t->endpoint_slots ? t->endpoint_by_slot[slot] : SNAP_NONE;
}

static inline uint32_t tables_listener(const struct tables *t, uint32_t slot)
{
	return slot < t->listener_slots ? t->listener_by_slot[slot] : SNAP_NONE;
}

#endif
