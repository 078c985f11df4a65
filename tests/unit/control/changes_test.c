/* SPDX-License-Identifier: Apache-2.0 */
/* Changes by command: what they make of a configuration, of a running generation, and of a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/changes.h"
#include "control/compile/compile.h"

#define AB "abababababababababababababababababababababababababababababababab"
#define CD "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

static const char text[] =
	"version = 1;\n"
	"dataplane: { ports = ( { name = \"p\"; device = \"auto:eth0\"; addresses = [ \"10.0.0.1/24\" ]; } ); };\n"
	"listeners = ( { name = \"web\"; port = \"p\"; bind = \"10.0.0.1:80\"; } );\n"
	"backends = ( { name = \"b\"; endpoints = ( { address = \"10.0.0.2:80\"; weight = 5; },\n"
	"    { address = \"10.0.0.3:80\"; } ); } );\n"
	"credentials = ( { name = \"key\"; in = \"header\"; header = \"X-API-Key\"; pattern = \"^k_[a-z]{8}$\"; } );\n"
	"apis = ( { name = \"a\"; hosts = [ \"api.example\" ]; auth = [ \"key\" ]; routes = (\n"
	"    { path = \"/x/*\"; backend = \"b\"; } ); } );\n"
	"plans = ( { name = \"p1\"; apis = [ \"a\" ]; }, { name = \"p2\"; apis = [ \"a\" ]; } );\n"
	"consumers = ( { name = \"c\"; plan = \"p1\"; keys = ( { id = \"k\"; sha256 = \"" AB
	"\"; } ); },\n"
	"  { name = \"d\"; plan = \"p1\"; keys = ( { id = \"k\"; sha256 = \"" CD "\"; } ); } );\n";

static struct change change_of(
	enum change_kind kind, const char *of, const char *name, uint8_t byte)
{
	struct change c = { .kind = kind, .at_s = 5 };

	snprintf(c.of, sizeof(c.of), "%s", of);
	snprintf(c.name, sizeof(c.name), "%s", name);
	if (change_target(kind) == CHANGE_OF_KEY)
		memset(c.digest, byte, sizeof(c.digest));
	c.weight = byte;
	return c;
}

static void put(struct changes *changes, struct change c)
{
	assert_int_equal(changes_put(changes, &c), 0);
}

static void compile(const struct changes *changes, struct compiled *out)
{
	const struct compile_input input = { .generation = 7, .boot_id = 1, .changes = changes };
	struct mistakes mistakes = { 0 };

	assert_int_equal(compile_memory(text, &input, &mistakes, out), 0);
	mistakes_free(&mistakes);
}

static struct str name_of_consumer(const struct snapshot *s, uint32_t i)
{
	return snap_str(s, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i)->name);
}

static struct str name_of_plan(const struct snapshot *s, uint32_t consumer)
{
	const uint32_t plan = SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, consumer)->plan;

	return snap_str(s, SNAP_AT(s, SNAP_PLANS, snap_plan, plan)->name);
}

static struct str name_of_endpoint(const struct snapshot *s, uint32_t i)
{
	return snap_str(s, SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, i)->name);
}

/* The key whose digest is this byte, or NULL. */
static const struct snap_key *key_of(const struct snapshot *s, uint8_t byte)
{
	uint32_t n;
	const struct snap_key *keys = snap_records(s, SNAP_KEYS, &n);

	for (uint32_t i = 0; i < n; i++)
		if (keys[i].digest[0] == byte)
			return &keys[i];
	return NULL;
}

static struct str consumer_of(const struct snapshot *s, const struct snap_key *key)
{
	return snap_str(s, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, key->consumer)->name);
}

