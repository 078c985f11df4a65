/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. UTF-8 as RFC 3629 has it: no overlong forms, no surrogates. */
#include "lib/base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the sequence that a byte begins, 0 for none. */
static unsigned sequence_length(uint8_t first)
{
	return first < 0x80                     ? 1
	       : first >= 0xc2 && first <= 0xdf ? 2
	       : first >= 0xe0 && first <= 0xef ? 3
	       : first >= 0xf0 && first <= 0xf4 ? 4
						: 0;
}

static uint32_t sequence_decode(const uint8_t *p, unsigned bytes)
{
	uint32_t c = bytes == 1 ? p[0] : p[0] & (0x7fu >> bytes);

	for (unsigned i = 1; i < bytes; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

static bool code_is_safe(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return false;
	/* Marks, embeddings, overrides and isolates of direction; separators of lines and
	 * paragraphs. */
	return c != 0x061c && c != 0x200e && c != 0x200f && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2066 && c <= 0x2069);
}

bool text_is_safe(const char *text, size_t len, unsigned *take)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = (const uint8_t *)text;
	unsigned bytes = len ? sequence_length(p[0]) : 1;
	uint32_t c;

	*take = 1;
	if (bytes == 0)
		return false;
	for (unsigned i = 1; i < bytes && i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	if (len < bytes) {
		*take = 0;
		return false;
	}
	c = sequence_decode(p, bytes);
	if (c < least[bytes] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	*take = bytes;
	return code_is_safe(c);
}

size_t text_escape(const char *text, unsigned take, char *out)
{
	const uint8_t *p = (const uint8_t *)text;
	int n;

	if (take > 1)
		n = snprintf(
			out, TEXT_ESCAPED_BYTES, "\\u%04x", (unsigned)sequence_decode(p, take));
	else
		n = snprintf(out, TEXT_ESCAPED_BYTES, "\\x%02x", p[0]);
	return (size_t)n;
}

size_t text_escape_line(const char *text, size_t len, char *out, size_t bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		char escaped[TEXT_ESCAPED_BYTES];
		unsigned take;
		bool safe = text_is_safe(text + i, len - i, &take);
		size_t n;

		take = take ? take : 1; /* the begin of a character at the text's end */
		n = safe ? take : text_escape(text + i, take, escaped);
		if (used + n >= bytes)
			break;
		memcpy(out + used, safe ? text + i : escaped, n);
		used += n;
		i += take;
	}
	out[used] = '\0';
	return used;
}

char *text_escaped(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	char *out = text ? malloc(4 * len + 1) : NULL;

	if (out)
		text_escape_line(text, len, out, 4 * len + 1);
	return out;
}
