/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field names that the gateway acts on (fields.def), recognised once while the head is
 * walked. A name's first six letters choose one of 1,024 bits; where the bit is not set, as for
 * most names, that was all. Where it is set, the few names that share it are compared.
 *
 * Besides what frames and routes these are the fields by which proxies tell backends who the client
 * is, or which path, host or method it asked for: from a client they would be lies.
 *
 * A name with "_" in place of "-" is an alias: no field of ours, but CGI-like backends read both as
 * HTTP_TRANSFER_ENCODING, so the alias must not reach them.
 */
#include "dataplane/http/fields.h"

#include "dataplane/http/text.h"

#define SLOT_BITS 10
#define SLOTS     (1u << SLOT_BITS)

struct known_name {
	char text[25]; /* folded */
	uint8_t len;
	uint8_t id;
	bool family;      /* names that begin so */
	uint32_t lengths; /* of a slot's first name: length_bit() of all names of the slot */
};

static const struct known_name listed[] = {
#define NAME(text, field)   { text, sizeof(text) - 1, HTTP_FIELD_##field, false, 0 },
#define FAMILY(text, field) { text, sizeof(text) - 1, HTTP_FIELD_##field, true, 0 },
#include "dataplane/http/fields.def"
#undef NAME
#undef FAMILY
};

#define NAME_COUNT (sizeof(listed) / sizeof(listed[0]))
_Static_assert(NAME_COUNT < UINT8_MAX, "places among the names are bytes");

/* Written before main() only. */
static struct {
	_Alignas(64) uint64_t used[SLOTS / 64]; /* a bit for each slot that has names */
	uint8_t rank[SLOTS / 64]; /* of the slots that have names, how many come before */
	/* By rank: in names[]; they end where the next rank's begin. */
	uint8_t first[NAME_COUNT + 1];
	_Alignas(32) struct known_name names[NAME_COUNT]; /* by slot, families behind the others */
} known_index;

/* The slot of a name by str_word() of it. Case is not looked at, and neither is what tells "_" from
 * "-": these bits are masked. The factor is one for which fields.def and 110 names that are in
 * wide use share no slot unless they share these letters, as Content-Type and Content-Length do;
 * another one would only be slower. */
#define SLOT_LETTERS UINT64_C(0x0d0d0d0d0d1f)
static inline uint32_t name_slot(uint64_t word)
{
	return (uint32_t)((word & SLOT_LETTERS) * UINT64_C(0xaa4da822f3009a5d) >> (64 - SLOT_BITS));
}

static uint32_t known_slot(const struct known_name *known)
{
	/* text[] goes on with zeros, of which a family's names have none: its prefix has six
	 * letters at least. */
	return name_slot(str_word(known->text, known->family ? 8 : known->len));
}

/* All from 31 on are one. */
static inline uint32_t length_bit(uint32_t len)
{
	return 1u << (len < 31 ? len : 31);
}

__attribute__((constructor)) static void known_names_index(void)
{
	unsigned count = 0, ranks = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		const unsigned before = count;

		if (slot % 64 == 0)
			known_index.rank[slot / 64] = (uint8_t)ranks;
		for (unsigned family = 0; family <= 1; family++)
			for (unsigned i = 0; i < NAME_COUNT; i++)
				if (listed[i].family == family && known_slot(&listed[i]) == slot)
					known_index.names[count++] = listed[i];
		if (count == before)
			continue;
		for (unsigned i = before; i < count; i++) {
			const struct known_name *known = &known_index.names[i];
			const uint32_t bit = length_bit(known->len);

			known_index.names[before].lengths |= known->family ? ~(bit - 1) : bit;
		}
		known_index.used[slot / 64] |= UINT64_C(1) << slot % 64;
		known_index.first[ranks++] = (uint8_t)before;
	}
	known_index.first[ranks] = (uint8_t)count;
}

/* http_name_fold() of eight bytes at once. */
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
	return http_likely(a == b) || fold_word(a) == fold_word(b);
}

bool http_name_same(struct str a, struct str b)
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

/* Whether the token @p name is this known name of the same length in some case. Known names are
 * small letters and "-": what differs from these in the bit of the case only is a capital, or CR,
 * which no token has. */
