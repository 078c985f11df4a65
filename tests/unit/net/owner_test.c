/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker gets what, against DPDK's own Toeplitz hash. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_thash.h>

#include "dataplane/io/port_rss.h"
#include "dataplane/net/owner.h"

#define PEERS 40

/* Of Microsoft's specification, and the symmetric one of Woo and Park. */
static const uint8_t microsoft[PORT_RSS_KEY_BYTES] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e,
	0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b,
	0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe,
	0xac, 0x01, 0xfa };

static uint64_t sequence = 1;

static uint32_t next(void)
{
	sequence = sequence * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(sequence >> 32);
}

static void symmetric(uint8_t *key)
{
	for (unsigned i = 0; i < PORT_RSS_KEY_BYTES; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
}

static void drawn(uint8_t *key)
{
	port_rss_key(key, PORT_RSS_KEY_BYTES);
}

static void well_known(uint8_t *key)
{
	memcpy(key, microsoft, sizeof(microsoft));
}

static void (*const keys[])(uint8_t *) = { well_known, symmetric, drawn };

/* What a NIC does. */
static uint16_t queue_of(const struct port_rss *rss, const struct net_meta *in)
{
	union rte_thash_tuple t = { 0 };
	uint32_t hash, words;

	if (ip_is_v4(&in->src)) {
		t.v4.src_addr = rte_be_to_cpu_32(ip_to_v4(&in->src));
		t.v4.dst_addr = rte_be_to_cpu_32(ip_to_v4(&in->dst));
		t.v4.sport = in->src_port;
		t.v4.dport = in->dst_port;
		words = RTE_THASH_V4_L4_LEN;
	} else {
		for (unsigned i = 0; i < 4; i++) {
			uint32_t word;

			memcpy(&word, in->src.bytes + 4 * i, 4);
			((uint32_t *)(void *)t.v6.src_addr)[i] = rte_be_to_cpu_32(word);
			memcpy(&word, in->dst.bytes + 4 * i, 4);
			((uint32_t *)(void *)t.v6.dst_addr)[i] = rte_be_to_cpu_32(word);
		}
		t.v6.sport = in->src_port;
		t.v6.dport = in->dst_port;
		words = RTE_THASH_V6_L4_LEN;
	}
	hash = rte_softrss((uint32_t *)&t, words, rss->key);
	return rss->reta[hash % rss->reta_size];
}

static struct net_meta segment(bool six)
{
	struct net_meta m = { .src_port = (uint16_t)next(), .dst_port = (uint16_t)next() };

	if (!six) {
		m.src = ip_from_v4(next());
		m.dst = ip_from_v4(next());
		return m;
	}
	for (unsigned i = 0; i < 16; i++) {
		m.src.bytes[i] = (uint8_t)next();
		m.dst.bytes[i] = (uint8_t)next();
	}
	return m;
}

static struct port_rss regular(uint16_t size, uint32_t queues)
{
	struct port_rss rss = { .ipv4 = true, .ipv6 = true, .reta_size = size };

	for (unsigned i = 0; i < size; i++)
		rss.reta[i] = (uint16_t)(i % queues);
	return rss;
}

/* Every segment is the worker's to whose queue the port brings it, and so is every reply to a port of its. */
static void check(const struct port_rss *rss, uint32_t workers)
{
	struct owner_rss *o = owner_rss_create(rss, workers);

	assert_non_null(o);
	for (unsigned i = 0; i < PEERS; i++) {
		struct net_meta m = segment(i % 2);
		uint32_t each = 0;

		assert_int_equal(owner_of(o, workers, &m), queue_of(rss, &m));
		for (uint32_t w = 0; w < workers; w++) {
			struct owner_ports ports = owner_ports(o, workers, w, &m);

			assert_true(ports.count > 0);
			each += ports.count;
			for (uint32_t k = 0; k < 50; k++) {
				m.dst_port = owner_port(&ports, next() % ports.count);
				assert_true(m.dst_port >= OWNER_PORT_FIRST);
				assert_int_equal(queue_of(rss, &m), w);
				assert_int_equal(owner_of(o, workers, &m), w);
			}
		}
		assert_true(each >= UINT16_MAX + 1 - OWNER_PORT_FIRST);
	}
	owner_rss_destroy(o);
}

static void replies_come_home_by_rss(void **state)
{
	static const uint16_t sizes[] = { 64, 128, 512 };
	static const uint32_t queues[] = { 1, 2, 3, 5, 8, 12 };

	(void)state;
	for (unsigned k = 0; k < RTE_DIM(keys); k++)
		for (unsigned s = 0; s < RTE_DIM(sizes); s++)
			for (unsigned q = 0; q < RTE_DIM(queues); q++) {
				struct port_rss rss = regular(sizes[s], queues[q]);

				keys[k](rss.key);
				check(&rss, queues[q]);
			}
}

static void an_irregular_table_is_followed(void **state)
{
	struct port_rss rss = regular(128, 3);

	(void)state;
	well_known(rss.key);
	for (unsigned i = 0; i < 128; i++)
		rss.reta[i] = next() % 8 ? 2 : 0;
	rss.reta[77] = 1; /* one slot for all that this worker gets */
	check(&rss, 3);
}

/* All of them, and none twice: exhaustion is exact. */
static void each_local_port_has_one_worker(void **state)
{
	static uint8_t seen[UINT16_MAX + 1];
	struct port_rss rss = regular(512, 3);
	struct net_meta m = segment(false);
	struct owner_rss *o;

	(void)state;
	drawn(rss.key);
	o = owner_rss_create(&rss, 3);
	for (unsigned by_rss = 0; by_rss < 2; by_rss++) {
		memset(seen, 0, sizeof(seen));
		for (uint32_t w = 0; w < 3; w++) {
			struct owner_ports ports = owner_ports(by_rss ? o : NULL, 3, w, &m);
			bool mine[UINT16_MAX + 1] = { false };

			for (uint32_t i = 0; i < ports.count; i++)
				mine[owner_port(&ports, i)] = true;
			for (uint32_t p = 0; p <= UINT16_MAX; p++)
				seen[p] += mine[p];
		}
		for (uint32_t p = 0; p <= UINT16_MAX; p++)
			assert_int_equal(seen[p], p >= OWNER_PORT_FIRST);
	}
	owner_rss_destroy(o);
}

static void a_drawn_key_gives_every_slot_its_ports(void **state)
{
	struct port_rss rss = regular(512, 512);
	uint8_t first[PORT_RSS_KEY_BYTES];

	(void)state;
	drawn(first);
	for (unsigned i = 0; i < 20; i++) {
		struct owner_rss *o;

		drawn(rss.key);
		assert_memory_not_equal(rss.key, first, sizeof(first));
		o = owner_rss_create(&rss, 512);
		assert_non_null(o);
		for (uint32_t w = 0; w < 512; w++) {
			struct net_meta m = segment(w % 2);

			/* 55,536 of them in 512 slots */
			assert_in_range(owner_ports(o, 512, w, &m).count, 108, 109);
		}
		owner_rss_destroy(o);
	}
}

static void without_rss_a_sum_decides(void **state)
{
	struct port_rss rss = regular(128, 2);
	struct owner_rss *o;

	(void)state;
	well_known(rss.key);
	rss.ipv6 = false; /* a port may hash one family alone */
	o = owner_rss_create(&rss, 2);
	for (uint32_t workers = 1; workers < 8; workers++)
		for (unsigned i = 0; i < PEERS; i++) {
			struct net_meta m = segment(true);
			uint32_t w = i % workers;
			struct owner_ports ports = owner_ports(o, workers, w, &m);

			assert_false(owner_by_rss(o, &m.src));
			assert_false(owner_by_rss(NULL, &m.src));
			m.dst_port = owner_port(&ports, next() % ports.count);
			assert_int_equal(owner_of(o, workers, &m), w);
			assert_int_equal(owner_of(NULL, workers, &m), w);
		}
	owner_rss_destroy(o);
}

static void rss_that_is_not_sure_is_not_used(void **state)
{
	struct port_rss rss = regular(128, 2);

	(void)state;
	well_known(rss.key);
	rss.reta_size = 0;
	assert_null(owner_rss_create(&rss, 2));
	assert_int_equal(errno, EINVAL);
	rss.reta_size = 96; /* not the low bits of anything */
	assert_null(owner_rss_create(&rss, 2));
	rss.reta_size = 128;
	assert_null(owner_rss_create(&rss, 3)); /* one gets nothing */
	assert_null(owner_rss_create(&rss, 1)); /* nobody polls the second queue */
	memset(rss.key, 0, sizeof(rss.key));    /* all into one slot */
	assert_null(owner_rss_create(&rss, 2));
	well_known(rss.key);
	for (unsigned i = 0; i < 128; i++)
		rss.reta[i] = 1;
	assert_null(owner_rss_create(&rss, 2));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_come_home_by_rss),
		cmocka_unit_test(an_irregular_table_is_followed),
		cmocka_unit_test(each_local_port_has_one_worker),
		cmocka_unit_test(a_drawn_key_gives_every_slot_its_ports),
		cmocka_unit_test(without_rss_a_sum_decides),
		cmocka_unit_test(rss_that_is_not_sure_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
