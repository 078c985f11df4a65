/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delta ring: a Lamport queue from control to the dataplane's main core. Sequence numbers follow
 * the ring's head, so that a record that is missing, doubled or damaged is seen at once.
 */
#include "lib/shm/delta.h"

#include <errno.h>

#include "lib/shm/ring.h"
#include "lib/shm/shm_priv.h"

#define DELTA_RECORDS_MAX (1u << 20)

static const struct ring_kind delta_kind = {
	SEGMENT_DELTA,
	sizeof(struct delta_ring_header),
	sizeof(struct delta),
	DELTA_RECORDS_MAX,
};
static_assert((sizeof(struct segment_header) + sizeof(struct delta_ring_header)) % SHM_ALIGN == 0,
	"records begin on a line");

static struct delta_ring ring_of(const struct ring_map *map)
{
	return (struct delta_ring){ map->segment, map->header, map->records, map->mask };
}

int delta_ring_create(uint32_t records, uint64_t boot_id, struct delta_ring *out)
{
	struct ring_map map;
	int err = ring_create(&delta_kind, "sluice-delta", records, boot_id, &map);

	*out = ring_of(&map);
	return err;
}

int delta_ring_open(int fd, struct delta_ring *out)
{
	struct ring_map map;
	int err = ring_open(&delta_kind, fd, &map);

	*out = ring_of(&map);
	return err;
}

int delta_ring_open_readonly(int fd, struct delta_ring *out)
{
	struct ring_map map;
	int err = ring_open_readonly(&delta_kind, fd, &map);

	*out = ring_of(&map);
	return err;
}

bool delta_ring_look(const struct delta_ring *ring, uint64_t number, struct delta *out)
{
	const uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_acquire);

	if (number >= head || head > (uint64_t)ring->mask + 1)
		return false;
	*out = ring->records[number & ring->mask];
	return out->sequence == number + 1;
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
