/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field names that the gateway acts on. Recognised once while the head is walked, by length and
 * by first and last letter, so that most names cost one look at a table.
 *
 * Besides what frames and routes these are the fields by which proxies tell backends who the client is, or
 * which path, host or method it asked for: from a client they would be lies.
 *
 * A name with "_" in place of "-" is an alias: no field of ours, but CGI-like backends read both as
 * HTTP_TRANSFER_ENCODING, so the alias must not reach them.
 */
#include "dataplane/http/http1_priv.h"

#define LONGEST_NAME     25
#define SLUICE_PREFIX    "sluice-"
#define FORWARDED_PREFIX "x-forwarded-"

struct known_name {
	char name[LONGEST_NAME + 1]; /* folded */
	uint8_t len;
	uint8_t id;
};

/* clang-format off */
#define NAME(text, field) { text, sizeof(text) - 1, HTTP1_FIELD_##field }

/* Sorted by length. */
static const struct known_name names[] = {
	NAME("te", TE),
	NAME("via", VIA),
	NAME("host", HOST),
	NAME("date", DATE),
	NAME("proxy", OVERRIDE),
	NAME("cookie", COOKIE),
	NAME("expect", EXPECT),
	NAME("x-host", OVERRIDE),
	NAME("trailer", TRAILER),
	NAME("upgrade", UPGRADE),
	NAME("x-scheme", ADDRESS),
	NAME("forwarded", FORWARDED),
	NAME("x-real-ip", ADDRESS),
	NAME("client-ip", ADDRESS),
	NAME("connection", CONNECTION),
	NAME("keep-alive", KEEP_ALIVE),
	NAME("x-client-ip", ADDRESS),
	NAME("x-remote-ip", ADDRESS),
	NAME("x-forwarded", ADDRESS),
	NAME("client-cert", ADDRESS),
	NAME("max-forwards", MAX_FORWARDS),
	NAME("x-url-scheme", ADDRESS),
	NAME("authorization", AUTHORIZATION),
	NAME("x-remote-addr", ADDRESS),
	NAME("fly-client-ip", ADDRESS),
	NAME("forwarded-for", ADDRESS),
	NAME("x-rewrite-url", OVERRIDE),
	NAME("x-http-method", OVERRIDE),
	NAME("content-length", CONTENT_LENGTH),
	NAME("x-proxyuser-ip", ADDRESS),
	NAME("true-client-ip", ADDRESS),
	NAME("x-original-url", OVERRIDE),
	NAME("x-original-uri", OVERRIDE),
	NAME("x-override-url", OVERRIDE),
	NAME("x-forwarded-for", X_FORWARDED_FOR),
	NAME("proxy-client-ip", ADDRESS),
	NAME("front-end-https", ADDRESS),
	NAME("x-original-host", OVERRIDE),
	NAME("proxy-connection", PROXY_CONNECTION),
	NAME("x-forwarded-host", X_FORWARDED_HOST),
	NAME("x-originating-ip", ADDRESS),
	NAME("x-azure-clientip", ADDRESS),
	NAME("x-azure-socketip", ADDRESS),
	NAME("cf-connecting-ip", ADDRESS),
	NAME("fastly-client-ip", ADDRESS),
	NAME("do-connecting-ip", ADDRESS),
	NAME("transfer-encoding", TRANSFER_ENCODING),
	NAME("x-forwarded-proto", X_FORWARDED_PROTO),
	NAME("client-cert-chain", ADDRESS),
	NAME("x-original-method", OVERRIDE),
	NAME("x-method-override", OVERRIDE),
	NAME("proxy-authenticate", PROXY_AUTHENTICATE),
	NAME("cf-connecting-ipv6", ADDRESS),
	NAME("wl-proxy-client-ip", ADDRESS),
	NAME("proxy-authorization", PROXY_AUTHORIZATION),
	NAME("x-cluster-client-ip", ADDRESS),
	NAME("x-appengine-user-ip", ADDRESS),
	NAME("x-http-host-override", OVERRIDE),
	NAME("x-envoy-original-path", OVERRIDE),
	NAME("x-http-method-override", OVERRIDE),
	NAME("x-middleware-subrequest", OVERRIDE),
	NAME("x-original-forwarded-for", ADDRESS),
	NAME("x-envoy-external-address", ADDRESS),
	NAME("x-envoy-original-dst-host", OVERRIDE),
};
#undef NAME

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* Where the names of a length begin in names[], ten lengths a line; they end where the next length's begin. */
static const uint8_t first_of_length[LONGEST_NAME + 2] = {
	0, 0, 0, 1, 2, 4, 5, 8, 10, 11,
	14, 16, 20, 22, 28, 34, 38, 46, 51, 54,
	57, 58, 59, 60, 61, 63, 64,
};

