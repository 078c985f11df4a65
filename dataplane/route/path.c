/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths made comparable (RFC 3986 §6.2.2, dot segments by §5.2.4), for matching only: what is forwarded
 * stays as sent. Where servers are known to read a path differently (an encoded slash, a backslash, a
 * parameter on a dot segment, ".." over an empty segment) there is no right answer, and the path is
 * refused, because the gateway's reading must be the backend's.
 */
#include <errno.h>

#include "dataplane/route/route_priv.h"

static uint64_t has_byte(uint64_t word, uint8_t byte)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	word ^= ones * byte;
	return (word - ones) & ~word & (ones << 7);
}

/* True when no byte is there that normalisation could act on. */
bool route_path_is_plain(struct str path)
{
	uint64_t odd = 0, dots = 0;

	for (uint32_t i = 0; i < path.len; i += 8) {
		uint32_t n = path.len - i < 8 ? path.len - i : 8;
		uint64_t word = index_word(path.data + i, n);

		if (n < 8)
			word |= UINT64_C(0x6161616161616161) << (8 * n);
		odd |= has_byte(word, '%') | has_byte(word, '\\') | has_byte(word, 0);
		dots |= has_byte(word, '.');
	}
	if (odd != 0)
		return false;
	if (dots != 0)
		for (uint32_t i = 1; i < path.len; i++)
			if (path.data[i] == '.' && path.data[i - 1] == '/')
				return false;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* Decode one segment up to the next slash. @return bytes of input used, -1 to refuse */
static int segment_decode(struct str in, char *out, uint32_t *len)
{
	static const char digits[] = "0123456789ABCDEF";
	uint32_t i = 0, o = 0;

	while (i < in.len && in.data[i] != '/') {
		char c = in.data[i++];
		int high, low;
		uint8_t byte;

		if (c == '\\' || c == '\0')
			return -1;
		if (c != '%') {
			out[o++] = c;
			continue;
		}
		if (in.len - i < 2)
			return -1;
		high = hex_value(in.data[i]);
		low = hex_value(in.data[i + 1]);
		if (high < 0 || low < 0)
			return -1;
		i += 2;
		byte = (uint8_t)(high << 4 | low);
		if (byte == '/' || byte == '\\' || byte == '\0')
			return -1;
		if (is_unreserved(byte)) {
			out[o++] = (char)byte;
		} else {
			out[o++] = '%';
			out[o++] = digits[high];
			out[o++] = digits[low];
		}
	}
	*len = o;
	return (int)i;
}

enum segment_kind { SEGMENT_NAME, SEGMENT_DOT, SEGMENT_DOT_DOT, SEGMENT_REFUSED };

static enum segment_kind segment_classify(const char *s, uint32_t len)
{
	uint32_t dots = 0;

	while (dots < len && dots < 3 && s[dots] == '.')
		dots++;
	if (dots == 0 || dots > 2)
		return SEGMENT_NAME;
	if (dots == len)
		return dots == 1 ? SEGMENT_DOT : SEGMENT_DOT_DOT;
	/* "..;x": a plain name by RFC 3986, a step up for servlet containers. */
	if (s[dots] == ';' || (len - dots >= 3 && memcmp(s + dots, "%3B", 3) == 0))
		return SEGMENT_REFUSED;
	return SEGMENT_NAME;
}

/* Undo the segment before the slash at @p slash. @return the new length, -1 to refuse */
static int segment_pop(const char *buf, uint32_t slash)
{
	uint32_t previous = slash;

	if (slash == 0)
		return -1; /* above the root */
	while (buf[--previous] != '/')
		;
	/* "/a//.." is "/a/" by RFC 3986 and "/" for servers that merge slashes first. */
	return previous + 1 == slash ? -1 : (int)previous;
}

int route_path_normalise(struct str path, char *buf, uint32_t buf_bytes, struct str *out)
{
	uint32_t o = 0, i = 0;

	*out = path;
	if (path.len == 0 || path.data[0] != '/')
		return -EINVAL;
	if (route_path_is_plain(path))
		return 0;
	if (path.len > buf_bytes)
		return -EINVAL;
	while (i < path.len) {
		const uint32_t slash = o;
		uint32_t len;
		int used = segment_decode(
			(struct str){ path.data + i + 1, path.len - i - 1 }, buf + slash + 1, &len);
		enum segment_kind kind;

		if (used < 0)
			return -EINVAL;
		buf[slash] = '/';
		kind = segment_classify(buf + slash + 1, len);
		i += 1 + (uint32_t)used;
		o = slash + 1 + len;
		if (kind == SEGMENT_REFUSED)
			return -EINVAL;
		if (kind == SEGMENT_NAME)
			continue;
		if (kind == SEGMENT_DOT_DOT) {
			int popped = segment_pop(buf, slash);

			if (popped < 0)
				return -EINVAL;
			o = (uint32_t)popped;
		} else {
			o = slash;
		}
		if (i == path.len)
			buf[o++] = '/';
	}
	*out = (struct str){ buf, o };
	return 0;
}
