/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flood of SYNs that comes faster than it can be answered (RFC 4987 §3). The cache is in use and
 * bursts are full: what answers to all of it would cost is time in which the port's queue runs
 * over, and with it go everybody's packets. So most of the SYNs are left. Whoever means it sends
 * its SYN again, and a flood's senders do not: one that was left in the last seconds is answered.
 * What was left is remembered in two Bloom filters, of this interval and the one before.
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

#define WORD_BITS 64u

/* A thousand bits for each entry of the cache: a flood leaves far more than the cache holds. */
static uint32_t filter_bits(uint32_t syn_limit)
{
	uint64_t bits = (uint64_t)rte_align32pow2(syn_limit) * 1024;

	return (uint32_t)RTE_MIN(RTE_MAX(bits, WORD_BITS), (uint64_t)TCP_SHED_BITS);
}

uint64_t tcp_shed_bytes(uint32_t syn_limit)
{
	return 2 * (uint64_t)filter_bits(syn_limit) / 8;
}

void tcp_shed_init(struct tcp_shed *shed, uint32_t syn_limit, void *memory)
{
	shed->mask = filter_bits(syn_limit) - 1;
	shed->now = memory;
	shed->before = shed->now + filter_bits(syn_limit) / WORD_BITS;
}

static void shed_turn(struct tcp_shed *shed, uint32_t tick)
{
	uint64_t *old = shed->before;

	if (tick - shed->begin < TCP_SHED_MS)
		return;
	shed->before = shed->now;
	shed->now = old;
	memset(old, 0, (shed->mask + 1) / 8);
	shed->begin = tick;
}

static bool shed_has(const uint64_t *filter, uint32_t bit)
{
	return filter[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

/* Two bits of the tuple's hash, which nobody outside knows. */
static bool is_in(const uint64_t *filter, uint32_t a, uint32_t b)
{
	return shed_has(filter, a) && shed_has(filter, b);
}

bool tcp_shed_syn(struct tcp_stack *s, uint64_t hash)
{
	struct tcp_shed *shed = &s->shed;
	uint32_t a = (uint32_t)hash & shed->mask, b = (uint32_t)(hash >> 32) & shed->mask;

	if (!s->burst_full || shed->count++ % TCP_SYN_SHARE == 0)
		return false;
	shed_turn(shed, s->tick);
	if (is_in(shed->now, a, b) || is_in(shed->before, a, b))
		return false;
	shed->now[a / WORD_BITS] |= UINT64_C(1) << a % WORD_BITS;
	shed->now[b / WORD_BITS] |= UINT64_C(1) << b % WORD_BITS;
	return true;
}
