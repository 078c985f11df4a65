/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A latency histogram for the benches: log-linear, 64 sub-buckets an octave (error below 1.6 %),
 * any unit. Finer than the one of lib/shm/stats.h, because here a bucket's width must not hide a
 * regression.
 */
#ifndef SLUICE_BENCH_COMMON_HDR_H
#define SLUICE_BENCH_COMMON_HDR_H

#include <stdint.h>
#include <string.h>

#define HDR_SUB_BITS 6
#define HDR_BUCKETS  ((64 - HDR_SUB_BITS) << HDR_SUB_BITS)

struct hdr {
	uint64_t count, max;
	uint64_t buckets[HDR_BUCKETS];
};

static inline uint32_t hdr_bucket(uint64_t value)
{
	uint32_t octave;

	if (value < (1u << HDR_SUB_BITS))
		return (uint32_t)value;
	octave = 63 - (uint32_t)__builtin_clzll(value) - HDR_SUB_BITS;
	return ((octave + 1) << HDR_SUB_BITS) +
	       (uint32_t)((value >> octave) & ((1u << HDR_SUB_BITS) - 1));
}

static inline void hdr_add(struct hdr *h, uint64_t value)
{
	h->buckets[hdr_bucket(value)]++;
	h->count++;
	if (value > h->max)
		h->max = value;
}

static inline void hdr_reset(struct hdr *h)
{
	memset(h, 0, sizeof(*h));
}

/** The value at or below which @p quantile of the samples lie; 0 without samples. */
static inline uint64_t hdr_quantile(const struct hdr *h, double quantile)
{
	uint64_t wanted = (uint64_t)((double)h->count * quantile), seen = 0;

	if (h->count == 0)
		return 0;
	for (uint32_t i = 0; i < HDR_BUCKETS; i++) {
		uint32_t octave = i >> HDR_SUB_BITS;
		uint64_t sub = i & ((1u << HDR_SUB_BITS) - 1);

		seen += h->buckets[i];
		if (seen <= wanted || h->buckets[i] == 0)
			continue;
		if (octave == 0)
			return sub;
		/* The middle of the bucket. */
		return (((1u << HDR_SUB_BITS) + sub) << (octave - 1)) +
		       ((1ull << (octave - 1)) >> 1);
	}
	return h->max;
}

#endif
