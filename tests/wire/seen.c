/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and shows frames, see seen.h. Every frame that the gateway sends is checked here, whether a
 * script asks for it or not: a wrong checksum or length fails the script in any test.
 */
#include "tests/wire/seen.h"
#include "tests/wire/six.h"

#include <stdio.h>

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t fold(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Remember the first fault and go on: what a script sends is shown although it is wrong. */
static void fault(const char **why, bool wrong, const char *text)
{
	if (wrong && !*why)
		*why = text;
}

static bool options_malformed(const struct seen *s)
{
	for (uint32_t i = 0; i < s->options_len;) {
		if (s->options[i] < 2) {
			i++;
			continue;
		}
		if (i + 1 >= s->options_len || s->options[i + 1] < 2 ||
			i + s->options[i + 1] > s->options_len)
			return true;
		i += s->options[i + 1];
	}
	return false;
}

static const char *read_tcp(struct seen *s, const uint8_t *p, uint32_t len, const char *why)
{
	uint32_t header, pseudo;

	if (len < 20)
		return "TCP header is short";
	header = (uint32_t)(p[12] >> 4) * 4;
	if (header < 20 || header > len)
		return "TCP data offset is wrong";
	pseudo = s->six ? s->pseudo
			: (s->src >> 16) + (s->src & 0xffff) + (s->dst >> 16) + (s->dst & 0xffff) +
				  6 + len;
	fault(&why, fold(p, len, pseudo) != 0xffff, "TCP checksum is wrong");
	fault(&why, p[12] & 15, "reserved bits are set");
	s->kind = PACKET_TCP;
	s->sport = (uint16_t)get16(p);
	s->dport = (uint16_t)get16(p + 2);
	s->seq = seen_word(p + 4);
	s->ack = seen_word(p + 8);
	s->flags = p[13];
	s->win = (uint16_t)get16(p + 14);
	s->urg = (uint16_t)get16(p + 18);
	s->options = p + 20;
	s->options_len = header - 20;
	s->payload = p + header;
	s->payload_len = len - header;
	fault(&why, options_malformed(s), "TCP options are malformed");
	return why;
}

static const char *read_icmp(struct seen *s, const uint8_t *p, uint32_t len, const char *why)
{
	if (len < 8)
		return "ICMP header is short";
	fault(&why, fold(p, len, s->six ? s->pseudo : 0) != 0xffff, "ICMP checksum is wrong");
	s->kind = PACKET_ICMP;
	s->type = p[0];
	s->code = p[1];
	s->id = (uint16_t)get16(p + 4);
	s->seq = get16(p + 6);
	s->payload = p + 8;
	s->payload_len = len - 8;
	return why;
}

static const char *read_ndp(struct seen *s, const uint8_t *p, uint32_t len, const char *why)
{
	fault(&why, len < 24, "neighbour message is short");
	fault(&why, s->ttl != 255, "neighbour message's hop limit is not 255");
	if (why)
		return why;
	s->kind = PACKET_NDP;
	s->op = p[0] == 135 ? 1 : 2;
	s->naflags = p[4];
	s->target = six_id(p + 8);
	s->has_option = len >= 32 && p[24] == (p[0] == 135 ? 1 : 2);
	if (s->has_option)
		memcpy(s->sha, p + 26, 6);
	return why;
}

/* A fragment: nothing but its data is read. */
static const char *read_fragment(
	struct seen *s, uint32_t field, const uint8_t *p, uint32_t len, const char *why)
{
	s->kind = PACKET_IP;
	s->frag = (uint16_t)(field & 0x1fff);
	fault(&why, s->more && len % 8, "fragment is of no whole units");
	s->payload = p;
	s->payload_len = len;
	return why;
}

static const char *read_ip6(struct seen *s, const uint8_t *p, uint32_t len, uint32_t mtu)
{
	const char *why = NULL;
	uint32_t payload;

	if (len < 40 || p[0] >> 4 != 6)
		return "IPv6 header is short or no such";
	payload = get16(p + 4);
	if (payload > len - 40)
		return "IPv6 length is wrong";
	fault(&why, payload != len - 40, "bytes after the IPv6 packet");
	fault(&why, len > mtu, "packet is longer than the MTU");
	fault(&why, p[7] == 0, "hop limit is 0");
	s->six = true;
	s->tos = (uint8_t)(get16(p) >> 4);
	s->ttl = p[7];
	s->src = six_id(p + 8);
	s->dst = six_id(p + 24);
	s->ip_len = len;
	if (p[6] == 44 && payload > 8) {
		fault(&why, seen_word(p + 44) == 0, "fragment has no identification");
		s->more = p[43] & 1;
		return read_fragment(s, get16(p + 42) >> 3, p + 48, payload - 8, why);
	}
	if (p[6] == 0 && payload > 8 && memcmp(p + 40, "\x3a\0\5\2\0\0", 6) == 0) {
		s->alert = true;
		payload -= 8;
		s->pseudo = fold(p + 8, 32, 58 + payload);
		return read_icmp(s, p + 48, payload, why);
	}
	s->pseudo = fold(p + 8, 32, p[6] + payload);
	if (p[6] == 6)
		return read_tcp(s, p + 40, payload, why);
	if (p[6] != 58)
		return "neither TCP nor ICMPv6";
	why = read_icmp(s, p + 40, payload, why);
	if (!why && (s->type == 135 || s->type == 136))
		return read_ndp(s, p + 40, payload, why);
	return why;
}

static const char *read_ip(struct seen *s, const uint8_t *p, uint32_t len, uint32_t mtu)
{
	const char *why = NULL;
	uint32_t total;

	if (len < 20 || p[0] != 0x45)
		return "IP header is short or has options";
	total = get16(p + 2);
	if (total > len || total < 20)
		return "IP length is wrong";
	fault(&why, total != len, "bytes after the IP packet");
	fault(&why, total > mtu, "packet is longer than the MTU");
	fault(&why, fold(p, 20, 0) != 0xffff, "IP checksum is wrong");
	fault(&why, get16(p + 6) != 0x4000 && get16(p + 6) & 0xc000, "IP flags are not DF alone");
	s->ip_len = total;
	fault(&why, p[8] == 0, "TTL is 0");
	s->tos = p[1];
	s->ttl = p[8];
	s->src = seen_word(p + 12);
	s->dst = seen_word(p + 16);
	if (get16(p + 6) & 0x3fff) {
		s->more = p[6] & 0x20;
		fault(&why, p[9] != 1, "fragment of something else than ICMP");
		return read_fragment(s, get16(p + 6), p + 20, total - 20, why);
	}
	if (p[9] == 6)
		return read_tcp(s, p + 20, total - 20, why);
	if (p[9] == 1)
		return read_icmp(s, p + 20, total - 20, why);
	return "neither TCP nor ICMP";
}

const char *seen_read(struct seen *s, const uint8_t *data, uint32_t len, uint32_t mtu)
{
	uint8_t *copy = wire_alloc(len + 1);

	memcpy(copy, data, len);
	s->frame = copy;
	s->frame_len = len;
	s->kind = PACKET_FRAME;
	if (len < 14)
		return "frame is short";
	memcpy(s->dst_mac, copy, 6);
	memcpy(s->src_mac, copy + 6, 6);
	if (get16(copy + 12) == 0x0800)
		return read_ip(s, copy + 14, len - 14, mtu);
	if (get16(copy + 12) == 0x86dd)
		return read_ip6(s, copy + 14, len - 14, mtu);
	if (get16(copy + 12) != 0x0806 || len < 42)
		return "neither IP nor ARP";
	s->kind = PACKET_ARP;
	s->op = (uint16_t)get16(copy + 20);
	memcpy(s->sha, copy + 22, 6);
	s->src = seen_word(copy + 28);
	s->dst = seen_word(copy + 38);
	return seen_word(copy + 14) == 0x00010800 && get16(copy + 18) == 0x0604
		       ? NULL
		       : "ARP header is wrong";
}

const uint8_t *seen_option(const struct seen *s, uint8_t kind, uint32_t *len)
{
	for (uint32_t i = 0; i < s->options_len;) {
		if (s->options[i] == OPTION_EOL)
			return NULL;
		if (s->options[i] == OPTION_NOP) {
			i++;
			continue;
		}
		if (i + 2 > s->options_len || s->options[i + 1] < 2 ||
			i + s->options[i + 1] > s->options_len)
			return NULL;
		if (s->options[i] == kind) {
			*len = s->options[i + 1] - 2u;
			return s->options + i + 2;
		}
		i += s->options[i + 1];
	}
	return NULL;
}

static void say(struct bytes *b, const char *text)
{
	bytes_put(b, text, (uint32_t)strlen(text));
}

static char *mac_text(const uint8_t *m)
{
	return wire_text("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void show_options(const struct seen *s, uint32_t sack_base, struct bytes *out)
{
	const char *comma = "";
	const uint8_t *v;
	uint32_t len;

	if (s->options_len == 0)
		return;
	say(out, " <");
	if ((v = seen_option(s, OPTION_MSS, &len)) && len == 2) {
		say(out, wire_text("mss %u", get16(v)));
		comma = ", ";
	}
	if (seen_option(s, OPTION_SACK_OK, &len)) {
		say(out, wire_text("%ssackOK", comma));
		comma = ", ";
	}
	if ((v = seen_option(s, OPTION_WSCALE, &len)) && len == 1) {
		say(out, wire_text("%swscale %u", comma, v[0]));
		comma = ", ";
	}
	if ((v = seen_option(s, OPTION_TS, &len)) && len == 8) {
		say(out, wire_text("%sts %u %u", comma, seen_word(v), seen_word(v + 4)));
		comma = ", ";
	}
	if ((v = seen_option(s, OPTION_SACK, &len)))
		for (uint32_t i = 0; i + 8 <= len; i += 8, comma = ", ")
			say(out, wire_text("%ssack %u:%u", comma, seen_word(v + i) - sack_base,
					 seen_word(v + i + 4) - sack_base));
	say(out, ">");
}

static char *show_tcp(const struct seen *s, const struct flow *flow, bool from_peer)
{
	uint32_t seq_base = 0, ack_base = 0, seq, ack;
	struct bytes out = { 0 };

	if (flow) {
		seq_base = from_peer ? flow->peer_isn : flow->sut_isn;
		ack_base = from_peer ? flow->sut_isn : flow->peer_isn;
		say(&out, wire_text("%s %s ", flow->name, from_peer ? ">" : "<"));
	} else {
		say(&out, wire_text("%s:%u > %s:%u ", six_show(s->src), s->sport, six_show(s->dst),
				  s->dport));
	}
	seq = s->seq - seq_base;
	ack = s->ack - ack_base;
	say(&out, packet_flags(s->flags));
	if (s->payload_len)
		say(&out, wire_text(" %u:%u(%u)", seq, seq + s->payload_len, s->payload_len));
	else
		say(&out, wire_text(" seq %u", seq));
	if (s->flags & 0x10)
		say(&out, wire_text(" ack %u", ack));
	say(&out, wire_text(" win %u", s->win));
	show_options(s, ack_base, &out);
	if (s->payload_len)
		say(&out, wire_text(" \"%s\"", bytes_show(s->payload, s->payload_len, 48)));
	bytes_put(&out, "", 1);
	return (char *)out.data;
}

char *seen_show(const struct seen *s, const struct flow *flow, bool from_peer)
{
	switch (s->kind) {
	case PACKET_TCP:
		return show_tcp(s, flow, from_peer);
	case PACKET_ARP:
		if (s->op == 2)
			return wire_text(
				"arp reply %s is-at %s", six_show(s->src), mac_text(s->sha));
		return wire_text("arp who-has %s tell %s", six_show(s->dst), six_show(s->src));
	case PACKET_NDP:
		if (s->op == 2)
			return wire_text("ndp reply %s is-at %s (%s > %s, naflags 0x%02x)",
				six_show(s->target), mac_text(s->sha), six_show(s->src),
				six_show(s->dst), s->naflags);
		return wire_text("ndp who-has %s tell %s (> %s%s)", six_show(s->target),
			six_show(s->src), six_show(s->dst), s->has_option ? "" : ", no-option");
	case PACKET_IP:
		return wire_text("fragment %u%s %s > %s (%u bytes)", s->frag, s->more ? " mf" : "",
			six_show(s->src), six_show(s->dst), s->payload_len);
	case PACKET_ICMP:
		return wire_text("icmp %s > %s type %u code %u id %u seq %u (%u bytes)",
			six_show(s->src), six_show(s->dst), s->type, s->code, s->id, s->seq,
			s->payload_len);
	default:
		return wire_text("frame of %u bytes", s->frame_len);
	}
}

static const char *differs_option(
	const struct seen *s, const struct packet_option *o, const struct flow *flow)
{
	static const char *const names[] = { "eol", "nop", "mss", "wscale", "sackOK", "sack", "",
		"", "ts" };
	static const uint8_t lengths[] = { 0, 0, 2, 1, 0, 8, 0, 0, 8 };
	const uint8_t *v;
	uint32_t len = 0;

	if (o->kind < 2 || o->kind > 8)
		return NULL;
	v = seen_option(s, (uint8_t)o->kind, &len);
	if (o->absent)
		return v ? wire_text("option %s is there", names[o->kind]) : NULL;
	if (!v || len < lengths[o->kind])
		return wire_text("option %s is missing", names[o->kind]);
	if (o->kind == OPTION_MSS && !o->any_a && get16(v) != o->a)
		return wire_text("mss is %u", get16(v));
	if (o->kind == OPTION_WSCALE && !o->any_a && v[0] != o->a)
		return wire_text("wscale is %u", v[0]);
	if (o->kind == OPTION_TS &&
		((!o->any_a && seen_word(v) != o->a) || (!o->any_b && seen_word(v + 4) != o->b)))
		return wire_text("ts is %u %u", seen_word(v), seen_word(v + 4));
	if (o->kind != OPTION_SACK)
		return NULL;
	for (uint32_t i = 0; i + 8 <= len; i += 8)
		if (seen_word(v + i) - flow->peer_isn == o->a &&
			seen_word(v + i + 4) - flow->peer_isn == o->b)
			return NULL;
	return wire_text("no sack block %u:%u", o->a, o->b);
}

static const char *differs_data(const struct seen *s, const struct packet *p)
{
	uint32_t len = p->has_data ? p->data.len : packet_get(p, F_LEN, 0);

	if ((p->any_data || p->regex) && !packet_has(p, F_LEN))
		return NULL;
	if (s->payload_len != len)
		return wire_text("%u bytes of data instead of %u", s->payload_len, len);
	if (p->has_data && memcmp(s->payload, p->data.data, len) != 0)
		return wire_text("the data is \"%s\"", bytes_show(s->payload, len, 512));
	return NULL;
}

static const char *differs_tcp(
	const struct seen *s, const struct packet *p, const struct flow *flow)
{
	const char *why;

	if (s->flags != p->flags)
		return wire_text("flags are %s", packet_flags(s->flags));
	if (packet_has(p, F_SEQ) && s->seq - flow->sut_isn != p->value[F_SEQ])
		return wire_text("seq is %u", s->seq - flow->sut_isn);
	if (packet_has(p, F_ACK) && s->ack - flow->peer_isn != p->value[F_ACK])
		return wire_text("ack is %u", s->ack - flow->peer_isn);
	if (packet_has(p, F_WIN) && s->win != p->value[F_WIN])
		return wire_text("win is %u", s->win);
	if (packet_has(p, F_URG) && s->urg != p->value[F_URG])
		return wire_text("urg is %u", s->urg);
	for (uint32_t i = 0; i < p->option_count; i++) {
		why = differs_option(s, &p->options[i], flow);
		if (why)
			return why;
	}
	return differs_data(s, p);
}

static const char *differs_ndp(const struct seen *s, const struct packet *p)
{
	bool advertises = packet_get(p, F_OP, 1) == 2;
	enum packet_field target = advertises ? F_SPA : F_TPA, source = advertises ? F_FROM : F_SPA;

	if (s->op != packet_get(p, F_OP, 1))
		return wire_text("type is %u", s->type);
	if (packet_has(p, target) && s->target != p->value[target])
		return wire_text("target is %s", six_show(s->target));
	if (packet_has(p, source) && s->src != p->value[source])
		return wire_text("it comes from %s", six_show(s->src));
	if (packet_has(p, F_TO) && s->dst != p->value[F_TO])
		return wire_text("it is sent to %s", six_show(s->dst));
	if (packet_has(p, F_NAFLAGS) && s->naflags != p->value[F_NAFLAGS])
		return wire_text("flags are 0x%02x", s->naflags);
	if (packet_has(p, F_NO_OPTION) && s->has_option)
		return "it has the option";
	if ((p->mac_given >> MAC_SHA & 1) && memcmp(s->sha, p->mac[MAC_SHA], 6) != 0)
		return wire_text("sender's MAC is %s", mac_text(s->sha));
	return NULL;
}

static uint32_t type_wanted(const struct seen *s, const struct packet *p)
{
	uint32_t type = p->value[F_TYPE];

	if (!s->six || !p->named_type)
		return type;
	return type == 8 ? 128 : type == 0 ? 129 : 1;
}

static const char *differs_other(
	const struct seen *s, const struct packet *p, const struct flow *flow)
{
	if (p->kind == PACKET_NDP)
		return differs_ndp(s, p);
	if (p->kind == PACKET_ARP) {
		if (s->op != packet_get(p, F_OP, 1))
			return wire_text("op is %u", s->op);
		if (packet_has(p, F_SPA) && s->src != p->value[F_SPA])
			return wire_text("sender is %s", six_show(s->src));
		if (packet_has(p, F_TPA) && s->dst != p->value[F_TPA])
			return wire_text("target is %s", six_show(s->dst));
		if ((p->mac_given >> MAC_SHA & 1) && memcmp(s->sha, p->mac[MAC_SHA], 6) != 0)
			return wire_text("sender's MAC is %s", mac_text(s->sha));
		return NULL;
	}
	if (packet_has(p, F_TYPE) && s->type != type_wanted(s, p))
		return wire_text("type is %u", s->type);
	if (packet_has(p, F_CODE) && s->code != p->value[F_CODE])
		return wire_text("code is %u", s->code);
	if (packet_has(p, F_ID) && s->id != p->value[F_ID])
		return wire_text("id is %u", s->id);
	if (packet_has(p, F_SEQ) && s->seq != p->value[F_SEQ])
		return wire_text("seq is %u", s->seq);
	if (s->dst != packet_get(p, F_TO, flow->host->ip))
		return wire_text("it is sent to %s", six_show(s->dst));
	if (s->kind == PACKET_IP &&
		(s->frag != packet_get(p, F_FRAG, 0) || s->more != packet_has(p, F_MF)))
		return wire_text("it is fragment %u%s", s->frag, s->more ? " mf" : "");
	return differs_data(s, p);
}

const char *seen_differs(const struct seen *s, const struct packet *p, const struct flow *flow)
{
	if (s->kind != p->kind)
		return "it is another kind of packet";
	if ((p->mac_given >> MAC_DST & 1) && memcmp(s->dst_mac, p->mac[MAC_DST], 6) != 0)
		return wire_text("it is sent to %s", mac_text(s->dst_mac));
	if (packet_has(p, F_TTL) && s->ttl != p->value[F_TTL])
		return wire_text("ttl is %u", s->ttl);
	if (packet_has(p, F_IPLEN) && s->ip_len != p->value[F_IPLEN])
		return wire_text("iplen is %u", s->ip_len);
	if (packet_has(p, F_TOS) && s->tos != p->value[F_TOS])
		return wire_text("tos is %u", s->tos);
	if (packet_has(p, F_FROM) && s->src != p->value[F_FROM])
		return wire_text("it comes from %s", six_show(s->src));
	if (p->kind != PACKET_TCP)
		return differs_other(s, p, flow);
	if (s->dst != flow->host->ip || s->dport != flow->peer_port || s->src != flow->sut_ip ||
		s->sport != flow->sut_port)
		return "it belongs to another connection";
	return differs_tcp(s, p, flow);
}
