/* SPDX-License-Identifier: Apache-2.0 */
/* Connections by source, see sources.h. */
#include "dataplane/proxy/sources.h"

#include <string.h>

#define V6_SOURCE_BYTES 8

struct places {
	_Atomic uint32_t *first, *second;
};

static struct places sources_find(struct sources *sources, const struct tcp_peer *peer)
{
	const struct ip_addr *addr = &peer->remote;
	struct {
		struct ip_addr local, source;
		uint32_t local_port;
	} source = { .local = peer->local, .local_port = peer->local_port };
	uint64_t hash;

	memcpy(source.source.bytes, addr->bytes,
		ip_is_v4(addr) ? sizeof(addr->bytes) : V6_SOURCE_BYTES);
	hash = siphash24(&sources->key, &source, sizeof(source));
	return (struct places){ &sources->counters[0][hash % SOURCES_COUNTERS],
		&sources->counters[1][(hash >> 32) % SOURCES_COUNTERS] };
}

bool sources_take(struct sources *sources, const struct tcp_peer *peer, uint32_t limit)
{
	struct places at = sources_find(sources, peer);
	uint32_t first = atomic_fetch_add_explicit(at.first, 1, memory_order_relaxed);
	uint32_t second = atomic_fetch_add_explicit(at.second, 1, memory_order_relaxed);

	if ((first < second ? first : second) < limit)
		return true;
	sources_give(sources, peer);
	return false;
}

void sources_give(struct sources *sources, const struct tcp_peer *peer)
{
	struct places at = sources_find(sources, peer);

	atomic_fetch_sub_explicit(at.first, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(at.second, 1, memory_order_relaxed);
}
