/* SPDX-License-Identifier: Apache-2.0 */
/* The usage segment: a header, then one line for each consumer slot. */
#include "lib/shm/usage.h"

#include <errno.h>
#include <sys/mman.h>

#include "lib/shm/shm_priv.h"

#define USAGE_LINES (sizeof(struct segment_header) + sizeof(struct usage_header))

/* A peer's segment has exactly this length: what is more would be populated for nothing. */
static uint64_t usage_bytes(uint32_t capacity)
{
	return USAGE_LINES + (uint64_t)capacity * sizeof(struct usage_line);
}

/*
 * Every request writes a line of its own among as many as there are consumers: on pages of 4 KiB a million of them cost
 * a request 60 cycles for the walk of the page tables. Huge pages are had where the operator lets memfds have
 * them (docs/quickstart.md), and pages are made here, not at a consumer's first request. Both are wishes: what the
 * kernel does not grant is done without.
 */
static void usage_make_near(const struct usage *usage)
{
	(void)madvise(usage->segment.base, usage->segment.length, MADV_HUGEPAGE);
	(void)madvise(usage->segment.base, usage->segment.length, MADV_POPULATE_WRITE);
}

int usage_create(uint32_t capacity, uint64_t boot_id, struct usage *out)
{
	const uint64_t length = usage_bytes(capacity);
	struct usage u = { .capacity = capacity };
	uint8_t *base;
	int err;

	*out = (struct usage){ .segment = segment_none() };
	if (capacity == 0 || capacity > SNAP_CONSUMER_CAPACITY_MAX)
		return -EINVAL;
	err = segment_create("sluice-usage", SEGMENT_USAGE, length, boot_id, &u.segment);
	if (err)
		return err;
	usage_make_near(&u);
	base = u.segment.base;
	*(struct usage_header *)(void *)(base + sizeof(struct segment_header)) =
		(struct usage_header){ capacity, sizeof(struct usage_line), { 0 } };
	u.lines = (void *)(base + USAGE_LINES);
	*out = u;
	return 0;
}

int usage_open(int fd, bool writable, struct usage *out)
{
	struct usage_header header;
	struct usage u;
	uint8_t *base;
	int err;

	*out = (struct usage){ .segment = segment_none() };
	err = segment_map(fd, SEGMENT_USAGE, writable, false, &u.segment);
	if (err)
		return err;
	base = u.segment.base;
	err = -EBADMSG;
	if (u.segment.length < USAGE_LINES)
		goto fail;
	memcpy(&header, base + sizeof(struct segment_header), sizeof(header));
	if (header.line_bytes != sizeof(struct usage_line) || header.capacity == 0 ||
		header.capacity > SNAP_CONSUMER_CAPACITY_MAX ||
		u.segment.length != shm_round_up(usage_bytes(header.capacity)))
		goto fail;
	u.capacity = header.capacity;
	u.lines = (void *)(base + USAGE_LINES);
	if (writable)
		usage_make_near(&u);
	*out = u;
	return 0;
fail:
	u.segment.fd = -1; /* stays the caller's */
	segment_close(&u.segment);
	return err;
}

void usage_close(struct usage *usage)
{
	segment_close(&usage->segment);
	*usage = (struct usage){ .segment = segment_none() };
}
