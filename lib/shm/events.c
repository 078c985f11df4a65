/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event ring: a Lamport queue between one worker and control. Head and tail only grow; each side
 * writes one of them. Both sides map the whole ring writable, so each treats the other's index as
 * hostile: every access goes through the mask, and a distance above the ring's size means damage.
 */
#include "lib/shm/events.h"

#include <errno.h>
#include <stdio.h>

#include "lib/shm/ring.h"
#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"

static const struct ring_kind event_kind = {
	SEGMENT_EVENTS,
	sizeof(struct event_ring_header),
	sizeof(struct event),
	SNAP_EVENT_RECORDS_MAX,
};
static_assert((sizeof(struct segment_header) + sizeof(struct event_ring_header)) % SHM_ALIGN == 0,
	"records begin on a line");

static struct event_ring ring_of(const struct ring_map *map)
{
	return (struct event_ring){ map->segment, map->header, map->records, map->mask, 0 };
}

int event_ring_create(
	uint32_t worker_index, uint32_t records, uint64_t boot_id, struct event_ring *out)
{
	struct ring_map map;
	char name[32];
	int err;

	snprintf(name, sizeof(name), "sluice-events-%u", worker_index);
	err = ring_create(&event_kind, name, records, boot_id, &map);
	*out = ring_of(&map);
	return err;
}

int event_ring_open(int fd, struct event_ring *out)
{
	struct ring_map map;
	int err = ring_open(&event_kind, fd, &map);

	*out = ring_of(&map);
	return err;
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