/* By length: one bit for each letter that a name of that length begins with. */
#define LETTER(c) (1u << ((c)&31))
static const uint32_t first_letters[LONGEST_NAME + 1] = {
	[2] = LETTER('t'),
	[3] = LETTER('v'),
	[4] = LETTER('d') | LETTER('h'),
	[5] = LETTER('p'),
	[6] = LETTER('c') | LETTER('e') | LETTER('x'),
	[7] = LETTER('t') | LETTER('u'),
	[8] = LETTER('x'),
	[9] = LETTER('c') | LETTER('f') | LETTER('x'),
	[10] = LETTER('c') | LETTER('k'),
	[11] = LETTER('c') | LETTER('x'),
	[12] = LETTER('m') | LETTER('x'),
	[13] = LETTER('a') | LETTER('f') | LETTER('x'),
	[14] = LETTER('c') | LETTER('t') | LETTER('x'),
	[15] = LETTER('f') | LETTER('p') | LETTER('x'),
	[16] = LETTER('c') | LETTER('d') | LETTER('f') | LETTER('p') | LETTER('x'),
	[17] = LETTER('c') | LETTER('t') | LETTER('x'),
	[18] = LETTER('c') | LETTER('p') | LETTER('w'),
	[19] = LETTER('p') | LETTER('x'),
	[20] = LETTER('x'),
	[21] = LETTER('x'),
	[22] = LETTER('x'),
	[23] = LETTER('x'),
	[24] = LETTER('x'),
	[25] = LETTER('x'),
};
/* And for each letter that it ends with. */
static const uint32_t last_letters[LONGEST_NAME + 1] = {
	[2] = LETTER('e'),
	[3] = LETTER('a'),
	[4] = LETTER('e') | LETTER('t'),
	[5] = LETTER('y'),
	[6] = LETTER('e') | LETTER('t'),
	[7] = LETTER('e') | LETTER('r'),
	[8] = LETTER('e'),
	[9] = LETTER('d') | LETTER('p'),
	[10] = LETTER('e') | LETTER('n'),
	[11] = LETTER('d') | LETTER('p') | LETTER('t'),
	[12] = LETTER('e') | LETTER('s'),
	[13] = LETTER('d') | LETTER('l') | LETTER('n') | LETTER('p') | LETTER('r'),
	[14] = LETTER('h') | LETTER('i') | LETTER('l') | LETTER('p'),
	[15] = LETTER('p') | LETTER('r') | LETTER('s') | LETTER('t'),
	[16] = LETTER('n') | LETTER('p') | LETTER('t'),
	[17] = LETTER('d') | LETTER('e') | LETTER('g') | LETTER('n') | LETTER('o'),
	[18] = LETTER('6') | LETTER('e') | LETTER('p'),
	[19] = LETTER('n') | LETTER('p'),
	[20] = LETTER('e'),
	[21] = LETTER('h'),
	[22] = LETTER('e'),
	[23] = LETTER('t'),
	[24] = LETTER('r') | LETTER('s'),
	[25] = LETTER('t'),
};
/* clang-format on */

_Static_assert(NAME_COUNT == 64, "first_of_length and the letters follow names");

/* http1_fold() of eight bytes at once. */
static inline uint64_t fold_word(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	const uint64_t other = word ^ ones * '_'; /* 0 where there is "_" */
	const uint64_t same = ~(((other & ~tops) + ~tops) | other) & tops;

	return ascii_lower_word(word) ^ (same >> 7) * ('_' ^ '-');
}

/* Most names come in the very spelling that they are compared with. */
static inline bool words_same(uint64_t a, uint64_t b)
{
	return http1_likely(a == b) || fold_word(a) == fold_word(b);
}

/** Whether a backend could take one name for the other. */
bool http1_name_same(struct str a, struct str b)
{
	uint32_t at = 0;

	if (a.len != b.len)
		return false;
	if (a.len == 0)
		return true;
	for (; at + 8 < a.len; at += 8)
		if (!words_same(str_word(a.data + at, 8), str_word(b.data + at, 8)))
			return false;
	/* The end, as eight bytes where there are so many. */
	at = a.len < 8 ? 0 : a.len - 8;
	return words_same(str_word(a.data + at, a.len - at), str_word(b.data + at, a.len - at));
}

static bool has_underscore(struct str name)
{
	return memchr(name.data, '_', name.len) != NULL;
}

/* Whether the token @p name is this known name of the same length in some case. Known names are small letters
 * and "-": what differs from these in the bit of the case only is a capital, or CR, which no token has. */
static inline bool name_is(struct str name, const struct known_name *known)
{
	const uint64_t but_case = ~(UINT64_C(0x0101010101010101) * ('a' ^ 'A'));
	uint64_t other = 0;
	uint32_t at = 0;

	for (; at + 8 < name.len; at += 8)
		other |= str_word(name.data + at, 8) ^ str_word(known->name + at, 8);
	at = name.len < 8 ? 0 : name.len - 8;
	other |=
		str_word(name.data + at, name.len - at) ^ str_word(known->name + at, name.len - at);
	return (other & but_case) == 0;
}