static void they_lie_over_a_configuration(void **state)
{
	struct changes changes = { 0 };
	struct change expiring = change_of(CHANGE_KEY_ADD, "d", "k", 0xcd);
	struct compiled c;
	const struct snapshot *s = &c.snapshot;

	compile(NULL, &c);
	assert_non_null(key_of(s, 0xab));
	compiled_free(&c);
	put(&changes, change_of(CHANGE_KEY_REVOKE, "c", "k", 0xab));
	put(&changes, change_of(CHANGE_KEY_ADD, "c", "new", 0x11));
	put(&changes, change_of(CHANGE_KEY_ADD, "gone", "k", 0x22));
	put(&changes, change_of(CHANGE_KEY_REVOKE, "gone", "k", 0x33));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "10.0.0.2:80", 0));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "10.0.0.9:80", 9));
	put(&changes, change_of(CHANGE_WEIGHT, "x", "10.0.0.3:80", 9));
	expiring.expires = 99;
	put(&changes, expiring);
	compile(&changes, &c);
	assert_int_equal(s->sections[SNAP_KEYS].count, 2);
	assert_null(key_of(s, 0xab));
	assert_true(str_equal(consumer_of(s, key_of(s, 0x11)), STR("c")));
	assert_true(str_equal(snap_str(s, key_of(s, 0x11)->id), STR("new")));
	assert_int_equal(key_of(s, 0xcd)->expires, 99);
	assert_int_equal(SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, 0)->weight, 0);
	assert_int_equal(SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, 1)->weight, 1);
	compiled_free(&c);
	changes_free(&changes);
}

/* Consumers and endpoints, of a file or of a snapshot that was compiled from it. */
static void put_others(struct changes *changes)
{
	put(changes, change_of(CHANGE_CONSUMER_ADD, "e", "p2", 0));
	put(changes, change_of(CHANGE_CONSUMER_ADD, "f", "gone", 0));
	put(changes, change_of(CHANGE_CONSUMER_PLAN, "d", "p2", 0));
	put(changes, change_of(CHANGE_CONSUMER_PLAN, "gone", "p2", 0));
	put(changes, change_of(CHANGE_CONSUMER_REMOVE, "c", "", 0));
	put(changes, change_of(CHANGE_KEY_ADD, "e", "new", 0x11));
	put(changes, change_of(CHANGE_ENDPOINT_REMOVE, "b", "10.0.0.2:80", 0));
	put(changes, change_of(CHANGE_ENDPOINT_ADD, "b", "10.0.0.4:80", 7));
	put(changes, change_of(CHANGE_ENDPOINT_ADD, "gone", "10.0.0.4:80", 7));
}

static void check_others(const struct snapshot *s)
{
	assert_int_equal(s->sections[SNAP_CONSUMERS].count, 2);
	assert_true(str_equal(name_of_consumer(s, 0), STR("d")));
	assert_true(str_equal(name_of_plan(s, 0), STR("p2")));
	assert_true(str_equal(name_of_consumer(s, 1), STR("e")));
	assert_true(str_equal(name_of_plan(s, 1), STR("p2")));
	assert_int_equal(s->sections[SNAP_KEYS].count, 2);
	assert_true(str_equal(consumer_of(s, key_of(s, 0x11)), STR("e")));
	assert_true(str_equal(consumer_of(s, key_of(s, 0xcd)), STR("d")));
	assert_int_equal(s->sections[SNAP_ENDPOINTS].count, 2);
	assert_true(str_equal(name_of_endpoint(s, 0), STR("10.0.0.3:80")));
	assert_true(str_equal(name_of_endpoint(s, 1), STR("10.0.0.4:80")));
	assert_int_equal(SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, 1)->weight, 7);
}

static void consumers_and_endpoints_lie_over_a_configuration(void **state)
{
	struct changes changes = { 0 };
	struct compiled c;

	put_others(&changes);
	compile(&changes, &c);
	check_others(&c.snapshot);
	compiled_free(&c);
	changes_free(&changes);
}

static void they_lie_over_a_snapshot_as_over_its_configuration(void **state)
{
	struct changes changes = { 0 };
	struct snapshot laid, again;
	struct compiled c;

	put_others(&changes);
	compile(NULL, &c);
	assert_int_equal(changes_lay_snapshot(&changes, 0, &c.snapshot, 8, 1, &laid), 0);
	check_others(&laid);
	assert_int_equal(laid.generation, 8);
	assert_true(snapshot_shares(&laid, &c.snapshot, 1u << SNAP_KIND_ROUTING));
	/* The slot of the one that was removed rests with its limits. */
	assert_int_equal(laid.sections[SNAP_RETIRED].count, 1);
	assert_int_equal(SNAP_AT(&laid, SNAP_RETIRED, snap_retired, 0)->slot,
		SNAP_AT(&c.snapshot, SNAP_CONSUMERS, snap_consumer, 0)->slot);
	/* Once more changes nothing. */
	assert_int_equal(changes_lay_snapshot(&changes, 0, &laid, 9, 1, &again), 0);
	check_others(&again);
	assert_true(snapshot_shares(&laid, &again,
		1u << SNAP_KIND_CALLERS | 1u << SNAP_KIND_ENDPOINTS | 1u << SNAP_KIND_GATEWAY));
	snapshot_close(&again);
	snapshot_close(&laid);
	compiled_free(&c);
	changes_free(&changes);
}

