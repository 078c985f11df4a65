/* SPDX-License-Identifier: Apache-2.0 */
/* The worker under test, made anew for each seed, and the generations that it is given. */
#ifndef SLUICE_TESTS_SIM_PROXY_GATEWAY_H
#define SLUICE_TESTS_SIM_PROXY_GATEWAY_H

#include "tests/sim/proxy/sim.h"

/** @return false when it could not be made */
bool gateway_init(struct sim *s, struct rte_mempool *pool, unsigned pool_index);
void gateway_fini(struct sim *s);
/** One turn of the worker. @return when it wants the next */
uint64_t gateway_turn(struct sim *s);
/** The next generation. */
void gateway_apply(struct sim *s);
void gateway_drain(struct sim *s);
/** Take most mbufs for a while, or give them back when it is over. */
void gateway_hog(struct sim *s, uint64_t until_ns);
/** What is left of connections and exchanges, or NULL. */
const char *gateway_rest(const struct sim *s);
/** Does everything that is under way have what ends it? NULL, or what is wrong. */
const char *gateway_check(const struct sim *s);

/* generations.c */
#define GENERATIONS       16
#define GENERATIONS_FIRST 8 /* a run begins with one of so many */
/** Compile them, once a process; each follows from the one before, and after the last comes the first.
 *  @return false, and says why, when one is refused */
bool generations_setup(void);
/** The tables of a generation on a pool, with all limits fresh after generations_reset(). NULL: no
 * memory */
struct tables *generation_tables(uint32_t index, unsigned pool_index, struct rte_mempool *pool);
void generations_reset(void);
/** What a generation was compiled to. */
const struct snapshot *generation_snapshot(uint32_t index);

#endif
