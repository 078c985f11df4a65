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

/** First reference in the home bucket whose tag fits, unverified: what to prefetch. */
static inline uint32_t tcp_flow_peek(const struct tcp_flow *f, uint64_t hash)
{
	const struct tcp_flow_bucket *b = tcp_flow_home(f, hash);
	uint32_t tag = tcp_flow_tag(hash);

	for (unsigned i = 0; i < TCP_FLOW_WAYS; i++)
		if (b->tag[i] == tag && b->ref[i] != TCP_FLOW_NONE)
			return b->ref[i];
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

		for (unsigned i = 0; i < TCP_FLOW_WAYS; i++)
			if (b->tag[i] == tag && b->ref[i] != TCP_FLOW_NONE && match(arg, b->ref[i]))
				return b->ref[i];
		if (b->pushed == 0)
			break;
		at = (at + 1) & f->mask;
	}
	return TCP_FLOW_NONE;
}

#endif