static void a_snapshot_holds_those_up_to_a_number(void **state)
{
	struct changes changes = { 0 };
	struct snapshot laid;
	struct compiled c;

	put(&changes, change_of(CHANGE_CONSUMER_REMOVE, "c", "", 0));
	put(&changes, change_of(CHANGE_CONSUMER_REMOVE, "d", "", 0));
	compile(NULL, &c);
	assert_int_equal(changes_lay_snapshot(&changes, 1, &c.snapshot, 8, 1, &laid), 0);
	assert_int_equal(laid.sections[SNAP_CONSUMERS].count, 1);
	assert_true(str_equal(name_of_consumer(&laid, 0), STR("c")));
	assert_non_null(key_of(&laid, 0xab));
	assert_null(key_of(&laid, 0xcd));
	snapshot_close(&laid);
	compiled_free(&c);
	changes_free(&changes);
}

static void the_last_endpoint_gets_no_request_instead_of_going(void **state)
{
	struct changes changes = { 0 };
	struct snapshot laid;
	struct compiled c;

	put(&changes, change_of(CHANGE_ENDPOINT_REMOVE, "b", "10.0.0.2:80", 0));
	put(&changes, change_of(CHANGE_ENDPOINT_REMOVE, "b", "10.0.0.3:80", 0));
	compile(&changes, &c);
	assert_int_equal(c.snapshot.sections[SNAP_ENDPOINTS].count, 1);
	assert_int_equal(SNAP_AT(&c.snapshot, SNAP_ENDPOINTS, snap_endpoint, 0)->weight, 0);
	compiled_free(&c);
	compile(NULL, &c);
	assert_int_equal(changes_lay_snapshot(&changes, 0, &c.snapshot, 8, 1, &laid), 0);
	assert_int_equal(laid.sections[SNAP_ENDPOINTS].count, 1);
	assert_int_equal(SNAP_AT(&laid, SNAP_ENDPOINTS, snap_endpoint, 0)->weight, 0);
	snapshot_close(&laid);
	compiled_free(&c);
	changes_free(&changes);
}

/* A consumer that is removed and added again does not get back the keys that the file has for it. */
static void a_consumer_that_was_removed_comes_back_without_keys(void **state)
{
	struct changes changes = { 0 };
	struct snapshot laid;
	struct compiled c;

	put(&changes, change_of(CHANGE_KEY_ADD, "c", "k2", 0x22));
	put(&changes, change_of(CHANGE_CONSUMER_REMOVE, "c", "", 0));
	assert_int_equal(changes.count, 1);
	put(&changes, change_of(CHANGE_CONSUMER_ADD, "c", "p2", 0));
	put(&changes, change_of(CHANGE_CONSUMER_PLAN, "c", "p1", 0));
	put(&changes, change_of(CHANGE_KEY_ADD, "c", "k3", 0x33));
	assert_int_equal(changes.list[0].kind, CHANGE_CONSUMER_ADD);
	assert_true(changes.list[0].without_keys);
	compile(&changes, &c);
	assert_int_equal(c.snapshot.sections[SNAP_KEYS].count, 2);
	assert_null(key_of(&c.snapshot, 0xab));
	assert_non_null(key_of(&c.snapshot, 0x33));
	compiled_free(&c);
	compile(NULL, &c);
	assert_int_equal(changes_lay_snapshot(&changes, 0, &c.snapshot, 8, 1, &laid), 0);
	assert_int_equal(laid.sections[SNAP_KEYS].count, 2);
	assert_null(key_of(&laid, 0xab));
	assert_true(str_equal(consumer_of(&laid, key_of(&laid, 0x33)), STR("c")));
	snapshot_close(&laid);
	compiled_free(&c);
	changes_free(&changes);
}

