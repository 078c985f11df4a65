/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides requests: fixed stages (stage.def), each over the whole burst, so that what they look up
 * is hashed, fetched and compared together. A stage sees parsed heads, tables and the time that it
 * is handed; no packet, no connection, no clock and no log.
 */
#ifndef SLUICE_DATAPLANE_PIPELINE_PIPELINE_H
#define SLUICE_DATAPLANE_PIPELINE_PIPELINE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/http/message.h"
#include "dataplane/policy/policy.h"
#include "dataplane/route/route.h"
#include "lib/shm/reason.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/usage.h"

enum pipeline_stage {
#define PIPELINE_STAGE(NAME, name, text) PIPELINE_##NAME,
#include "dataplane/pipeline/stage.def"
#undef PIPELINE_STAGE
	PIPELINE_STAGES
};

#define PIPELINE_BURST 32 /* requests decided together; no more than POLICY_BULK */

/* A route's API and settings in the form that decisions read: one cache line instead of a line of
 * each record that says a part of it. */
struct route_plan {
	alignas(64)
		uint64_t body_max; /* the smaller of the route's and everybody's, or UINT64_MAX */
	uint32_t stages; /* bits 1 << enum pipeline_stage, beyond the route's, and PLAN_* */
	uint32_t timeout_ms;
	uint32_t backend; /* index into SNAP_BACKENDS; SNAP_NONE with the stage REPLY */
	uint32_t api;     /* index into SNAP_APIS */
	uint32_t api_slot;
	uint32_t body_max_own; /* the route's; 0: none */
	uint32_t credential_count;
	uint32_t edit;           /* index into SNAP_EDITS; SNAP_NONE: none */
	uint32_t credentials[6]; /* indices into SNAP_CREDENTIALS; where there are more: the first
				  * of them in SNAP_API_CREDENTIALS */
};
static_assert(sizeof(struct route_plan) == 64, "one line");

#define PLAN_WEBSOCKET (1u << 31) /* its requests may become one */
#define PLAN_RETRY     (1u << 30) /* it says how they are tried again */

/* One generation's tables for the stages: built off the workers, read by all of them. */
struct pipeline {
	const struct snapshot *snapshot;
	const struct route_table *routes;
	const struct policy *policy;
	struct usage *usage;
	struct route_plan *plans; /* by route; owned */
	uint32_t *
		credentials; /* by entry of SNAP_API_CREDENTIALS: index into SNAP_CREDENTIALS; owned */
	uint64_t body_max; /* of any request; UINT64_MAX: none */
};

/**
 * Compile the routes' plans.
 * @param pipeline  its other members are set and outlive it
 * @return false without memory
 */
bool pipeline_init(struct pipeline *pipeline);
void pipeline_fini(struct pipeline *pipeline);

/* Whether the request has waited, see hooks.h. */
enum decision_asked { DECISION_NOT_ASKED, DECISION_ANSWERED, DECISION_UNANSWERED };

struct pipeline_hooks;

/* A request, and what the stages found out about it. */
struct decision {
	alignas(64) const struct http_head *head;
	const struct route_plan *plan; /* NULL while no route is known */
	struct route_match match;
	uint32_t listener; /* index into SNAP_LISTENERS; SNAP_NONE: it is gone */
	enum reason verdict;
	bool has_caller; /* caller is known, and its key has not expired */
	bool has_limit;  /* limit is what its limits said */
	bool paid;       /* its limits were taken before: they are not taken again */
	uint8_t asked;   /* enum decision_asked */
	uint64_t key;    /* first bytes of the digest of a key that is known; 0: none */
	struct policy_caller caller;
	struct policy_limit_verdict limit;
	struct policy_credential credential;
	uint64_t answer; /* with DECISION_ANSWERED */
};

/* A request that names its last hop (RFC 9110 §7.6.2) goes no further. */
static inline bool decision_is_the_last_hop(const struct decision *d)
{
	return d->head->has_max_forwards && d->head->max_forwards == 0;
}

/* Requests that are decided together, by one worker at one time. */
struct burst {
	const struct pipeline *pipeline;
	struct policy_scratch *scratch;
	uint64_t now_ns, wall_s;            /* CLOCK_MONOTONIC; Unix seconds */
	const struct pipeline_hooks *hooks; /* NULL: none */
	struct decision *decisions;
	uint32_t next;     /* bit i: decisions[i] goes on; the others have their verdict */
	uint32_t wait;     /* it waits for an answer */
	uint32_t reset;    /* its connection is reset, for the verdict */
	uint32_t any, all; /* stages that a request wants of those that went on from the route */
};

/**
 * Run the stages. Of each decision whose bit is set in @p burst->next, head, listener, paid and asked
 * are set, and no bit of wait and reset; on return the bit is still set in next, or is set in wait,
 * where the verdict is REASON_PROXIED.
 */
void pipeline_run(struct burst *burst);

/**
 * The same stage by stage, for a program that tells what each decides: pipeline_begin(), then each
 * stage in the order of its number.
 */
void pipeline_begin(struct burst *burst);
void pipeline_step(struct burst *burst, enum pipeline_stage stage);

#endif
