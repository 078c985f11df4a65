/* SPDX-License-Identifier: Apache-2.0 */
/* What the choice of an endpoint (balance.c) and ejection (eject.c) share: the state of endpoints. */
#ifndef SLUICE_DATAPLANE_BACKEND_BALANCE_PRIV_H
#define SLUICE_DATAPLANE_BACKEND_BALANCE_PRIV_H

#include <assert.h>
#include <stdatomic.h>

#include "dataplane/backend/balance.h"
#include "dataplane/route/route_index.h"

/* An endpoint as its worker sees it. */
struct balance_endpoint {
	int64_t credit;
	uint32_t cycle; /* that the credit belongs to; 0: none */
	bool ejected;
	bool probing;      /* ejected, and its probe is under way */
	bool silent;       /* ejected because it did not answer: a try would take long */
	bool down;         /* by its health checks */
	uint32_t place;    /* ejected: in balance->ejected */
	uint64_t until_ns; /* ejected: time of its probe */
	uint64_t try_ns;   /* ejected and silent: not chosen for want of others before then */
};
static_assert(sizeof(struct balance_endpoint) == 40, "three in two lines");

/* An endpoint in its generation; in the order of SNAP_ENDPOINTS. */
struct balance_member {
	uint32_t slot;
	_Atomic uint32_t weight; /* written by the main core, before the group's cycle */
};
static_assert(sizeof(struct balance_member) == 8, "eight in a line");

/* A backend in its generation; in the order of SNAP_BACKENDS. */
struct balance_group {
	uint32_t first, count;  /* members */
	_Atomic uint32_t cycle; /* another number when a member comes, goes or has another weight */
	uint64_t ejection_ns;
};

struct balance_plan {
	const struct snapshot *snapshot;
	uint32_t group_count, member_count;
	uint32_t cycles; /* numbers given so far */
	struct balance_group *groups;
	struct balance_member *members;
	struct route_index names; /* of backends, for the next generation */
};

/* By backend; an array in the order of SNAP_BACKENDS. */
struct balance_rounds {
	int64_t weights; /* of the members that are in the round; 0: there is none */
	uint32_t cycle;  /* of the group when the worker looked at it; 0: it has not */
	bool down;       /* no member is up: those that are down and not ejected are in it */
};

struct balance {
	const struct balance_plan *plan;
	struct balance_rounds *rounds;
	uint64_t random; /* xorshift64, never 0 */
	/* Ejected endpoints are searched for those whose probe is due only when one is. */
	uint64_t probe_ns;   /* of the earliest */
	uint64_t later_ns;   /* the earliest of those that this search passed */
	uint32_t probe_next; /* where the search goes on */
	uint32_t ejected_count;
	uint32_t *ejected;                   /* slots */
	struct balance_endpoint endpoints[]; /* by slot */
};

static inline const struct balance_member *balance_member_at(
	const struct balance *balance, uint32_t number)
{
	return &balance->plan->members[number];
}

/* Now: a weight may be changed at any time. */
static inline uint32_t balance_weight_at(const struct balance *balance, uint32_t number)
{
	return atomic_load_explicit(&balance->plan->members[number].weight, memory_order_relaxed);
}

/* The number of an endpoint's backend. */
static inline uint32_t balance_group_of(const struct balance *balance, uint32_t endpoint)
{
	const struct snapshot *snapshot = balance->plan->snapshot;

	return snap_named(snapshot, SNAP_BACKEND,
		SNAP_AT(snapshot, SNAP_ENDPOINTS, snap_endpoint, endpoint)->backend);
}

/* Whether it has a share in the backend's round. */
static inline bool balance_is_in(
	const struct balance_rounds *round, const struct balance_endpoint *endpoint)
{
	return !endpoint->ejected & (endpoint->down == round->down);
}

static inline struct balance_endpoint *balance_endpoint_at(struct balance *balance, uint32_t number)
{
	return &balance->endpoints[balance_member_at(balance, number)->slot];
}

/* balance.c: begin a new cycle among the backend's endpoints that are available. */
void balance_cycle_begin(struct balance *balance, uint32_t backend);

/* eject.c: the endpoint of @p slot, which is ejected, is so no more. */
void eject_remove(struct balance *balance, uint32_t slot);

#endif
