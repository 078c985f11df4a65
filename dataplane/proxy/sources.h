/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each source has open, over all workers: an IPv4 address, or the first 64
 * bits of an IPv6 address, which one customer has all of (RFC 6177). Counters are found by two
 * hashes of local address, port and source, and the smaller one tells (a count-min sketch, Cormode
 * and Muthukrishnan 2005): memory that does not grow, a count that is never too low, and too high
 * only for a source that shares both counters with others.
 */
#ifndef SLUICE_DATAPLANE_PROXY_SOURCES_H
#define SLUICE_DATAPLANE_PROXY_SOURCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"
#include "lib/base/siphash.h"

#define SOURCES_COUNTERS (1u << 16)

/* Zero at the beginning; shared by all workers. */
struct sources {
	struct siphash_key key; /* random, or a client could choose whom it shares counters with */
	_Atomic uint32_t counters[2][SOURCES_COUNTERS];
};

/** Count one more connection, unless the source has @p limit of them at this address and port of
 * ours.
 *  @return false when it has */
bool sources_take(struct sources *sources, const struct tcp_peer *peer, uint32_t limit);

/** A connection that was counted is gone. */
void sources_give(struct sources *sources, const struct tcp_peer *peer);

#endif
