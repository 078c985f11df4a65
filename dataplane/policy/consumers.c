/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by their SHA-256: an rte_hash from the digest to the number of a record, which is one cache
 * line with all that a request needs to know about its caller. All of it lies in huge pages.
 *
 * One writer, lock-free readers: a record is complete before the hash gives its number, and after it
 * is removed neither it nor its place in the hash is used again before consumers_reclaim(), which
 * the main core calls when all workers have been quiescent. A plan's change is written into the
 * records of the consumer's keys, which saves readers a look at the consumer.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>
#include <rte_random.h>

#include "dataplane/policy/consumers.h"

#define SPARE_KEYS  4096 /* and a quarter of the snapshot's: room for deltas */
#define RECORD_NONE INT32_MAX
#define NAME_LINE   UINT64_C(64)

struct key_record {
	uint8_t digest[SNAP_DIGEST_BYTES]; /* the writer's */
	_Atomic uint64_t expires;
	_Atomic uint32_t plan;
	uint32_t consumer;
	uint32_t slot;
	uint32_t name_at, name_bytes; /* of the consumer, in names */
	/* The writer's: next key of the consumer; of free records the next of these. */
	uint32_t sibling : 31;
	uint32_t live : 1;
};
static_assert(sizeof(struct key_record) == 64, "one line");

/* The main core's view of a consumer. */
struct consumer {
	uint32_t plan, slot;
	uint32_t first_key;
	uint32_t name_at, name_bytes;
};

/* What readers may still hold. */
struct removed {
	uint32_t record;
	int32_t position; /* in the hash */
};

struct consumers {
	uint32_t shares;
	bool changed;      /* by deltas, since it was last what a snapshot says */
	uint32_t capacity; /* records */
	uint32_t live;
	uint32_t free; /* list of records */
	struct removed *removed;
	uint32_t removed_count, removed_room;
	uint32_t consumer_count;
	uint64_t multiplier; /* odd and random */
	struct rte_hash *hash;
	struct key_record *records;
	struct consumer *consumers;
	char *names;
};

/* A digest is random already; the multiplier keeps whoever chooses digests from filling one
 * bucket. */
static inline hash_sig_t digest_signature(const struct consumers *c, const uint8_t *digest)
{
	uint64_t word;

	memcpy(&word, digest, sizeof(word));
	return (hash_sig_t)(word * c->multiplier >> 32);
}

/* Where a name goes whose predecessors end at @p end: into the rest of the line if it fits, so that
 * what is fetched of a name is all of it. */
static uint64_t name_place(uint64_t end, uint32_t bytes)
{
	return end % NAME_LINE + bytes > NAME_LINE ? RTE_ALIGN_CEIL(end, NAME_LINE) : end;
}

/* Copy the names to where no small page is read for them. */
static bool consumers_fill(struct consumers *c, const struct snapshot *snapshot)
{
	const struct snap_consumer *from;
	uint64_t end = 0;
	uint32_t n;

	from = snap_records(snapshot, SNAP_CONSUMERS, &n);
	for (uint32_t i = 0; i < n; i++)
		end = name_place(end, from[i].name.length) + from[i].name.length;
	if (end > UINT32_MAX)
		return false;
	c->names = rte_malloc("policy_names", end + 1, NAME_LINE);
	if (c->names == NULL)
		return false;
	end = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct str name = snap_str(snapshot, from[i].name);
		const uint32_t at = (uint32_t)name_place(end, name.len);

		c->consumers[i] =
			(struct consumer){ from[i].plan, from[i].slot, RECORD_NONE, at, name.len };
		memcpy(c->names + at, name.data, name.len);
		end = at + name.len;
	}
	return true;
}

static bool keys_fill(struct consumers *c, const struct snapshot *snapshot)
{
	const struct snap_key *keys;
	uint32_t n;

	keys = snap_records(snapshot, SNAP_KEYS, &n);
	for (uint32_t i = 0; i < n; i++)
		if (consumers_key_add(c, keys[i].digest, keys[i].consumer, keys[i].expires) != 0)
			return false;
	return true;
}

