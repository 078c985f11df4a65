/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow table: how entries get in and out. An entry that finds its home bucket full goes to the next
 * one with room, and every bucket that it passes counts it; removal takes the same way and counts
 * down.
 */
#include "dataplane/tcp/tcp_flow.h"

_Static_assert(sizeof(struct tcp_flow_bucket) == 64, "a bucket is one cache line");
_Static_assert(sizeof(struct tcp_tuple) == 36, "a tuple has no padding");

/* Twice the buckets that a full table would need: at most half full, so that few entries are
 * pushed. */
static uint32_t bucket_count(uint32_t limit)
{
	uint64_t want = (uint64_t)limit * 2 / TCP_FLOW_WAYS + 1;
	uint32_t n = 16;

	while (n < want)
		n *= 2;
	return n;
}

size_t tcp_flow_bytes(uint32_t limit)
{
	return bucket_count(limit) * sizeof(struct tcp_flow_bucket);
}

void tcp_flow_init(struct tcp_flow *f, void *memory, uint32_t limit, const uint64_t key[5])
{
	memset(f, 0, sizeof(*f));
	f->buckets = memory;
	f->mask = bucket_count(limit) - 1;
	memcpy(f->key, key, sizeof(f->key));
	f->key[4] |= 1;
	memset(memory, 0, tcp_flow_bytes(limit));
}

bool tcp_flow_insert(struct tcp_flow *f, uint64_t hash, uint32_t ref)
{
	uint32_t at = (uint32_t)hash & f->mask;

	if (f->count >= f->mask * TCP_FLOW_WAYS)
		return false;
	for (;;) {
		struct tcp_flow_bucket *b = &f->buckets[at];

		for (unsigned i = 0; i < TCP_FLOW_WAYS; i++) {
			if (b->ref[i] != TCP_FLOW_NONE)
				continue;
			b->tag[i] = tcp_flow_tag(hash);
			b->ref[i] = ref;
			f->count++;
			return true;
		}
		b->pushed++;
		at = (at + 1) & f->mask;
	}
}

/* The way that holds the reference, or -1. */
static int bucket_way(const struct tcp_flow_bucket *b, uint32_t tag, uint32_t ref)
{
	for (int i = 0; i < TCP_FLOW_WAYS; i++)
		if (b->ref[i] == ref && b->tag[i] == tag)
			return i;
	return -1;
}

bool tcp_flow_remove(struct tcp_flow *f, uint64_t hash, uint32_t ref)
{
	uint32_t home = (uint32_t)hash & f->mask;
	uint32_t at = home;
	int way;

	while ((way = bucket_way(&f->buckets[at], tcp_flow_tag(hash), ref)) < 0) {
		if (f->buckets[at].pushed == 0 || ((at + 1) & f->mask) == home)
			return false;
		at = (at + 1) & f->mask;
	}
	f->buckets[at].ref[way] = TCP_FLOW_NONE;
	f->count--;
	for (uint32_t i = home; i != at; i = (i + 1) & f->mask)
		f->buckets[i].pushed--;
	return true;
}
