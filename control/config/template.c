/* SPDX-License-Identifier: Apache-2.0 */
/* Takes texts with names in braces apart, and finds what each name means for its route. */
#include "control/config/template.h"

#include <stdarg.h>
#include <stdio.h>

#include "control/config/nearest.h"
#include "dataplane/route/route.h"

struct template_reader {
	const struct cfg_value *value;
	enum template_use use;
	struct str path;
	struct mistakes *mistakes;
	struct template *out;
};

static const struct {
	const char *name;
	enum snap_piece_kind kind;
} template_names[] = {
	{ "consumer", SNAP_PIECE_CONSUMER },
	{ "plan", SNAP_PIECE_PLAN },
	{ "request_id", SNAP_PIECE_REQUEST_ID },
	{ "client_ip", SNAP_PIECE_CLIENT_IP },
};
#define TEMPLATE_NAMES (sizeof(template_names) / sizeof(template_names[0]))

__attribute__((format(printf, 2, 3))) static bool template_refuse(
	struct template_reader *r, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (r->mistakes)
		mistake_add(r->mistakes, r->value->at, "'%.*s': %s", (int)r->value->text.len,
			r->value->text.data, text);
	return false;
}

static bool template_add(struct template_reader *r, struct template_piece piece)
{
	if (r->out->count == TEMPLATE_PIECES)
		return template_refuse(r, "more than %d pieces", TEMPLATE_PIECES);
	r->out->pieces[r->out->count++] = piece;
	return true;
}

struct str template_segment_name(struct str path, uint32_t at, uint32_t end)
{
	if (end - at < 4 || path.data[at + 1] != '{' || path.data[end - 1] != '}')
		return (struct str){ path.data + at, 0 };
	return (struct str){ path.data + at + 2, end - at - 3 };
}

static bool template_add_field(struct template_reader *r, struct str name)
{
	if (!snap_field_is_name(name))
		return template_refuse(
			r, "'%.*s' is no name of a header field", (int)name.len, name.data);
	return template_add(r, (struct template_piece){ .kind = SNAP_PIECE_FIELD, .text = name });
}

/* {id} of the path, or {rest} for its star. */
static bool template_add_path(struct template_reader *r, struct str name)
{
	struct template_piece piece = { .kind = SNAP_PIECE_SEGMENT };
	const bool rest = str_equal(name, STR("rest"));

	for (uint32_t at = 0; at < r->path.len; piece.segments++) {
		const uint32_t end = route_segment_end(r->path, at);

		if (rest && end == r->path.len && r->path.data[end - 1] == '*') {
			piece.kind = SNAP_PIECE_REST;
			return template_add(r, piece);
		}
		if (str_equal(template_segment_name(r->path, at, end), name))
			return template_add(r, piece);
		at = end;
	}
	if (r->path.len == 0)
		return template_refuse(r, "{path.%.*s} is known of a route only, not of the API",
			(int)name.len, name.data);
	if (rest)
		return template_refuse(r,
			"{rest} is what the path has in place of '*', and this route has no '*'");
	return template_refuse(r, "the route's path has no {%.*s}", (int)name.len, name.data);
}

static bool template_add_value(struct template_reader *r, struct str name)
{
	const struct str of_path = STR("path."), of_field = STR("field.");
	struct nearest near = nearest_begin(name);

	for (size_t i = 0; i < TEMPLATE_NAMES; i++) {
		if (str_equal(name, str_of(template_names[i].name)))
			return template_add(
				r, (struct template_piece){ .kind = template_names[i].kind });
		nearest_offer(&near, str_of(template_names[i].name));
	}
	if (str_starts(name, of_path) && name.len > of_path.len)
		return template_add_path(
			r, (struct str){ name.data + of_path.len, name.len - of_path.len });
	if (str_starts(name, of_field) && name.len > of_field.len)
		return template_add_field(
			r, (struct str){ name.data + of_field.len, name.len - of_field.len });
	if (near.best.data)
		return template_refuse(r, "there is no {%.*s}; did you mean {%.*s}?", (int)name.len,
			name.data, (int)near.best.len, near.best.data);
	return template_refuse(r,
		"there is no {%.*s}: {consumer}, {plan}, {request_id}, {client_ip}, {path.…} and "
		"{field.…} are there",
		(int)name.len, name.data);
}

bool template_read(const struct cfg_value *value, enum template_use use, struct str path,
	struct mistakes *mistakes, struct template *out)
{
	struct template_reader r = { value, use, path, mistakes, out };
	struct str left = value->text, name;

	out->count = 0;
	while (left.len > 0) {
		const char *open = memchr(left.data, '{', left.len), *end;
		const uint32_t plain = open ? (uint32_t)(open - left.data) : left.len;

		if (plain > 0 && !template_add(&r, (struct template_piece){ SNAP_PIECE_TEXT,
							   { left.data, plain }, 0 }))
			return false;
		left = (struct str){ left.data + plain, left.len - plain };
		if (!open)
			return true;
		end = memchr(left.data, '}', left.len);
		if (!end)
			return template_refuse(&r, "a '{' without its '}'");
		name = (struct str){ open + 1, (uint32_t)(end - open) - 1 };
		if (!(use == TEMPLATE_OF_PATH ? template_add_path(&r, name)
					      : template_add_value(&r, name)))
			return false;
		left = (struct str){ end + 1, left.len - (uint32_t)(end + 1 - open) };
	}
	return true;
}