/* A table with lock-free readers and one writer. Of names there is a table each. */
static struct rte_hash *hash_create(uint32_t entries)
{
	static _Atomic uint32_t number;
	char name[RTE_HASH_NAMESIZE];
	const struct rte_hash_parameters parameters = { .name = name,
		.entries = entries,
		.key_len = SNAP_DIGEST_BYTES,
		.socket_id = (int)rte_socket_id(),
		.extra_flag =
			RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE };

	snprintf(name, sizeof(name), "keys-%u", atomic_fetch_add(&number, 1));
	return rte_hash_create(&parameters);
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
	c->multiplier = rte_rand() | 1;
	c->hash = hash_create(c->capacity);
	c->records = rte_zmalloc("policy_keys", (size_t)c->capacity * sizeof(*c->records), 64);
	c->consumers = calloc((size_t)c->consumer_count + 1, sizeof(*c->consumers));
	for (uint32_t i = 0; c->records != NULL && i < c->capacity; i++)
		c->records[i].sibling = i + 1 < c->capacity ? i + 1 : RECORD_NONE;
	if (c->hash == NULL || c->records == NULL || c->consumers == NULL)
		goto fail;
	if (consumers_fill(c, snapshot) && keys_fill(c, snapshot)) {
		c->changed = false;
		return c;
	}
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
	rte_free(consumers->names);
	free(consumers->removed);
	free(consumers->consumers);
	free(consumers);
}

/* @return the digest's record, or NULL */
static struct key_record *record_find(const struct consumers *c, const uint8_t *digest)
{
	void *number;

	if (rte_hash_lookup_with_hash_data(c->hash, digest, digest_signature(c, digest), &number) <
		0)
		return NULL;
	return &c->records[(uintptr_t)number];
}

static void caller_fill(
	const struct consumers *c, struct policy_caller *caller, const struct key_record *record)
{
	caller->consumer = record->consumer;
	caller->plan = atomic_load_explicit(&record->plan, memory_order_relaxed);
	caller->slot = record->slot;
	caller->expires = atomic_load_explicit(&record->expires, memory_order_relaxed);
	caller->name = (struct str){ c->names + record->name_at, record->name_bytes };
}

uint32_t consumers_find(const struct consumers *c, const uint8_t (*digests)[SNAP_DIGEST_BYTES],
	uint32_t n, void **records)
{
	const void *keys[POLICY_BULK];
	hash_sig_t signatures[POLICY_BULK];
	uint64_t hits = 0;

	for (uint32_t i = 0; i < n; i++) {
		keys[i] = digests[i];
		signatures[i] = digest_signature(c, digests[i]);
	}
	rte_hash_lookup_with_hash_bulk_data(c->hash, keys, signatures, n, &hits, records);
	for (uint32_t i = 0; i < n; i++) {
		records[i] = hits >> i & 1 ? &c->records[(uintptr_t)records[i]] : NULL;
		rte_prefetch0(records[i]);
	}
	return (uint32_t)hits;
}

void consumers_callers(
	const struct consumers *c, void *const *records, uint32_t n, struct policy_caller *callers)
{
	for (uint32_t i = 0; i < n; i++) {
		if (records[i] == NULL)
			continue;
		caller_fill(c, &callers[i], records[i]);
		rte_prefetch0(callers[i].name.data);
	}
}

int consumers_key_add(struct consumers *c, const uint8_t *digest, uint32_t number, uint64_t expires)
{
	struct key_record *record = record_find(c, digest);
	struct consumer *consumer;
	uint32_t key = c->free, after;

	if (number >= c->consumer_count)
		return -EINVAL;
	c->changed = true;
	if (record != NULL) {
		if (record->consumer != number)
			return -EEXIST;
		atomic_store_explicit(&record->expires, expires, memory_order_relaxed);
		return 0;
	}
	if (key == RECORD_NONE)
		return -ENOSPC;
	consumer = &c->consumers[number];
	record = &c->records[key];
	after = record->sibling;
	memcpy(record->digest, digest, SNAP_DIGEST_BYTES);
	atomic_store_explicit(&record->expires, expires, memory_order_relaxed);
	atomic_store_explicit(&record->plan, consumer->plan, memory_order_relaxed);
	record->consumer = number;
	record->slot = consumer->slot;
	record->name_at = consumer->name_at;
	record->name_bytes = consumer->name_bytes;
	record->live = true;
	record->sibling = consumer->first_key;
	if (rte_hash_add_key_with_hash_data(
		    c->hash, digest, digest_signature(c, digest), (void *)(uintptr_t)key) != 0) {
		record->live = false;
		record->sibling = after;
		return -ENOSPC;
	}
	c->free = after;
	consumer->first_key = key;
	c->live++;
	return 0;
}

