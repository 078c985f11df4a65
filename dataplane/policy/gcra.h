/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GCRA (ITU-T I.371 annex A) on one 64-bit word: the theoretical arrival time, advanced by
 * compare-and-swap. Integers only.
 */
#ifndef SLUICE_DATAPLANE_POLICY_GCRA_H
#define SLUICE_DATAPLANE_POLICY_GCRA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gcra_result {
	bool allowed;
	uint64_t remaining; /* further requests that fit now */
	uint64_t reset_ns;  /* until the limit is full again */
	uint64_t retry_ns;  /* when refused: until one request fits */
};

/**
 * @param word         the limit's word; 0 is a full bucket
 * @param interval_ns  T, time between two requests at the rate; above 0
 * @param burst_ns     T × burst; at least T
 * @param now_ns       CLOCK_MONOTONIC, or any clock that all users of the word share
 */
void gcra_take(_Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns, uint64_t now_ns,
	struct gcra_result *out);

/** Give one request back that gcra_take() allowed. */
void gcra_refund(_Atomic uint64_t *word, uint64_t interval_ns);

#endif
