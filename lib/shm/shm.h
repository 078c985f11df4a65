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
#define SHM_ABI_MAJOR 1
#define SHM_ABI_MINOR 0
#define SHM_ALIGN     64

enum segment_type {
	SEGMENT_SNAPSHOT = 1,
	SEGMENT_SECRETS = 2,
	SEGMENT_STATS = 3,
	SEGMENT_USAGE = 4,
	SEGMENT_EVENTS = 5,
	SEGMENT_DELTA = 6,
};

struct segment_header {
	uint64_t magic;
	uint32_t type;	    /* enum segment_type */
	uint16_t abi_major; /* another major is refused, a higher minor is read as ours */
	uint16_t abi_minor;
	uint64_t length;    /* bytes, header included; equals the memfd's size */
	uint32_t crc32c;    /* of all bytes after the header, in sealed segments; else 0 */
	uint32_t layout;    /* CRC-32C over the layout description of this type; must equal ours */
	uint64_t generation; /* snapshots: counts up; others: 0 */
	uint64_t boot_id;   /* of the process that made it: tells a restart */
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
 * Make a memfd of @p length bytes (rounded up to SHM_ALIGN), zeroed, with its header written, mapped
 * writable.
 * @return 0 or -errno; the caller owns @p out (segment_close())
 */
int segment_create(const char *name, enum segment_type type, size_t length, uint64_t boot_id,
	struct segment *out);

/** Compute the CRC, set the generation and seal against writing, growing and shrinking; the mapping
 *  becomes read-only. @return 0 or -errno */
int segment_seal(struct segment *s, uint64_t generation);

/**
 * Map a received memfd and check magic, type, ABI, layout, length against the file's real size; where
 * @p sealed also that the seals are set and the CRC is right.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EPROTO (header), -EBADMSG (CRC or length), -EPERM (not sealed), or -errno
 */
int segment_map(int fd, enum segment_type type, bool writable, bool sealed, struct segment *out);

/** Check the header of @p length bytes at @p base; what segment_map() and the fuzzer call. */
int segment_check(const void *base, size_t length, enum segment_type type, bool sealed);

void segment_close(struct segment *s);

/** A new descriptor of the same memory that cannot be mapped writable. @return fd or -errno */
int segment_reopen_readonly(const struct segment *s);

#endif
