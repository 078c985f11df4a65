/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delta ring: changes of keys and weights from control to the dataplane's main core, so that a
 * million consumers are not sent again because one key changed. Single producer, single consumer,
 * acknowledged by sequence number once every worker acts on a change. Readers map the ring, too: control
 * makes a new one before it is full, so that it holds all that changed its base generation.
 */
#ifndef SLUICE_LIB_SHM_DELTA_H
#define SLUICE_LIB_SHM_DELTA_H

#include <stdatomic.h>

#include "lib/shm/snapshot.h"

enum delta_op {
	DELTA_KEY_ADD = 1,
	DELTA_KEY_REMOVE = 2,
	DELTA_CONSUMER_PLAN = 3,
	DELTA_ENDPOINT_WEIGHT = 4,
};

#define DELTA_RING_RECORDS 1024 /* that control makes */

struct delta {
	uint64_t sequence;        /* counts up from 1; the ring refuses gaps */
	uint64_t base_generation; /* snapshot it applies to */
	uint32_t op;              /* enum delta_op */
	uint32_t consumer;        /* index into SNAP_CONSUMERS of the base */
	uint32_t plan;            /* index into SNAP_PLANS */
	uint32_t endpoint;        /* index into SNAP_ENDPOINTS */
	uint64_t expires;         /* keys: Unix seconds, 0 never */
	uint8_t digest[SNAP_DIGEST_BYTES];
	uint32_t weight; /* at most SNAP_WEIGHT_MAX */
	uint8_t padding[52];
};
static_assert(sizeof(struct delta) == 128, "two lines");

struct delta_ring_header {
	uint32_t records; /* power of two */
	uint32_t record_bytes;
	uint64_t reserved[7];
	_Alignas(64) _Atomic uint64_t head; /* written by control */
	_Alignas(64) _Atomic uint64_t tail; /* written by the dataplane: taken */
	_Alignas(
		64) _Atomic uint64_t acked; /* written by the dataplane: sequence all workers see */
	_Atomic uint64_t
		refused; /* written by the dataplane: changes it could not make; a snapshot heals */
};

struct delta_ring {
	struct segment segment;
	struct delta_ring_header *header;
	struct delta *records;
	uint32_t mask;
};

/**
 * Make a ring as its producer.
 * @param records  a power of two, at most 2^20
 * @return 0, -EINVAL or -errno; the caller owns @p out
 */
int delta_ring_create(uint32_t records, uint64_t boot_id, struct delta_ring *out);
/**
 * Map a received ring as its consumer.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EBADMSG when its numbers do not fit, or an error of segment_map()
 */
int delta_ring_open(int fd, struct delta_ring *out);
/** As delta_ring_open(), only to look: nothing can be pushed or popped. */
int delta_ring_open_readonly(int fd, struct delta_ring *out);
/**
 * Look at a change that was pushed, whether it was taken or not.
 * @param number  of the change, from 0, of a ring in which not more were pushed than it has room for
 * @return false when there is none, or not this one
 */
bool delta_ring_look(const struct delta_ring *ring, uint64_t number, struct delta *out);
/** Unmap and close; what holds nothing is left alone. */
void delta_ring_close(struct delta_ring *ring);

/**
 * Add one change.
 * @param delta  its sequence is one above the last one pushed, 1 for a new ring
 * @return 0, -EAGAIN when the ring is full, -EINVAL for another sequence
 */
int delta_ring_push(struct delta_ring *ring, const struct delta *delta);
/**
 * Take the next change.
 * @return 1 with a copy in @p out, 0 when empty, -EPROTO when indices or the sequence are damaged
 */
int delta_ring_pop(struct delta_ring *ring, struct delta *out);

#endif
