/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table from a key's digest to its caller. Written by the main core alone, read by all workers
 * without locks; one table may serve several generations.
 */
#ifndef SLUICE_DATAPLANE_POLICY_CONSUMERS_H
#define SLUICE_DATAPLANE_POLICY_CONSUMERS_H

#include "dataplane/policy/policy.h"
#include "lib/shm/delta.h"

struct consumers;

/** Build the table of a snapshot's keys and consumers, with room for keys to come. @return NULL when out
 *  of memory. The snapshot is not needed after. */
struct consumers *consumers_create(const struct snapshot *snapshot);

/** Share the table once more. */
struct consumers *consumers_hold(struct consumers *consumers);
/** Give a share back; the last one frees it. */
void consumers_release(struct consumers *consumers);

/** Does the table, with the deltas it got, say what this snapshot says? Then it is changed no
 * more. */
bool consumers_match(struct consumers *consumers, const struct snapshot *snapshot);

/** Did it get deltas since it was last what a snapshot says? */
bool consumers_changed(const struct consumers *consumers);

/**
 * The first half of a look-up: whose digests are known. Their records are fetched ahead.
 * @param n        at most POLICY_BULK
 * @param records  set, to NULL where a digest is not known
 * @return bit i is set where it is
 */
uint32_t consumers_find(const struct consumers *consumers,
	const uint8_t (*digests)[SNAP_DIGEST_BYTES], uint32_t n, void **records);
/** The second half, after other work: callers[i] of each record that is one. @p n of them */
void consumers_callers(const struct consumers *consumers, void *const *records, uint32_t n,
	struct policy_caller *callers);

/* Changes; what readers may still hold is kept until consumers_reclaim(). @return 0 or -errno, see
 * policy_apply_delta() */
int consumers_key_add(
	struct consumers *consumers, const uint8_t *digest, uint32_t consumer, uint64_t expires);
int consumers_key_remove(struct consumers *consumers, const uint8_t *digest);
int consumers_set_plan(struct consumers *consumers, uint32_t consumer, uint32_t plan);

/** Let removed keys' places be used again; see policy_reclaim(). */
void consumers_reclaim(struct consumers *consumers);

#endif