/* Every "Sluice-" name is ours, "Sluice_" only an alias; "Sluice-A_B" is still a Sluice- name. The same
 * goes for "X-Forwarded-", which says something about the client. */
static inline bool name_has_prefix(struct str name, char first)
{
	return (first == 's' && name.len >= sizeof(SLUICE_PREFIX) - 1 &&
		       (name.data[2] | 0x20) == 'u') ||
	       (first == 'x' && name.len >= sizeof(FORWARDED_PREFIX) - 1 &&
		       (name.data[2] | 0x20) == 'f');
}

/* The id of a name that may begin so. */
static __attribute__((noinline)) enum http1_field_id name_find_prefix(struct str name, bool *alias)
{
	const bool sluice = (name.data[0] | 0x20) == 's';
	const struct str prefix = sluice ? STR(SLUICE_PREFIX) : STR(FORWARDED_PREFIX);

	if (name.len < prefix.len ||
		!http1_name_same((struct str){ name.data, prefix.len }, prefix))
		return HTTP1_FIELD_OTHER;
	*alias = has_underscore((struct str){ name.data, prefix.len });
	if (*alias)
		return HTTP1_FIELD_OTHER;
	if (sluice)
		return HTTP1_FIELD_SLUICE;
	/* X-Forwarded-For, -Host and -Proto have ids of their own. */
	for (unsigned i = first_of_length[15]; i < first_of_length[18]; i++)
		if (name.len == names[i].len && name_is(name, &names[i]))
			return (enum http1_field_id)names[i].id;
	return HTTP1_FIELD_ADDRESS;
}

/**
 * The id of a field's name.
 * @param name   a token of at least one byte
 * @param alias  set when only "_" tells it from a known name; the id is then HTTP1_FIELD_OTHER
 */
enum http1_field_id http1_name_find(struct str name, bool *alias)
{
	/* Known names begin and end with letters, for which this is the small one. */
	char first = (char)(name.data[0] | 0x20);
	char last = (char)(name.data[name.len - 1] | 0x20);

	*alias = false;
	if (http1_unlikely(name_has_prefix(name, first)))
		return name_find_prefix(name, alias);
	if (name.len > LONGEST_NAME ||
		http1_likely((first_letters[name.len] & LETTER(name.data[0])) == 0 ||
			     (last_letters[name.len] & LETTER(name.data[name.len - 1])) == 0))
		return HTTP1_FIELD_OTHER;
	for (unsigned i = first_of_length[name.len]; i < first_of_length[name.len + 1]; i++) {
		const struct known_name *known = &names[i];

		if (first != known->name[0] || last != known->name[known->len - 1])
			continue;
		if (http1_likely(name_is(name, known)))
			return (enum http1_field_id)known->id;
		if (has_underscore(name) &&
			http1_name_same(name, (struct str){ known->name, known->len })) {
			*alias = true;
			return HTTP1_FIELD_OTHER;
		}
	}
	return HTTP1_FIELD_OTHER;
}

/** Fields that concern one connection only, by their nature (RFC 9110 §7.6.1, §11.7). */
bool http1_id_is_hop(enum http1_field_id id)
{
	const uint32_t hop = 1u << HTTP1_FIELD_CONNECTION | 1u << HTTP1_FIELD_TRANSFER_ENCODING |
			     1u << HTTP1_FIELD_TE | 1u << HTTP1_FIELD_UPGRADE |
			     1u << HTTP1_FIELD_KEEP_ALIVE | 1u << HTTP1_FIELD_PROXY_CONNECTION |
			     1u << HTTP1_FIELD_PROXY_AUTHORIZATION |
			     1u << HTTP1_FIELD_PROXY_AUTHENTICATE;

	return (hop >> id & 1) != 0;
}

/*
 * Fields that no trailer section may have besides those above: whoever merged them into the header section
 * would frame, route, authenticate, cache or decode otherwise than without (RFC 9110 §6.5.1).
 */
static const struct str not_in_trailers[] = {
	STR("age"),
	STR("allow"),
	STR("cache-control"),
	STR("content-disposition"),
	STR("content-encoding"),
	STR("content-language"),
	STR("content-location"),
	STR("content-range"),
	STR("content-type"),
	STR("expires"),
	STR("if-match"),
	STR("if-modified-since"),
	STR("if-none-match"),
	STR("if-range"),
	STR("if-unmodified-since"),
	STR("location"),
	STR("pragma"),
	STR("range"),
	STR("retry-after"),
	STR("set-cookie"),
	STR("vary"),
	STR("warning"),
	STR("www-authenticate"),
};

/** Whether the field may be forwarded as a trailer. */
bool http1_field_may_trail(const struct http1_field *field)
{
	if (field->hop || field->id != HTTP1_FIELD_OTHER)
		return false;
	for (unsigned i = 0; i < sizeof(not_in_trailers) / sizeof(not_in_trailers[0]); i++)
		if (http1_name_same(field->name, not_in_trailers[i]))
			return false;
	return true;
}
