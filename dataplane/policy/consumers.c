/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An rte_hash from the first 16 bytes of a key's SHA-256 to a record of one cache line that holds the
 * whole digest and all that a request needs to know about its caller. 16 bytes keep the hash's own
 * entries small; the rare keys that share them are chained, and the whole digest decides.
 *
 * One writer, lock-free readers: a record is complete before it is linked, and after it is unlinked
 * neither it nor its hash entry is used again before consumers_reclaim(), which the main core calls when
 * all workers have been quiescent. A plan's change is written into the records of the consumer's keys,
 * which saves readers a look at the consumer.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>
#include <rte_random.h>

#include "dataplane/policy/consumers.h"

#define KEY_BYTES     16
#define SPARE_KEYS    4096 /* and a quarter of the snapshot's: room for deltas */
#define RECORD_NONE   UINT32_MAX

#define POSITION_LIVE (-2) /* the record is in use */
#define POSITION_NONE (-1) /* removed; the hash entry is still that of others */

struct key_record {
	uint8_t digest[SNAP_DIGEST_BYTES];
	_Atomic uint64_t expires;
	_Atomic uint32_t plan;
	_Atomic uint32_t collision; /* next record with the same first KEY_BYTES */
	uint32_t consumer;
	uint32_t slot;
	uint32_t sibling; /* next key of the consumer; free and removed records: next of these */
	int32_t position; /* POSITION_*, or of a removed record: what to give back to the hash */
};
static_assert(sizeof(struct key_record) == 64, "one line");

/* The main core's view of a consumer. */
struct consumer {
	uint32_t plan, slot;
	uint32_t first_key;
};

struct consumers {
	uint32_t shares;
	uint32_t capacity; /* records */
	uint32_t live;
	uint32_t free, removed; /* lists of records */
	uint32_t consumer_count;
	struct rte_hash *hash;
	struct key_record *records;
	struct consumer *consumers;
};

/* A digest is random already; the multipliers keep whoever chooses digests from filling one bucket. */
static uint32_t digest_hash(const void *key, uint32_t len, uint32_t init)
{
	const uint64_t multiplier = (init * UINT64_C(0x9e3779b97f4a7c15)) | 1;
	uint64_t words[2];

	memcpy(words, key, sizeof(words));
	return (uint32_t)((words[0] * multiplier + words[1] * (multiplier ^ multiplier << 17)) >>
			  32);
}

