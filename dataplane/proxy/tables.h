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

/* What is counted by slot. */
enum slot_kind { SLOT_LISTENER, SLOT_API, SLOT_ENDPOINT, SLOT_CONSUMER, SLOT_KINDS };

struct tables {
	struct snapshot snapshot; /* owned */
	struct route_table *routes;
	struct policy *policy;
	struct usage *usage; /* the gateway's, not owned: outlives every generation */
	uint32_t worker_count;
	struct tls_contexts *tls[TABLES_WORKERS_MAX]; /* NULL where no listener has TLS */
	/* Slot to index in this generation, SNAP_NONE where the slot is free. */
	uint32_t *by_slot[SLOT_KINDS];
	uint32_t slots[SLOT_KINDS];
	/* When a slot got the meaning that it has, as the number of tables made before; 0 where it has none. Two of
	 * these tell which slots changed hands between their generations, however many lie between. */
	uint32_t *slot_since[SLOT_KINDS];
	uint32_t number;            /* of these tables, from 1 */
	uint32_t ended[SLOT_KINDS]; /* number of the latest tables that ended a slot's meaning */
};

struct tables_config {
	uint32_t worker_count;
	struct rte_mempool **pools; /* one for each worker: TLS writes into it */
	const struct tls_tickets *tickets;
	struct usage *usage;
	const struct pattern_compiler *compiler; /* NULL: patterns are compiled in this process */
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
	return slot < t->slots[SLOT_ENDPOINT] ? t->by_slot[SLOT_ENDPOINT][slot] : SNAP_NONE;
}

static inline uint32_t tables_listener(const struct tables *t, uint32_t slot)
{
	return slot < t->slots[SLOT_LISTENER] ? t->by_slot[SLOT_LISTENER][slot] : SNAP_NONE;
}

/** True when @p slot had a meaning in @p before that it does not have in @p now. */
static inline bool tables_slot_ended(
	const struct tables *before, const struct tables *now, enum slot_kind kind, uint32_t slot)
{
	uint32_t was = slot < before->slots[kind] ? before->slot_since[kind][slot] : 0;
	uint32_t is = slot < now->slots[kind] ? now->slot_since[kind][slot] : 0;

	return was != 0 && was != is;
}

/* tables_slots.c */

/**
 * Index the slots of a generation and find those whose meaning changed.
 * @param previous  the running generation, or NULL
 * @return false without memory
 */
bool tables_index_slots(struct tables *tables, const struct tables *previous);
void tables_free_slots(struct tables *tables);

#endif
