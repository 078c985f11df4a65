/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: how parsers hand out pieces of their input without copying them. */
#ifndef SLUICE_LIB_BASE_STR_H
#define SLUICE_LIB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *data; /* not terminated; may be NULL only where len is 0 */
	uint32_t len;     /* bytes */
};

/** A str over a literal or an array of char with its terminator. */
#define STR(literal) ((struct str){ (literal), (uint32_t)sizeof(literal) - 1 })

static inline struct str str_of(const char *text)
{
	return (struct str){ text, (uint32_t)strlen(text) };
}

static inline bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/** ascii_lower() of eight bytes at once. */
static inline uint64_t ascii_lower_word(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	const uint64_t low = word & ~tops; /* so that no sum goes over into the next byte */
	const uint64_t upper = (low + ones * (0x80 - 'A')) & ~(low + ones * (0x7f - 'Z')) & ~word;

	return word | (upper & tops) >> 2;
}

/** The first @p n bytes, 1 to 8, as a word; equal words, equal bytes. Reads nothing beyond them. */
static inline uint64_t str_word(const char *p, size_t n)
{
	uint64_t word;
	uint32_t low, high;

	if (n >= 8) {
		memcpy(&word, p, 8);
		return word;
	}
	if (n >= 4) {
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		return low | (uint64_t)high << 32;
	}
	return (uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint64_t)(uint8_t)p[n - 1] << 16;
}

/** Equal when ASCII letters are compared without case (RFC 9110 field names, host names). */
static inline bool str_equal_nocase(struct str a, struct str b)
{
	uint32_t at = 0;

	if (a.len != b.len)
		return false;
	if (a.len == 0)
		return true;
	for (; at + 8 < a.len; at += 8)
		if (ascii_lower_word(str_word(a.data + at, 8)) !=
			ascii_lower_word(str_word(b.data + at, 8)))
			return false;
	/* The end, as eight bytes where there are so many. */
	at = a.len < 8 ? 0 : a.len - 8;
	return ascii_lower_word(str_word(a.data + at, a.len - at)) ==
	       ascii_lower_word(str_word(b.data + at, a.len - at));
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

#endif