static void sibling_unlink(struct consumers *c, uint32_t number)
{
	struct consumer *consumer = &c->consumers[c->records[number].consumer];
	uint32_t before = consumer->first_key;

	if (before == number) {
		consumer->first_key = c->records[number].sibling;
		return;
	}
	while (c->records[before].sibling != number)
		before = c->records[before].sibling;
	c->records[before].sibling = c->records[number].sibling;
}

/* Room to note one that is removed. */
static bool removed_room(struct consumers *c)
{
	const uint32_t room = c->removed_room * 2 + 64;
	struct removed *removed;

	if (c->removed_count < c->removed_room)
		return true;
	removed = realloc(c->removed, room * sizeof(*removed));
	if (removed == NULL)
		return false;
	c->removed = removed;
	c->removed_room = room;
	return true;
}

int consumers_key_remove(struct consumers *c, const uint8_t *digest)
{
	struct key_record *record = record_find(c, digest);
	uint32_t number;
	int32_t position;

	if (record == NULL)
		return -ENOENT;
	if (!removed_room(c))
		return -ENOMEM;
	c->changed = true;
	number = (uint32_t)(record - c->records);
	position = rte_hash_del_key_with_hash(c->hash, digest, digest_signature(c, digest));
	sibling_unlink(c, number);
	record->live = false;
	c->removed[c->removed_count++] = (struct removed){ number, position };
	c->live--;
	return 0;
}

int consumers_set_plan(struct consumers *c, uint32_t consumer, uint32_t plan)
{
	if (consumer >= c->consumer_count)
		return -EINVAL;
	c->changed = true;
	c->consumers[consumer].plan = plan;
	for (uint32_t i = c->consumers[consumer].first_key; i != RECORD_NONE;
		i = c->records[i].sibling)
		atomic_store_explicit(&c->records[i].plan, plan, memory_order_relaxed);
	return 0;
}

void consumers_reclaim(struct consumers *c)
{
	while (c->removed_count > 0) {
		const struct removed *removed = &c->removed[--c->removed_count];

		rte_hash_free_key_with_position(c->hash, removed->position);
		c->records[removed->record].sibling = c->free;
		c->free = removed->record;
	}
}

static bool consumer_match(const struct consumers *c, const struct consumer *mine,
	const struct snapshot *snapshot, const struct snap_consumer *theirs)
{
	return theirs->plan == mine->plan && theirs->slot == mine->slot &&
	       str_equal((struct str){ c->names + mine->name_at, mine->name_bytes },
		       snap_str(snapshot, theirs->name));
}

bool consumers_changed(const struct consumers *c)
{
	return c->changed;
}

bool consumers_match(struct consumers *c, const struct snapshot *snapshot)
{
	const struct snap_consumer *theirs;
	const struct snap_key *keys;
	uint32_t n;

	theirs = snap_records(snapshot, SNAP_CONSUMERS, &n);
	if (n != c->consumer_count || snapshot->sections[SNAP_KEYS].count != c->live)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!consumer_match(c, &c->consumers[i], snapshot, &theirs[i]))
			return false;
	keys = snap_records(snapshot, SNAP_KEYS, &n);
	for (uint32_t i = 0; i < n; i++) {
		/* Without deltas the records are in the snapshot's order. */
		const struct key_record *record = &c->records[i];

		if (memcmp(record->digest, keys[i].digest, SNAP_DIGEST_BYTES) != 0 || !record->live)
			record = record_find(c, keys[i].digest);
		if (record == NULL || record->consumer != keys[i].consumer ||
			record->expires != keys[i].expires)
			return false;
	}
	c->changed = false;
	return true;
}
