/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/shm share: the headers that follow the segment header, and layout hashes. */
#ifndef SLUICE_LIB_SHM_SHM_PRIV_H
#define SLUICE_LIB_SHM_SHM_PRIV_H

#include "lib/shm/shm.h"

/* Each kind of segment has its own header behind the common one, a line long. */
struct snap_header {
	uint32_t kind; /* enum snap_kind */
	uint32_t reserved32;
	uint64_t reserved[7]; /* 0 */
};
static_assert(sizeof(struct snap_header) == 64, "one line");

struct secrets_header {
	uint32_t count;
	uint32_t entry_bytes;
	uint64_t reserved[7];
};
static_assert(sizeof(struct secrets_header) == 64, "one line");

struct stats_header {
	uint32_t entries; /* rows of the directory, which follows */
	uint32_t entry_bytes;
	uint32_t worker_index;
	uint32_t reserved32;
	uint64_t reserved[6];
};
static_assert(sizeof(struct stats_header) == 64, "one line");

struct usage_header {
	uint32_t capacity; /* lines, which follow */
	uint32_t line_bytes;
	uint64_t reserved[7];
};
static_assert(sizeof(struct usage_header) == 64, "one line");

static inline uint64_t shm_round_up(uint64_t bytes)
{
	return (bytes + SHM_ALIGN - 1) / SHM_ALIGN * SHM_ALIGN;
}

/* A field of a segment, or a whole record at offset 0. */
struct layout_field {
	const char *name; /* "snap_route.path", "snap_route" */
	uint32_t offset;
	uint32_t size;
};

/** What a segment of this type is made of. @return @p count fields; NULL: no such type */
const struct layout_field *segment_fields(enum segment_type type, size_t *count);

/** CRC-32C over names, offsets and sizes of the fields that a segment of this type holds, so that
 *  builds with another layout refuse each other. */
uint32_t segment_layout(enum segment_type type);

/** True for the types that are written once and sealed, false for the ones that live. */
static inline bool segment_type_sealed(enum segment_type type)
{
	return type == SEGMENT_SNAPSHOT || type == SEGMENT_SECRETS;
}

/** Fill a segment that holds nothing. */
static inline struct segment segment_none(void)
{
	return (struct segment){ .fd = -1 };
}

#endif
