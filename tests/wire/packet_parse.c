/* SPDX-License-Identifier: Apache-2.0 */
/* Packets from a script's text, see packet.h. */
#include "tests/wire/packet.h"
#include "tests/wire/six.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum value_kind { VALUE_NUMBER, VALUE_FLAG, VALUE_IP };

static const struct {
	const char *name;
	enum packet_field field;
	enum value_kind kind;
} fields[] = {
	{ "seq", F_SEQ, VALUE_NUMBER }, /* relative; of ICMP echo as it is */
	{ "ack", F_ACK, VALUE_NUMBER }, /* relative */
	{ "win", F_WIN, VALUE_NUMBER }, /* as in the header */
	{ "urg", F_URG, VALUE_NUMBER }, { "doff", F_DOFF, VALUE_NUMBER }, /* words */
	{ "reserved", F_RESERVED, VALUE_NUMBER }, { "ttl", F_TTL, VALUE_NUMBER },
	{ "tos", F_TOS, VALUE_NUMBER }, { "ver", F_VER, VALUE_NUMBER },
	{ "ihl", F_IHL, VALUE_NUMBER },     /* words */
	{ "iplen", F_IPLEN, VALUE_NUMBER }, /* total length */
	{ "ipid", F_IPID, VALUE_NUMBER },
	{ "frag", F_FRAG, VALUE_NUMBER }, /* offset in units of 8 bytes */
	{ "mf", F_MF, VALUE_FLAG }, { "proto", F_PROTO, VALUE_NUMBER },
	{ "from", F_FROM, VALUE_IP }, { "to", F_TO, VALUE_IP }, { "sport", F_SPORT, VALUE_NUMBER },
	{ "dport", F_DPORT, VALUE_NUMBER }, { "ethertype", F_ETHERTYPE, VALUE_NUMBER },
	{ "trunc", F_TRUNC, VALUE_NUMBER }, /* bytes of the frame that are left */
	{ "pad", F_PAD, VALUE_NUMBER },     /* bytes behind the packet */
	{ "badsum", F_BADSUM, VALUE_FLAG }, { "badipsum", F_BADIPSUM, VALUE_FLAG },
	{ "type", F_TYPE, VALUE_NUMBER }, { "code", F_CODE, VALUE_NUMBER },
	{ "id", F_ID, VALUE_NUMBER }, { "mtu", F_MTU, VALUE_NUMBER },
	{ "quote", F_QUOTE, VALUE_NUMBER }, /* relative sequence number of the quoted segment */
	{ "op", F_OP, VALUE_NUMBER }, { "hlen", F_HLEN, VALUE_NUMBER },
	{ "plen", F_PLEN, VALUE_NUMBER }, { "htype", F_HTYPE, VALUE_NUMBER },
	{ "ptype", F_PTYPE, VALUE_NUMBER }, { "who-has", F_TPA, VALUE_IP },
	{ "tell", F_SPA, VALUE_IP },
	{ "naflags", F_NAFLAGS, VALUE_NUMBER }, /* the first byte: 0x40 solicited, 0x20 override */
	{ "no-option", F_NO_OPTION, VALUE_FLAG }, /* without a link-layer address */
};

static const struct {
	const char *name;
	enum packet_mac which;
} macs[] = { { "dmac", MAC_DST }, { "smac", MAC_SRC }, { "is-at", MAC_SHA }, { "tha", MAC_THA } };

static const char flag_letters[] = "FSRP.UEW";

const char *packet_flags(uint8_t flags)
{
	char *out = wire_alloc(9);
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		if (flags >> i & 1)
			out[n++] = flag_letters[i];
	if (n == 0)
		out[n] = '-';
	return out;
}

static uint8_t parse_flags(const char *text)
{
	uint8_t flags = 0;

	if (strcmp(text, "-") == 0)
		return 0;
	for (; *text; text++) {
		const char *at = strchr(flag_letters, *text);

		if (!at)
			wire_fail("unknown TCP flag %c", *text);
		flags |= (uint8_t)(1u << (at - flag_letters));
	}
	return flags;
}

/* "1:41" or "1:41(40)" */
static bool parse_range(const char *text, struct packet *p)
{
	char *end;
	unsigned long from, to, len;

	if (!isdigit((unsigned char)*text) || !strchr(text, ':'))
		return false;
	from = strtoul(text, &end, 0);
	if (*end != ':')
		return false;
	to = strtoul(end + 1, &end, 0);
	len = to - from;
	if (*end == '(') {
		len = strtoul(end + 1, &end, 0);
		if (*end++ != ')')
			wire_fail("not a range: %s", text);
	}
	if (*end || len != to - from)
		wire_fail("not a range: %s", text);
	packet_set(p, F_SEQ, (uint32_t)from);
	packet_set(p, F_LEN, (uint32_t)len);
	return true;
}

static bool parse_field(struct cursor *c, struct packet *p)
{
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!cursor_word(c, fields[i].name))
			continue;
		switch (fields[i].kind) {
		case VALUE_FLAG:
			packet_set(p, fields[i].field, 1);
			break;
		case VALUE_IP:
			packet_set(p, fields[i].field, six_text(cursor_take(c, fields[i].name)));
			break;
		case VALUE_NUMBER:
			packet_set(p, fields[i].field, (uint32_t)cursor_number(c, fields[i].name));
			break;
		}
		return true;
	}
	/* "cut A B": of the IP packet's data only these bytes, as a fragment. */
	if (cursor_word(c, "cut")) {
		packet_set(p, F_CUT_FROM, (uint32_t)cursor_number(c, "cut"));
		packet_set(p, F_CUT_TO, (uint32_t)cursor_number(c, "cut"));
		return true;
	}
	for (unsigned i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
		if (!cursor_word(c, macs[i].name))
			continue;
		text_mac(cursor_take(c, macs[i].name), p->mac[macs[i].which]);
		p->mac_given |= (uint8_t)(1u << macs[i].which);
		return true;
	}
	return false;
}

