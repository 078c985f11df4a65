/* SPDX-License-Identifier: Apache-2.0 */
/* An EAL and a small mbuf pool for the proxy's own data structures. */
#ifndef SLUICE_TESTS_UNIT_PROXY_PROXY_RIG_H
#define SLUICE_TESTS_UNIT_PROXY_PROXY_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#define RIG_MBUFS 511

static struct rte_mempool *rig_pool;

static inline int rig_group_setup(void **state)
{
	static char args[][24] = { "proxy-test", "--no-huge", "--no-pci", "--no-shconf", "-m", "32",
		"-l", "0", "--no-telemetry", "--log-level=error" };
	char *argv[RTE_DIM(args) + 1] = { NULL };

	for (unsigned i = 0; i < RTE_DIM(args); i++)
		argv[i] = args[i];
	if (rte_eal_init(RTE_DIM(args), argv) < 0)
		return -1;
	rig_pool = rte_pktmbuf_pool_create(
		"proxy-test", RIG_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return rig_pool ? 0 : -1;
}

/* After each test every mbuf must be back. */
static inline int rig_teardown(void **state)
{
	return rte_mempool_avail_count(rig_pool) == RIG_MBUFS ? 0 : -1;
}

/* An mbuf with these bytes, as it comes from a port. */
static inline struct rte_mbuf *rig_mbuf(const void *data, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig_pool);

	assert_non_null(m);
	if (len)
		memcpy(rte_pktmbuf_append(m, len), data, len);
	return m;
}

/* A small repeatable generator (xorshift64*). */
static inline uint64_t rig_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

#endif
