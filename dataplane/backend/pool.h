/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle connections to endpoints: a pool for each endpoint's slot and worker. The connection that
 * became idle last is taken first: its congestion window is the warmest, and those that are seldom
 * needed reach their idle timeout. What a connection is, the pool does not know.
 */
#ifndef SLUICE_DATAPLANE_BACKEND_POOL_H
#define SLUICE_DATAPLANE_BACKEND_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* A connection's place in its pool; part of the connection. */
struct pool_entry {
	TAILQ_ENTRY(pool_entry) link;
};

/* Of one endpoint. */
struct pool {
	TAILQ_HEAD(, pool_entry) idle;
	uint32_t count;
};

static inline void pool_init(struct pool *pool)
{
	TAILQ_INIT(&pool->idle);
	pool->count = 0;
}

/** The connection that became idle last; it stays in the pool. @return NULL when the pool is empty */
static inline struct pool_entry *pool_first(const struct pool *pool)
{
	return TAILQ_FIRST(&pool->idle);
}

/** The connection that became idle before @p entry. @return NULL at the end */
static inline struct pool_entry *pool_next(const struct pool_entry *entry)
{
	return TAILQ_NEXT(entry, link);
}

/** The connection of @p entry, which is in no pool, becomes idle. */
static inline void pool_put(struct pool *pool, struct pool_entry *entry)
{
	TAILQ_INSERT_HEAD(&pool->idle, entry, link);
	pool->count++;
}

/** Take the connection of @p entry out of its pool. */
static inline void pool_remove(struct pool *pool, struct pool_entry *entry)
{
	TAILQ_REMOVE(&pool->idle, entry, link);
	pool->count--;
}

#endif
