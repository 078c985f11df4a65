/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of payload mbufs: bytes move between connections by pointer, and only a part of an mbuf that
 * must be split is referenced or, when small, copied.
 */
#ifndef SLUICE_DATAPLANE_PROXY_CHAIN_H
#define SLUICE_DATAPLANE_PROXY_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct chain {
	struct rte_mbuf *head, *last;
	uint32_t bytes;
};

/** Append the segments of @p m; consumes it. */
void chain_put(struct chain *chain, struct rte_mbuf *m);

/** Drop the first @p n bytes (at most chain->bytes). */
void chain_drop(struct chain *chain, uint32_t n);

/**
 * Split the first @p n bytes off as an mbuf chain with pkt_len and nb_segs set.
 * @param pool  for the split mbuf
 * @return NULL when n is 0 or no mbuf was free (the chain is then unchanged)
 */
struct rte_mbuf *chain_take(struct chain *chain, uint32_t n, struct rte_mempool *pool);

void chain_free(struct chain *chain);

/** Copy @p len bytes into fresh mbufs of @p pool. @return the chain, or NULL when none is free */
struct rte_mbuf *chain_copy(const char *data, uint32_t len, struct rte_mempool *pool);

/** Append mbuf chain @p b to @p a; consumes both, either may be NULL. @return the joined chain */
struct rte_mbuf *chain_join(struct rte_mbuf *a, struct rte_mbuf *b);

#endif
