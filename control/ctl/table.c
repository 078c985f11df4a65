/* SPDX-License-Identifier: Apache-2.0 */
/* Tables are collected first and printed when every width is known. */
#include "control/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Characters, not bytes: what follows in a UTF-8 sequence takes no column. */
static unsigned width_of(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void add(struct table *t, char *text)
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
		add(t, strndup(heads + t->right[i], len - t->right[i]));
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
	add(t, text);
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

void table_end(struct table *t, const char *title, FILE *out)
{
	fprintf(out, "%s\n", title);
	for (unsigned i = 0; i < t->count; i++) {
		unsigned column = i % t->columns;
		const char *text = t->cells[i] ? t->cells[i] : "";
		unsigned pad = t->width[column] - width_of(text);
		bool last = column + 1 == t->columns;

		fprintf(out, "  %*s%s", t->right[column] ? (int)pad : 0, "", text);
		if (!last && !t->right[column])
			fprintf(out, "%*s", (int)pad, "");
		if (last)
			fputc('\n', out);
	}
	if (t->count <= t->columns)
		fprintf(out, "  none\n");
	fputc('\n', out);
	for (unsigned i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}
