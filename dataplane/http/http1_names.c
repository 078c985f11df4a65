/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field names that the gateway acts on. Recognised once while the head is walked, by length and
 * by first and last letter, so that most names cost one look at a table.
 *
 * A name with "_" in place of "-" is an alias: no field of ours, but CGI-like backends read both as
 * HTTP_TRANSFER_ENCODING, so the alias must not reach them.
 */
#include "dataplane/http/http1_priv.h"

#define LONGEST_NAME  19
#define SLUICE_PREFIX "sluice-"

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
	NAME("cookie", COOKIE),
	NAME("expect", EXPECT),
	NAME("trailer", TRAILER),
	NAME("upgrade", UPGRADE),
	NAME("forwarded", FORWARDED),
	NAME("connection", CONNECTION),
	NAME("keep-alive", KEEP_ALIVE),
	NAME("authorization", AUTHORIZATION),
	NAME("content-length", CONTENT_LENGTH),
	NAME("x-forwarded-for", X_FORWARDED_FOR),
	NAME("proxy-connection", PROXY_CONNECTION),
	NAME("x-forwarded-host", X_FORWARDED_HOST),
	NAME("transfer-encoding", TRANSFER_ENCODING),
	NAME("x-forwarded-proto", X_FORWARDED_PROTO),
	NAME("proxy-authenticate", PROXY_AUTHENTICATE),
	NAME("proxy-authorization", PROXY_AUTHORIZATION),
	NAME(SLUICE_PREFIX, SLUICE), /* a prefix; the last one */
};
#undef NAME

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))
#define PREFIX     (NAME_COUNT - 1)

/* Where the names of a length begin in names[]; they end where the next length's begin. */
static const uint8_t first_of_length[LONGEST_NAME + 2] = {
	/* 0 to 9 */   0, 0, 0, 1, 2, 4, 4, 6, 8, 8,
	/* 10 to 20 */ 9, 11, 11, 11, 12, 13, 14, 16, 18, 19, 20,
};
/* clang-format on */

/* By length: one bit for each letter that a name of that length begins with. */
#define LETTER(c) (1u << ((c)&31))
static const uint32_t first_letters[LONGEST_NAME + 1] = {
	[2] = LETTER('t'),
	[3] = LETTER('v'),
	[4] = LETTER('h') | LETTER('d'),
	[6] = LETTER('c') | LETTER('e'),
	[7] = LETTER('t') | LETTER('u'),
	[9] = LETTER('f'),
	[10] = LETTER('c') | LETTER('k'),
	[13] = LETTER('a'),
	[14] = LETTER('c'),
	[15] = LETTER('x'),
	[16] = LETTER('p') | LETTER('x'),
	[17] = LETTER('t') | LETTER('x'),
	[18] = LETTER('p'),
	[19] = LETTER('p'),
};

_Static_assert(NAME_COUNT == 21, "first_of_length and first_letters follow names");

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

/* Every "Sluice-" name is ours, "Sluice_" only an alias; "Sluice-A_B" is still a Sluice- name. */
static bool name_is_ours(struct str name)
{
	const struct str prefix = STR(SLUICE_PREFIX);

	return name.len >= prefix.len &&
	       http1_name_same((struct str){ name.data, prefix.len }, prefix);
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
	if (http1_unlikely(first == 's') && name_is_ours(name)) {
		*alias = name.data[sizeof(SLUICE_PREFIX) - 2] == '_';
		return *alias ? HTTP1_FIELD_OTHER : HTTP1_FIELD_SLUICE;
	}
	if (name.len > LONGEST_NAME ||
		http1_likely((first_letters[name.len] & LETTER(name.data[0])) == 0))
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
 * A trailer's name arrives in pieces and nothing is kept of it, so what is followed is the set of
 * known names that it can still become: one bit each.
 */

/** The set before the first byte. */
uint64_t http1_trailer_names(void)
{
	return (UINT64_C(1) << NAME_COUNT) - 1;
}

/** The set after byte @p c, which is the name's byte number @p at. */
uint64_t http1_trailer_narrow(uint64_t set, unsigned at, char c)
{
	uint64_t kept = 0;

	for (uint64_t left = set; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (at < names[i].len ? names[i].name[at] == http1_fold(c) : i == PREFIX)
			kept |= UINT64_C(1) << i;
	}
	return kept;
}

/** Whether the name, now complete with @p len bytes, is one that no trailer may have. */
bool http1_trailer_forbidden(uint64_t set, unsigned len)
{
	for (uint64_t left = set; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (i == PREFIX ? len >= names[i].len : len == names[i].len)
			return true;
	}
	return false;
}
