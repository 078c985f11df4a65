/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GCRA (ITU-T I.371 annex A) on one 64-bit word: the theoretical arrival time, advanced by
 * compare-and-swap. Integers only. In any window of length t at most burst + t / T requests pass
 * (plus rate × δ where the users' clocks differ by up to δ).
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
 * A word further ahead than any user of it could have set it (another boot's clock, another plan's
 * burst) counts as just used up, and is set so: it would shut its consumer out for as long
 * otherwise.
 *
 * @param word         the limit's word; 0 is a full bucket
 * @param interval_ns  T, time between two requests at the rate; 0 is taken for 1
 * @param burst_ns     T × burst; less than T is taken for T
 * @param now_ns       CLOCK_MONOTONIC, or any clock that all users of the word share
 */
void gcra_take(_Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns, uint64_t now_ns,
	struct gcra_result *out);

/** What gcra_take() would find, without taking. */
void gcra_look(const _Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns,
	uint64_t now_ns, struct gcra_result *out);

/**
 * A lease: take as many of @p wanted requests as fit, in one compare-and-swap, to be handed out by
 * gcra_take_leased() at the same @p now_ns. What is left of it then is given back with
 * gcra_refund(): no token is held beyond the moment in which it was taken, so that the bound above
 * holds over all users as it is.
 *
 * @param from  where at least one fits: the word as the first of them finds it
 * @return how many
 */
uint32_t gcra_lease(_Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns,
	uint64_t now_ns, uint32_t wanted, uint64_t *from);

/** As gcra_take(), of a lease: @p word is the holder's own, set by gcra_lease(). Answers are those of requests
 *  that took one after the other with nobody between. */
void gcra_take_leased(uint64_t *word, uint64_t interval_ns, uint64_t burst_ns, uint64_t now_ns,
	struct gcra_result *out);

/** Give one request back that gcra_take() allowed; n with an interval of n times T. */
void gcra_refund(_Atomic uint64_t *word, uint64_t interval_ns);

#endif
