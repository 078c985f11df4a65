/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network layer of one worker: Ethernet, ARP and NDP, IPv4 and IPv6, ICMP. Frames come in as
 * bursts and leave as transport segments; segments come down and leave as frames. One struct net a
 * worker, shared with nobody. Addresses are of either family throughout.
 */
#ifndef SLUICE_DATAPLANE_NET_NET_H
#define SLUICE_DATAPLANE_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/io/port.h"
#include "lib/base/ip.h"
#include "lib/shm/reason.h"

#define NET_PORT_ADDRESSES 8
#define NET_PORT_GATEWAYS  4 /* of one route */
#define NET_PORT_WAYS      16

struct net_address {
	struct ip_addr addr;
	uint8_t prefix_len;
};

/* A static route. */
struct net_way {
	struct net_address to;
	uint32_t gateway_count;
	struct ip_addr gateways[NET_PORT_GATEWAYS];
};

struct net_kernel; /* kernel.h */
struct owner_rss;  /* owner.h */

struct net_port_config {
	const struct port *port;
	uint16_t vlan; /* 802.1Q identifier of the port's frames, 0: they have no tag */
	uint32_t address_count;
	struct net_address addresses[NET_PORT_ADDRESSES];
	uint32_t gateway_count;
	struct ip_addr gateways[NET_PORT_GATEWAYS]; /* of either family: its default route */
	uint32_t way_count;
	struct net_way ways[NET_PORT_WAYS];
	struct net_kernel *kernel; /* NULL: nothing is handed to the operating system's kernel */
	const struct owner_rss
		*rss; /* NULL: the port does not say which worker gets what, see owner.h */
};

struct net_config {
	uint32_t port_count;
	struct net_port_config ports[PORT_MAX];
	uint32_t neighbour_limit; /* entries */
	uint32_t
		neighbour_queue_limit; /* packets that wait for addresses, beyond one for each neighbour */
	uint16_t queue;                /* this worker's queue on every port */
	struct rte_mempool
		*pool;   /* headers, ARP and ICMP answers; segments come with their own mbuf */
	uint64_t *drops; /* DROP_COUNT counters in this worker's statistics */
	uint64_t seed;   /* of this worker's random choices */
	/* How often to ask whether an IPv6 address is taken before it is used, with a second after
	 * each (RFC 4862 §5.1: DupAddrDetectTransmits). 0: not at all. */
	uint8_t dad_transmits;
};

/* What the classifier learned about a TCP segment; lives in the mbuf's private area. */
struct net_meta {
	struct ip_addr src, dst;
	uint16_t src_port, dst_port; /* host order */
	uint8_t port_index;          /* index into net_config.ports */
	uint8_t ecn;                 /* the two ECN bits of the IP header */
	uint16_t header_bytes;       /* TCP header with options */
	uint32_t payload_bytes;
	uint16_t ip_bytes; /* IP header with what extends it, in front of the TCP header */
};

/** Private area that every mbuf pool of the dataplane must reserve; pools ask for whole words. */
#define NET_META_BYTES RTE_ALIGN_CEIL(sizeof(struct net_meta), RTE_MBUF_PRIV_ALIGN)

static inline struct net_meta *net_meta(struct rte_mbuf *m)
{
	return (struct net_meta *)rte_mbuf_to_priv(m);
}

struct net;

/** @return NULL and errno on bad configuration or no memory. The config is copied. */
struct net *net_create(const struct net_config *config);
void net_destroy(struct net *net);

/** How the port spreads segments over workers; NULL where it does not say. */
const struct owner_rss *net_rss(const struct net *net, uint32_t port_index);

/** The transmit side of a port, for flushing and statistics. */
struct port_tx *net_tx(struct net *net, uint32_t port_index);

#define NET_MULTICAST_MAX (NET_PORT_ADDRESSES + 2)

/**
 * The multicast MAC addresses that a port must let in for the sake of IPv6 (RFC 4861 §7.2.1).
 * @param macs  room for NET_MULTICAST_MAX
 * @return how many; 0 without IPv6
 */
uint32_t net_multicast_macs(const struct net_port_config *config, struct rte_ether_addr *macs);

/**
 * Take a burst of frames from one port; consumes all. ARP, NDP and ICMP echo are answered here.
 * @param tcp  room for n; filled with valid TCP segments: length and checksum checked, trimmed to
 *             the IP payload (data begins at the TCP header), net_meta filled
 * @return number of segments in @p tcp, owned by the caller
 */