/* The file has given it to another consumer since. */
static void a_key_of_another_consumer_stays_with_it(void **state)
{
	struct changes changes = { 0 };
	struct compiled c;

	put(&changes, change_of(CHANGE_KEY_ADD, "c", "mine", 0xcd));
	compile(&changes, &c);
	assert_true(str_equal(consumer_of(&c.snapshot, key_of(&c.snapshot, 0xcd)), STR("d")));
	assert_int_equal(c.snapshot.sections[SNAP_KEYS].count, 2);
	compiled_free(&c);
	changes_free(&changes);
}

static void the_latest_of_a_key_and_of_an_endpoint_counts(void **state)
{
	struct changes changes = { 0 };

	put(&changes, change_of(CHANGE_KEY_ADD, "c", "k", 1));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "10.0.0.2:80", 1));
	put(&changes, change_of(CHANGE_KEY_REVOKE, "c", "k", 1));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "10.0.0.2:80", 2));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "10.0.0.3:80", 3));
	assert_int_equal(changes.count, 3);
	assert_int_equal(changes.list[0].kind, CHANGE_KEY_REVOKE);
	assert_int_equal(changes.list[0].number, 3);
	assert_int_equal(changes.list[1].weight, 2);
	assert_int_equal(changes_forget(&changes, 4), 1);
	assert_int_equal(changes_forget(&changes, 4), 0);
	assert_int_equal(changes.count, 2);
	assert_int_equal(changes_forget(&changes, 0), 2);
	changes_free(&changes);
}

static void what_was_added_stays_an_addition(void **state)
{
	struct changes changes = { 0 };

	put(&changes, change_of(CHANGE_ENDPOINT_ADD, "b", "[fd00::9]:80", 1));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "[FD00:0::9]:80", 9));
	put(&changes, change_of(CHANGE_CONSUMER_ADD, "x", "p1", 0));
	put(&changes, change_of(CHANGE_CONSUMER_PLAN, "x", "p2", 0));
	assert_int_equal(changes.count, 2);
	assert_int_equal(changes.list[0].kind, CHANGE_ENDPOINT_ADD);
	assert_int_equal(changes.list[0].weight, 9);
	assert_int_equal(changes.list[1].kind, CHANGE_CONSUMER_ADD);
	assert_string_equal(changes.list[1].name, "p2");
	assert_false(changes.list[1].without_keys);
	changes_free(&changes);
}

static void there_are_so_many_at_most(void **state)
{
	struct changes changes = { 0 };
	struct change c = change_of(CHANGE_KEY_ADD, "c", "k", 0);

	for (uint32_t i = 0; i < CHANGES_MAX; i++) {
		memcpy(c.digest, &i, sizeof(i));
		put(&changes, c);
	}
	assert_int_equal(changes_put(&changes, &c), 0); /* in place of itself */
	memset(c.digest, 0xff, sizeof(c.digest));
	assert_int_equal(changes_put(&changes, &c), -ENOSPC);
	changes_free(&changes);
}

