/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rig with IPv6: port 0 has 2001:db8::1/64 and the gateway 2001:db8::fe, port 1 fd00::1/64. Frames
 * are put together piece by piece, with lengths and sums of the test's own making.
 */
#ifndef SLUICE_TESTS_UNIT_NET_RIG6_H
#define SLUICE_TESTS_UNIT_NET_RIG6_H

#include "tests/unit/net/net_rig.h"

#define OUR_IP6     "2001:db8::1"
#define OUR_GROUP   "ff02::1:ff00:1"
#define PEER_IP6    "2001:db8::9"
#define GATEWAY_IP6 "2001:db8::fe"
#define INSIDE_IP6  "fd00::1"
#define LINK_IP6    "fe80::ff:fe00:100" /* of port 0's MAC address 02:00:00:00:01:00 */

#define OVERRIDE    0x20
#define SOLICITED   0x40

struct frame6 {
	uint8_t bytes[1600];
	uint32_t len;
	uint32_t upper; /* where TCP or ICMPv6 begins */
};

/** rig_start() with IPv6 and no duplicate address detection; both families on both ports. */
int rig6_setup(void **state);
/** The same, with one probe for duplicates. @param queue  of the worker: 0 speaks for all */
void rig6_start(uint16_t queue, uint8_t dad_transmits);

/** Ethernet and IPv6 headers. @param next  the first header after them */
void frame6_begin(struct frame6 *f, const char *src, const char *dst, uint8_t next);
void frame6_put(struct frame6 *f, const void *data, uint32_t len);
/** An extension header: @p data after its two bytes, padded with zeros to eight. */
void frame6_extend(struct frame6 *f, uint8_t next, const void *data, uint32_t len);
/** Set the length, and the checksum of what begins at .upper as @p protocol. */
void frame6_seal(struct frame6 *f, uint8_t protocol);

/** An ACK with @p payload bytes, for a frame that was begun. */
void frame6_tcp(struct frame6 *f, uint32_t payload);
/** Whole frames: a segment, an echo request, a neighbour message with an option or none (type 0). */
void frame6_segment(struct frame6 *f, uint32_t payload);
void frame6_echo(struct frame6 *f, const char *dst, uint32_t data);
void frame6_ndp(struct frame6 *f, const char *src, const char *dst, uint8_t type);
void frame6_ndp_put(struct frame6 *f, uint8_t flags, const char *target, uint8_t option,
	const struct rte_ether_addr *mac);

struct rte_mbuf *feed6(const struct frame6 *f, uint64_t now_ns);
void feed6_dropped(const struct frame6 *f, enum drop why);

/* Frames that went out. */
const struct rte_ipv6_hdr *sent6(unsigned index);
/** The sum over TCP or ICMPv6 must be right. */
void sent6_sum(unsigned index);
/** What follows the IPv6 header, an ICMPv6 message whose sum is right. */
const uint8_t *sent6_icmp(unsigned index, uint8_t type);
bool sent6_is(unsigned index, const char *src, const char *dst);

#endif
