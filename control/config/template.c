/* SPDX-License-Identifier: Apache-2.0 */
/* Takes texts with names in braces apart, and finds what each name means for its route. */
#include "control/config/template.h"

#include <stdarg.h>
#include <stdio.h>

struct template_reader {
	const struct cfg_value *value;
	struct str path;
	struct mistakes *mistakes;
	struct template *out;
};

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

/* Segments before the path's last one. */
static uint32_t template_segments(struct str path)
{
	uint32_t slashes = 0;

	for (uint32_t i = 0; i < path.len; i++)
		slashes += path.data[i] == '/';
	return slashes - 1;
}

static bool template_add_name(struct template_reader *r, struct str name)
{
	struct template_piece piece = { .kind = SNAP_PIECE_REST };

	if (!str_equal(name, STR("rest")))
		return template_refuse(r, "there is no {%.*s} here", (int)name.len, name.data);
	if (r->path.len < 2 || r->path.data[r->path.len - 1] != '*')
		return template_refuse(r,
			"{rest} is what the path has in place of '*', and this route has no '*'");
	piece.segments = template_segments(r->path);
	return template_add(r, piece);
}

bool template_read(const struct cfg_value *value, struct str path, struct mistakes *mistakes,
	struct template *out)
{
	struct template_reader r = { value, path, mistakes, out };
	struct str left = value->text;

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
		if (!template_add_name(&r, (struct str){ open + 1, (uint32_t)(end - open) - 1 }))
			return false;
		left = (struct str){ end + 1, left.len - (uint32_t)(end + 1 - open) };
	}
	return true;
}
