/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths made comparable (RFC 3986 §6.2.2, dot segments by §5.2.4). What is matched is what is
 * forwarded. Servers are known to read some paths in two ways: with an empty segment, a parameter,
 * an encoded slash, a backslash or a dot segment. The listener says for each of these forms whether
 * the path is refused, rewritten to the shorter reading, or kept as sent where both readings lead
 * to the same route.
 */
#include <errno.h>

#include "dataplane/route/route_priv.h"

static uint64_t has_byte(uint64_t word, uint8_t byte)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	word ^= ones * byte;
	return (word - ones) & ~word & (ones << 7);
}

/* True when no byte is there that normalisation could act on: "%", "\\", ";", or two of "/" and "."
 * side by side, which may be harmless. A NUL is in no path that was parsed. */
bool route_path_is_plain(struct str path)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t odd = 0, before = 0; /* the top bit of byte 7: what the word before ended in */

	for (uint32_t i = 0; i < path.len; i += 8) {
		uint32_t n = path.len - i < 8 ? path.len - i : 8;
		uint64_t word = index_word(path.data + i, n), pairs;

		if (n < 8)
			word |= UINT64_C(0x6161616161616161) << (8 * n);
		pairs = has_byte(word | ones, '/'); /* "." differs in the lowest bit only */
		odd |= has_byte(word, '%') | has_byte(word, '\\') | has_byte(word, ';') |
		       (pairs & (pairs << 8 | before >> 56));
		before = pairs;
	}
	return odd == 0;
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

/* One reading of a path: what is read as its shorter form, and which forms were met. */
struct reading {
	uint32_t resolved; /* bits 1 << enum snap_path_form */
	uint32_t met;      /* the same */
	bool decoded;      /* parameters end at any slash, see segment_copy() */
	struct str in;     /* what is left of the path */
	char *out;
	uint32_t len; /* of out */
};

/* The byte that is next, with its "%XX" decoded: the bytes that it takes, 0 for what is refused. */
static uint32_t byte_next(struct str in, uint8_t *byte)
{
	int high, low;

	*byte = (uint8_t)in.data[0];
	if (*byte != '%')
		return *byte == '\0' ? 0 : 1;
	if (in.len < 3)
		return 0;
	high = hex_value(in.data[1]);
	low = hex_value(in.data[2]);
	if (high < 0 || low < 0 || (high | low) == 0)
		return 0;
	*byte = (uint8_t)(high << 4 | low);
	return 3;
}

/* Whether the byte ends its segment in this reading; @p used is 3 for an encoded one. */
static bool byte_is_slash(struct reading *r, uint8_t byte, uint32_t used)
{
	uint32_t form;

	if (byte == '/' && used == 1)
		return true;
	if (byte != '/' && byte != '\\')
		return false;
	form = 1u << (byte == '/' ? SNAP_PATH_ENCODED_SLASH : SNAP_PATH_BACKSLASH);
	r->met |= form;
	return (r->resolved & form) != 0;
}

static void byte_put(struct reading *r, uint8_t byte, uint32_t used)
{
	static const char digits[] = "0123456789ABCDEF";

	if (used == 1 || is_unreserved(byte)) {
		r->out[r->len++] = (char)byte;
		return;
	}
	r->out[r->len++] = '%';
	r->out[r->len++] = digits[byte >> 4];
	r->out[r->len++] = digits[byte & 15];
}

/* Copy one segment, up to the slash that ends it, which is taken too. Parameters end at a slash
 * that was sent as such, for servers that take them off before they decode "%XX"; or at any, for those
 * that decode first, of which the gateway itself may be one. @return false to refuse */
