/* SPDX-License-Identifier: Apache-2.0 */
/* A frame that the gateway (or a peer) sent, taken apart, checked, shown and compared. */
#ifndef SLUICE_TESTS_WIRE_SEEN_H
#define SLUICE_TESTS_WIRE_SEEN_H

#include "tests/wire/packet.h"

struct seen {
	struct seen *next;
	uint64_t time_ns;
	uint8_t port;
	uint32_t frame_len;
	const uint8_t *frame;
	enum packet_kind kind;
	uint8_t dst_mac[6], src_mac[6];
	uint32_t src, dst; /* IP addresses; of ARP: spa, tpa */
	uint8_t ttl, tos;
	uint32_t ip_len; /* whole packet */
	uint16_t frag;   /* offset in units of 8 bytes */
	bool more;       /* fragments follow */
	bool alert;      /* router alert */
	/* TCP, and where they have the same: ICMP's type, code, id, seq; ARP's op. */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags, type, code;
	uint16_t win, urg, id, op;
	const uint8_t *options;
	uint32_t options_len;
	const uint8_t *payload;
	uint32_t payload_len;
	uint8_t sha[6];
	uint32_t target; /* of NDP */
	uint8_t naflags;
	bool six, has_option;
	uint32_t pseudo; /* sum of the IPv6 pseudo-header */
};

/** Take a frame apart. @return NULL, or what is wrong with it: sums, lengths, padding */
const char *seen_read(struct seen *s, const uint8_t *data, uint32_t len, uint32_t mtu);
/** Value of an option. @return its bytes after kind and length, or NULL; @p len of them */
const uint8_t *seen_option(const struct seen *s, uint8_t kind, uint32_t *len);
static inline uint32_t seen_word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** The frame as a script would say it. @param flow  or NULL  @param from_peer  its peer sent it */
char *seen_show(const struct seen *s, const struct flow *flow, bool from_peer);
/** NULL when the frame is what @p p describes, else the difference. The gateway sent it on @p
 * flow. */
const char *seen_differs(const struct seen *s, const struct packet *p, const struct flow *flow);

#endif
