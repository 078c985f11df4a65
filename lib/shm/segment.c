/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: memfds that are made, sealed, handed over and mapped. Every segment is sealed against
 * shrinking from its first moment, because a peer that shortened it would kill its readers by SIGBUS.
 * Sealed segments are mapped private: kernels before 6.7 refuse a shared mapping of a descriptor that
 * could be written, and without writers the pages are the same.
 */
#include "lib/shm/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/crc32c.h"
#include "lib/shm/shm_priv.h"

/* A peer's memfd may be a hole of any size, which reading (the CRC) would fill with pages. */
#define SEGMENT_BYTES_MAX (UINT64_C(8) << 30)

#define SIZE_SEALS        (F_SEAL_SHRINK | F_SEAL_GROW)
#define WRITE_SEALS       (SIZE_SEALS | F_SEAL_WRITE)

/* Permissions decide who may open the memory anew through /proc: for writing nobody but its owner, so
 * that a read-only descriptor stays one in the hands of another user. */
static mode_t segment_mode(enum segment_type type)
{
	return type == SEGMENT_SECRETS ? 0600 : 0644;
}

/* @return false with errno when there is no mapping */
static bool segment_map_fd(struct segment *s)
{
	int protection = s->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int seals = fcntl(s->fd, F_GET_SEALS);
	int sharing = seals >= 0 && seals & F_SEAL_WRITE ? MAP_PRIVATE : MAP_SHARED;
	void *base = mmap(NULL, s->length, protection, sharing, s->fd, 0);

	s->base = base == MAP_FAILED ? NULL : base;
	return s->base != NULL;
}

int segment_create(const char *name, enum segment_type type, size_t length, uint64_t boot_id,
	struct segment *out)
{
	struct segment s = { .fd = -1, .writable = true, .length = shm_round_up(length) };
	const int seals = SIZE_SEALS | (segment_type_sealed(type) ? 0 : F_SEAL_SEAL);
	int err;

	*out = segment_none();
	if (length < sizeof(struct segment_header) || s.length < length || s.length > INT64_MAX)
		return -EINVAL;
	s.fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s.fd < 0)
		return -errno;
	if (ftruncate(s.fd, (off_t)s.length) || fchmod(s.fd, segment_mode(type)) ||
		fcntl(s.fd, F_ADD_SEALS, seals)) {
		err = -errno;
		goto fail;
	}
	if (!segment_map_fd(&s)) {
		err = -errno;
		goto fail;
	}
	*(struct segment_header *)s.base = (struct segment_header){
		.magic = SHM_MAGIC,
		.type = type,
		.abi_major = SHM_ABI_MAJOR,
		.abi_minor = SHM_ABI_MINOR,
		.length = s.length,
		.layout = segment_layout(type),
		.boot_id = boot_id,
	};
	*out = s;
	return 0;
fail:
	close(s.fd);
	return err;
}

static uint32_t segment_crc(const void *base, size_t length)
{
	const size_t header = sizeof(struct segment_header);

	return crc32c(0, (const uint8_t *)base + header, length - header);
}

int segment_seal(struct segment *s, uint64_t generation)
{
	struct segment_header *header = s->base;

	header->generation = generation;
	header->crc32c = segment_crc(s->base, s->length);
	/* The kernel refuses the write seal while a writable mapping exists. */
	if (munmap(s->base, s->length))
		return -errno;
	s->base = NULL;
	s->writable = false;
	if (fcntl(s->fd, F_ADD_SEALS, WRITE_SEALS | F_SEAL_SEAL))
		return -errno;
	return segment_map_fd(s) ? 0 : -errno;
}

int segment_check(const void *base, size_t length, enum segment_type type, bool sealed)
{
	struct segment_header header;

	if (length < sizeof(header))
		return -EBADMSG;
	memcpy(&header, base, sizeof(header));
	if (header.magic != SHM_MAGIC || header.type != (uint32_t)type ||
		header.abi_major != SHM_ABI_MAJOR || header.layout != segment_layout(type))
		return -EPROTO;
	if (header.length != length || length % SHM_ALIGN)
		return -EBADMSG;
	if (sealed && header.crc32c != segment_crc(base, length))
		return -EBADMSG;
	return 0;
}

/* The seals say that the memory cannot change its size, or cannot change at all. */
static int segment_check_seals(int fd, bool sealed)
{
	const int wanted = sealed ? WRITE_SEALS : SIZE_SEALS;
	const int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return errno == EINVAL ? -EPERM : -errno;
	return (seals & wanted) == wanted ? 0 : -EPERM;
}

int segment_map(int fd, enum segment_type type, bool writable, bool sealed, struct segment *out)
{
	struct segment s = { .fd = fd, .writable = writable };
	struct stat st;
	int err;

	*out = segment_none();
	err = segment_check_seals(fd, sealed);
	if (err)
		return err;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_size < (off_t)sizeof(struct segment_header) ||
		st.st_size > (off_t)SEGMENT_BYTES_MAX)
		return -EBADMSG;
	s.length = (size_t)st.st_size;
	if (!segment_map_fd(&s))
		return -errno;
	err = segment_check(s.base, s.length, type, sealed);
	if (err) {
		munmap(s.base, s.length);
		return err;
	}
	*out = s;
	return 0;
}

void segment_close(struct segment *s)
{
	if (s->base)
		munmap(s->base, s->length);
	if (s->fd >= 0)
		close(s->fd);
	*s = segment_none();
}

int segment_reopen_readonly(const struct segment *s)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
