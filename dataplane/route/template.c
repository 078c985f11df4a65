/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what a route's templates make of a request. Pieces of the path are found in the path itself
 * by the number of segments before them, so that nothing has to be kept while a route is matched.
 */
#include "dataplane/route/template.h"

struct template_out {
	char *buf;
	uint32_t size, len; /* len: wanted */
};

static void template_put(struct template_out *out, char c)
{
	if (out->len < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void template_put_text(struct template_out *out, struct str text)
{
	for (uint32_t i = 0; i < text.len; i++)
		template_put(out, text.data[i]);
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

/* A piece of the path. */
static struct str template_of_path(const struct snap_piece *piece, struct str path)
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

/* The values of all fields of that name, as one list (RFC 9110 §5.3). */
static void template_put_fields(
	struct template_out *out, const struct http_head *head, struct str name)
{
	const uint32_t before = out->len;

	for (uint32_t i = 0; head && i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (!str_equal_nocase(http_field_name(field), name))
			continue;
		if (out->len != before)
			template_put_text(out, STR(", "));
		template_put_text(out, http_field_value(field));
	}
}

static const struct snap_piece *piece_at(
	const struct snapshot *s, struct snap_range pieces, uint32_t i)
{
	return SNAP_AT(s, SNAP_PIECES, snap_piece, pieces.first + i);
}

static void template_put_piece(struct template_out *out, const struct snapshot *s,
	const struct snap_piece *piece, const struct template_values *values)
{
	switch ((enum snap_piece_kind)piece->kind) {
	case SNAP_PIECE_TEXT:
		template_put_text(out, snap_str(s, piece->text));
		break;
	case SNAP_PIECE_SEGMENT:
	case SNAP_PIECE_REST:
		template_put_text(out, template_of_path(piece, values->path));
		break;
	case SNAP_PIECE_CONSUMER:
		template_put_text(out, values->consumer);
		break;
	case SNAP_PIECE_PLAN:
		template_put_text(out, values->plan);
		break;
	case SNAP_PIECE_REQUEST_ID:
		template_put_text(out, values->request_id);
		break;
	case SNAP_PIECE_CLIENT_IP:
		template_put_text(out, values->client_ip);
		break;
	case SNAP_PIECE_FIELD:
		template_put_fields(out, values->head, snap_str(s, piece->text));
		break;
	case SNAP_PIECE_KINDS:
		break;
	}
}

uint32_t template_write(const struct snapshot *s, struct snap_range pieces,
	const struct template_values *values, char *buf, uint32_t size)
{
	struct template_out out = { buf, size, 0 };

	for (uint32_t i = 0; i < pieces.count; i++)
		template_put_piece(&out, s, piece_at(s, pieces, i), values);
	return out.len;
}

/* Where two slashes met at the end of a piece, one stands: a value may be empty or end in one.
 * @param at  where the piece behind begins */
static void template_join(struct template_out *out, uint32_t at)
{
	if (at == 0 || out->len <= at || out->len > out->size || out->buf[at] != '/' ||
		out->buf[at - 1] != '/')
		return;
	memmove(out->buf + at, out->buf + at + 1, out->len - at - 1);
	out->len--;
}

uint32_t template_path(const struct snapshot *s, struct snap_range pieces,
	const struct template_values *values, char *buf, uint32_t size)
{
	struct template_out out = { buf, size, 0 };

	for (uint32_t i = 0; i < pieces.count; i++) {
		const uint32_t at = out.len;

		template_put_piece(&out, s, piece_at(s, pieces, i), values);
		template_join(&out, at);
	}
	return out.len;
}

static bool template_ends(const struct template_out *out, char c)
{
	return out->len > 0 && out->len <= out->size && out->buf[out->len - 1] == c;
}

uint32_t template_location(const struct snapshot *s, struct snap_range pieces,
	const struct template_values *values, struct str query, char *buf, uint32_t size)
{
	struct template_out out = { buf, size, 0 };
	bool in_query = false;

	for (uint32_t i = 0; i < pieces.count; i++) {
		const struct snap_piece *piece = piece_at(s, pieces, i);
		const struct str text = snap_str(s, piece->text);
		const bool in_path = !in_query;
		const uint32_t at = out.len;

		if (piece->kind == SNAP_PIECE_TEXT) {
			template_put_text(&out, text);
			in_query |= memchr(text.data, '?', text.len) != NULL;
		} else {
			template_put_sent(&out, template_of_path(piece, values->path), in_query);
		}
		if (in_path)
			template_join(&out, at);
	}
	if (query.data && !(in_query && query.len == 0)) {
		if (!in_query)
			template_put(&out, '?');
		else if (!template_ends(&out, '?'))
			template_put(&out, '&');
		template_put_sent(&out, query, false);
	}
	return out.len;
}

static int hex_digit(char c)
{
	const char lower = ascii_lower(c);

	return lower >= 'a' ? lower - 'a' + 10 : lower - '0';
}

/* A path's byte, with "%XX" decoded. */
static char path_byte(struct str path, uint32_t *at)
{
	const char c = path.data[(*at)++];

	if (c != '%' || path.len - *at < 2 || !is_hex(path.data[*at]) ||
		!is_hex(path.data[*at + 1]))
		return c;
	*at += 2;
	return (char)(hex_digit(path.data[*at - 2]) << 4 | hex_digit(path.data[*at - 1]));
}

/* Segments end at "/", "\\" and what stands for them; their names at ";". */
bool template_hides_dots(struct str path)
{
	uint32_t dots = 0, at = 0;
	bool named = false, name_over = false;

	while (at < path.len) {
		const char c = path_byte(path, &at);

		if (c == '/' || c == '\\') {
			if (!named && (dots == 1 || dots == 2))
				return true;
			dots = 0;
			named = name_over = false;
		} else if (c == ';') {
			name_over = true;
		} else if (!name_over) {
			dots += c == '.';
			named |= c != '.';
		}
	}
	return !named && (dots == 1 || dots == 2);
}
