/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a port's addresses to speak from (RFC 6724 §5, of whose rules a port with fixed
 * addresses needs three: the family, the scope, the longest common prefix). One in the target's own
 * network comes before all, so that the answer takes the same way.
 */
#include "dataplane/net/net_priv.h"

/* Scopes that a target may have and we have addresses for: the link, and all beyond it. */
static bool is_link_scope(const struct ip_addr *addr)
{
	return ip_is_link_local(addr) || (addr->bytes[0] == 0xff && (addr->bytes[1] & 15) <= 2);
}

static unsigned common_bits(const struct ip_addr *a, const struct ip_addr *b)
{
	unsigned bits = 0;

	while (bits < 128 && ((a->bytes[bits / 8] ^ b->bytes[bits / 8]) & (0x80 >> bits % 8)) == 0)
		bits++;
	return bits;
}

static const struct ip_addr *source_v4(const struct net_port *port, const struct ip_addr *target)
{
	const struct ip_addr *any = NULL;

	for (uint32_t i = 0; i < port->config.address_count; i++) {
		const struct net_address *a = &port->config.addresses[i];

		if (ip_in_prefix(target, &a->addr, a->prefix_len))
			return &a->addr;
		if (!any && ip_is_v4(&a->addr))
			any = &a->addr;
	}
	return any;
}

static const struct ip_addr *source_v6(const struct net_port *port, const struct ip_addr *target)
{
	bool link = is_link_scope(target);
	const struct ip_addr *best = NULL;
	unsigned best_rank = 0;

	for (uint32_t i = 0; i < port->ndp_count; i++) {
		const struct ndp_address *a = &port->ndp[i];
		unsigned rank = 1 + common_bits(&a->addr, target);

		if (a->state == NDP_DUPLICATE)
			continue;
		if (ip_is_link_local(&a->addr) == link)
			rank += 256;
		if (!link && ip_in_prefix(target, &a->addr, a->prefix_len))
			rank += 512;
		if (rank > best_rank) {
			best = &a->addr;
			best_rank = rank;
		}
	}
	/* An address of the link says nothing to a host beyond it. */
	if (best && !link && ip_is_link_local(best))
		return NULL;
	return best;
}

const struct ip_addr *net_port_source(const struct net_port *port, const struct ip_addr *target)
{
	return ip_is_v4(target) ? source_v4(port, target) : source_v6(port, target);
}
