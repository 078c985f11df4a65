/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of payload mbufs: bytes move between connections by pointer, and only a part of an mbuf
 * that must be split is referenced or, when small, copied. Small pieces are copied together, so
 * that what a chain holds of the pool follows from its bytes and not from how they were sent.
 */
#ifndef SLUICE_DATAPLANE_PROXY_CHAIN_H
#define SLUICE_DATAPLANE_PROXY_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct chain {
	struct rte_mbuf *head, *last;
	uint32_t bytes, mbufs;
};

/** Append the segments of @p m; consumes it. */
void chain_put(struct chain *chain, struct rte_mbuf *m);

/**
 * Append what @p m holds, which stays the caller's, by reference; small pieces are copied.
 * @param pool  for the mbufs that this takes
 * @return false when no mbuf was free: a part may have been appended
 */
bool chain_put_reference(struct chain *chain, const struct rte_mbuf *m, struct rte_mempool *pool);

/** Put all of @p front before what is in @p chain; @p front is empty then. */
void chain_put_front(struct chain *chain, struct chain *front);

/** Drop the first @p n bytes (at most chain->bytes). */
void chain_drop(struct chain *chain, uint32_t n);

/**
 * Split the first @p n bytes off as an mbuf chain with pkt_len and nb_segs set.
 * @param pool  for the split mbuf
 * @return NULL when n is 0 or no mbuf was free (the chain is then unchanged)
 */
struct rte_mbuf *chain_take(struct chain *chain, uint32_t n, struct rte_mempool *pool);

/**
 * Move the first @p n bytes of @p from behind those of @p to.
 * @param pool  for an mbuf that must be split
 * @return false when no mbuf was free (both are then unchanged)
 */
bool chain_move(struct chain *to, struct chain *from, uint32_t n, struct rte_mempool *pool);

/** The chain as one packet, with pkt_len and nb_segs set; it is empty then. @return NULL when it
 * was */
struct rte_mbuf *chain_packet(struct chain *chain);

/** Copy @p n bytes from the front; they stay. @pre n <= chain->bytes */
void chain_peek(const struct chain *chain, char *out, uint32_t n);
/** The same from @p offset on. @pre offset + n <= chain->bytes */
void chain_peek_at(const struct chain *chain, uint32_t offset, char *out, uint32_t n);

void chain_free(struct chain *chain);

/** Copy @p len bytes into fresh mbufs of @p pool. @return the chain, or NULL when none is free */
struct rte_mbuf *chain_copy(const char *data, uint32_t len, struct rte_mempool *pool);

/** Append mbuf chain @p b to @p a; consumes both, either may be NULL. @return the joined chain */
struct rte_mbuf *chain_join(struct rte_mbuf *a, struct rte_mbuf *b);

#endif
