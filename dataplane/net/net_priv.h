/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of net/ share. A file per protocol: ipv4.c, arp.c, icmp.c; ipv6.c, ndp.c,
 * icmpv6.c, mld.c; neigh.c, path.c, segment.c, fragment.c and reassembly.c have one body for both
 * families.
 */
#ifndef SLUICE_DATAPLANE_NET_NET_PRIV_H
#define SLUICE_DATAPLANE_NET_NET_PRIV_H

#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "dataplane/net/kernel.h"
#include "dataplane/net/net.h"
#include "lib/base/siphash.h"

#define IPV4_TTL       64
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
	uint32_t touched; /* entries that were used ever: those behind them are free, too */
	uint32_t free;
	uint32_t pending_count;
	uint32_t queued; /* packets in all queues */
	uint32_t cursor; /* of ageing */
	uint32_t victim; /* next in pending to give way to a new neighbour */
	struct siphash_key key;
};

enum ndp_state {
	NDP_TENTATIVE, /* asked whether somebody has it: not used, not answered for */
	NDP_PREFERRED,
	NDP_DUPLICATE, /* somebody has it: never used */
};

/* An IPv6 address of a port and what neighbour discovery is doing about it. */
struct ndp_address {
	struct ip_addr addr;
	uint8_t prefix_len;
	uint8_t state;    /* enum ndp_state */
	uint8_t left;     /* probes while tentative, then advertisements */
	uint8_t nonce[6]; /* tells our own probes from another's when they come back (RFC 7527) */
	uint64_t due_ns;  /* of the next step */
};

#define NDP_ADDRESSES (NET_PORT_ADDRESSES + 1) /* the configured ones and a link-local one */

/* A worker's part of a port's kernel side. */
struct kernel_side {
	struct port_tx tx; /* towards the kernel */
	uint64_t handed[KERNEL_CLASSES];
	uint64_t sent;
};

/* What a port owes as a listener to its groups. */
struct mld {
	uint64_t unsolicited_ns, answer_ns; /* when; of answers 0: nobody asked */
	uint8_t unsolicited_left;
	bool answer_v1;
};

/* An IPv4 address of a port, with the first and the last of its network, which nobody speaks
 * from. */
struct net_ipv4 {
	uint32_t own_be, first_be, last_be;
};

struct net_port {
	uint64_t mac_word;  /* the port's MAC address, and two zeros */
	uint64_t from_word; /* the same, and IPv4's EtherType */
	uint8_t l2_bytes;   /* Ethernet header, with the VLAN tag where the port has one */
	uint8_t ndp_count;  /* 0: the port speaks no IPv6 */
	uint8_t ipv4_count;
	struct net_ipv4 ipv4[NET_PORT_ADDRESSES];
	struct net_port_config config;
	struct ndp_address ndp[NDP_ADDRESSES];
	struct mld mld;
	struct port_tx tx;
	struct kernel_side *kernel; /* NULL as config.kernel is */
};

#define NET_DOWN        16
#define NET_NARROW_BITS 8

/* A gateway that did not answer. */
struct net_down {
	struct ip_addr addr;
	uint32_t port_index;
	uint64_t until_ns;
};

/* A remote that takes no larger packets; see path_mtu.c. */
struct net_narrow {
	struct ip_addr remote;
	uint64_t until_ns;
	uint16_t mtu;
};

struct net {
	struct net_config config;
	struct net_port ports[PORT_MAX];
	struct neigh_table neigh;
	const struct net_ops *ops;
	void *ops_ctx;
	const struct net_relay_ops *relay;
	void *relay_ctx;
	uint64_t now_ns; /* of the latest call that was given the time */
	uint64_t timer_ns;
	uint64_t announce_ns;
	uint32_t announcements_left;
	uint64_t icmp_tat_ns; /* GCRA of the answers to ICMP */
	uint64_t conflict_log_ns;
	struct net_down down[NET_DOWN]; /* the latest; most are over */
	uint32_t down_next;
	struct net_narrow narrow[1u << NET_NARROW_BITS];
	uint64_t random; /* state of net_random() */
	struct reassembly *reassembly;
};

/** The next of the worker's random numbers, for what a stranger should not foretell nor can profit from:
 *  delays, identifications of fragments (RFC 7739). SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t net_random(struct net *net)
{
	uint64_t z = net->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* net.c */

/** True when @p addr is one of the port's own, tentative or duplicate ones among them. */
bool net_port_owns(const struct net_port *port, const struct ip_addr *addr);

/** Our address to speak from to @p target through the port, or NULL when the port has none of the
 *  family. */
const struct ip_addr *net_port_source(const struct net_port *port, const struct ip_addr *target);

/** The destination of a complete frame of ours. @return false when it is no IP packet */
bool net_frame_remote(
	const struct net_port *port, const struct rte_mbuf *m, struct ip_addr *remote);

