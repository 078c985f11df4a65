/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delta ring: a Lamport queue from control to the dataplane's main core. Sequence numbers follow
 * the ring's head, so that a record that is missing, doubled or damaged is seen at once.
 */
#include "lib/shm/delta.h"

#include <errno.h>

#include "lib/shm/shm_priv.h"

#define RING_HEADER       sizeof(struct segment_header)
#define RING_RECORDS      (RING_HEADER + sizeof(struct delta_ring_header))
#define DELTA_RECORDS_MAX (1u << 20)

static_assert(RING_RECORDS % SHM_ALIGN == 0, "records begin on a line");

static bool ring_size_valid(uint32_t records)
{
	return records >= 1 && records <= DELTA_RECORDS_MAX && (records & (records - 1)) == 0;
}

static void ring_place(struct delta_ring *ring, uint32_t records)
{
	ring->header = (void *)((uint8_t *)ring->segment.base + RING_HEADER);
	ring->records = (void *)((uint8_t *)ring->segment.base + RING_RECORDS);
	ring->mask = records - 1;
}

int delta_ring_create(uint32_t records, uint64_t boot_id, struct delta_ring *out)
{
	struct delta_ring ring = { .mask = 0 };
	int err;

	*out = (struct delta_ring){ .segment = segment_none() };
	if (!ring_size_valid(records))
		return -EINVAL;
	err = segment_create("sluice-delta", SEGMENT_DELTA,
		RING_RECORDS + (size_t)records * sizeof(struct delta), boot_id, &ring.segment);
	if (err)
		return err;
	ring_place(&ring, records);
	ring.header->records = records;
	ring.header->record_bytes = sizeof(struct delta);
	*out = ring;
	return 0;
}

int delta_ring_open(int fd, struct delta_ring *out)
{
	struct delta_ring ring = { .mask = 0 };
	uint32_t numbers[2]; /* records, record_bytes: read once, for they may change */
	int err;

	*out = (struct delta_ring){ .segment = segment_none() };
	err = segment_map(fd, SEGMENT_DELTA, true, false, &ring.segment);
	if (err)
		return err;
	if (ring.segment.length < RING_RECORDS)
		goto fail;
	memcpy(numbers, (uint8_t *)ring.segment.base + RING_HEADER, sizeof(numbers));
	if (!ring_size_valid(numbers[0]) || numbers[1] != sizeof(struct delta) ||
		RING_RECORDS + (uint64_t)numbers[0] * sizeof(struct delta) > ring.segment.length)
		goto fail;
	ring_place(&ring, numbers[0]);
	*out = ring;
	return 0;
fail:
	ring.segment.fd = -1; /* stays the caller's */
	segment_close(&ring.segment);
	return -EBADMSG;
}

void delta_ring_close(struct delta_ring *ring)
{
	segment_close(&ring->segment);
	*ring = (struct delta_ring){ .segment = segment_none() };
}

int delta_ring_push(struct delta_ring *ring, const struct delta *delta)
{
	const uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_relaxed);
	const uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_acquire);

	if (delta->sequence != head + 1)
		return -EINVAL;
	if (head - tail > ring->mask)
		return -EAGAIN;
	ring->records[head & ring->mask] = *delta;
	atomic_store_explicit(&ring->header->head, head + 1, memory_order_release);
	return 0;
}

int delta_ring_pop(struct delta_ring *ring, struct delta *out)
{
	const uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);
	const uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_acquire);

	if (head == tail)
		return 0;
	if (head - tail > (uint64_t)ring->mask + 1)
		return -EPROTO;
	*out = ring->records[tail & ring->mask];
	if (out->sequence != tail + 1)
		return -EPROTO;
	atomic_store_explicit(&ring->header->tail, tail + 1, memory_order_release);
	return 1;
}
