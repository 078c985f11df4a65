/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event ring: a Lamport queue between one worker and control. Head and tail only grow; each side
 * writes one of them. Both sides map the whole ring writable, so each treats the other's index as
 * hostile: every access goes through the mask, and a distance above the ring's size means damage.
 */
#include "lib/shm/events.h"

#include <errno.h>
#include <stdio.h>

#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"

#define RING_HEADER  sizeof(struct segment_header)
#define RING_RECORDS (RING_HEADER + sizeof(struct event_ring_header))

static_assert(RING_RECORDS % SHM_ALIGN == 0, "records begin on a line");

static bool ring_size_valid(uint32_t records)
{
	return records >= 1 && records <= SNAP_EVENT_RECORDS_MAX && (records & (records - 1)) == 0;
}

static void ring_place(struct event_ring *ring, uint32_t records)
{
	ring->header = (void *)((uint8_t *)ring->segment.base + RING_HEADER);
	ring->records = (void *)((uint8_t *)ring->segment.base + RING_RECORDS);
	ring->mask = records - 1;
}

int event_ring_create(
	uint32_t worker_index, uint32_t records, uint64_t boot_id, struct event_ring *out)
{
	struct event_ring ring = { .tail_seen = 0 };
	char name[32];
	int err;

	*out = (struct event_ring){ .segment = segment_none() };
	if (!ring_size_valid(records))
		return -EINVAL;
	snprintf(name, sizeof(name), "sluice-events-%u", worker_index);
	err = segment_create(name, SEGMENT_EVENTS,
		RING_RECORDS + (size_t)records * sizeof(struct event), boot_id, &ring.segment);
	if (err)
		return err;
	ring_place(&ring, records);
	ring.header->records = records;
	ring.header->record_bytes = sizeof(struct event);
	*out = ring;
	return 0;
}

int event_ring_open(int fd, struct event_ring *out)
{
	struct event_ring ring = { .tail_seen = 0 };
	uint32_t numbers[2]; /* records, record_bytes: read once, for they may change */
	int err;

	*out = (struct event_ring){ .segment = segment_none() };
	err = segment_map(fd, SEGMENT_EVENTS, true, false, &ring.segment);
	if (err)
		return err;
	if (ring.segment.length < RING_RECORDS)
		goto fail;
	memcpy(numbers, (uint8_t *)ring.segment.base + RING_HEADER, sizeof(numbers));
	if (!ring_size_valid(numbers[0]) || numbers[1] != sizeof(struct event) ||
		RING_RECORDS + (uint64_t)numbers[0] * sizeof(struct event) > ring.segment.length)
		goto fail;
	ring_place(&ring, numbers[0]);
	*out = ring;
	return 0;
fail:
	ring.segment.fd = -1; /* stays the caller's */
	segment_close(&ring.segment);
	return -EBADMSG;
}

void event_ring_close(struct event_ring *ring)
{
	segment_close(&ring->segment);
	*ring = (struct event_ring){ .segment = segment_none() };
}

struct event *event_ring_slot(struct event_ring *ring)
{
	const uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_relaxed);

	if (head - ring->tail_seen > ring->mask) {
		ring->tail_seen = atomic_load_explicit(&ring->header->tail, memory_order_acquire);
		if (head - ring->tail_seen > ring->mask)
			return NULL;
	}
	return &ring->records[head & ring->mask];
}

void event_ring_push(struct event_ring *ring)
{
	const uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_relaxed);

	atomic_store_explicit(&ring->header->head, head + 1, memory_order_release);
}

uint32_t event_ring_peek(struct event_ring *ring, struct event *out, uint32_t n)
{
	uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);
	const uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_acquire);
	uint64_t waiting = head - tail;

	if (waiting > (uint64_t)ring->mask + 1) {
		atomic_store_explicit(&ring->header->tail, head, memory_order_release);
		return 0;
	}
	if (waiting < n)
		n = (uint32_t)waiting;
	for (uint32_t i = 0; i < n; i++, tail++) {
		out[i] = ring->records[tail & ring->mask];
		if (out[i].host_bytes > EVENT_HOST_BYTES)
			out[i].host_bytes = EVENT_HOST_BYTES;
	}
	return n;
}

void event_ring_release(struct event_ring *ring, uint32_t n)
{
	const uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->header->tail, tail + n, memory_order_release);
}

uint32_t event_ring_read(struct event_ring *ring, struct event *out, uint32_t n)
{
	n = event_ring_peek(ring, out, n);
	event_ring_release(ring, n);
	return n;
}
