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
	_Atomic uint64_t admitted;
	_Atomic uint64_t refused;
	_Atomic uint64_t bytes_out; /* response bytes towards the consumer */
	_Atomic uint64_t last_seen_s; /* Unix seconds of the last request */
};
static_assert(sizeof(struct usage_line) == 64, "one line");

struct usage {
	struct segment segment;
	uint32_t capacity; /* lines */
	struct usage_line *lines;
};

/** @return 0 or -errno */
int usage_create(uint32_t capacity, uint64_t boot_id, struct usage *out);
/** Map a received segment; @p fd is taken over on success. */
int usage_open(int fd, bool writable, struct usage *out);
void usage_close(struct usage *usage);

#endif
