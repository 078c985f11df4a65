/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet as a script describes it: what is given, in relative sequence numbers. To send, the rest
 * is what a well-behaved peer would put there; to expect, the rest is not looked at.
 *
 *   FLAGS [A:B[(LEN)]] [FIELD VALUE]… [DATA] [<OPTIONS>] TCP; flags of SFRPU.EW, "." for ACK arp
 *   who-has IP tell IP | arp reply IP is-at MAC and the fields op, hlen, plen, htype, ptype icmp
 *   echo|reply|too-big|unreachable|type N … and the fields code, id, seq, mtu, quote ndp who-has IP
 *   tell IP | ndp reply IP is-at MAC and the fields naflags, type, code, no-option udp DATA · ip
 *   proto N DATA · frame x"…"
 * The listing of fields is in packet_parse.c.
 */
#ifndef SLUICE_TESTS_WIRE_PACKET_H
#define SLUICE_TESTS_WIRE_PACKET_H

#include "tests/wire/flow.h"
#include "tests/wire/text.h"

enum packet_kind {
	PACKET_TCP,
	PACKET_ARP,
	PACKET_ICMP,
	PACKET_NDP,
	PACKET_UDP,
	PACKET_IP,
	PACKET_FRAME
};

enum packet_field {
	F_SEQ,
	F_LEN,
	F_ACK,
	F_WIN,
	F_URG,
	F_DOFF,
	F_RESERVED,
	F_TTL,
	F_TOS,
	F_VER,
	F_IHL,
	F_IPLEN,
	F_IPID,
	F_FRAG,
	F_MF,
	F_PROTO,
	F_FROM,
	F_TO,
	F_SPORT,
	F_DPORT,
	F_ETHERTYPE,
	F_TRUNC,
	F_PAD,
	F_BADSUM,
	F_BADIPSUM,
	F_TYPE,
	F_CODE,
	F_ID,
	F_MTU,
	F_QUOTE,
	F_OP,
	F_HLEN,
	F_PLEN,
	F_HTYPE,
	F_PTYPE,
	F_TPA,
	F_SPA,
	F_NAFLAGS,
	F_NO_OPTION,
	F_CUT_FROM,
	F_CUT_TO,
	F_COUNT
};

enum packet_mac { MAC_DST, MAC_SRC, MAC_SHA, MAC_THA, MAC_COUNT };

enum option_kind {
	OPTION_EOL = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACK_OK = 4,
	OPTION_SACK = 5,
	OPTION_TS = 8,
	OPTION_RAW = 256, /* bytes as given */
};

struct packet_option {
	uint16_t kind;
	bool absent;       /* "no sackOK": must not be there */
	bool any_a, any_b; /* "*" */
	bool last_b;       /* "last": echo the gateway's latest timestamp */
	uint32_t a, b;
	struct bytes raw;
};

#define PACKET_OPTIONS 16

struct packet {
	enum packet_kind kind;
	uint64_t given; /* bit for each enum packet_field */
	uint32_t value[F_COUNT];
	uint8_t mac_given;
	uint8_t mac[MAC_COUNT][6];
	uint8_t flags;
	bool named_type; /* of ICMP: "echo" and the like, which have other numbers in IPv6 */
	bool has_data, any_data; /* "…" */
	struct bytes data;
	const char *regex;
	struct bytes ip_options;
	struct packet_option options[PACKET_OPTIONS];
	uint32_t option_count;
};

static inline bool packet_has(const struct packet *p, enum packet_field f)
{
	return p->given >> f & 1;
}

static inline uint32_t packet_get(const struct packet *p, enum packet_field f, uint32_t otherwise)
{
	return packet_has(p, f) ? p->value[f] : otherwise;
}

static inline void packet_set(struct packet *p, enum packet_field f, uint32_t value)
{
	p->given |= UINT64_C(1) << f;
	p->value[f] = value;
}

void packet_parse(struct cursor *c, struct packet *out);
/** TCP flags as letters. */
const char *packet_flags(uint8_t flags);

#define FRAME_MAX 9216
struct frame {
	uint32_t len;
	uint8_t data[FRAME_MAX];
};
/** Make the frame that @p flow's host sends. @param sut_mac  of the gateway's port */
void packet_build(const struct packet *p, const struct flow *flow, const uint8_t *sut_mac,
	uint32_t sut_ip, struct frame *out);
/** Move the flow's own numbers on, as if the peer had sent this. */
void packet_sent(const struct packet *p, struct flow *flow);

#endif
