/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to callers: many keys, digests that agree in their first half, deltas, generations. */
#include <errno.h>
#include <pthread.h>

#include "dataplane/policy/digest.h"
#include "dataplane/policy/policy.h"
#include "lib/shm/delta.h"
#include "tests/unit/policy/eal.h"
#include "tests/unit/route/snap_fixture.h"

#define MANY      100000
#define CONSUMERS 1000
#define PLANS     3
#define ALIKE     32

typedef uint8_t digest_t[SNAP_DIGEST_BYTES]; /* as policy_lookup_bulk() takes them */

static void digest_of(uint32_t number, uint8_t *digest)
{
	char key[32];

	snprintf(key, sizeof(key), "ak_live_%u", number);
	digest_sha256(str_of(key), digest);
}

static void add_plans_and_consumers(struct fixture *f, uint32_t consumers)
{
	for (uint32_t i = 0; i < PLANS; i++) {
		struct snap_plan plan = { .name = fixture_text(f, SNAP_KIND_CALLERS, "plan"),
			.slot = i };

		snapshot_builder_add(f->b, SNAP_PLANS, &plan);
	}
	for (uint32_t i = 0; i < consumers; i++) {
		struct snap_consumer c = { fixture_text(f, SNAP_KIND_CALLERS, "consumer"),
			i % PLANS, i };

		snapshot_builder_add(f->b, SNAP_CONSUMERS, &c);
	}
}

static void add_key(struct fixture *f, const uint8_t *digest, uint32_t consumer, uint64_t expires)
{
	struct snap_key key = { .expires = expires,
		.consumer = consumer,
		.id = fixture_text(f, SNAP_KIND_CALLERS, "k") };

	memcpy(key.digest, digest, sizeof(key.digest));
	snapshot_builder_add(f->b, SNAP_KEYS, &key);
}

static void open_keys(struct snapshot *snapshot, uint64_t generation, uint32_t keys)
{
	struct fixture f = fixture_begin();
	digest_t digest;

	add_plans_and_consumers(&f, CONSUMERS);
	for (uint32_t i = 0; i < keys; i++) {
		digest_of(i, digest);
		add_key(&f, digest, i % CONSUMERS, i);
	}
	fixture_open(&f, generation, snapshot);
}

static struct policy *create(const struct snapshot *snapshot, struct policy *previous)
{
	char why[200] = "";
	struct policy *policy = policy_create(snapshot, previous, NULL, why, sizeof(why));

	if (policy == NULL)
		fail_msg("%s", why);
	return policy;
}

static bool lookup(const struct policy *policy, const uint8_t *digest, struct policy_caller *caller)
{
	return policy_lookup_bulk(policy, (const digest_t *)digest, 1, caller) == 1;
}

static void the_digest_is_sha256(void **state)
{
	/* FIPS 180-4 example: "abc". */
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	const struct str text = STR("abc");
	digest_t digest;

	digest_sha256_bulk(&text, 1, &digest);
	assert_memory_equal(digest, abc, sizeof(abc));
}

/* Of every length up to three blocks, in every mixture of short and long. */
static void digests_of_a_burst_are_those_of_each(void **state)
{
	char text[200];
	uint64_t seed = 20260101;

	for (unsigned round = 0; round < 20000; round++) {
		struct str texts[9];
		uint8_t digests[9][DIGEST_BYTES];
		uint32_t n = (uint32_t)(fixture_random(&seed) % 10);

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (char)fixture_random(&seed);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t len = (uint32_t)(fixture_random(&seed) %
						  (fixture_random(&seed) % 4 ? 60 : 180));

			texts[i] = (struct str){ text + fixture_random(&seed) % 20, len };
		}
		digest_sha256_bulk(texts, n, digests);
		for (uint32_t i = 0; i < n; i++) {
			digest_t expected;

			digest_sha256(texts[i], expected);
			assert_memory_equal(digests[i], expected, sizeof(expected));
		}
	}
}