static bool segment_copy(struct reading *r, bool *more)
{
	bool parameters = false;

	*more = false;
	while (r->in.len > 0) {
		uint8_t byte;
		uint32_t used = byte_next(r->in, &byte);
		bool slash;

		if (used == 0)
			return false;
		slash = byte_is_slash(r, byte, used);
		r->in.data += used;
		r->in.len -= used;
		if (slash && (!parameters || r->decoded || (byte == '/' && used == 1))) {
			*more = true;
			return true;
		}
		if (byte == ';' && used == 1) {
			r->met |= 1u << SNAP_PATH_PARAMETERS;
			parameters |= r->resolved >> SNAP_PATH_PARAMETERS & 1;
		}
		if (!parameters)
			byte_put(r, byte, used);
	}
	return true;
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

/* What the segment behind the slash at @p slash does to the path. @return false to refuse */
static bool segment_place(struct reading *r, uint32_t slash, bool more)
{
	enum segment_kind kind = segment_classify(r->out + slash + 1, r->len - slash - 1);

	if (kind == SEGMENT_REFUSED)
		return false;
	if (kind == SEGMENT_NAME) {
		if (r->len != slash + 1 || !more)
			return true;
		r->met |= 1u << SNAP_PATH_SLASHES;
		if (r->resolved >> SNAP_PATH_SLASHES & 1)
			r->len = slash;
		return true;
	}
	r->met |= 1u << SNAP_PATH_DOT_SEGMENTS;
	if (kind == SEGMENT_DOT_DOT) {
		int popped = segment_pop(r->out, slash);

		if (popped < 0)
			return false;
		r->len = (uint32_t)popped;
	} else {
		r->len = slash;
	}
	if (!more)
		r->out[r->len++] = '/';
	return true;
}

/* A bit beside the forms: see reading.decoded. */
#define READ_DECODED (1u << SNAP_PATH_FORMS)

/* Read the path with these forms resolved. @return false to refuse */
static bool path_read(struct str path, uint32_t resolved, char *buf, uint32_t *met, struct str *out)
{
	struct reading r = { .resolved = resolved,
		.met = *met,
		.decoded = resolved & READ_DECODED,
		.in = { path.data + 1, path.len - 1 },
		.out = buf };
	bool more = true;

	while (more) {
		const uint32_t slash = r.len;

		r.out[r.len++] = '/';
		if (!segment_copy(&r, &more) || !segment_place(&r, slash, more))
			return false;
	}
	*met = r.met;
	*out = (struct str){ buf, r.len };
	return true;
}

static uint32_t forms_with(uint32_t paths, enum snap_path_policy policy)
{
	uint32_t forms = 0;

	for (unsigned form = 0; form < SNAP_PATH_FORMS; form++)
		forms |= (uint32_t)(snap_path_policy(paths, form) == policy) << form;
	return forms;
}

enum reason route_path_normalise(
	struct str path, uint32_t paths, char *buf, uint32_t buf_bytes, struct str *out)
{
	uint32_t met = 0;

	*out = path;
	if (path.len == 0 || path.data[0] != '/')
		return REASON_TARGET_INVALID;
	if (route_path_is_plain(path))
		return REASON_PROXIED;
	if (path.len > buf_bytes ||
		!path_read(path, forms_with(paths, SNAP_PATH_REWRITE), buf, &met, out))
		return REASON_TARGET_INVALID;
	return met & forms_with(paths, SNAP_PATH_REFUSE) ? REASON_PATH_AMBIGUOUS : REASON_PROXIED;
}

enum reason route_path_each(struct str path, uint32_t paths, char *buf, route_path_fn fn, void *ctx)
{
	const uint32_t rewritten = forms_with(paths, SNAP_PATH_REWRITE);
	const uint32_t refused = forms_with(paths, SNAP_PATH_REFUSE);
	uint32_t both = forms_with(paths, SNAP_PATH_AGREE), met = 0, forms;
	enum reason reason;
	struct str read;

	if (!path_read(path, rewritten, buf, &met, &read))
		return REASON_TARGET_INVALID;
	/* The shortest readings meet what is behind an encoded slash, too. */
	if ((met & both) != 0 &&
		(!path_read(path, rewritten | both, buf, &met, &read) ||
			!path_read(path, rewritten | both | READ_DECODED, buf, &met, &read) ||
			!path_read(path, rewritten, buf, &met, &read)))
		return REASON_TARGET_INVALID;
	if (met & refused)
		return REASON_PATH_AMBIGUOUS;
	reason = fn(read, ctx);
	both &= met;
	if (both >> SNAP_PATH_PARAMETERS & 1)
		both |= READ_DECODED;
	for (forms = both; reason == REASON_PROXIED && forms != 0; forms = (forms - 1) & both) {
		if (!path_read(path, rewritten | forms, buf, &met, &read))
			return REASON_TARGET_INVALID;
		reason = fn(read, ctx);
	}
	return reason;
}
