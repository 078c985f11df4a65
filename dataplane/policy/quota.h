/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas: requests counted in fixed windows of real time, on one 64-bit word: the window's number
 * (24 bits of it) above 40 bits of count, so that the first request of a new window resets and
 * counts in one compare-and-swap.
 */
#ifndef SLUICE_DATAPLANE_POLICY_QUOTA_H
#define SLUICE_DATAPLANE_POLICY_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct quota_result {
	bool allowed;
	uint64_t remaining; /* requests left in the window */
	uint64_t reset_s;   /* seconds until the next window */
};

/**
 * @param word        the quota's word; 0 is an unused quota
 * @param amount      requests a window, below 2^40
 * @param window_s    its length; 0 is taken for 1. Windows begin at multiples of it since 1970.
 * @param wall_s      Unix seconds
 * @param count_over  count the request also when it is over the amount
 */
void quota_take(_Atomic uint64_t *word, uint64_t amount, uint64_t window_s, uint64_t wall_s,
	bool count_over, struct quota_result *out);

/** What quota_take() would find, without taking. */
void quota_look(const _Atomic uint64_t *word, uint64_t amount, uint64_t window_s, uint64_t wall_s,
	struct quota_result *out);

/** Give one request back that quota_take() counted at @p wall_s. */
void quota_refund(_Atomic uint64_t *word, uint64_t window_s, uint64_t wall_s);

#endif
