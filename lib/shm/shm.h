/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared-memory segments: memfds that begin with a common header and are handed over by SCM_RIGHTS.
 * Offsets, never pointers; little-endian; 64-byte aligned. The reader trusts nothing that it maps
 * before segment_check() passed, and copies what could change under it.
 */
#ifndef SLUICE_LIB_SHM_SHM_H
#define SLUICE_LIB_SHM_SHM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_MAGIC     UINT64_C(0x31304543554c53) /* "SLUCE01" */
#define SHM_ABI_MAJOR 2
#define SHM_ABI_MINOR 0
#define SHM_ALIGN     64

enum segment_type {
	SEGMENT_SNAPSHOT = 1, /* one kind of a snapshot */
	SEGMENT_SECRETS = 2,
	SEGMENT_STATS = 3,
	SEGMENT_USAGE = 4,
	SEGMENT_EVENTS = 5,
	SEGMENT_DELTA = 6,
	SEGMENT_ASK = 7,
};

struct segment_header {
	uint64_t magic;
	uint32_t type;      /* enum segment_type */
	uint16_t abi_major; /* another major is refused, a higher minor is read as ours */
	uint16_t abi_minor;
	uint64_t length;     /* bytes, header included; equals the memfd's size */
	uint32_t crc32c;     /* of all bytes after the header, in sealed segments; else 0 */
	uint32_t layout;     /* CRC-32C over the layout description of this type; must equal ours */
	uint64_t generation; /* snapshots, secrets: of the apply; others: 0 */
	uint64_t boot_id;    /* of the process that made it: tells a restart */
	uint64_t reserved[2];
};
static_assert(sizeof(struct segment_header) == 64, "one line");

/* A mapped segment. */
struct segment {
	int fd; /* owned; -1 when none */
	bool writable;
	void *base;
	size_t length; /* bytes */
};

/**
 * Make and map a segment. Snapshots and secrets are sealed later by segment_seal(); the other types
 * get their size sealed here, and nobody can seal them further.
 * @param name    what /proc/PID/maps shows
 * @param length  bytes, header included
 * @return 0, -EINVAL for a length below the header's, or -errno
 */
int segment_create(const char *name, enum segment_type type, size_t length, uint64_t boot_id,
	struct segment *out);

/**
 * Finish a snapshot or secrets segment.
 * @return 0 or -errno; after an error the segment can only be closed
 */
int segment_seal(struct segment *s, uint64_t generation);

/**
 * Map a received memfd and check what it claims to be.
 * @param fd        taken over on success, untouched on failure
 * @param writable  map for writing too; @p fd must allow it
 * @param sealed    the segment must be sealed against writing and its CRC right; otherwise it must at
 *                  least be sealed against shrinking
 * @return 0, -EPROTO (header), -EBADMSG (CRC or length), -EPERM (not sealed), or -errno
 */
int segment_map(int fd, enum segment_type type, bool writable, bool sealed, struct segment *out);

/**
 * Check the header of @p length bytes at @p base, which need no alignment.
 * @param sealed  check the CRC too
 * @return 0, -EPROTO when this is no segment of this type and build, -EBADMSG when it is damaged
 */
int segment_check(const void *base, size_t length, enum segment_type type, bool sealed);

/** Unmap and close; a segment that holds nothing is left alone. */
void segment_close(struct segment *s);

/**
 * A new descriptor of the same memory that cannot be mapped writable: dup() would keep the access
 * mode, opening it anew through /proc does not.
 * @return fd, owned by the caller, or -errno
 */
int segment_reopen_readonly(const struct segment *s);

#endif
