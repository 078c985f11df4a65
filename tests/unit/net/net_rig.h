/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rig of the network layer's tests: a struct net between two fake ports. Frames that go in end at
 * a guard page, so that a read behind the last byte is a crash; frames that come out are kept.
 */
#ifndef SLUICE_TESTS_UNIT_NET_NET_RIG_H
#define SLUICE_TESTS_UNIT_NET_NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "dataplane/net/net.h"

#define SECOND          UINT64_C(1000000000)

#define RIG_QUEUE_LIMIT 512
#define KERNEL_ID       7

/* Port 0: 192.0.2.1/24, gateway 192.0.2.254. Port 1: 10.0.0.1/24. */
#define OUR_IP     "192.0.2.1"
#define PEER_IP    "192.0.2.9"
#define GATEWAY_IP "192.0.2.254"
#define INSIDE_IP  "10.0.0.1"

extern const struct rte_ether_addr peer_mac;

struct rig {
	struct net *net;
	struct port ports[2];
	struct net_config config;
	uint64_t drops[DROP_COUNT];
	struct rte_mempool *pool;
	/* What went out, in order; freed by rig_reset_tx(). */
	struct rte_mbuf *sent[256];
	uint8_t sent_port[256];
	unsigned sent_count;
	/* Upcalls. */
	unsigned unreachable_count;
	struct ip_addr unreachable;
	unsigned icmp_count;
	struct net_meta icmp_quoted;
	uint32_t icmp_seq, icmp_mtu;
	bool icmp_strange; /* no connection has what is quoted */
	unsigned seen_count;
	/* What the kernel's interface, a port with the id KERNEL_ID, has for us. */
	struct rte_mbuf *kernel_rx[64];
	unsigned kernel_rx_count;
};

extern struct rig rig;

int rig_eal_start(void **state);
/** A fresh struct net; @p change (or NULL) may alter rig.config and rig.ports first. */
void rig_start(void (*change)(void));
int rig_setup(void **state);
int rig_teardown(void **state);
void rig_reset_tx(void);

struct ip_addr ip_of(const char *text);
uint32_t v4_of(const char *text);

/** A frame of these bytes that ends at a guard page; begins at an even address, as from a port, so that
 *  one byte lies between where the length is odd. */
struct rte_mbuf *frame_of(const void *bytes, uint32_t len);

/** Feed one frame. @return the TCP segment that came out, or NULL */
struct rte_mbuf *feed(uint32_t port_index, const void *bytes, uint32_t len, uint64_t now_ns);

/** Feed a frame that must end in exactly this drop. */
void feed_dropped(const void *bytes, uint32_t len, enum drop why);

/** Count of mbufs in use: tests hold that nothing leaks. */
unsigned mbufs_in_use(void);

/* Frames being made: valid by default, for a test to damage. */
struct tcp_frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t payload[64];
} __attribute__((packed, aligned(2)));

struct icmp_frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_icmp_hdr icmp;
	uint8_t data[64];
} __attribute__((packed, aligned(2)));

struct arp_frame {
	struct rte_ether_hdr eth;
	struct rte_arp_hdr arp;
} __attribute__((packed, aligned(2)));

/** @return frame length in bytes */
uint32_t tcp_frame_make(struct tcp_frame *f, uint32_t payload_len);
/** Set the checksums anew after a change. @param payload_len  bytes after the TCP header */
void tcp_frame_seal(struct tcp_frame *f, uint32_t payload_len);
void ip_seal(struct rte_ipv4_hdr *ip);
uint32_t icmp_frame_make(struct icmp_frame *f, uint8_t type, uint8_t code, uint32_t data_len);
void icmp_frame_seal(struct icmp_frame *f, uint32_t data_len);
uint32_t arp_frame_make(
	struct arp_frame *f, uint16_t opcode, const char *sender, const char *target);

#endif
