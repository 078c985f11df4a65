/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which remotes are reached only with smaller packets than the port would send, as TCP found out.
 * Kept for ten minutes (RFC 8201 §4, RFC 1191 §6.3), so that what a path lost by mistake or for a
 * while comes back. A remote has one place in the table, and whoever comes later takes it: who is
 * forgotten finds out again.
 */
#include <string.h>

#include "dataplane/net/net_priv.h"

#define KEEP_NS (600 * SECOND_NS)

static struct net_narrow *place_of(struct net *net, const struct ip_addr *remote)
{
	uint64_t words[2];

	memcpy(words, remote->bytes, sizeof(words));
	return &net->narrow[(words[0] * UINT64_C(0x9e3779b97f4a7c15) + words[1]) *
				    UINT64_C(0x9e3779b97f4a7c15) >>
			    (64 - NET_NARROW_BITS)];
}

void net_path_remember(struct net *net, const struct ip_addr *remote, uint16_t mtu)
{
	*place_of(net, remote) = (struct net_narrow){
		.remote = *remote, .until_ns = net->now_ns + KEEP_NS, .mtu = mtu
	};
}

uint16_t net_path_mtu(struct net *net, const struct ip_addr *remote, uint16_t most)
{
	const struct net_narrow *n = place_of(net, remote);

	return net->now_ns < n->until_ns && n->mtu < most && ip_equal(&n->remote, remote) ? n->mtu
											  : most;
}