static struct rte_hash *hash_create(uint32_t keys)
{
	static unsigned number;
	char name[RTE_HASH_NAMESIZE];
	const struct rte_hash_parameters parameters = {
		.name = name,
		.entries = keys + keys / 4 + 64, /* load below 80 % */
		.key_len = KEY_BYTES,
		.hash_func = digest_hash,
		.hash_func_init_val = (uint32_t)rte_rand(),
		.socket_id = (int)rte_socket_id(),
		.extra_flag =
			RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	snprintf(name, sizeof(name), "policy_keys_%u", number++);
	return rte_hash_create(&parameters);
}

static bool fill_from_snapshot(struct consumers *c, const struct snapshot *snapshot)
{
	const struct snap_consumer *from;
	const struct snap_key *keys;
	uint32_t n;

	from = snap_records(snapshot, SNAP_CONSUMERS, &n);
	for (uint32_t i = 0; i < n; i++)
		c->consumers[i] = (struct consumer){ from[i].plan, from[i].slot, RECORD_NONE };
	keys = snap_records(snapshot, SNAP_KEYS, &n);
	for (uint32_t i = 0; i < n; i++)
		if (consumers_key_add(c, keys[i].digest, keys[i].consumer, keys[i].expires) != 0)
			return false;
	return true;
}

struct consumers *consumers_create(const struct snapshot *snapshot)
{
	const uint32_t keys = snapshot->sections[SNAP_KEYS].count;
	struct consumers *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->shares = 1;
	c->capacity = keys + keys / 4 + SPARE_KEYS;
	c->consumer_count = snapshot->sections[SNAP_CONSUMERS].count;
	c->removed = RECORD_NONE;
	c->hash = hash_create(c->capacity);
	c->records = rte_zmalloc("policy_keys", (size_t)c->capacity * sizeof(*c->records), 64);
	c->consumers = calloc((size_t)c->consumer_count + 1, sizeof(*c->consumers));
	if (c->hash == NULL || c->records == NULL || c->consumers == NULL)
		goto fail;
	for (uint32_t i = 0; i < c->capacity; i++)
		c->records[i].sibling = i + 1 < c->capacity ? i + 1 : RECORD_NONE;
	if (fill_from_snapshot(c, snapshot))
		return c;
fail:
	consumers_release(c);
	return NULL;
}

struct consumers *consumers_hold(struct consumers *consumers)
{
	consumers->shares++;
	return consumers;
}

void consumers_release(struct consumers *consumers)
{
	if (consumers == NULL || --consumers->shares > 0)
		return;
	rte_hash_free(consumers->hash);
	rte_free(consumers->records);
	free(consumers->consumers);
	free(consumers);
}

/* Follow the chain of records with the same first bytes. */
static struct key_record *chain_find(
	const struct consumers *c, uint32_t number, const uint8_t *digest)
{
	while (number != RECORD_NONE) {
		struct key_record *record = &c->records[number];

		if (memcmp(record->digest, digest, SNAP_DIGEST_BYTES) == 0)
			return record;
		number = atomic_load_explicit(&record->collision, memory_order_acquire);
	}
	return NULL;
}

/* The first record of the digest's chain, or RECORD_NONE. */
static uint32_t chain_head(const struct consumers *c, const uint8_t *digest)
{
	void *data;

	return rte_hash_lookup_data(c->hash, digest, &data) >= 0 ? (uint32_t)(uintptr_t)data
								 : RECORD_NONE;
}

static struct key_record *record_find(const struct consumers *c, const uint8_t *digest)
{
	return chain_find(c, chain_head(c, digest), digest);
}

static void caller_fill(struct policy_caller *caller, const struct key_record *record)
{
	caller->consumer = record->consumer;
	caller->plan = atomic_load_explicit(&record->plan, memory_order_relaxed);
	caller->slot = record->slot;
	caller->expires = atomic_load_explicit(&record->expires, memory_order_relaxed);
}

uint32_t consumers_lookup_bulk(const struct consumers *c,
	const uint8_t (*digests)[SNAP_DIGEST_BYTES], uint32_t n, struct policy_caller *callers)
{
	const void *keys[POLICY_BULK];
	void *data[POLICY_BULK];
	uint64_t hits = 0;
	uint32_t found = 0;

	n = n < POLICY_BULK ? n : POLICY_BULK;
	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		keys[i] = digests[i];
	if (rte_hash_lookup_bulk_data(c->hash, keys, n, &hits, data) <= 0)
		return 0;
	for (uint64_t left = hits; left != 0; left &= left - 1)
		rte_prefetch0(&c->records[(uintptr_t)data[__builtin_ctzll(left)]]);
	for (uint64_t left = hits; left != 0; left &= left - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(left);
		const struct key_record *record =
			chain_find(c, (uint32_t)(uintptr_t)data[i], digests[i]);

		if (record == NULL)
			continue;
		caller_fill(&callers[i], record);
		found |= UINT32_C(1) << i;
	}
	return found;
}

int consumers_key_add(
	struct consumers *c, const uint8_t *digest, uint32_t consumer, uint64_t expires)
{
	const uint32_t head = chain_head(c, digest), number = c->free;
	struct key_record *record = chain_find(c, head, digest);

