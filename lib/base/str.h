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

/** Equal when ASCII letters are compared without case (RFC 9110 field names, host names). */
static inline bool str_equal_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (uint32_t i = 0; i < a.len; i++)
		if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
			return false;
	return true;
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

#endif