static uint32_t option_value(const char *word, bool *any)
{
	*any = strcmp(word, "*") == 0;
	return *any ? 0 : (uint32_t)text_number(word, "option");
}

/* "*" or a pair for timestamps and SACK blocks */
static void parse_option_pair(struct packet_option *o, char *a, char *b)
{
	if (!a || !b)
		wire_fail("an option needs two values");
	o->a = option_value(a, &o->any_a);
	o->last_b = strcmp(b, "last") == 0;
	if (!o->last_b)
		o->b = option_value(b, &o->any_b);
}

static void parse_option(struct packet *p, char *words[], unsigned n)
{
	static const struct {
		const char *name;
		uint16_t kind;
		unsigned values;
	} names[] = { { "eol", OPTION_EOL, 0 }, { "nop", OPTION_NOP, 0 }, { "mss", OPTION_MSS, 1 },
		{ "wscale", OPTION_WSCALE, 1 }, { "sackOK", OPTION_SACK_OK, 0 },
		{ "sack", OPTION_SACK, 2 }, { "ts", OPTION_TS, 2 }, { "raw", OPTION_RAW, 1 } };
	struct packet_option *o;
	unsigned first = 0;

	if (p->option_count == PACKET_OPTIONS)
		wire_fail("too many options");
	o = &p->options[p->option_count++];
	if (n > 1 && strcmp(words[0], "no") == 0) {
		o->absent = true;
		first = 1;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(words[first], names[i].name) != 0)
			continue;
		o->kind = names[i].kind;
		if (o->absent)
			return;
		if (n - 1 != names[i].values)
			wire_fail("option %s takes %u values", names[i].name, names[i].values);
		if (o->kind == OPTION_RAW)
			text_hex(words[1], &o->raw);
		else if (names[i].values == 2)
			parse_option_pair(o, words[1], words[2]);
		else if (names[i].values == 1)
			o->a = option_value(words[1], &o->any_a);
		return;
	}
	wire_fail("unknown option %s", words[first]);
}

/* Words between commas; a SACK block is written "sack 1:101". */
static void parse_options(struct packet *p, const char *text)
{
	char *words[4], *copy = wire_text("%s,", text), *at = copy;
	unsigned n = 0;

	for (char *q = copy; *q; q++) {
		bool comma = *q == ',', cut = comma || *q == ' ' || *q == ':';

		if (!cut)
			continue;
		*q = '\0';
		if (*at) {
			if (n == 4)
				wire_fail("option with too many values");
			words[n++] = at;
		}
		at = q + 1;
		if (comma && n > 0) {
			parse_option(p, words, n);
			n = 0;
		}
	}
}

static void parse_arp(struct cursor *c, struct packet *p, enum packet_kind kind)
{
	p->kind = kind;
	packet_set(p, F_OP, 1);
	if (cursor_word(c, "reply")) {
		packet_set(p, F_OP, 2);
		packet_set(p, F_SPA, six_text(cursor_take(c, "address")));
	}
}

static void parse_icmp(struct cursor *c, struct packet *p)
{
	p->kind = PACKET_ICMP;
	p->named_type = true;
	if (cursor_word(c, "echo"))
		packet_set(p, F_TYPE, 8);
	else if (cursor_word(c, "reply"))
		packet_set(p, F_TYPE, 0);
	else if (cursor_word(c, "unreachable"))
		packet_set(p, F_TYPE, 3);
	else if (cursor_word(c, "too-big")) {
		packet_set(p, F_TYPE, 3);
		packet_set(p, F_CODE, 4);
	} else {
		p->named_type = false;
	}
}

static void parse_kind(struct cursor *c, struct packet *p)
{
	if (cursor_word(c, "arp")) {
		parse_arp(c, p, PACKET_ARP);
	} else if (cursor_word(c, "ndp")) {
		parse_arp(c, p, PACKET_NDP);
	} else if (cursor_word(c, "icmp")) {
		parse_icmp(c, p);
	} else if (cursor_word(c, "udp")) {
		p->kind = PACKET_UDP;
	} else if (cursor_word(c, "ip")) {
		p->kind = PACKET_IP;
	} else if (cursor_word(c, "frame")) {
		p->kind = PACKET_FRAME;
	} else {
		p->kind = PACKET_TCP;
		p->flags =
			parse_flags(cursor_take(c, "TCP flags, or arp, ndp, icmp, udp, ip, frame"));
	}
}

void packet_parse(struct cursor *c, struct packet *p)
{
	memset(p, 0, sizeof(*p));
	parse_kind(c, p);
	while (!cursor_done(c)) {
		const struct token *t = cursor_peek(c);

		if (t->kind == TOKEN_OPTIONS) {
			parse_options(p, t->text);
			c->at++;
		} else if (t->kind == TOKEN_REGEX) {
			p->regex = t->text;
			c->at++;
		} else if (cursor_at_data(c)) {
			p->data = cursor_data(c);
			p->has_data = true;
		} else if (cursor_word(c, "...")) {
			p->any_data = true;
		} else if (cursor_word(c, "ipopt")) {
			p->ip_options = cursor_data(c);
		} else if (parse_field(c, p)) {
			continue;
		} else if (p->kind == PACKET_TCP && parse_range(t->text, p)) {
			c->at++;
		} else {
			wire_fail("not understood: %s", t->text);
		}
	}
	if (p->has_data && packet_has(p, F_LEN) && p->value[F_LEN] != p->data.len)
		wire_fail("the range holds %u bytes, the data %u", p->value[F_LEN], p->data.len);
}
