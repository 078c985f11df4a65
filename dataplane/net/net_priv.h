/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of net/ share. A file per protocol: ipv4.c, arp.c, icmp.c; neigh.c and path.c know
 * addresses of either family only, so that IPv6 and NDP find their place beside IPv4 and ARP.
 */
#ifndef SLUICE_DATAPLANE_NET_NET_PRIV_H
#define SLUICE_DATAPLANE_NET_NET_PRIV_H

#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "dataplane/net/net.h"
#include "lib/base/siphash.h"

#define NEIGH_NONE     UINT32_MAX
#define NEIGH_QUEUE    32 /* packets that wait for one MAC address: a burst of SYNs at start */

#define SECOND_NS      UINT64_C(1000000000)
#define MILLISECOND_NS UINT64_C(1000000)

enum neigh_state {
	NEIGH_FREE,
	NEIGH_NEW,        /* known to a path, nothing sent yet */
	NEIGH_INCOMPLETE, /* asked by broadcast; packets wait */
	NEIGH_REACHABLE,
	NEIGH_STALE, /* the address is old, or was not asked for: used, and asked about when used */
	NEIGH_PROBE, /* asked by unicast; packets still go to the old address */
};

struct neigh {
	struct ip_addr addr;
	struct rte_ether_addr mac;
	uint8_t port_index;
	uint8_t state; /* enum neigh_state */
	uint8_t tries;
	uint8_t queue_first;
	uint8_t queue_count;
	uint32_t next;       /* in its bucket, or in the free list */
	uint32_t pending_at; /* place in neigh_table.pending while incomplete or probed */
	uint64_t due_ns;     /* reachable until; or time of the next request */
	uint64_t used_ns;
	struct rte_mbuf *queue[NEIGH_QUEUE];
};

/* Entries keep their place while they live: paths hold indices. */
struct neigh_table {
	struct neigh *entries;
	uint32_t *buckets; /* first entry of each chain */
	uint32_t *pending; /* entries that wait for an answer */
	uint32_t bucket_mask;
	uint32_t limit;
	uint32_t free;
	uint32_t pending_count;
	uint32_t queued; /* packets in all queues */
	uint32_t cursor; /* of ageing */
	uint32_t victim; /* next in pending to give way to a new neighbour */
	struct siphash_key key;
};

struct net_port {
	struct net_port_config config;
	struct port_tx tx;
};

struct net {
	struct net_config config;
	struct net_port ports[PORT_MAX];
	struct neigh_table neigh;
	const struct net_ops *ops;
	void *ops_ctx;
	net_neighbour_seen_fn seen;
	void *seen_ctx;
	uint64_t now_ns; /* of the latest call that was given the time */
	uint64_t timer_ns;
	uint64_t announce_ns;
	uint32_t announcements_left;
	uint64_t icmp_tat_ns; /* GCRA of the answers to ICMP */
	uint64_t conflict_log_ns;
};

/* net.c */

/** True when @p addr is one of the port's own. */
bool net_port_owns(const struct net_port *port, const struct ip_addr *addr);

/** Our address to speak from to a host on the port's link, or NULL when the port has none of the
 *  family. */
const struct net_address *net_port_source(
	const struct net_port *port, const struct ip_addr *target);

/** Put an Ethernet header in front. @return false when there is no room (nothing is freed) */
bool net_ether_push(struct net_port *port, struct rte_mbuf *m, const struct rte_ether_addr *dst,
	uint16_t ether_type);

/* ipv4.c */

/**
 * @param m  begins at the IP header
 * @return the segment when it is TCP for us, else NULL and @p m was consumed
 */
struct rte_mbuf *ipv4_input(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns);

/** Put an IPv4 header in front, whose checksum is set here or left to the port as the mbuf's flags
 *  say, and send it along the path; consumes. @param tos  DSCP and ECN */
void ipv4_output(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t protocol, uint8_t tos, uint64_t now_ns);

/* icmp.c */

/** @param m  begins at the ICMP header; consumes */
void icmp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint64_t now_ns);

/* arp.c */

/** @param m  begins at the ARP header; consumes */
void arp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns);

/** Ask who has @p target. @param mac  whom to ask, NULL for all */
void arp_request(struct net *net, uint32_t port_index, const struct ip_addr *target,
	const struct rte_ether_addr *mac);

/** Tell all neighbours of all our addresses (RFC 5227 §2.3). */
void arp_announce(struct net *net);

/* neigh.c */

int neigh_init(struct net *net);
void neigh_fini(struct net *net);

/** Find or make the entry. @return its index, or NEIGH_NONE when the table is full */
uint32_t neigh_get(struct net *net, uint32_t port_index, const struct ip_addr *addr);

/** Send a frame, complete but for the destination MAC, to a neighbour; consumes. @p hint is the index
 *  from an earlier neigh_get() for the same address and is checked. */
void neigh_output(struct net *net, uint32_t port_index, const struct ip_addr *addr, uint32_t hint,
	struct rte_mbuf *m, uint64_t now_ns);

/** A neighbour told its MAC address. @param solicited  it answered our request */
void neigh_learn(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited, uint64_t now_ns);

void neigh_timers(struct net *net, uint64_t now_ns);

#endif
