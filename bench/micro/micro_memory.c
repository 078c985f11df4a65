/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums, event records, histograms. */
#include <stdlib.h>
#include <string.h>

#include "bench/micro/micro.h"
#include "dataplane/net/checksum.h"
#include "lib/shm/events.h"
#include "lib/shm/stats.h"

struct run {
	const uint8_t *data;
	uint32_t bytes;
};

static uint64_t sum_bytes(void *ctx, uint32_t n)
{
	const struct run *r = ctx;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += checksum_sum(r->data + (i & 14), r->bytes);
	return sum;
}

/* One producer and, in the same turn, its consumer's index: the ring never fills. */
static uint64_t write_events(void *ctx, uint32_t n)
{
	struct event_ring *ring = ctx;
	uint64_t written = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct event *e = event_ring_slot(ring);

		if (!e) {
			atomic_store(&ring->header->tail, atomic_load(&ring->header->head));
			e = event_ring_slot(ring);
		}
		memset(e, 0, offsetof(struct event, host));
		e->time_ns = i;
		memcpy(e->path, "/v1/orders/0123456789abcdef", 27);
		event_ring_push(ring);
		written++;
	}
	return written;
}

static uint64_t write_histogram(void *ctx, uint32_t n)
{
	uint64_t *counts = ctx, value = 1;

	for (uint32_t i = 0; i < n; i++) {
		value = value * 6364136223846793005u + 1442695040888963407u;
		counts[hist_bucket(value >> 44)]++;
	}
	return counts[0];
}

void micro_memory(struct micro *m)
{
	uint8_t *data = calloc(1, 4096);
	struct run full = { data, 1460 }, small = { data, 332 };
	uint64_t *counts = calloc(HIST_BUCKETS, sizeof(*counts));
	struct event_ring ring;

	micro_run(m, "checksum, 1460 bytes", 1, sum_bytes, &full);
	micro_run(m, "checksum, 332 bytes", 1, sum_bytes, &small);
	if (event_ring_create(0, 4096, 1, &ring) == 0) {
		micro_run(m, "event write", 1, write_events, &ring);
		event_ring_close(&ring);
	}
	micro_run(m, "histogram write", 1, write_histogram, counts);
	free(data);
	free(counts);
}
