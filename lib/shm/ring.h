/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rings in shared memory have in common: a segment with a header that begins with the number and
 * the size of the records, then the records. Who reads and writes them, and in which order, is the
 * business of events.c and delta.c.
 */
#ifndef SLUICE_LIB_SHM_RING_H
#define SLUICE_LIB_SHM_RING_H

#include "lib/shm/shm.h"

/** One sort of ring. */
struct ring_kind {
	enum segment_type segment;
	uint32_t
		header_bytes; /**< of the ring's own header, a multiple of SHM_ALIGN with the segment's */
	uint32_t record_bytes;
	uint32_t records_max;
};

/** A mapped ring. */
struct ring_map {
	struct segment segment;
	void *header;  /**< within the segment */
	void *records; /**< within the segment */
	uint32_t mask; /**< number of records - 1 */
};

/**
 * Make a ring.
 * @param name     of the memfd, for people
 * @param records  a power of two, at most kind->records_max
 * @return 0, -EINVAL or -errno; the caller owns out->segment
 */
int ring_create(const struct ring_kind *kind, const char *name, uint32_t records, uint64_t boot_id,
	struct ring_map *out);

/**
 * Map a ring that was received.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EBADMSG when its numbers do not fit, or an error of segment_map()
 */
int ring_open(const struct ring_kind *kind, int fd, struct ring_map *out);

/** The same without the right to write. */
int ring_open_readonly(const struct ring_kind *kind, int fd, struct ring_map *out);

#endif
