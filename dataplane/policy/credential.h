/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a caller's credential in a request head by where it may be and what it looks like. A
 * library of its own without DPDK: sluicectl explain links the same code that the workers run.
 */
#ifndef SLUICE_DATAPLANE_POLICY_CREDENTIAL_H
#define SLUICE_DATAPLANE_POLICY_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/http/message.h"
#include "dataplane/policy/patterns.h"
#include "lib/shm/reason.h"
#include "lib/shm/snapshot.h"

#define POLICY_CREDENTIAL_DECODED                                                                  \
	512 /* bytes of a key that a query encodes; a longer one is none */

/* A credential found in a request. */
struct policy_credential {
	struct str value;    /* points into the head, or to decoded */
	uint32_t credential; /* index into SNAP_CREDENTIALS */
	struct str field;    /* the field it came in, when it is a header to strip; else empty */
	char decoded
		[POLICY_CREDENTIAL_DECODED]; /* of a query, where it was sent with "%XX" or "+" */
};

/* A snapshot's credentials, ready to look for: read by all workers. */
struct credential_set;

/* What one thread needs to scan: Hyperscan's scratch. */
struct credential_scratch;

/**
 * @param compiler  of the patterns that need a scan; NULL: they are compiled here and now
 * @param why       on failure, a sentence; @p why_bytes of room
 * @return NULL on failure. The snapshot must outlive the set.
 */
struct credential_set *credential_set_create(const struct snapshot *snapshot,
	const struct pattern_compiler *compiler, char *why, size_t why_bytes);
void credential_set_destroy(struct credential_set *set);

/** Scratch enough for @p set. @return NULL when out of memory */
struct credential_scratch *credential_scratch_create(const struct credential_set *set);
void credential_scratch_destroy(struct credential_scratch *scratch);

/**
 * Find the credential among those that an API accepts. A value that does not look as its definition
 * says is none; of a query, names and values are decoded first. Equal values are one.
 * @param accepted  @p n indices into SNAP_CREDENTIALS
 * @return REASON_PROXIED when found; KEY_MISSING; KEY_AMBIGUOUS when two that look right differ,
 *         for backend and gateway might choose different ones
 */
enum reason credential_find(const struct credential_set *set, struct credential_scratch *scratch,
	const struct http_head *head, const uint32_t *accepted, uint32_t n,
	struct policy_credential *out);

#endif