	if (consumer >= c->consumer_count)
		return -EINVAL;
	if (record != NULL) {
		if (record->consumer != consumer)
			return -EEXIST;
		atomic_store_explicit(&record->expires, expires, memory_order_relaxed);
		return 0;
	}
	if (number == RECORD_NONE)
		return -ENOSPC;
	record = &c->records[number];
	c->free = record->sibling;
	memcpy(record->digest, digest, SNAP_DIGEST_BYTES);
	atomic_store_explicit(&record->expires, expires, memory_order_relaxed);
	atomic_store_explicit(&record->plan, c->consumers[consumer].plan, memory_order_relaxed);
	atomic_store_explicit(&record->collision, head, memory_order_relaxed);
	record->consumer = consumer;
	record->slot = c->consumers[consumer].slot;
	record->position = POSITION_LIVE;
	/* The hash publishes its data with release order. */
	if (rte_hash_add_key_data(c->hash, digest, (void *)(uintptr_t)number) != 0) {
		record->sibling = c->free;
		c->free = number;
		return -ENOSPC;
	}
	record->sibling = c->consumers[consumer].first_key;
	c->consumers[consumer].first_key = number;
	c->live++;
	return 0;
}

/* Take a record off its chain. @return the position to free later, POSITION_NONE, or -errno */
static int chain_unlink(struct consumers *c, uint32_t number)
{
	struct key_record *record = &c->records[number];
	const uint32_t next = atomic_load_explicit(&record->collision, memory_order_relaxed);
	uint32_t at = chain_head(c, record->digest);

	if (at == number && next == RECORD_NONE)
		return rte_hash_del_key(c->hash, record->digest);
	if (at == number)
		return rte_hash_add_key_data(c->hash, record->digest, (void *)(uintptr_t)next) == 0
			       ? POSITION_NONE
			       : -ENOSPC;
	while (atomic_load_explicit(&c->records[at].collision, memory_order_relaxed) != number)
		at = atomic_load_explicit(&c->records[at].collision, memory_order_relaxed);
	atomic_store_explicit(&c->records[at].collision, next, memory_order_release);
	return POSITION_NONE;
}

static void sibling_unlink(struct consumers *c, uint32_t number)
{
	uint32_t *link = &c->consumers[c->records[number].consumer].first_key;

	while (*link != number)
		link = &c->records[*link].sibling;
	*link = c->records[number].sibling;
}

int consumers_key_remove(struct consumers *c, const uint8_t *digest)
{
	struct key_record *record = record_find(c, digest);
	uint32_t number;
	int position;

	if (record == NULL)
		return -ENOENT;
	number = (uint32_t)(record - c->records);
	position = chain_unlink(c, number);
	if (position < POSITION_NONE)
		return position;
	sibling_unlink(c, number);
	record->position = position;
	record->sibling = c->removed;
	c->removed = number;
	c->live--;
	return 0;
}

int consumers_set_plan(struct consumers *c, uint32_t consumer, uint32_t plan)
{
	if (consumer >= c->consumer_count)
		return -EINVAL;
	c->consumers[consumer].plan = plan;
	for (uint32_t i = c->consumers[consumer].first_key; i != RECORD_NONE;
		i = c->records[i].sibling)
		atomic_store_explicit(&c->records[i].plan, plan, memory_order_relaxed);
	return 0;
}

void consumers_reclaim(struct consumers *c)
{
	while (c->removed != RECORD_NONE) {
		const uint32_t number = c->removed;
		struct key_record *record = &c->records[number];

		c->removed = record->sibling;
		if (record->position >= 0)
			rte_hash_free_key_with_position(c->hash, record->position);
		record->sibling = c->free;
		c->free = number;
	}
}

bool consumers_match(const struct consumers *c, const struct snapshot *snapshot)
{
	const struct snap_consumer *theirs;
	const struct snap_key *keys;
	uint32_t n;

	theirs = snap_records(snapshot, SNAP_CONSUMERS, &n);
	if (n != c->consumer_count || snapshot->sections[SNAP_KEYS].count != c->live)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (theirs[i].plan != c->consumers[i].plan ||
			theirs[i].slot != c->consumers[i].slot)
			return false;
	keys = snap_records(snapshot, SNAP_KEYS, &n);
	for (uint32_t i = 0; i < n; i++) {
		/* Without deltas the records are in the snapshot's order. */
		const struct key_record *record = &c->records[i];

		if (memcmp(record->digest, keys[i].digest, SNAP_DIGEST_BYTES) != 0 ||
			record->position != POSITION_LIVE)
			record = record_find(c, keys[i].digest);
		if (record == NULL || record->consumer != keys[i].consumer ||
			record->expires != keys[i].expires)
			return false;
	}
	return true;
}
