/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow table of one worker: four-tuple to a reference (connection, SYN-cache entry or TIME_WAIT
 * entry). Open addressing over buckets of one cache line; a bucket counts the entries that were
 * pushed past it, so that a search knows where to stop and a removal leaves no tombstone. The table
 * holds no tuples: a tag narrows the search and the caller compares.
 */
#ifndef SLUICE_DATAPLANE_TCP_TCP_FLOW_H
#define SLUICE_DATAPLANE_TCP_TCP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_prefetch.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/base/ip.h"

#define TCP_FLOW_WAYS 7
#define TCP_FLOW_NONE 0u /* no reference */

struct tcp_flow_bucket {
	uint32_t tag[TCP_FLOW_WAYS];
	uint32_t pushed; /* entries that belong here or before and live behind this bucket */
	uint32_t ref[TCP_FLOW_WAYS]; /* TCP_FLOW_NONE: empty */
	uint32_t unused;
};

struct tcp_flow {
	struct tcp_flow_bucket *buckets;
	uint32_t mask;
	uint32_t count;
	uint64_t key[5];
};

/* The four-tuple as one run of bytes without padding, for hashing. */
struct tcp_tuple {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
};

/** Bytes of the block that tcp_flow_init() wants for @p limit entries. */
size_t tcp_flow_bytes(uint32_t limit);

/** @param memory  tcp_flow_bytes(limit), 64-byte aligned  @param key  secret, so that nobody
 * outside can aim at one bucket */
void tcp_flow_init(struct tcp_flow *f, void *memory, uint32_t limit, const uint64_t key[5]);

/** Put a reference in. @return false when the table is full (the sizing prevents it) */
bool tcp_flow_insert(struct tcp_flow *f, uint64_t hash, uint32_t ref);

/** Take a reference out. @return false when it is not there */
bool tcp_flow_remove(struct tcp_flow *f, uint64_t hash, uint32_t ref);

static inline uint64_t tcp_flow_fold(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/** Keyed hash of a four-tuple: multiply and fold, because SipHash over 36 bytes would cost as much
 * as the rest of the fast path. Nothing derived from it is ever visible outside. */
static inline uint64_t tcp_flow_hash(const struct tcp_flow *f, const struct ip_addr *local,
	const struct ip_addr *remote, uint16_t local_port, uint16_t remote_port)
{
	uint64_t l[2], r[2], h;

	memcpy(l, local->bytes, 16);
	memcpy(r, remote->bytes, 16);
	h = tcp_flow_fold(l[0] ^ f->key[0], l[1] ^ f->key[1]);
	h ^= tcp_flow_fold(r[0] ^ f->key[2], r[1] ^ f->key[3]);
	return tcp_flow_fold(h ^ ((uint32_t)local_port << 16 | remote_port), f->key[4]);
}

static inline struct tcp_flow_bucket *tcp_flow_home(const struct tcp_flow *f, uint64_t hash)
{
	return &f->buckets[hash & f->mask];
}

static inline uint32_t tcp_flow_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static inline void tcp_flow_prefetch(const struct tcp_flow *f, uint64_t hash)
{
	rte_prefetch0(tcp_flow_home(f, hash));
}

/** The ways whose tag fits, a bit each, empty ones among them. All are compared at once: which of
 * them it is cannot be foretold, so that a loop that stops there would be mispredicted. */
static inline uint32_t tcp_flow_ways(const struct tcp_flow_bucket *b, uint32_t tag)
{
#ifdef __SSE2__
	const __m128i wanted = _mm_set1_epi32((int)tag);
	__m128i low = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)b->tag), wanted);
	__m128i high = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(b->tag + 4)), wanted);
	int ways = _mm_movemask_ps(_mm_castsi128_ps(low)) | _mm_movemask_ps(_mm_castsi128_ps(high))
								    << 4;

	return (uint32_t)ways & ((1u << TCP_FLOW_WAYS) - 1); /* the eighth is not a tag */
#else
	uint32_t ways = 0;

	for (unsigned i = 0; i < TCP_FLOW_WAYS; i++)
		ways |= (uint32_t)(b->tag[i] == tag) << i;
	return ways;
#endif
}

/** First reference in the home bucket whose tag fits, unverified: what to prefetch. */
static inline uint32_t tcp_flow_peek(const struct tcp_flow *f, uint64_t hash)
{
	const struct tcp_flow_bucket *b = tcp_flow_home(f, hash);

	for (uint32_t ways = tcp_flow_ways(b, tcp_flow_tag(hash)); ways; ways &= ways - 1)
		if (b->ref[__builtin_ctz(ways)] != TCP_FLOW_NONE)
			return b->ref[__builtin_ctz(ways)];
	return TCP_FLOW_NONE;
}

/**
 * Find the reference with this hash for which @p match says yes.
 * @return it, or TCP_FLOW_NONE
 */
static inline __attribute__((always_inline)) uint32_t tcp_flow_find(const struct tcp_flow *f,
	uint64_t hash, bool (*match)(const void *arg, uint32_t ref), const void *arg)
{
	uint32_t at = (uint32_t)hash & f->mask;
	uint32_t tag = tcp_flow_tag(hash);

	for (uint32_t n = 0; n <= f->mask; n++) {
		const struct tcp_flow_bucket *b = &f->buckets[at];

		for (uint32_t ways = tcp_flow_ways(b, tag); ways; ways &= ways - 1) {
			uint32_t ref = b->ref[__builtin_ctz(ways)];

			if (ref != TCP_FLOW_NONE && match(arg, ref))
				return ref;
		}
		if (b->pushed == 0)
			break;
		at = (at + 1) & f->mask;
	}
	return TCP_FLOW_NONE;
}

#endif
