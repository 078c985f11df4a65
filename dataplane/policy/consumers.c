/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by their SHA-256: an index of buckets that are one cache line each, and records of one cache
 * line with the whole digest and all that a request needs to know about its caller. A look-up costs
 * these two lines, and the text of the consumer's name a third; they and the index lie in huge
 * pages. (With rte_hash, which has one line more, and names read from the snapshot, which cost two
 * more on small pages, a request of l7's keys-1M took 150 cycles more.)
 *
 * One writer, lock-free readers: a record is complete before a slot of the index names it, and
 * after it is removed it is not used again before consumers_reclaim(), which the main core calls
 * when all workers have been quiescent. A slot may be used again at once, since the record's digest
 * decides. A plan's change is written into the records of the consumer's keys, which saves readers
 * a look at the consumer.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_prefetch.h>
#include <rte_random.h>

#include "dataplane/policy/consumers.h"

#define SPARE_KEYS   4096 /* and a quarter of the snapshot's: room for deltas */
#define RECORD_NONE  INT32_MAX
#define BUCKET_SLOTS 7
#define NAME_LINE    UINT64_C(64)

struct key_record {
	uint8_t digest[SNAP_DIGEST_BYTES];
	_Atomic uint64_t expires;
	_Atomic uint32_t plan;
	uint32_t consumer;
	uint32_t slot;
	uint32_t name_at, name_bytes; /* of the consumer, in names */
	/* The writer's: next key of the consumer; of free and removed records the next of these. */
	uint32_t sibling : 31;
	uint32_t live : 1;
};
static_assert(sizeof(struct key_record) == 64, "one line");

/* Keys that find their bucket full go to the next one with room; each bucket passed counts them,
 * and while it counts any, whoever does not find a key there looks on. */
struct bucket {
	_Atomic uint64_t slots[BUCKET_SLOTS]; /* tag << 32 | number of the record + 1; 0: empty */
	_Atomic uint64_t passed;
};
static_assert(sizeof(struct bucket) == 64, "one line");

/* The main core's view of a consumer. */
struct consumer {
	uint32_t plan, slot;
	uint32_t first_key;
	uint32_t name_at, name_bytes;
};

struct consumers {
	uint32_t shares;
	uint32_t capacity; /* records */
	uint32_t live;
	uint32_t free, removed; /* lists of records */
	uint32_t consumer_count;
	uint32_t bucket_count;
	uint64_t multiplier; /* odd and random */
	struct bucket *buckets;
	struct key_record *records;
	struct consumer *consumers;
	char *names;
};

/* A digest is random already; the multiplier keeps whoever chooses digests from filling one bucket.
 * The upper half chooses the bucket, the lower one is the slot's tag. */
static inline uint64_t digest_hash(const struct consumers *c, const uint8_t *digest)
{
	uint64_t words[2];

	memcpy(words, digest, sizeof(words));
	words[0] *= c->multiplier;
	return (words[0] ^ words[0] >> 32 ^ words[1]) * c->multiplier;
}

static inline uint32_t hash_bucket(const struct consumers *c, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * c->bucket_count >> 32);
}

static inline uint32_t bucket_next(const struct consumers *c, uint32_t at)
{
	return at + 1 < c->bucket_count ? at + 1 : 0;
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
	c->multiplier = rte_rand() | 1;
	c->bucket_count = c->capacity / 4; /* never fuller than four slots of seven on average */
	c->buckets = rte_zmalloc("policy_index", (size_t)c->bucket_count * sizeof(*c->buckets), 64);
	c->records = rte_zmalloc("policy_keys", (size_t)c->capacity * sizeof(*c->records), 64);
	c->consumers = calloc((size_t)c->consumer_count + 1, sizeof(*c->consumers));
	if (c->buckets == NULL || c->records == NULL || c->consumers == NULL)
		goto fail;
	for (uint32_t i = 0; i < c->capacity; i++)
		c->records[i].sibling = i + 1 < c->capacity ? i + 1 : RECORD_NONE;
	if (consumers_fill(c, snapshot) && keys_fill(c, snapshot))
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
	rte_free(consumers->buckets);
	rte_free(consumers->records);
	rte_free(consumers->names);
	free(consumers->consumers);
	free(consumers);
}

/* The record that a slot with @p tag names, at @p slot or behind; RECORD_NONE when there is
 * none. */
static inline uint32_t slot_find(const struct bucket *bucket, uint32_t tag, uint32_t *slot)
{
	for (; *slot < BUCKET_SLOTS; ++*slot) {
		const uint64_t value =
			atomic_load_explicit(&bucket->slots[*slot], memory_order_acquire);

		if (value >> 32 == tag && value != 0)
			return (uint32_t)value - 1;
	}
	return RECORD_NONE;
}

struct place {
	uint32_t bucket, slot;
};

