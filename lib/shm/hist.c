/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the log-linear histograms of stats.h: from a bucket's number back to microseconds. */
#include "lib/shm/stats.h"

#define SUBS (1u << HIST_SUB_BITS)

uint64_t hist_bucket_floor(uint32_t bucket)
{
	uint32_t octave;

	if (bucket >= HIST_BUCKETS - 1)
		return UINT64_C(1) << HIST_OCTAVES;
	if (bucket < SUBS)
		return bucket;
	octave = (bucket >> HIST_SUB_BITS) + HIST_SUB_BITS - 1;
	return (uint64_t)(SUBS | (bucket & (SUBS - 1))) << (octave - HIST_SUB_BITS);
}

static uint64_t bucket_middle(uint32_t bucket)
{
	const uint64_t low = hist_bucket_floor(bucket);

	if (bucket >= HIST_BUCKETS - 1)
		return low;
	return low + (hist_bucket_floor(bucket + 1) - low) / 2;
}

uint64_t hist_quantile(const uint64_t *counts, double quantile)
{
	uint64_t total = 0, seen = 0, rank;
	uint32_t last = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		total += counts[i];
	if (total == 0)
		return 0;
	if (!(quantile > 0))
		quantile = 0;
	if (quantile > 1)
		quantile = 1;
	rank = (uint64_t)(quantile * (double)total);
	if ((double)rank < quantile * (double)total)
		rank++;
	if (rank < 1)
		rank = 1;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		if (counts[i] == 0)
			continue;
		last = i;
		seen += counts[i];
		if (seen >= rank)
			break;
	}
	return bucket_middle(last);
}
