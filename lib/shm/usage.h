/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The usage segment: one 64-byte line a consumer slot with its limit words and counts. Made by control
 * when no dataplane has one yet, shared by all workers with atomics, and outliving both processes'
 * restarts: a reload or a crash refills nobody's bucket.
 */
#ifndef SLUICE_LIB_SHM_USAGE_H
#define SLUICE_LIB_SHM_USAGE_H

#include <stdatomic.h>

#include "lib/shm/shm.h"
#include "lib/shm/snapshot.h"

struct usage_line {
	_Atomic uint64_t limit[SNAP_LIMITS_PER_PLAN]; /* see enum snap_limit_kind */
	/* Counts begin with the dataplane, and with the consumer's name; the limits above outlive both. A request is
	 * counted when it ended, whatever its response, once its key was recognised. */
	_Atomic uint64_t requests;
	_Atomic uint64_t limited;     /* of these, over a limit */
	_Atomic uint64_t bytes_out;   /* response bytes towards the consumer */
	_Atomic uint64_t last_seen_s; /* Unix seconds of the last request */
};
static_assert(sizeof(struct usage_line) == 64, "one line");

struct usage {
	struct segment segment;
	uint32_t capacity; /* lines */
	struct usage_line *lines;
};

/**
 * Make a segment in which every consumer is unused.
 * @param capacity  lines, 1 to SNAP_CONSUMER_CAPACITY_MAX
 * @return 0, -EINVAL or -errno; the caller owns @p out
 */
int usage_create(uint32_t capacity, uint64_t boot_id, struct usage *out);
/**
 * Map a received segment.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EBADMSG when its numbers do not fit, or an error of segment_map()
 */
int usage_open(int fd, bool writable, struct usage *out);
/** Unmap and close; what holds nothing is left alone. */
void usage_close(struct usage *usage);

#endif
