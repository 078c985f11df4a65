/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from described packets, byte by byte and without the code under test, so that its mistakes
 * are not made here too.
 */
#include "tests/wire/packet.h"
#include "tests/wire/six.h"

static void put8(struct frame *f, uint32_t v)
{
	if (f->len == FRAME_MAX)
		wire_fail("frame longer than %d bytes", FRAME_MAX);
	f->data[f->len++] = (uint8_t)v;
}

static void put16(struct frame *f, uint32_t v)
{
	put8(f, v >> 8);
	put8(f, v);
}

static void put32(struct frame *f, uint32_t v)
{
	put16(f, v >> 16);
	put16(f, v);
}

static void put_all(struct frame *f, const void *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		put8(f, ((const uint8_t *)data)[i]);
}

static void set16(struct frame *f, uint32_t at, uint32_t v)
{
	f->data[at] = (uint8_t)(v >> 8);
	f->data[at + 1] = (uint8_t)v;
}

/* RFC 1071, over the bytes from @p from on. */
static uint32_t internet_sum(const struct frame *f, uint32_t from, uint32_t to, uint32_t start)
{
	uint32_t sum = start;

	for (uint32_t i = from; i < to; i++)
		sum += (i - from) % 2 ? f->data[i] : (uint32_t)f->data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void put_ether(const struct packet *p, const struct flow *flow, const uint8_t *sut_mac,
	uint32_t type, struct frame *f)
{
	put_all(f, p->mac_given >> MAC_DST & 1 ? p->mac[MAC_DST] : sut_mac, 6);
	put_all(f, p->mac_given >> MAC_SRC & 1 ? p->mac[MAC_SRC] : flow->host->mac, 6);
	put16(f, packet_get(p, F_ETHERTYPE, type));
}

/* @return where the IP header begins */
static uint32_t put_ip(
	const struct packet *p, uint32_t protocol, uint32_t from, uint32_t to, struct frame *f)
{
	uint32_t at = f->len, words = 5 + (p->ip_options.len + 3) / 4;

	put8(f, packet_get(p, F_VER, 4) << 4 | packet_get(p, F_IHL, words));
	put8(f, packet_get(p, F_TOS, 0));
	put16(f, 0);
	put16(f, packet_get(p, F_IPID, 1));
	put16(f, packet_has(p, F_FRAG) || packet_has(p, F_MF)
			 ? packet_get(p, F_FRAG, 0) | (packet_has(p, F_MF) ? 0x2000 : 0)
			 : 0x4000);
	put8(f, packet_get(p, F_TTL, 64));
	put8(f, packet_get(p, F_PROTO, protocol));
	put16(f, 0);
	put32(f, from);
	put32(f, to);
	put_all(f, p->ip_options.data, p->ip_options.len);
	while (f->len < at + words * 4)
		put8(f, 0);
	return at;
}

static void finish_ip(const struct packet *p, uint32_t at, struct frame *f)
{
	uint32_t header = 20 + (p->ip_options.len + 3) / 4 * 4;

	set16(f, at + 2, packet_get(p, F_IPLEN, f->len - at));
	set16(f, at + 10,
		internet_sum(f, at, at + header, 0) ^ (packet_has(p, F_BADIPSUM) ? 0x5555 : 0));
}

static bool is_six(const struct flow *flow)
{
	return six_sides[flow->host->port];
}

/* Neighbour messages are IPv6's wherever they are sent. */
static bool has_ip6(const struct packet *p, const struct flow *flow)
{
	return p->kind == PACKET_NDP || is_six(flow);
}

static void put_six(struct frame *f, uint32_t id)
{
	struct ip_addr addr = six_of(id);

	put_all(f, addr.bytes, sizeof(addr.bytes));
}

/* RFC 8200 §3; `ipopt` are extension headers as they are, `frag` and `mf` make a fragment header.
 * @return where the IPv6 header begins */
static uint32_t put_ip6(
	const struct packet *p, uint32_t protocol, uint32_t from, uint32_t to, struct frame *f)
{
	bool fragment = packet_has(p, F_FRAG) || packet_has(p, F_MF);
	uint32_t at = f->len, next = packet_get(p, F_PROTO, fragment ? 44 : protocol);

	put32(f, packet_get(p, F_VER, 6) << 28 | packet_get(p, F_TOS, 0) << 20);
	put16(f, 0);
	put8(f, next);
	put8(f, packet_get(p, F_TTL, p->kind == PACKET_NDP ? 255 : 64));
	put_six(f, from);
	put_six(f, to);
	put_all(f, p->ip_options.data, p->ip_options.len);
	if (fragment) {
		put8(f, protocol);
		put8(f, 0);
		put16(f, packet_get(p, F_FRAG, 0) << 3 | packet_has(p, F_MF));
		put32(f, packet_get(p, F_IPID, 1));
	}
	return at;
}

/* Sum of the pseudo-header of RFC 8200 §8.1. */
static uint32_t pseudo_sum6(uint32_t from, uint32_t to, uint32_t protocol, uint32_t len)
{
	struct ip_addr ends[2] = { six_of(from), six_of(to) };
	uint32_t sum = protocol + len;

	for (unsigned i = 0; i < 32; i += 2)
		sum += (uint32_t)ends[i / 16].bytes[i % 16] << 8 | ends[i / 16].bytes[i % 16 + 1];
	return sum;
}

/* Sum of the pseudo-header (RFC 9293 §3.1). */
static uint32_t pseudo_sum(bool six, uint32_t from, uint32_t to, uint32_t protocol, uint32_t len)
{
	if (six)
		return pseudo_sum6(from, to, protocol, len);
	return (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + protocol + len;
}

static void put_option(const struct packet_option *o, const struct flow *flow, struct frame *f)
{
	switch (o->kind) {
	case OPTION_EOL:
	case OPTION_NOP:
		put8(f, o->kind);
		return;
	case OPTION_MSS:
		put16(f, 0x0204);
		put16(f, o->a);
		return;
	case OPTION_WSCALE:
		put16(f, 0x0303);
		put8(f, o->a);
		return;
	case OPTION_SACK_OK:
		put16(f, 0x0402);
		return;
	case OPTION_TS:
		put16(f, 0x080a);
		put32(f, o->a);
		put32(f, o->last_b ? flow->ts_last : o->b);
		return;
	default:
		put_all(f, o->raw.data, o->raw.len);
	}
}

static void put_options(const struct packet *p, const struct flow *flow, struct frame *f)
{
	uint32_t begin = f->len, blocks = 0;

	for (uint32_t i = 0; i < p->option_count; i++)
		blocks += p->options[i].kind == OPTION_SACK;
	for (uint32_t i = 0; i < p->option_count; i++) {
		const struct packet_option *o = &p->options[i];

		if (o->kind != OPTION_SACK) {
			put_option(o, flow, f);
			continue;
		}
		if (blocks) {
			put8(f, OPTION_SACK);
			put8(f, 2 + 8 * blocks);
			blocks = 0;
		}
		put32(f, flow->sut_isn + o->a);
		put32(f, flow->sut_isn + o->b);
	}
	while ((f->len - begin) % 4)
		put8(f, OPTION_EOL);
}

static void put_payload(const struct packet *p, uint32_t seq, struct frame *f)
{
	if (p->has_data) {
		put_all(f, p->data.data, p->data.len);
		return;
	}
	/* The pattern goes by sequence number, so that pieces that overlap agree. */
	for (uint32_t i = 0; i < packet_get(p, F_LEN, 0); i++)
		put8(f, text_pattern(seq + i - 1));
}

static void build_tcp(const struct packet *p, const struct flow *flow, uint32_t from, uint32_t to,
	struct frame *f)
{
	uint32_t at = f->len, seq = packet_get(p, F_SEQ, flow->snd_nxt), header;
	bool ack = p->flags & 0x10;

	put16(f, packet_get(p, F_SPORT, flow->peer_port));
	put16(f, packet_get(p, F_DPORT, flow->sut_port));
	put32(f, flow->peer_isn + seq);
	put32(f, ack || packet_has(p, F_ACK) ? flow->sut_isn + packet_get(p, F_ACK, flow->rcv_nxt)
					     : 0);
	put8(f, 0);
	put8(f, p->flags);
	put16(f, packet_get(p, F_WIN, 65535));
	put16(f, 0);
	put16(f, packet_get(p, F_URG, 0));
	put_options(p, flow, f);
	header = f->len - at;
	f->data[at + 12] = (uint8_t)(packet_get(p, F_DOFF, header / 4) << 4 |
				     (packet_get(p, F_RESERVED, 0) & 15));
	put_payload(p, seq, f);
	set16(f, at + 16,
		internet_sum(f, at, f->len, pseudo_sum(is_six(flow), from, to, 6, f->len - at)) ^
			(packet_has(p, F_BADSUM) ? 0x5555 : 0));
}

/* The header of the gateway's own segment that an ICMP error complains about. */
static void put_quote(const struct packet *p, const struct flow *flow, struct frame *f)
{
	uint32_t at = f->len;

	if (is_six(flow)) {
		put32(f, 6u << 28);
		put16(f, 20);
		put8(f, packet_get(p, F_PROTO, 6));
		put8(f, 63);
		put_six(f, packet_get(p, F_SPA, flow->sut_ip));
		put_six(f, flow->host->ip);
		put16(f, packet_get(p, F_SPORT, flow->sut_port));
		put16(f, packet_get(p, F_DPORT, flow->peer_port));
		put32(f, flow->sut_isn + p->value[F_QUOTE]);
		return;
	}
	put8(f, 0x45);
	put8(f, 0);
	put16(f, 40);
	put32(f, 0x00004000);
	put8(f, 63);
	put8(f, packet_get(p, F_PROTO, 6));
	put16(f, 0);
	put32(f, packet_get(p, F_SPA, flow->sut_ip));
	put32(f, flow->host->ip);
	set16(f, at + 10, internet_sum(f, at, f->len, 0));
	put16(f, packet_get(p, F_SPORT, flow->sut_port));
	put16(f, packet_get(p, F_DPORT, flow->peer_port));
	put32(f, flow->sut_isn + p->value[F_QUOTE]);
}

/* The numbers that ICMPv6 has for what scripts name. */
static uint32_t icmp_type(const struct packet *p, bool six)
{
	uint32_t type = packet_get(p, F_TYPE, 8);

	if (!six || !p->named_type)
		return type;
	if (type == 3)
		return packet_has(p, F_CODE) && p->value[F_CODE] == 4 ? 2 : 1;
	return type == 8 ? 128 : 129;
}

static void build_icmp(const struct packet *p, const struct flow *flow, uint32_t from, uint32_t to,
	struct frame *f)
{
	uint32_t at = f->len, type = icmp_type(p, is_six(flow));
	bool too_big = is_six(flow) && type == 2;

	put8(f, type);
	put8(f, too_big ? 0 : packet_get(p, F_CODE, 0));
	put16(f, 0);
	put16(f, packet_get(p, F_ID, 0));
	put16(f, packet_has(p, F_MTU) ? p->value[F_MTU] : packet_get(p, F_SEQ, 0));
	if (packet_has(p, F_QUOTE))
		put_quote(p, flow, f);
	put_all(f, p->data.data, p->data.len);
	set16(f, at + 2,
		internet_sum(
			f, at, f->len, is_six(flow) ? pseudo_sum6(from, to, 58, f->len - at) : 0) ^
			(packet_has(p, F_BADSUM) ? 0x5555 : 0));
}

/* RFC 4861 §4.3, §4.4 */
static void build_ndp(const struct packet *p, const struct flow *flow, uint32_t from, uint32_t to,
	struct frame *f)
{
	bool advertises = packet_get(p, F_OP, 1) == 2;
	uint32_t at = f->len;

	put8(f, packet_get(p, F_TYPE, advertises ? 136 : 135));
	put8(f, packet_get(p, F_CODE, 0));
	put16(f, 0);
	put32(f, packet_get(p, F_NAFLAGS, advertises ? 0x60 : 0) << 24);
	put_six(f, advertises ? packet_get(p, F_SPA, flow->host->ip) : p->value[F_TPA]);
	if (!packet_has(p, F_NO_OPTION)) {
		put8(f, advertises ? 2 : 1);
		put8(f, 1);
		put_all(f, p->mac_given >> MAC_SHA & 1 ? p->mac[MAC_SHA] : flow->host->mac, 6);
	}
	put_all(f, p->data.data, p->data.len);
	set16(f, at + 2,
		internet_sum(f, at, f->len, pseudo_sum6(from, to, 58, f->len - at)) ^
			(packet_has(p, F_BADSUM) ? 0x5555 : 0));
}

static void build_udp(const struct packet *p, const struct flow *flow, struct frame *f)
{
	put16(f, packet_get(p, F_SPORT, flow->peer_port));
	put16(f, packet_get(p, F_DPORT, 53));
	put16(f, 8 + p->data.len);
	put16(f, 0);
	put_all(f, p->data.data, p->data.len);
}

static void build_arp(
	const struct packet *p, const struct flow *flow, uint32_t sut_ip, struct frame *f)
{
	static const uint8_t zero[6];

	put16(f, packet_get(p, F_HTYPE, 1));
	put16(f, packet_get(p, F_PTYPE, 0x0800));
	put8(f, packet_get(p, F_HLEN, 6));
	put8(f, packet_get(p, F_PLEN, 4));
	put16(f, packet_get(p, F_OP, 1));
	put_all(f, p->mac_given >> MAC_SHA & 1 ? p->mac[MAC_SHA] : flow->host->mac, 6);
	put32(f, packet_get(p, F_SPA, flow->host->ip));
	put_all(f, p->mac_given >> MAC_THA & 1 ? p->mac[MAC_THA] : zero, 6);
	put32(f, packet_get(p, F_TPA, sut_ip));
}

/* Make a fragment of a whole packet whose data begin at @p at. */
static void cut(const struct packet *p, bool six, uint32_t ip, uint32_t at, struct frame *f)
{
	uint32_t from = p->value[F_CUT_FROM], len = p->value[F_CUT_TO] - from;
	uint32_t field = packet_get(p, F_FRAG, from / 8), next;
	bool more = at + p->value[F_CUT_TO] < f->len;

	if (at + from + len > f->len)
		wire_fail("there are %u bytes to cut from", f->len - at);
	if (six) {
		next = f->data[ip + 6];
		f->data[ip + 6] = 44;
		memmove(f->data + at + 8, f->data + at + from, len);
		f->len = at;
		put8(f, next);
		put8(f, 0);
		put16(f, field << 3 | more);
		put32(f, packet_get(p, F_IPID, 1));
		f->len += len;
		return;
	}
	memmove(f->data + at, f->data + at + from, len);
	f->len = at + len;
	set16(f, ip + 6, field | (more ? 0x2000 : 0));
}

static void build_ip(
	const struct packet *p, const struct flow *flow, uint32_t sut_ip, struct frame *f)
{
	static const uint8_t protocols[] = {
		[PACKET_TCP] = 6, [PACKET_ICMP] = 1, [PACKET_UDP] = 17, [PACKET_IP] = 253
	};
	bool six = has_ip6(p, flow);
	uint32_t protocol =
		six && (p->kind == PACKET_ICMP || p->kind == PACKET_NDP) ? 58 : protocols[p->kind];
	uint32_t from =
		packet_get(p, p->kind == PACKET_NDP && packet_get(p, F_OP, 1) == 1 ? F_SPA : F_FROM,
			flow->host->ip);
	uint32_t to = packet_get(p, F_TO, flow->bound && flow->sut_ip ? flow->sut_ip : sut_ip);
	uint32_t at = six ? put_ip6(p, protocol, from, to, f) : put_ip(p, protocol, from, to, f);
	uint32_t data_at = f->len;

	switch (p->kind) {
	case PACKET_TCP:
		build_tcp(p, flow, from, to, f);
		break;
	case PACKET_ICMP:
		build_icmp(p, flow, from, to, f);
		break;
	case PACKET_NDP:
		build_ndp(p, flow, from, to, f);
		break;
	case PACKET_UDP:
		build_udp(p, flow, f);
		break;
	default:
		put_all(f, p->data.data, p->data.len);
	}
	if (packet_has(p, F_CUT_FROM))
		cut(p, six, at, data_at, f);
	if (six)
		set16(f, at + 4, packet_get(p, F_IPLEN, f->len - at - 40));
	else
		finish_ip(p, at, f);
}

/* A group's MAC address (RFC 2464 §7), where the packet goes to one. */
static const uint8_t *group_mac(const struct packet *p, const uint8_t *sut_mac, uint8_t *out)
{
	struct ip_addr to = six_of(packet_get(p, F_TO, 0));

	if (!packet_has(p, F_TO) || to.bytes[0] != 0xff)
		return sut_mac;
	out[0] = out[1] = 0x33;
	memcpy(out + 2, to.bytes + 12, 4);
	return out;
}

void packet_build(const struct packet *p, const struct flow *flow, const uint8_t *sut_mac,
	uint32_t sut_ip, struct frame *f)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t group[6];

	f->len = 0;
	if (p->kind == PACKET_FRAME) {
		put_all(f, p->data.data, p->data.len);
	} else if (p->kind == PACKET_ARP) {
		put_ether(p, flow, packet_get(p, F_OP, 1) == 1 ? broadcast : sut_mac, 0x0806, f);
		build_arp(p, flow, sut_ip, f);
	} else {
		put_ether(p, flow, has_ip6(p, flow) ? group_mac(p, sut_mac, group) : sut_mac,
			has_ip6(p, flow) ? 0x86dd : 0x0800, f);
		build_ip(p, flow, sut_ip, f);
	}
	for (uint32_t i = 0; i < packet_get(p, F_PAD, 0); i++)
		put8(f, 0xee);
	if (packet_has(p, F_TRUNC) && p->value[F_TRUNC] < f->len)
		f->len = p->value[F_TRUNC];
}

void packet_sent(const struct packet *p, struct flow *flow)
{
	static const enum packet_field spoils[] = { F_BADSUM, F_BADIPSUM, F_TRUNC, F_FRAG, F_MF,
		F_IPLEN };
	uint32_t end = packet_get(p, F_SEQ, flow->snd_nxt);

	if (p->kind != PACKET_TCP || (p->flags & 0x04))
		return;
	for (unsigned i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++)
		if (packet_has(p, spoils[i]))
			return;
	end += p->has_data ? p->data.len : packet_get(p, F_LEN, 0);
	end += (p->flags & 0x02) != 0;
	end += p->flags & 0x01;
	if ((int32_t)(end - flow->snd_nxt) > 0)
		flow->snd_nxt = end;
}