static void every_key_is_found_and_no_other(void **state)
{
	struct snapshot snapshot;
	struct policy *policy;

	open_keys(&snapshot, 1, MANY);
	policy = create(&snapshot, NULL);
	for (uint32_t first = 0; first < 2 * MANY; first += POLICY_BULK) {
		struct policy_caller callers[POLICY_BULK];
		digest_t digests[POLICY_BULK];
		uint32_t found;

		/* Keys that are there and keys that are not, mixed. */
		for (uint32_t i = 0; i < POLICY_BULK; i++)
			digest_of((first + i) * 7 % (2 * MANY), digests[i]);
		found = policy_lookup_bulk(policy, (const digest_t *)digests, POLICY_BULK, callers);
		for (uint32_t i = 0; i < POLICY_BULK; i++) {
			const uint32_t number = (first + i) * 7 % (2 * MANY);

			assert_int_equal(found >> i & 1, number < MANY);
			if (number >= MANY)
				continue;
			assert_int_equal(callers[i].consumer, number % CONSUMERS);
			assert_int_equal(callers[i].slot, number % CONSUMERS);
			assert_int_equal(callers[i].plan, number % CONSUMERS % PLANS);
			assert_int_equal(callers[i].expires, number);
			assert_true(str_equal(callers[i].name, STR("consumer")));
		}
	}
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

/* However many there are, known, unknown and twice the same. */
static void an_inquiry_finds_what_look_ups_find(void **state)
{
	struct snapshot snapshot;
	struct policy *policy;
	uint64_t seed = 4;

	open_keys(&snapshot, 1, CONSUMERS);
	policy = create(&snapshot, NULL);
	for (unsigned round = 0; round < 5000; round++) {
		struct policy_caller expected[POLICY_BULK];
		struct policy_inquiry inquiry;
		char texts[POLICY_BULK][32];
		digest_t digests[POLICY_BULK];
		uint32_t n = (uint32_t)(fixture_random(&seed) % (POLICY_BULK + 1)), found;

		policy_inquiry_begin(&inquiry);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t number = (uint32_t)(fixture_random(&seed) % (CONSUMERS * 5 / 4));

			snprintf(texts[i], sizeof(texts[i]), "ak_live_%u", number);
			digest_of(number, digests[i]);
			policy_inquiry_add(policy, &inquiry, str_of(texts[i]));
		}
		policy_inquiry_end(policy, &inquiry);
		found = policy_lookup_bulk(policy, (const digest_t *)digests, n, expected);
		assert_int_equal(inquiry.count, n);
		assert_int_equal(inquiry.known, n);
		assert_int_equal(inquiry.found, found);
		for (uint32_t i = 0; i < n; i++) {
			if (!(found >> i & 1))
				continue;
			assert_int_equal(inquiry.callers[i].consumer, expected[i].consumer);
			assert_int_equal(inquiry.callers[i].expires, expected[i].expires);
			assert_int_equal(inquiry.callers[i].slot, expected[i].slot);
			assert_ptr_equal(inquiry.callers[i].name.data, expected[i].name.data);
		}
	}
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

/* What is fetched of a name is one line. */
static void names_lie_within_a_line_where_they_can(void **state)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
	struct fixture f = fixture_begin();
	struct policy_caller caller;
	struct snapshot snapshot;
	struct policy *policy;
	char name[sizeof(letters)];
	digest_t digest;

	add_plans_and_consumers(&f, 0);
	for (uint32_t i = 0; i < 500; i++) {
		struct snap_consumer c;

		snprintf(name, sizeof(name), "%.*s", (int)(i % 77), letters + i % 2);
		c = (struct snap_consumer){ fixture_text(&f, SNAP_KIND_CALLERS, name), 0, i };
		snapshot_builder_add(f.b, SNAP_CONSUMERS, &c);
		digest_of(i, digest);
		add_key(&f, digest, i, 0);
	}
	fixture_open(&f, 1, &snapshot);
	policy = create(&snapshot, NULL);
	for (uint32_t i = 0; i < 500; i++) {
		uintptr_t at;

		digest_of(i, digest);
		assert_true(lookup(policy, digest, &caller));
		assert_int_equal(caller.name.len, i % 77);
		assert_memory_equal(caller.name.data, letters + i % 2, caller.name.len);
		at = (uintptr_t)caller.name.data;
		if (caller.name.len > 0 && caller.name.len <= 64)
			assert_int_equal(at / 64, (at + caller.name.len - 1) / 64);
	}
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

static void digests_with_equal_halves_are_told_apart(void **state)
{
	struct fixture f = fixture_begin();
	struct policy_caller caller;
	struct snapshot snapshot;
	struct policy *policy;
	digest_t digests[ALIKE + 1];

	/* More than one bucket of the index holds. */
	add_plans_and_consumers(&f, ALIKE);
	for (uint8_t i = 0; i <= ALIKE; i++) {
		digest_of(1, digests[i]);
		digests[i][31] = i;
		if (i < ALIKE)
			add_key(&f, digests[i], i, 0);
	}
	fixture_open(&f, 1, &snapshot);
	policy = create(&snapshot, NULL);
	for (uint32_t i = 0; i < ALIKE; i++) {
		assert_true(lookup(policy, digests[i], &caller));
		assert_int_equal(caller.consumer, i);
	}
	assert_false(lookup(policy, digests[ALIKE], &caller));
	/* Out of order: first, last and those between. 7 and ALIKE have no common divisor. */
	for (uint32_t removed = 0; removed < ALIKE; removed++) {
		struct delta delta = { .base_generation = 1, .op = DELTA_KEY_REMOVE };

		memcpy(delta.digest, digests[removed * 7 % ALIKE], sizeof(delta.digest));
		assert_int_equal(policy_apply_delta(policy, &delta), 0);
		for (uint32_t i = 0; i < ALIKE; i++)
			assert_int_equal(
				lookup(policy, digests[i * 7 % ALIKE], &caller), i > removed);
	}
	policy_reclaim(policy);
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

static void deltas_change_the_table_and_are_checked(void **state)
{
	struct policy_caller caller;
	struct snapshot snapshot;
	struct policy *policy;
	struct delta add = {
		.base_generation = 4, .op = DELTA_KEY_ADD, .consumer = 7, .expires = 99
	};
	struct delta remove = { .base_generation = 4, .op = DELTA_KEY_REMOVE };
	struct delta plan = {
		.base_generation = 4, .op = DELTA_CONSUMER_PLAN, .consumer = 7, .plan = 2
	};

	open_keys(&snapshot, 4, 100);
	policy = create(&snapshot, NULL);
	digest_of(5000, add.digest);
	memcpy(remove.digest, add.digest, sizeof(add.digest));
	assert_int_equal(policy_apply_delta(policy, &remove), -ENOENT);
	assert_int_equal(policy_apply_delta(policy, &add), 0);
	assert_true(lookup(policy, add.digest, &caller));
	assert_int_equal(caller.consumer, 7);
	assert_int_equal(caller.plan, 1);
	assert_int_equal(caller.expires, 99);
	add.expires = 100;
	assert_int_equal(policy_apply_delta(policy, &add), 0);
	assert_true(lookup(policy, add.digest, &caller));
	assert_int_equal(caller.expires, 100);
	assert_int_equal(policy_apply_delta(policy, &plan), 0);
	assert_true(lookup(policy, add.digest, &caller));
	assert_int_equal(caller.plan, 2);
	digest_of(7, plan.digest);
	assert_true(lookup(policy, plan.digest, &caller));
	assert_int_equal(caller.plan, 2);
	add.consumer = 8;
	assert_int_equal(policy_apply_delta(policy, &add), -EEXIST);
	add.consumer = CONSUMERS;
	digest_of(5001, add.digest);
	assert_int_equal(policy_apply_delta(policy, &add), -EINVAL);
	plan.plan = PLANS;
	assert_int_equal(policy_apply_delta(policy, &plan), -EINVAL);
	plan.plan = 0;
	plan.consumer = CONSUMERS;
	assert_int_equal(policy_apply_delta(policy, &plan), -EINVAL);
	plan.op = 77;
	assert_int_equal(policy_apply_delta(policy, &plan), -EINVAL);
	assert_int_equal(policy_apply_delta(policy, &remove), 0);
	assert_false(lookup(policy, remove.digest, &caller));
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

static void places_of_removed_keys_are_used_again_after_reclaim(void **state)
{
	struct delta delta = { .base_generation = 1, .op = DELTA_KEY_ADD };
	struct policy_caller caller;
	struct snapshot snapshot;
	struct policy *policy;
	uint32_t room = 0;

	open_keys(&snapshot, 1, 10);
	policy = create(&snapshot, NULL);
	for (;; room++) {
		digest_of(1000 + room, delta.digest);
		if (policy_apply_delta(policy, &delta) != 0)
			break;
	}
	assert_in_range(room, 4000, 10000);
	for (uint32_t round = 1; round < 20; round++) {
		for (uint32_t i = 0; i < room; i++) {
			delta.op = DELTA_KEY_REMOVE;
			digest_of((round - 1) * room + 1000 + i, delta.digest);
			assert_int_equal(policy_apply_delta(policy, &delta), 0);
		}
		delta.op = DELTA_KEY_ADD;
		assert_int_equal(policy_apply_delta(policy, &delta), -ENOSPC);
		policy_reclaim(policy);
		for (uint32_t i = 0; i < room; i++) {
			digest_of(round * room + 1000 + i, delta.digest);
			assert_int_equal(policy_apply_delta(policy, &delta), 0);
		}
		for (uint32_t i = 0; i < room; i++) {
			digest_of(round * room + 1000 + i, delta.digest);
			assert_true(lookup(policy, delta.digest, &caller));
			digest_of((round - 1) * room + 1000 + i, delta.digest);
			assert_false(lookup(policy, delta.digest, &caller));
		}
	}
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

/* Told apart from outside: a delta on one generation's tables is seen by the other only if they share. */
static bool generations_share(struct policy *a, struct policy *b, uint64_t generation)
{
	struct delta delta = { .base_generation = generation, .op = DELTA_KEY_ADD };
	struct policy_caller caller;
	bool shared;

	digest_of(999999, delta.digest);
	assert_int_equal(policy_apply_delta(b, &delta), 0);
	shared = lookup(a, delta.digest, &caller);
	delta.op = DELTA_KEY_REMOVE;
	assert_int_equal(policy_apply_delta(b, &delta), 0);
	policy_reclaim(b);
	return shared;
}

static void equal_keys_are_shared_between_generations(void **state)
{
	struct delta delta = {
		.base_generation = 2, .op = DELTA_KEY_ADD, .consumer = 500, .expires = 500
	};
	struct snapshot first, second, third, fourth;
	struct policy *a, *b, *c, *d;
	struct policy_caller caller;

	open_keys(&first, 1, 500);
	open_keys(&second, 2, 500);
	open_keys(&third, 3, 501);
	open_keys(&fourth, 4, 501);
	a = create(&first, NULL);
	b = create(&second, a);
	assert_true(generations_share(a, b, 2));
	c = create(&third, b);
	assert_false(generations_share(b, c, 3));
	/* By delta the second becomes what the fourth says. */
	digest_of(500, delta.digest);
	assert_int_equal(policy_apply_delta(b, &delta), 0);
	d = create(&fourth, b);
	assert_true(generations_share(b, d, 4));
	policy_destroy(a);
	policy_destroy(b);
	assert_true(lookup(d, delta.digest, &caller));
	policy_destroy(c);
	policy_destroy(d);
	snapshot_close(&first);
	snapshot_close(&second);
	snapshot_close(&third);
	snapshot_close(&fourth);
}

/* @p to gets the callers of @p of. */
static void open_sharing(
	const struct snapshot *of, uint64_t generation, struct snapshot *to, uint32_t keys)
{
	struct snapshot_part *parts[SNAP_KINDS];
	struct snapshot other;
	char why[200];

	open_keys(&other, generation, keys);
	memcpy(parts, other.parts, sizeof(parts));
	parts[SNAP_KIND_CALLERS] = of->parts[SNAP_KIND_CALLERS];
	assert_int_equal(snapshot_open(parts, generation, to, why, sizeof(why)), 0);
	snapshot_close(&other);
}

/* Deltas on a table that two generations have in common: it is compared, and made again when it
 * differs. */
static void deltas_are_not_taken_for_what_a_part_says(void **state)
{
	struct delta delta = { .op = DELTA_KEY_ADD, .consumer = 7, .expires = 500 };
	struct snapshot first, second, third;
	struct policy *a, *b, *c;
	struct policy_caller caller;

	open_keys(&first, 1, 500);
	open_sharing(&first, 2, &second, 500);
	open_sharing(&first, 3, &third, 500);
	a = create(&first, NULL);
	assert_false(policy_changed(a));
	b = create(&second, a);
	assert_false(policy_changed(b));
	digest_of(7000, delta.digest);
	assert_int_equal(policy_apply_delta(b, &delta), 0);
	assert_true(policy_changed(b));
	assert_true(lookup(a, delta.digest, &caller)); /* one table */
	c = create(&third, b);
	assert_false(lookup(c, delta.digest, &caller));
	assert_false(policy_changed(c));
	policy_destroy(a);
	policy_destroy(b);
	policy_destroy(c);
	snapshot_close(&first);
	snapshot_close(&second);
	snapshot_close(&third);
}

struct reader {
	const struct policy *policy;
	_Atomic bool stop;
	_Atomic uint64_t quiescent; /* turns */
	uint64_t wrong, looked;
};

static void *read_keys(void *argument)
{
	struct reader *r = argument;
	struct policy_caller callers[POLICY_BULK];
	digest_t digests[POLICY_BULK];
	uint64_t turn = 0;

	while (!r->stop) {
		/* Half are always there, half come and go. */
		for (uint32_t i = 0; i < POLICY_BULK; i++)
			digest_of(i % 2 == 0 ? (uint32_t)(turn + i) % 500
					     : 1000 + (uint32_t)(turn * 13 + i) % 3000,
				digests[i]);
		uint32_t found = policy_lookup_bulk(
			r->policy, (const digest_t *)digests, POLICY_BULK, callers);

		for (uint32_t i = 0; i < POLICY_BULK; i++) {
			if (i % 2 == 0)
				r->wrong += (found >> i & 1) == 0 ||
					    callers[i].consumer != (turn + i) % 500;
			else if (found >> i & 1)
				r->wrong += callers[i].consumer !=
					    (1000 + (turn * 13 + i) % 3000) % CONSUMERS;
		}
		r->looked += POLICY_BULK;
		turn++;
		atomic_fetch_add(&r->quiescent, 1);
	}
	return NULL;
}

static void readers_never_see_a_wrong_caller_while_keys_come_and_go(void **state)
{
	struct snapshot snapshot;
	struct reader reader = { 0 };
	struct policy *policy;
	pthread_t thread;

	open_keys(&snapshot, 1, 500);
	policy = create(&snapshot, NULL);
	reader.policy = policy;
	assert_int_equal(pthread_create(&thread, NULL, read_keys, &reader), 0);
	for (uint32_t round = 0; round < 30; round++)
		for (unsigned op = DELTA_KEY_ADD; op <= DELTA_KEY_REMOVE; op++) {
			uint64_t seen;

			for (uint32_t i = 1000; i < 4000; i++) {
				struct delta delta = {
					.base_generation = 1, .op = op, .consumer = i % CONSUMERS
				};

				digest_of(i, delta.digest);
				assert_int_equal(policy_apply_delta(policy, &delta), 0);
			}
			seen = reader.quiescent;
			while (reader.quiescent < seen + 2)
				sched_yield();
			policy_reclaim(policy);
		}
	reader.stop = true;
	pthread_join(thread, NULL);
	assert_true(reader.looked > 0);
	assert_int_equal(reader.wrong, 0);
	policy_destroy(policy);
	snapshot_close(&snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_sha256),
		cmocka_unit_test(digests_of_a_burst_are_those_of_each),
		cmocka_unit_test(every_key_is_found_and_no_other),
		cmocka_unit_test(an_inquiry_finds_what_look_ups_find),
		cmocka_unit_test(names_lie_within_a_line_where_they_can),
		cmocka_unit_test(digests_with_equal_halves_are_told_apart),
		cmocka_unit_test(deltas_change_the_table_and_are_checked),
		cmocka_unit_test(places_of_removed_keys_are_used_again_after_reclaim),
		cmocka_unit_test(deltas_are_not_taken_for_what_a_part_says),
		cmocka_unit_test(equal_keys_are_shared_between_generations),
		cmocka_unit_test(readers_never_see_a_wrong_caller_while_keys_come_and_go),
	};

	return cmocka_run_group_tests(tests, eal_begin, eal_end);
}
