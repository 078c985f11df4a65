/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of policy share: the tables, and a plan in the form that decisions read. */
#ifndef SLUICE_DATAPLANE_POLICY_POLICY_PRIV_H
#define SLUICE_DATAPLANE_POLICY_POLICY_PRIV_H

#include "dataplane/policy/policy.h"

struct plan_limit {
	uint32_t kind;  /* enum snap_limit_kind */
	uint32_t word;  /* of the usage line */
	uint32_t index; /* into SNAP_LIMITS */
	uint64_t interval_ns, burst_ns;
	uint64_t window_s, amount;
};

struct plan {
	uint32_t limit_count;
	bool soft;
	struct str header; /* RateLimit-Policy */
	struct plan_limit limits[SNAP_LIMITS_PER_PLAN];
};

struct policy {
	const struct snapshot *snapshot;
	struct credential_set *credentials;
	struct consumers *consumers;
	uint32_t plan_count;
	uint32_t api_words; /* of 64 bits, by API slot, for each plan in api_bits */
	struct plan *plans;
	uint64_t *api_bits;
	char *headers; /* what plan.header points into */
	size_t header_bytes;
};

#define POLICY_LEASES 64 /* consumers of a burst, by their line; a power of two */

/* Requests that a consumer makes in one burst: its rate's word is written once for all of them. */
struct policy_lease {
	const struct usage_line *line; /* NULL: nobody's */
	uint32_t expected;             /* requests of the burst */
	uint32_t left;                 /* of what was taken at once */
	_Atomic uint64_t *word;        /* NULL: nothing was taken yet */
	uint64_t own;                  /* the word for this worker's requests */
	uint64_t interval_ns, now_ns;
};

struct policy_scratch {
	struct credential_scratch *credentials;
	uint32_t used_count;
	uint8_t used[POLICY_LEASES]; /* entries of this burst */
	struct policy_lease leases[POLICY_LEASES];
};

/** Flatten plan @p index of the snapshot; leaves the header empty. */
void plan_init(struct plan *plan, const struct snapshot *snapshot, uint32_t index);

/** Room that the plan's RateLimit-Policy value may take. */
size_t plan_header_bytes_max(const struct snapshot *snapshot, uint32_t index);
/** Write the value. @param room  at least plan_header_bytes_max() + 1  @return bytes */
uint32_t plan_header_write(const struct snapshot *snapshot, uint32_t index, char *out, size_t room);

#endif