static void json_keeps_all_of_them(void **state)
{
	struct changes changes = { 0 }, again;
	struct change expiring = change_of(CHANGE_KEY_ADD, "c", "k", 7);
	json_t *list;

	expiring.expires = 1234567890123;
	put(&changes, expiring);
	put(&changes, change_of(CHANGE_KEY_REVOKE, "d", "k@2", 8));
	put(&changes, change_of(CHANGE_WEIGHT, "b", "[fd00::1]:80", 200));
	changes_forget(&changes, 2);
	put(&changes, change_of(CHANGE_CONSUMER_REMOVE, "x", "", 0));
	put(&changes, change_of(CHANGE_CONSUMER_ADD, "x", "p1", 0));
	put(&changes, change_of(CHANGE_CONSUMER_PLAN, "y", "p2", 0));
	put(&changes, change_of(CHANGE_ENDPOINT_ADD, "b", "10.0.0.9:80", 4));
	put(&changes, change_of(CHANGE_ENDPOINT_REMOVE, "b", "10.0.0.2:80", 0));
	list = changes_to_json(&changes);
	assert_int_equal(changes_from_json(list, &again), 0);
	assert_int_equal(again.count, 6);
	assert_int_equal(again.last, changes.last);
	for (uint32_t i = 2; i < again.count; i++) {
		assert_int_equal(again.list[i].kind, changes.list[i].kind);
		assert_string_equal(again.list[i].of, changes.list[i].of);
		assert_string_equal(again.list[i].name, changes.list[i].name);
		assert_int_equal(again.list[i].weight, changes.list[i].weight);
	}
	assert_true(again.list[2].without_keys);
	assert_memory_equal(again.list[0].digest, changes.list[0].digest, SNAP_DIGEST_BYTES);
	assert_int_equal(again.list[0].expires, expiring.expires);
	assert_string_equal(again.list[1].name, "[fd00::1]:80");
	assert_int_equal(again.list[1].weight, 200);
	assert_int_equal(again.list[1].number, 3);
	json_decref(list);
	changes_free(&again);
	changes_free(&changes);
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}", "[1]", "[{\"number\": 1}]",
		"[{\"number\": 1, \"what\": \"key eat\", \"consumer\": \"c\", \"key\": \"k\", \"sha256\": \"" AB
		"\"}]",
		"[{\"number\": 1, \"what\": \"key revoke\", \"consumer\": \"c\", \"key\": \"k\", \"sha256\": \"ab\"}]",
		"[{\"number\": 0, \"what\": \"key revoke\", \"consumer\": \"c\", \"key\": \"k\", \"sha256\": \"" AB
		"\"}]",
		"[{\"number\": 1, \"what\": \"endpoint weight\", \"backend\": \"b\", \"endpoint\": \"e\", \"weight\": 1001}]",
		"[{\"number\": 1, \"what\": \"endpoint weight\", \"backend\": \"b\", \"endpoint\": \"e\", \"weight\": -1}]"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct changes changes;
		json_t *list = json_loads(bad[i], 0, NULL);

		assert_non_null(list);
		if (changes_from_json(list, &changes) != -EINVAL)
			fail_msg("it was taken: %s", bad[i]);
		json_decref(list);
	}
}

static void a_delta_names_what_runs(void **state)
{
	const struct change weight = change_of(CHANGE_WEIGHT, "b", "10.0.0.3:80", 44);
	const struct change add = change_of(CHANGE_KEY_ADD, "d", "k2", 4);
	const struct change nobody = change_of(CHANGE_KEY_ADD, "e", "k2", 4);
	const struct change nowhere = change_of(CHANGE_WEIGHT, "b", "10.0.0.4:80", 1);
	struct compiled c;
	struct delta d;
	char why[100];

	compile(NULL, &c);
	assert_int_equal(change_delta(&weight, &c.snapshot, &d, why, sizeof(why)), 0);
	assert_int_equal(d.op, DELTA_ENDPOINT_WEIGHT);
	assert_int_equal(d.base_generation, 7);
	assert_int_equal(d.endpoint, 1);
	assert_int_equal(d.weight, 44);
	assert_int_equal(change_delta(&add, &c.snapshot, &d, why, sizeof(why)), 0);
	assert_int_equal(d.op, DELTA_KEY_ADD);
	assert_int_equal(d.consumer, 1);
	assert_int_equal(d.digest[31], 4);
	assert_int_equal(change_delta(&nobody, &c.snapshot, &d, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "no consumer is named 'e'");
	assert_int_equal(change_delta(&nowhere, &c.snapshot, &d, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "backend b has no endpoint 10.0.0.4:80");
	compiled_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_lie_over_a_configuration),
		cmocka_unit_test(a_key_of_another_consumer_stays_with_it),
		cmocka_unit_test(consumers_and_endpoints_lie_over_a_configuration),
		cmocka_unit_test(they_lie_over_a_snapshot_as_over_its_configuration),
		cmocka_unit_test(a_snapshot_holds_those_up_to_a_number),
		cmocka_unit_test(the_last_endpoint_gets_no_request_instead_of_going),
		cmocka_unit_test(a_consumer_that_was_removed_comes_back_without_keys),
		cmocka_unit_test(what_was_added_stays_an_addition),
		cmocka_unit_test(the_latest_of_a_key_and_of_an_endpoint_counts),
		cmocka_unit_test(there_are_so_many_at_most),
		cmocka_unit_test(json_keeps_all_of_them),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(a_delta_names_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
