/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of a start: from a snapshot's settings to workers, cores, mbufs and memory.
 * Printed, and refused when it cannot fit, before anything is taken.
 */
#ifndef SLUICE_DATAPLANE_PLAN_H
#define SLUICE_DATAPLANE_PLAN_H

#include "dataplane/proxy/proxy.h"
#include "dataplane/tcp/tcp.h"
#include "lib/shm/snapshot.h"

struct start_plan {
	uint32_t worker_count, port_count;
	uint16_t data_room;         /* of an mbuf, for the largest MTU of all ports */
	uint32_t mbufs, mbuf_cache; /* per worker */
	uint32_t memory_mb;         /* of the EAL */
	uint64_t tcp_bytes, proxy_bytes, pool_bytes, table_bytes;
	/* Of the heap, for each worker: all client connections open with TLS, and all in their
	 * handshakes. */
	uint64_t tls_bytes, tls_handshake_bytes;
	char lcores[256];      /* EAL map: lcore 0 is the main core */
	struct tcp_config tcp; /* limits; the worker fills in the rest */
	struct proxy_config proxy;
};

/** @return 0, or -EINVAL with a sentence in @p why */
int start_plan_make(
	const struct snapshot *snapshot, struct start_plan *plan, char *why, size_t why_bytes);

/** One line for each kind of memory. */
void start_plan_log(const struct start_plan *plan);

/**
 * Does what the plan takes fit into memory?
 * @param huge_mb       free huge pages
 * @param available_mb  of ordinary memory
 * @param why           a sentence when it is not 0
 * @return 0, -ENOMEM, or 1 when it does, but not with as many TLS handshakes at once as there may
 *         be connections
 */
int start_plan_fits(const struct start_plan *plan, uint64_t huge_mb, uint64_t available_mb,
	char *why, size_t why_bytes);

/** May @p next replace @p running without a restart? Ports, cores and reserved capacities may not change.
 *  @return 0, or -EOPNOTSUPP with a sentence in @p why */
int start_plan_compatible(
	const struct snapshot *running, const struct snapshot *next, char *why, size_t why_bytes);

#endif
