/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what a route's templates make of a request. Pieces of the path are found in the path itself
 * by the number of segments before them, so that nothing has to be kept while a route is matched.
 */
#include "dataplane/route/template.h"

struct template_out {
	char *buf;
	uint32_t size, len; /* len: wanted */
	bool query;         /* behind a "?" */
};

static void template_put(struct template_out *out, char c)
{
	if (out->len < out->size)
		out->buf[out->len] = c;
	out->len++;
}

/* What the operator wrote: control has looked at it. */
static void template_put_text(struct template_out *out, struct str text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		out->query |= text.data[i] == '?';
		template_put(out, text.data[i]);
	}
}

static bool is_unreserved(char c)
{
	const char lower = ascii_lower(c);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

/* May it stand as it is in a path and in a query? */
static bool is_plain(char c)
{
	return is_unreserved(c) || (c != '\0' && strchr("!$&'()*+,;=:@/?", c) != NULL);
}

static bool is_hex(char c)
{
	const char lower = ascii_lower(c);

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

/* What came with the request. @param strict  all but unreserved bytes are encoded */
static void template_put_sent(struct template_out *out, struct str sent, bool strict)
{
	static const char digits[] = "0123456789ABCDEF";

	for (uint32_t i = 0; i < sent.len; i++) {
		const uint8_t c = (uint8_t)sent.data[i];
		const bool encoded = c == '%' && sent.len - i > 2 && is_hex(sent.data[i + 1]) &&
				     is_hex(sent.data[i + 2]);

		if (encoded || (strict ? is_unreserved((char)c) : is_plain((char)c))) {
			template_put(out, (char)c);
			continue;
		}
		template_put(out, '%');
		template_put(out, digits[c >> 4]);
		template_put(out, digits[c & 15]);
	}
}

/* The path from the slash before its segment number @p segments on; empty where it has fewer. */
static struct str path_behind(struct str path, uint32_t segments)
{
	uint32_t at = 0;

	for (; segments > 0 && at < path.len; segments--)
		for (at++; at < path.len && path.data[at] != '/'; at++)
			;
	return (struct str){ path.data + at, path.len - at };
}

static struct str piece_value(const struct snap_piece *piece, struct str path)
{
	struct str value = path_behind(path, piece->segments);
	const char *end;

	while (value.len > 0 && value.data[0] == '/') {
		value.data++;
		value.len--;
		if (piece->kind == SNAP_PIECE_SEGMENT)
			break;
	}
	end = value.len > 0 ? memchr(value.data, '/', value.len) : NULL;
	if (piece->kind == SNAP_PIECE_SEGMENT && end)
		value.len = (uint32_t)(end - value.data);
	return value;
}

uint32_t route_location(const struct snapshot *s, const struct snap_reply *reply, struct str path,
	struct str query, char *buf, uint32_t size)
{
	struct template_out out = { buf, size, 0, false };

	for (uint32_t i = 0; i < reply->location.count; i++) {
		const struct snap_piece *piece =
			SNAP_AT(s, SNAP_PIECES, snap_piece, reply->location.first + i);

		if (piece->kind == SNAP_PIECE_TEXT)
			template_put_text(&out, snap_str(s, piece->text));
		else
			template_put_sent(&out, piece_value(piece, path), out.query);
	}
	if (query.data) {
		template_put(&out, out.query ? '&' : '?');
		template_put_sent(&out, query, false);
	}
	return out.len;
}