/** Put an Ethernet header in front, with the port's VLAN tag. @return false when there is no room
 *  (nothing is freed) */
bool net_ether_push(struct net_port *port, struct rte_mbuf *m, const struct rte_ether_addr *dst,
	uint16_t ether_type);

/* path.c */

/** A neighbour did not answer: when it is a gateway, others are preferred for a while. */
void net_gateway_failed(struct net *net, uint32_t port_index, const struct ip_addr *addr);

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

/** As ipv4_output(), for a packet that may be longer than the path's MTU: then it goes in
 * fragments. */
void ipv4_output_any(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t protocol, uint64_t now_ns);

/* reassembly.c */

int reassembly_init(struct net *net);
void reassembly_fini(struct net *net);

/**
 * Take a fragment for an address of ours; consumes it.
 * @param m  begins at the IP header, which is whole, behind the Ethernet header
 * @return the datagram once it is whole, in as many segments as it had fragments, as if it had come
 *         so, but for IPv4's header checksum, which is 0; else NULL
 */
struct rte_mbuf *reassembly_ipv4(struct net *net, uint32_t port_index, struct rte_mbuf *m);
struct rte_mbuf *reassembly_ipv6(struct net *net, uint32_t port_index, struct rte_mbuf *m);

/** Give up what did not become whole in time, or everything while the pool is low. */
void reassembly_timers(struct net *net, uint64_t now_ns);

/* fragment.c */

#define FRAGMENTS_MAX 32

/**
 * Fragments of a packet that is longer than @p mtu; consumes it.
 * @param m       begins at the IP header; IPv4's does not forbid it
 * @param chains  false: one mbuf each
 * @param out     room for FRAGMENTS_MAX; each begins at its IP header with room for an Ethernet
 *                header
 * @return how many; what there were no mbufs for is counted
 */
uint32_t fragment_split(
	struct net *net, struct rte_mbuf *m, uint16_t mtu, bool chains, struct rte_mbuf **out);

/** Send a packet along its path in fragments; consumes. @param m  begins at the IP header */
void fragment_output(
	struct net *net, const struct net_path *path, struct rte_mbuf *m, uint64_t now_ns);

/* ipv6.c */

/* Beside its bytes, what a message's receiver must know of the packet around it. */
struct ipv6_info {
	struct ip_addr src, dst;
	uint8_t hop_limit;
	bool multicast;    /* sent to a group that the port is in */
	bool fragmented;   /* it had a fragment header */
	uint16_t ip_bytes; /* IPv6 header and extension headers */
};

/** As ipv4_input(). */
struct rte_mbuf *ipv6_input(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns);

/** Put an IPv6 header in front and send the packet along the path; consumes. @param tclass  DSCP and
 *  ECN */
void ipv6_output(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t protocol, uint8_t tclass, uint64_t now_ns);

/** Put an IPv6 header in front. @return false when there is no room */
bool ipv6_push(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t protocol, uint8_t hop_limit);

/* icmpv6.c */

enum {
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_TOO_BIG = 2,
	ICMPV6_TIME_EXCEEDED = 3,
	ICMPV6_PARAMETER = 4,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
	MLD_QUERY = 130,
	NDP_SOLICITATION = 135,
	NDP_ADVERTISEMENT = 136,
	ICMPV6_REDIRECT = 137,
};

struct icmpv6_hdr {
	uint8_t type, code;
	rte_be16_t checksum;
	rte_be32_t word; /* MTU, pointer, or identifier and sequence number */
} __attribute__((packed, aligned(2)));

/** @param m  begins at the ICMPv6 header; consumes */
void icmpv6_input(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns);

/** Set the checksum of a message that begins at @p m's first byte. */
void icmpv6_seal(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst);

struct icmpv6_fault {
	enum drop drop;
	uint8_t type, code;
	uint32_t pointer;
};

/** Drop a packet, and tell its sender why where RFC 4443 §2.4 (e) and the rate limit allow it. @param m
 *  begins at the IPv6 header; consumes */
void icmpv6_refuse(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct icmpv6_fault *fault, uint64_t now_ns);

/** RFC 4291 §2.5.6: fe80::/10 */
static inline bool ip_is_link_local(const struct ip_addr *addr)
{
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/* ndp.c */

/** Addresses of the port, from its configuration and its MAC address. */
void ndp_init(struct net *net, uint32_t port_index);

/** The port's entry for an address of its own, or NULL. */
const struct ndp_address *ndp_find(const struct net_port *port, const struct ip_addr *addr);

#define MLD_GROUPS (NDP_ADDRESSES + NET_KERNEL_ADDRESSES)

/** The solicited-node groups of the port's addresses and the kernel's, each once. @param groups  room for
 *  MLD_GROUPS
 *  @return how many */
uint32_t ndp_groups(const struct net_port *port, struct ip_addr *groups);

/** The MAC address of an IPv6 group (RFC 2464 §7). */
struct rte_ether_addr ndp_group_mac(const struct ip_addr *group);

/** True when packets to @p addr are the port's to take: a group it is in, or a preferred
 * address. */
bool ndp_accepts(const struct net_port *port, const struct ip_addr *addr);

/** @param m  begins at the ICMPv6 header, whose checksum was good; consumes */
void ndp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns);