uint16_t net_input(struct net *net, uint32_t port_index, struct rte_mbuf **pkts, uint16_t n,
	struct rte_mbuf **tcp, uint64_t now_ns);

/* How to reach a peer: looked up once a connection and kept in it. */
struct net_path {
	struct ip_addr local; /* source address */
	struct ip_addr next_hop;
	uint8_t port_index;
	uint16_t mtu;       /* bytes of IP packet; at most what the port takes */
	uint32_t neighbour; /* index of the neighbour entry; private to net */
};

/**
 * Find the way to @p remote. @param local  NULL to choose the source address, else that address
 * @return 0, or -ENETUNREACH
 */
int net_path_find(struct net *net, const struct ip_addr *remote, const struct ip_addr *local,
	struct net_path *path);

/** Paths to @p remote that are found in the next ten minutes take packets of @p mtu bytes at most (RFC
 *  8201 §4). Takes the place of what was said before. */
void net_path_remember(struct net *net, const struct ip_addr *remote, uint16_t mtu);

/** The smaller of @p most and what is remembered of the remote, in bytes of IP packet. */
uint16_t net_path_mtu(struct net *net, const struct ip_addr *remote, uint16_t most);

/**
 * Send a TCP segment; consumes it. @p m begins at the TCP header, has RTE_PKTMBUF_HEADROOM of room
 * before it and, on ports without multi_segs, is one segment. IP and Ethernet headers are put in
 * front and the checksums are set, in software where the port does not. Waits in the neighbour's
 * queue (at most 32 packets) while the MAC address is asked for.
 */
void net_output_tcp(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t ecn, uint64_t now_ns);

/* What an ICMP error says of a segment that we sent. */
struct net_icmp_error {
	struct net_meta quoted; /* as we sent it: src is ours, dst the peer; its lengths are 0 */
	uint32_t seq;
	uint32_t mtu; /* of "fragmentation needed" and "packet too big", else 0 */
	uint8_t type, code;
};

/** Calls upward; a member may be NULL. */
struct net_ops {
	/* An ICMP error quotes one of our segments (RFC 5927). Returns false when no connection has
	 * that tuple. */
	bool (*icmp_error)(void *ctx, const struct net_icmp_error *error);
	/* The next hop towards @p remote did not answer three requests: what waited for it was
	 * dropped. */
	void (*unreachable)(void *ctx, const struct ip_addr *remote);
};
void net_set_ops(struct net *net, const struct net_ops *ops, void *ctx);

/* What one worker receives and others need: a NIC delivers ARP and multicast to one queue only, and
 * ICMP by the addresses of whoever sends it. */
struct net_relay_ops {
	/* A neighbour showed its MAC address, or, where the address is our own, that somebody else
	 * has it: the other workers call net_neighbour_learn(). */
	void (*neighbour_seen)(void *ctx, uint32_t port_index, const struct ip_addr *addr,
		const struct rte_ether_addr *mac, bool solicited);
	/* The worker that owns the quoted connection calls net_icmp_learn(). Returns false when
	 * that is this one. */
	bool (*icmp_error)(void *ctx, const struct net_icmp_error *error);
};
/** @param ops  NULL: this worker is alone */
void net_set_relay(struct net *net, const struct net_relay_ops *ops, void *ctx);

/** What net_relay_ops.icmp_error reported on another worker. */
void net_icmp_learn(struct net *net, const struct net_icmp_error *error);

/** What net_relay_ops.neighbour_seen reported on another worker; no entry is made for it. */
void net_neighbour_learn(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited, uint64_t now_ns);

/** Announce our addresses and groups anew, as at start, and ask again for the neighbours that packets wait for: a link
 *  came up, and whoever is there now heard nothing of it before. */
void net_announce(struct net *net);

/** Announce our addresses at start (by the worker with queue 0), ask again for unanswered neighbours
 *  and age the others; call once a loop, it is cheap when idle. */
void net_timers(struct net *net, uint64_t now_ns);

/** Free a packet and count why: the one way to drop. Also for a NULL packet (counts only). */
__rte_noinline void net_drop(struct net *net, struct rte_mbuf *m, enum drop why);

#endif