/* Where the index names the digest's record. @return the record, or NULL */
static struct key_record *record_find(
	const struct consumers *c, const uint8_t *digest, struct place *place)
{
	const uint64_t hash = digest_hash(c, digest);
	uint32_t at = hash_bucket(c, hash);

	/* Bounded for a reader that the writer overtakes again and again. */
	for (uint32_t n = 0; n < c->bucket_count; n++, at = bucket_next(c, at)) {
		const struct bucket *bucket = &c->buckets[at];
		uint32_t number;

		for (uint32_t slot = 0;; slot++) {
			number = slot_find(bucket, (uint32_t)hash, &slot);
			if (number == RECORD_NONE)
				break;
			if (memcmp(c->records[number].digest, digest, SNAP_DIGEST_BYTES) != 0)
				continue;
			*place = (struct place){ at, slot };
			return &c->records[number];
		}
		if (atomic_load_explicit(&bucket->passed, memory_order_acquire) == 0)
			break;
	}
	return NULL;
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

void consumers_fetch_index(
	const struct consumers *c, const uint8_t (*digests)[SNAP_DIGEST_BYTES], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(&c->buckets[hash_bucket(c, digest_hash(c, digests[i]))]);
}

/* The records that the first matching tags name, nearly always the right ones. */
void consumers_fetch_records(
	const struct consumers *c, const uint8_t (*digests)[SNAP_DIGEST_BYTES], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t hash = digest_hash(c, digests[i]);
		uint32_t slot = 0;
		const uint32_t number =
			slot_find(&c->buckets[hash_bucket(c, hash)], (uint32_t)hash, &slot);

		if (number != RECORD_NONE)
			rte_prefetch0(&c->records[number]);
	}
}

uint32_t consumers_lookup(const struct consumers *c, const uint8_t (*digests)[SNAP_DIGEST_BYTES],
	uint32_t n, struct policy_caller *callers)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct place place;
		const struct key_record *record = record_find(c, digests[i], &place);

		if (record == NULL)
			continue;
		caller_fill(c, &callers[i], record);
		rte_prefetch0(callers[i].name.data);
		found |= UINT32_C(1) << i;
	}
	return found;
}

/* Let the index name a record. There is room: it has more slots than there are records. */
static void index_add(struct consumers *c, uint32_t number)
{
	const uint64_t hash = digest_hash(c, c->records[number].digest);
	uint32_t at = hash_bucket(c, hash);

	for (;; at = bucket_next(c, at)) {
		struct bucket *bucket = &c->buckets[at];

		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if (atomic_load_explicit(&bucket->slots[i], memory_order_relaxed) != 0)
				continue;
			atomic_store_explicit(
				&bucket->slots[i], hash << 32 | (number + 1), memory_order_release);
			return;
		}
		atomic_fetch_add_explicit(&bucket->passed, 1, memory_order_release);
	}
}

static void index_remove(struct consumers *c, const uint8_t *digest, const struct place *place)
{
	const uint32_t home = hash_bucket(c, digest_hash(c, digest));

	atomic_store_explicit(
		&c->buckets[place->bucket].slots[place->slot], 0, memory_order_release);
	for (uint32_t at = home; at != place->bucket; at = bucket_next(c, at))
		atomic_fetch_sub_explicit(&c->buckets[at].passed, 1, memory_order_release);
}

int consumers_key_add(struct consumers *c, const uint8_t *digest, uint32_t number, uint64_t expires)
{
	struct place place;
	struct key_record *record = record_find(c, digest, &place);
	struct consumer *consumer;
	uint32_t key = c->free;

	if (number >= c->consumer_count)
		return -EINVAL;
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
	c->free = record->sibling;
	memcpy(record->digest, digest, SNAP_DIGEST_BYTES);
	atomic_store_explicit(&record->expires, expires, memory_order_relaxed);
	atomic_store_explicit(&record->plan, consumer->plan, memory_order_relaxed);
	record->consumer = number;
	record->slot = consumer->slot;
	record->name_at = consumer->name_at;
	record->name_bytes = consumer->name_bytes;
	record->live = true;
	record->sibling = consumer->first_key;
	consumer->first_key = key;
	index_add(c, key);
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

int consumers_key_remove(struct consumers *c, const uint8_t *digest)
{
	struct place place;
	struct key_record *record = record_find(c, digest, &place);
	uint32_t number;

	if (record == NULL)
		return -ENOENT;
	number = (uint32_t)(record - c->records);
	index_remove(c, digest, &place);
	sibling_unlink(c, number);
	record->live = false;
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
		record->sibling = c->free;
		c->free = number;
	}
}

static bool consumer_match(const struct consumers *c, const struct consumer *mine,
	const struct snapshot *snapshot, const struct snap_consumer *theirs)
{
	return theirs->plan == mine->plan && theirs->slot == mine->slot &&
	       str_equal((struct str){ c->names + mine->name_at, mine->name_bytes },
		       snap_str(snapshot, theirs->name));
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
		if (!consumer_match(c, &c->consumers[i], snapshot, &theirs[i]))
			return false;
	keys = snap_records(snapshot, SNAP_KEYS, &n);
	for (uint32_t i = 0; i < n; i++) {
		/* Without deltas the records are in the snapshot's order. */
		const struct key_record *record = &c->records[i];
		struct place place;

		if (memcmp(record->digest, keys[i].digest, SNAP_DIGEST_BYTES) != 0 || !record->live)
			record = record_find(c, keys[i].digest, &place);
		if (record == NULL || record->consumer != keys[i].consumer ||
			record->expires != keys[i].expires)
			return false;
	}
	return true;
}
