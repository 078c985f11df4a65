/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks over a faulty wire, seed by seed. TCP_SEEDS=N and TCP_SEED=X choose which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tcp/pair.h"

static struct rte_mempool *pools[2], *scarce[2];

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static const char *seed_run(uint64_t seed, struct rte_mempool *const *from)
{
	static struct pair p;
	struct pair_options o;
	const char *wrong;

	pair_options_random(&o, seed);
	o.check = seed % 4 == 0;
	pair_init(&p, &o, seed, from);
	wrong = pair_run(&p);
	if (wrong != NULL)
		pair_print(&p, wrong);
	pair_fini(&p);
	return wrong;
}

static void every_byte_arrives_whatever_the_wire_does(void **state)
{
	uint64_t first = number("TCP_SEED", 1), n = number("TCP_SEEDS", 400);
	uint64_t failed = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++)
		failed += seed_run(seed, pools) != NULL;
	assert_int_equal(failed, 0);
}

/* A few hundred mbufs for windows of a quarter of a megabyte: the pool is what limits. */
static void scarce_mbufs_make_it_slow_but_lose_nothing(void **state)
{
	uint64_t first = number("TCP_SEED", 1), n = number("TCP_SEEDS", 400) / 4;
	uint64_t failed = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++)
		failed += seed_run(seed, scarce) != NULL;
	assert_int_equal(failed, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_arrives_whatever_the_wire_does),
		cmocka_unit_test(scarce_mbufs_make_it_slow_but_lose_nothing),
	};

	fake_eal_init();
	pools[0] = fake_pool("left", 4096);
	pools[1] = fake_pool("right", 4096);
	scarce[0] = fake_pool("left few", 300);
	scarce[1] = fake_pool("right few", 200);
	if (pools[0] == NULL || pools[1] == NULL || scarce[0] == NULL || scarce[1] == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
