/* SPDX-License-Identifier: Apache-2.0 */
/* Flow table and timer wheel, each against a plain model under random operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/tcp/tcp_flow.h"
#include "dataplane/tcp/tcp_wheel.h"

#define ENTRIES 4000u
#define NODES   500u

static uint64_t rng = 42;

static uint32_t random_below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)((rng >> 20) % n);
}

/* Every tuple's reference is its number plus one; the "match" compares with the wanted one. */
static bool is_wanted(const void *arg, uint32_t ref)
{
	return *(const uint32_t *)arg == ref;
}

static uint32_t flow_lookup(const struct tcp_flow *f, uint64_t hash, uint32_t ref)
{
	return tcp_flow_find(f, hash, is_wanted, &ref);
}

static uint64_t tuple_hash(const struct tcp_flow *f, uint32_t i)
{
	struct ip_addr local = ip_from_v4(0x0100000a), remote = ip_from_v4(i / 97);

	return tcp_flow_hash(f, &local, &remote, 443, (uint16_t)i);
}

static void flow_table_holds_what_was_put_in_and_nothing_else(void **state)
{
	static const uint64_t key[5] = { 1, 2, 3, 4, 5 };
	void *memory = aligned_alloc(64, tcp_flow_bytes(ENTRIES));
	static bool in[ENTRIES];
	struct tcp_flow f;
	uint32_t count = 0;

	(void)state;
	tcp_flow_init(&f, memory, ENTRIES, key);
	for (unsigned n = 0; n < 200000; n++) {
		uint32_t i = random_below(ENTRIES);
		uint64_t hash = tuple_hash(&f, i);

		assert_int_equal(flow_lookup(&f, hash, i + 1), in[i] ? i + 1 : TCP_FLOW_NONE);
		if (in[i])
			assert_true(tcp_flow_remove(&f, hash, i + 1));
		else
			assert_true(tcp_flow_insert(&f, hash, i + 1));
		in[i] = !in[i];
		count += in[i] ? 1 : -1u;
		assert_int_equal(f.count, count);
	}
	free(memory);
}

static void flow_table_copes_with_one_bucket_for_all(void **state)
{
	static const uint64_t key[5] = { 1, 2, 3, 4, 5 };
	void *memory = aligned_alloc(64, tcp_flow_bytes(100));
	struct tcp_flow f;

	(void)state;
	tcp_flow_init(&f, memory, 100, key);
	/* The same bucket, and every second one the same tag. */
	for (uint32_t i = 0; i < 100; i++)
		assert_true(tcp_flow_insert(&f, (uint64_t)(i & 1 ? 7 : i) << 32, i + 1));
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(flow_lookup(&f, (uint64_t)(i & 1 ? 7 : i) << 32, i + 1), i + 1);
	assert_int_equal(flow_lookup(&f, 1, 1000), TCP_FLOW_NONE);
	assert_false(tcp_flow_remove(&f, 0, 1000));
	for (uint32_t i = 0; i < 100; i++)
		assert_true(tcp_flow_remove(&f, (uint64_t)(i & 1 ? 7 : i) << 32, i + 1));
	/* Nothing is pushed any more: a miss ends at once. */
	for (uint32_t i = 0; i <= f.mask; i++)
		assert_int_equal(f.buckets[i].pushed, 0);
	free(memory);
}

struct node {
	uint32_t other;
	struct tcp_wheel_node node;
};

static void wheel_fires_every_node_in_its_tick(void **state)
{
	void *memory = calloc(1, tcp_wheel_bytes());
	static struct node nodes[NODES];
	static uint32_t at[NODES];
	static bool armed[NODES];
	uint32_t now = UINT32_MAX - 100000; /* ticks wrap on the way */
	struct tcp_wheel w;
	uint32_t i, next;

	(void)state;
	for (i = 0; i < NODES; i++)
		tcp_wheel_node_init(&nodes[i].node);
	tcp_wheel_init(&w, memory, &nodes[0].node, sizeof(nodes[0]));
	tcp_wheel_start(&w, now);
	for (unsigned n = 0; n < 300000; n++) {
		i = random_below(NODES);
		if (random_below(3) == 0) {
			tcp_wheel_disarm(&w, i);
			armed[i] = false;
		} else {
			at[i] = now + 1 +
				random_below(random_below(10) ? 300 : TCP_WHEEL_HORIZON - 1);
			tcp_wheel_arm(&w, i, at[i]);
			armed[i] = true;
		}
		if (random_below(20) != 0)
			continue;
		now += random_below(50) ? random_below(10) : random_below(100000);
		while ((i = tcp_wheel_expire(&w, now)) != TCP_WHEEL_NIL) {
			assert_true(armed[i]);
			assert_true((int32_t)(at[i] - now) <= 0);
			armed[i] = false;
		}
		for (i = 0; i < NODES; i++)
			assert_true(!armed[i] || (int32_t)(at[i] - now) > 0);
		if (tcp_wheel_next(&w, &next)) {
			bool found = false;

			for (i = 0; i < NODES; i++) {
				assert_true(!armed[i] || (int32_t)(at[i] - next) >= 0);
				found |= armed[i] && at[i] == next;
			}
			assert_true(found);
		}
	}
	free(memory);
}

static void wheel_waits_with_what_a_handler_arms_for_now(void **state)
{
	void *memory = calloc(1, tcp_wheel_bytes());
	struct tcp_wheel_node node;
	struct tcp_wheel w;

	(void)state;
	tcp_wheel_node_init(&node);
	tcp_wheel_init(&w, memory, &node, sizeof(node));
	tcp_wheel_arm(&w, 0, 10);
	assert_int_equal(tcp_wheel_expire(&w, 9), TCP_WHEEL_NIL);
	assert_int_equal(tcp_wheel_expire(&w, 20), 0);
	tcp_wheel_arm(&w, 0, 15); /* in the past: the next tick */
	assert_int_equal(tcp_wheel_expire(&w, 20), TCP_WHEEL_NIL);
	assert_int_equal(tcp_wheel_expire(&w, 21), 0);
	/* A long sleep over an empty wheel. */
	assert_int_equal(tcp_wheel_expire(&w, 10000000), TCP_WHEEL_NIL);
	assert_int_equal(w.now, 10000001);
	/* Beyond the horizon: comes up at the horizon, and is armed again by its owner. */
	tcp_wheel_arm(&w, 0, 20000000);
	assert_int_equal(tcp_wheel_expire(&w, 10000000 + TCP_WHEEL_HORIZON + 1), 0);
	free(memory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(flow_table_holds_what_was_put_in_and_nothing_else),
		cmocka_unit_test(flow_table_copes_with_one_bucket_for_all),
		cmocka_unit_test(wheel_fires_every_node_in_its_tick),
		cmocka_unit_test(wheel_waits_with_what_a_handler_arms_for_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
