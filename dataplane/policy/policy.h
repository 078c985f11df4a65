/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is calling, and may they? Credential by signature, key by digest, consumer, plan, limits.
 * Works on parsed heads, keys and clocks that are handed in; knows no packet and no connection.
 */
#ifndef SLUICE_DATAPLANE_POLICY_POLICY_H
#define SLUICE_DATAPLANE_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/http/message.h"
#include "dataplane/policy/credential.h" /* struct policy_credential */
#include "lib/shm/reason.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/usage.h"

/* One generation's tables: built and freed by the main core, read by all workers. */
struct policy;

/* What one worker needs to scan and digest: Hyperscan scratch, digest context. */
struct policy_scratch;

/**
 * Build the tables of a snapshot: patterns compiled by Hyperscan, keys in a table with lock-free
 * readers, plans flattened for the worker.
 * @param previous  the running generation's tables, or NULL; the key table is taken over (shared,
 *                  with a reference count) when the snapshot's keys and consumers did not change,
 *                  which is not looked at where both have the same part
 * @param compiler  of patterns, read during the call; NULL: this process
 * @param why       on failure, a sentence; @p why_bytes of room
 * @return NULL on failure. The snapshot must outlive the tables.
 */
struct policy *policy_create(const struct snapshot *snapshot, struct policy *previous,
	const struct pattern_compiler *compiler, char *why, size_t why_bytes);
void policy_destroy(struct policy *policy);

/** Did deltas change the keys since they were last what a snapshot says? */
bool policy_changed(const struct policy *policy);

/** Scratch for one worker, enough for @p policy. @return NULL when out of memory */
struct policy_scratch *policy_scratch_create(const struct policy *policy);
void policy_scratch_destroy(struct policy_scratch *scratch);

struct delta;
/**
 * Apply a delta (lib/shm/delta.h) whose base is the running generation; by the main core, on the
 * newest tables, after all workers run them. Readers see it at once. Adding a key that is there
 * sets its expiry.
 * @return 0, -EINVAL (operation or index out of range), -ENOENT
 *         (no such key), -EEXIST (another consumer's key), -ENOSPC (no room left: control sends a
 *         snapshot)
 */
int policy_apply_delta(struct policy *policy, const struct delta *delta);

/** Let the places of keys that deltas removed be used again. Call it when every worker has been
 *  quiescent since the last policy_apply_delta(). */
void policy_reclaim(struct policy *policy);

/**
 * Find the caller's credential in @p head.
 * @param accepted  @p n indices into SNAP_CREDENTIALS: those that the request's API accepts
 * @return REASON_PROXIED when found, else KEY_MISSING or KEY_AMBIGUOUS (two different candidates)
 */
enum reason policy_find_credential(const struct policy *policy, struct policy_scratch *scratch,
	const struct http_head *head, const uint32_t *accepted, uint32_t n,
	struct policy_credential *out);

/* A caller. */
struct policy_caller {
	uint32_t consumer; /* index into SNAP_CONSUMERS */
	uint32_t plan;     /* index into SNAP_PLANS */
	uint32_t slot;     /* usage line */
	uint64_t expires;  /* Unix seconds, 0 never */
	struct str name;   /* the consumer's; valid as long as the tables */
};

#define POLICY_BULK 32
/**
 * Look up at most POLICY_BULK digests at once (prefetched).
 * @return bit i is set where callers[i] was found
 */
uint32_t policy_lookup_bulk(const struct policy *policy,
	const uint8_t (*digests)[SNAP_DIGEST_BYTES], uint32_t n, struct policy_caller *callers);

/*
 * Credentials whose callers are asked for together. They are added one by one, with other work
 * between, and each takes two steps a few credentials apart, so that nobody waits for its record: its
 * digest and where the record is; then the record, which is the answer.
 */
struct policy_inquiry {
	uint32_t count;          /* credentials */
	uint32_t located, known; /* of them are through with each step */
	uint32_t hits;           /* bit i is set where records[i] is a record */
	uint32_t found;          /* bit i is set where callers[i] is somebody, once it is known */
	void *records[POLICY_BULK];
	struct policy_caller callers[POLICY_BULK];
	struct str credentials[POLICY_BULK];
	uint8_t digests[POLICY_BULK][SNAP_DIGEST_BYTES];
};

static inline void policy_inquiry_begin(struct policy_inquiry *inquiry)
{
	inquiry->count = inquiry->located = inquiry->known = 0;
	inquiry->found = 0;
}

/** @param credential stays as it is until the end of the inquiry, which takes POLICY_BULK of
 * them */
void policy_inquiry_add(
	const struct policy *policy, struct policy_inquiry *inquiry, struct str credential);

/** Find out about those that are not known yet. */
void policy_inquiry_end(const struct policy *policy, struct policy_inquiry *inquiry);

/** Does the plan open the API that has this slot? */
bool policy_plan_allows(const struct policy *policy, uint32_t plan, uint32_t slot);

/* The verdict of a plan's limits. The limit that is nearest to its end is reported. */
struct policy_limit_verdict {
	uint64_t remaining; /* requests left at once (RateLimit r) */
	uint32_t reset_s;   /* seconds until the limit is full again (RateLimit t), rounded up */
	/* When refused: seconds until one request fits, rounded up, at least 1. */
	uint32_t retry_after_s;
	uint32_t limit;  /* index into SNAP_LIMITS of the one reported; SNAP_NONE without limits */
	uint16_t reason; /* enum reason: RATE_LIMITED or QUOTA_EXCEEDED when not allowed */
	bool allowed;
	bool over; /* over a limit; with allowed: a soft plan's request */
};

/**
 * Take one request from every limit of @p plan, or from none: what was taken before a later limit
 * refused is given back. A soft plan is never refused, but out->over tells, and its quota counts.
 * Several requests of a consumer in one burst, announced by policy_expect(), take from a rate in
 * one compare-and-swap (a lease of gcra.h); each answer is what it would be without.
 * @param line     the consumer's usage line; its limits only
 * @param now_ns   CLOCK_MONOTONIC
 * @param wall_s   Unix seconds, for quotas' windows
 */
void policy_take(const struct policy *policy, struct policy_scratch *scratch, uint32_t plan,
	struct usage_line *line, uint64_t now_ns, uint64_t wall_s,
	struct policy_limit_verdict *out);

/** A request of the consumer with this line is likely to be taken before policy_burst_end(). */
void policy_expect(struct policy_scratch *scratch, const struct usage_line *line);

/** The burst is over: what was leased and not used goes back at once. Before time moves on, and before the
 *  scratch goes. */
void policy_burst_end(struct policy_scratch *scratch);

/** The plan's RateLimit-Policy value (draft-ietf-httpapi-ratelimit-headers), `"rate";q=10;w=1`, made once;
 *  may be empty. A rate's q and w are as configured, its burst may admit more at once. */
struct str policy_plan_header(const struct policy *policy, uint32_t plan);

/** Names for headers and logs. */
struct str policy_plan_name(const struct policy *policy, uint32_t plan);
struct str policy_limit_name(const struct policy *policy, uint32_t limit);

#endif
