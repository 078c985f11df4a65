/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP segment from one of a bench's scripted clients, behind the router, to the gateway's
 * listener. */
#ifndef SLUICE_BENCH_COMMON_SEGMENT_H
#define SLUICE_BENCH_COMMON_SEGMENT_H

#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

struct segment_fields {
	uint32_t src; /* host order */
	uint16_t src_port;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
};

struct rte_ether_addr segment_router_mac(void);

/**
 * Made as a port that checked both checksums gives it.
 * @param gateway  the MAC address that it goes to
 * @param payload  of @p bytes; a SYN carries an MSS of 1460 before it
 * @return the caller's; NULL when the pool is empty
 */
struct rte_mbuf *segment_make(struct rte_mempool *pool, const struct rte_ether_addr *gateway,
	const struct segment_fields *f, const void *payload, uint32_t bytes);

#endif