/** Ask who has @p target. @param mac  whom to ask, NULL for all */
void ndp_solicit(struct net *net, uint32_t port_index, const struct ip_addr *target,
	const struct rte_ether_addr *mac);

/** Advertise all addresses in use again, and report their groups. */
void ndp_announce(struct net *net);

/** Duplicate address detection and the advertisements that follow it. */
void ndp_timers(struct net *net, uint64_t now_ns);

/** Another worker heard that somebody else has our address. */
void ndp_conflict(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns);

/* mld.c */

/** Report the port's groups unasked, twice. */
void mld_start(struct net *net, uint32_t port_index);

/** @param m  begins at the ICMPv6 header of a query, whose checksum was good, behind its IP headers;
 *  consumes */
void mld_query(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns);

void mld_timers(struct net *net, uint64_t now_ns);

/* icmp.c */

/** Take one from the limit of answers, which both families share. @return false when none is
 * left */
bool icmp_take(struct net *net, uint64_t now_ns);

/** A message about nothing of ours: the kernel's where it shares our addresses, else dropped. @param m
 *  begins @p ip_bytes behind the IP header; consumes */
void icmp_leave(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint32_t ip_bytes);

/** An error about a segment, to the worker that owns the connection. @param m  as of icmp_leave(), which takes what is
 *  of no connection; consumes */
void icmp_quoted(
	struct net *net, struct rte_mbuf *m, uint32_t ip_bytes, const struct net_icmp_error *error);

/** @param m  begins at the ICMP header; consumes */
void icmp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint64_t now_ns);

/* kernel.c */

int kernel_init(struct net *net);
void kernel_fini(struct net *net);

/** True when @p addr is the kernel's alone. */
bool kernel_owns(const struct net *net, uint32_t port_index, const struct ip_addr *addr);

/** True when the kernel serves ports on the port's own addresses. */
bool kernel_shares(const struct net *net, uint32_t port_index);

/** True when the kernel serves either of two TCP or UDP ports there. */
bool kernel_serves(const struct net *net, uint32_t port_index, uint16_t a, uint16_t b);

/** True when the group is where one of the kernel's addresses is asked for. */
bool kernel_hears(const struct net_port *port, const struct ip_addr *group);

/** Hand a packet to the kernel, as far as the class's rate allows; consumes. @param m  begins behind the
 *  Ethernet header, which is still in front of it */
void kernel_hand(struct net *net, uint32_t port_index, struct rte_mbuf *m, enum kernel_class class);

/** As kernel_hand() for what begins @p ip_bytes behind the IP header. */
void kernel_hand_back(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint32_t ip_bytes,
	enum kernel_class class);

/** Hand over a packet that @p verdict would drop when its address is the kernel's. @param m  begins at
 *  the IP header, which is whole  @return false when it was not, and nothing was done */
bool kernel_take_ipv4(struct net *net, uint32_t port_index, struct rte_mbuf *m, enum drop verdict);
bool kernel_take_ipv6(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct ip_addr *dst);

/** Hand over UDP that is from or for a port that the kernel serves. @param m  begins at the UDP header
 *  @return false when it was not, and nothing was done */
bool kernel_take_udp(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint32_t ip_bytes);

/* arp.c */

/** @param m  begins at the ARP header; consumes */
void arp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns);

/** Ask who has @p target. @param mac  whom to ask, NULL for all */
void arp_request(struct net *net, uint32_t port_index, const struct ip_addr *target,
	const struct rte_ether_addr *mac);

/** Tell all neighbours of all our addresses (RFC 5227 §2.3). */
void arp_announce(struct net *net);

/** Somebody else uses our address (RFC 5227 §2.4, RFC 4862 §5.4). We keep it, and tell the
 * operator. */
void net_conflict_report(struct net *net, const struct net_port *port, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns);

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

/* The flags of a neighbour advertisement (RFC 4861 §4.4). */
struct neigh_news {
	const struct rte_ether_addr *mac; /* NULL: not told */
	bool solicited, override;
};

/** A neighbour advertised itself (RFC 4861 §7.2.5). */
void neigh_advertised(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct neigh_news *news, uint64_t now_ns);

/** Ask at once, and from the first try again, for the port's neighbours that packets wait for: an address to ask
 *  from is there now, or a link to ask over. */
void neigh_ask_again(struct net *net, uint32_t port_index, uint64_t now_ns);

void neigh_timers(struct net *net, uint64_t now_ns);

#endif
