/* SPDX-License-Identifier: Apache-2.0 */
/* Tables are collected first and printed when every width is known. */
#include "control/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WRAP_LEAST 24 /* characters that a column of text is not made narrower than */

/* Characters, not bytes: what follows in a UTF-8 sequence takes no column. */
static unsigned width_of(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void table_append(struct table *t, char *text)
{
	unsigned column = t->count % t->columns;

	if (t->count == t->room) {
		unsigned room = t->room ? t->room * 2 : 64;
		char **cells = reallocarray(t->cells, room, sizeof(*cells));

		if (!cells) {
			free(text);
			return;
		}
		t->cells = cells;
		t->room = room;
	}
	if (text && width_of(text) > t->width[column])
		t->width[column] = width_of(text);
	t->cells[t->count++] = text;
}

void table_begin(struct table *t, const char *heads)
{
	*t = (struct table){ .columns = 1 };
	for (const char *p = heads; *p; p++)
		t->columns += *p == '|';
	for (unsigned i = 0; i < t->columns; i++) {
		size_t len = strcspn(heads, "|");

		t->right[i] = heads[0] == '>';
		table_append(t, strndup(heads + t->right[i], len - t->right[i]));
		heads += len + (heads[len] == '|');
	}
}

void table_cell(struct table *t, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	table_append(t, text);
}

void table_count(struct table *t, uint64_t n)
{
	char digits[24], out[32];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n),
	       used = 0;

	if (n == 0) {
		table_cell(t, "-");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	table_cell(t, "%s", out);
}

void table_bytes(struct table *t, uint64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)n;
	unsigned unit = 0;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	if (n == 0)
		table_cell(t, "-");
	else
		table_cell(t, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* Bytes of the first line of @p text in @p width characters: whole words, or what fits of a long one. */
static size_t wrap_at(const char *text, unsigned width)
{
	size_t space = 0, at = 0;
	unsigned used = 0;

	for (; text[at]; at++) {
		if (text[at] == ' ')
			space = at;
		used += ((unsigned char)text[at] & 0xc0) != 0x80;
		if (used > width)
			return space ? space : at;
	}
	return at;
}

void text_wrap(FILE *out, const char *text, unsigned column, unsigned indent)
{
	while (*text) {
		size_t len = wrap_at(text, column < TABLE_WIDTH ? TABLE_WIDTH - column : 1);

		/* A word that is longer than a line goes on alone. */
		if (len == 0)
			len = strcspn(text, " ");
		fprintf(out, "%.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
		column = indent;
		if (*text)
			fprintf(out, "%*s", (int)indent, "");
	}
}

static const char *cell_text(const struct table *t, unsigned cell)
{
	return t->cells[cell] ? t->cells[cell] : "";
}

static unsigned cell_print(const struct table *t, unsigned row, unsigned column, FILE *out)
{
	const char *text = cell_text(t, row * t->columns + column);
	unsigned pad = t->width[column] - width_of(text);

	fprintf(out, "  %*s%s", t->right[column] ? (int)pad : 0, "", text);
	if (!t->right[column])
		fprintf(out, "%*s", (int)pad, "");
	return 2 + t->width[column];
}

/* One line of the columns that name the row, and of those from @p first to @p end. */
static void row_print(
	const struct table *t, unsigned row, unsigned keys, unsigned first, unsigned end, FILE *out)
{
	unsigned at = 0;

	for (unsigned c = 0; c < keys; c++)
		at += cell_print(t, row, c, out);
	for (unsigned c = first; c < end; c++) {
		if (c + 1 == t->columns && !t->right[c]) {
			fputs("  ", out);
			text_wrap(out, cell_text(t, row * t->columns + c), at + 2, at + 2);
			if (!*cell_text(t, row * t->columns + c))
				fputc('\n', out);
			return;
		}
		at += cell_print(t, row, c, out);
	}
	fputc('\n', out);
}

/* The leading columns of text name a row: two at most. */
static unsigned table_keys(const struct table *t)
{
	unsigned keys = 1;

	if (t->columns > 2 && !t->right[0] && !t->right[1])
		keys = 2;
	return t->columns > keys ? keys : 0;
}

/* The column behind the last one that fits behind the keys and @p first: one at least. */
static unsigned table_fits(const struct table *t, unsigned keys, unsigned first)
{
	unsigned used = 0, c;

	for (c = 0; c < keys; c++)
		used += 2 + t->width[c];
	for (c = first; c < t->columns; c++) {
		bool wraps = c + 1 == t->columns && !t->right[c];

		used += 2 + (wraps && t->width[c] > WRAP_LEAST ? WRAP_LEAST : t->width[c]);
		if (used > TABLE_WIDTH && c > first)
			break;
	}
	return c;
}

void table_end(struct table *t, FILE *out, const char *title, ...)
{
	unsigned keys = table_keys(t), rows = t->count / t->columns, end;
	char *text;
	va_list args;

	va_start(args, title);
	if (vasprintf(&text, title, args) >= 0) {
		text_wrap(out, text, 0, 2);
		free(text);
	}
	va_end(args);
	for (unsigned first = keys; first < t->columns; first = end) {
		end = table_fits(t, keys, first);
		if (first > keys)
			fputc('\n', out);
		for (unsigned row = 0; row < rows; row++)
			row_print(t, row, keys, first, end, out);
	}
	if (t->count <= t->columns)
		fprintf(out, "  none\n");
	fputc('\n', out);
	for (unsigned i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}

const char *duration_text(double seconds, char *out)
{
	static const struct {
		unsigned long s;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	unsigned long whole = (unsigned long)(seconds + 0.5);

	if (seconds < 0.9995) {
		snprintf(out, DURATION_BYTES, "%.0f ms", seconds * 1000);
		return out;
	}
	if (seconds < 9.95 && seconds - (double)(unsigned long)seconds > 0.05) {
		snprintf(out, DURATION_BYTES, "%.1f s", seconds);
		return out;
	}
	for (unsigned i = 0; i < 4; i++) {
		unsigned long rest = whole % units[i].s;

		if (whole < units[i].s)
			continue;
		if (i < 3 && rest / units[i + 1].s)
			snprintf(out, DURATION_BYTES, "%lu %s %lu %s", whole / units[i].s,
				units[i].name, rest / units[i + 1].s, units[i + 1].name);
		else
			snprintf(out, DURATION_BYTES, "%lu %s", whole / units[i].s, units[i].name);
		break;
	}
	return out;
}
