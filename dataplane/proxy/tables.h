/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One generation's tables, the root that a worker reads once a burst: the snapshot and everything
 * that the main core builds from it before the workers see it: what they share, what each needs for
 * itself, and what changed since the generation before, so that taking it over costs a worker what
 * changed and not what there is. What is made of parts of the snapshot that did not change is
 * shared with the generation before. Immutable once published (but for keys that deltas change,
 * behind policy, and for each worker's own part), replaced as a whole, freed when QSBR says that
 * every worker moved on. Workers go through generations one by one, by the pointer to the next.
 */
#ifndef SLUICE_DATAPLANE_PROXY_TABLES_H
#define SLUICE_DATAPLANE_PROXY_TABLES_H

#include "dataplane/backend/balance.h"
#include "dataplane/backend/budget.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/tls/tls.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/usage.h"

#define TABLES_WORKERS_MAX 64

/* What is counted by slot. */
enum slot_kind { SLOT_LISTENER, SLOT_API, SLOT_ENDPOINT, SLOT_CONSUMER, SLOT_KINDS };

/* Slots that meant something in the generation before and mean something else, or nothing, in this
 * one. */
struct tables_ended {
	uint32_t count;
	uint32_t *slots;
	uint64_t *bits; /* by slot; NULL without a generation before */
	uint32_t bit_count;
};

/* Of listeners, since the generation before. */
struct tables_listening {
	uint32_t closed_count, opened_count, backlog_count;
	uint32_t *closed;  /* indices into the SNAP_LISTENERS of the generation before */
	uint32_t *opened;  /* indices into this one's */
	uint32_t *backlog; /* the same of those that stay and have another backlog */
	bool tls_changed;  /* one speaks TLS now and did not, or the other way round */
};

/* What a worker has for itself. */
struct tables_worker {
	/* NULL where no listener and no backend has TLS; shared while these and certificates stay */
	struct tls_contexts *tls;
	struct policy_scratch *scratch;
	struct balance_rounds *rounds;
};

/* Slots to records of one kind; shared while its part does not change. */
struct tables_slots {
	uint32_t shares;
	uint32_t count;
	uint32_t index[]; /* by slot, SNAP_NONE where it is free */
};

/* What is made of the gateway's listeners and of routing. */
struct tables_routing {
	uint32_t shares;
	struct snapshot view; /* of these kinds */
	struct route_table *routes;
};

/* What is made of callers. */
struct tables_callers {
	uint32_t shares;
	struct snapshot view; /* of this kind */
	struct policy *policy;
	uint32_t worker_count;
	struct policy_scratch *scratch[TABLES_WORKERS_MAX];
};

struct tables {
	struct snapshot snapshot; /* owned */
	struct tables *next;      /* the generation after; read once that is published */
	struct route_table *routes;
	struct policy *policy;
	struct balance_plan *balance;
	struct pipeline pipeline;
	struct budget *budget; /* the gateway's, not owned; NULL: nothing is tried again */
	struct budget_plan *budget_slots; /* NULL without budget */
	struct tables_routing *routing;   /* owns routes */
	struct tables_callers *callers;   /* owns policy and each worker's scratch */
	struct usage *usage;              /* the gateway's, not owned: outlives every generation */
	uint32_t worker_count;
	struct tables_worker worker[TABLES_WORKERS_MAX];
	/* Slot to index in this generation, SNAP_NONE where the slot is free. */
	const uint32_t *by_slot[SLOT_KINDS];
	struct tables_slots *indices[SLOT_KINDS]; /* what by_slot points into */
	uint32_t slots[SLOT_KINDS];
	struct tables_ended ended[SLOT_KINDS];
	struct tables_ended reconnect; /* endpoints whose backend has other TLS settings now */
	struct tables_listening listening;
};

struct tables_config {
	uint32_t worker_count;
	struct rte_mempool **pools; /* one for each worker: TLS writes into it */
	const struct tls_tickets *tickets;
	struct usage *usage;
	struct budget *budget; /* of retries; NULL: none are made but for those of any route */
	const struct pattern_compiler *compiler; /* NULL: patterns are compiled in this process */
};

/**
 * Build the tables of a generation.
 * @param snapshot  taken over on success
 * @param secrets   read only during the call
 * @param previous  the running generation, or NULL. On success its next one is this one
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

static inline bool tables_ended_has(const struct tables_ended *ended, uint32_t slot)
{
	return slot < ended->bit_count && (ended->bits[slot / 64] >> slot % 64 & 1);
}

/** True when @p slot had a meaning in the generation before that it does not have any more. */
static inline bool tables_slot_ended(const struct tables *t, enum slot_kind kind, uint32_t slot)
{
	return tables_ended_has(&t->ended[kind], slot);
}

/** True when connections to the endpoint with @p slot are not to be reused: they were made, or not
 *  encrypted, by other settings. */
static inline bool tables_slot_reconnects(const struct tables *t, uint32_t slot)
{
	return tables_ended_has(&t->reconnect, slot);
}

/* tables_slots.c */

/** Are the parts of these kinds, bits 1 << kind, those of the generation before? */
static inline bool tables_share(
	const struct tables *t, const struct tables *previous, unsigned kinds)
{
	return previous && snapshot_shares(&t->snapshot, &previous->snapshot, kinds);
}

/**
 * Index the slots of a generation, and find those whose meaning changed and the listeners that come
 * and go.
 * @param previous  the running generation, or NULL
 * @return false without memory
 */
bool tables_index_slots(struct tables *tables, const struct tables *previous);
void tables_free_slots(struct tables *tables);

#endif