static inline bool name_is(struct str name, const struct known_name *known)
{
	const uint64_t but_case = ~(UINT64_C(0x0101010101010101) * ('a' ^ 'A'));
	uint32_t at = 0;

	for (; at + 8 < name.len; at += 8)
		if (((str_word(name.data + at, 8) ^ str_word(known->text + at, 8)) & but_case) != 0)
			return false;
	at = name.len < 8 ? 0 : name.len - 8;
	return ((str_word(name.data + at, name.len - at) ^
			str_word(known->text + at, name.len - at)) &
		       but_case) == 0;
}

/* Most names that are another one differ in length or in the last letters that are compared. */
static inline bool name_may_be(struct str name, const struct known_name *known)
{
	uint32_t a, b;

	if (known->family ? name.len < known->len : name.len != known->len)
		return false;
	if (known->len < sizeof(a))
		return true;
	memcpy(&a, name.data + known->len - sizeof(a), sizeof(a));
	memcpy(&b, known->text + known->len - sizeof(b), sizeof(b));
	return ((a ^ b) & (uint32_t)(SLOT_LETTERS >> 16)) == 0;
}

/* Among the names of a slot. Of names that say something about the client none may have "_"
 * anywhere; what is behind "Sluice-" does not matter. */
static __attribute__((noinline)) enum http_field_id name_find_among(
	struct str name, unsigned rank, bool *alias)
{
	for (unsigned i = known_index.first[rank]; i < known_index.first[rank + 1]; i++) {
		const struct known_name *known = &known_index.names[i];
		const struct str part = { name.data, known->len };

		if (!name_may_be(name, known))
			continue;
		if (name_is(part, known)) {
			*alias = known->family && known->id != HTTP_FIELD_SLUICE &&
				 has_underscore(name);
			return *alias ? HTTP_FIELD_OTHER : (enum http_field_id)known->id;
		}
		*alias = http_name_same(part, (struct str){ known->text, known->len });
		if (*alias)
			return HTTP_FIELD_OTHER;
	}
	return HTTP_FIELD_OTHER;
}

/* In a slot that has names: mostly it is the first one, or none. */
static __attribute__((noinline)) enum http_field_id name_find_in(
	struct str name, uint32_t slot, bool *alias)
{
	const uint64_t before = known_index.used[slot / 64] & ((UINT64_C(1) << slot % 64) - 1);
	const unsigned rank = known_index.rank[slot / 64] + (unsigned)__builtin_popcountll(before);
	const struct known_name *known = &known_index.names[known_index.first[rank]];

	if ((known->lengths & length_bit(name.len)) == 0)
		return HTTP_FIELD_OTHER;
	if (name.len == known->len && !known->family && http_likely(name_is(name, known)))
		return (enum http_field_id)known->id;
	return name_find_among(name, rank, alias);
}

enum http_field_id http_field_find(struct str name, bool *alias)
{
	uint32_t slot = name_slot(str_word(name.data, name.len));

	*alias = false;
	if (http_likely((known_index.used[slot / 64] >> slot % 64 & 1) == 0))
		return HTTP_FIELD_OTHER;
	return name_find_in(name, slot, alias);
}

bool http_field_is_hop(enum http_field_id id)
{
	const uint64_t hop = HTTP_FIELD_BIT(HTTP_FIELD_CONNECTION) |
			     HTTP_FIELD_BIT(HTTP_FIELD_TRANSFER_ENCODING) |
			     HTTP_FIELD_BIT(HTTP_FIELD_TE) | HTTP_FIELD_BIT(HTTP_FIELD_UPGRADE) |
			     HTTP_FIELD_BIT(HTTP_FIELD_KEEP_ALIVE) |
			     HTTP_FIELD_BIT(HTTP_FIELD_PROXY_CONNECTION) |
			     HTTP_FIELD_BIT(HTTP_FIELD_PROXY_AUTHORIZATION) |
			     HTTP_FIELD_BIT(HTTP_FIELD_PROXY_AUTHENTICATE);

	return (hop >> id & 1) != 0;
}
