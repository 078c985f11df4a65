/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of mistakes. It copies file names and texts, because it is printed or sent after the
 * configuration that it speaks of was freed. A failed allocation still counts the error, so that
 * a configuration with a mistake is never taken for a good one.
 */
#include "control/source/mistakes.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

#define TEXT_BYTES_MAX     1024
#define FORMAT_CONVERSIONS "csduxXfge"

/* A message may quote a value of any length. */
static void mistake_clip(char *text)
{
	static const char mark[] = "…";
	size_t at = TEXT_BYTES_MAX - sizeof(mark);

	if (!text || strlen(text) < TEXT_BYTES_MAX)
		return;
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80) /* within a character of UTF-8 */
		at--;
	memcpy(text + at, mark, sizeof(mark));
}

/*
 * The format with "…" for each thing that it would print. Whatever was read from a file comes in by
 * an argument, so that nothing of a file is in it.
 */
static char *form_make(const char *format)
{
	static const char mark[] = "…";
	char *form = malloc(strlen(format) * (sizeof(mark) - 1) + 1), *out = form;

	while (form && *format) {
		if (format[0] != '%' || format[1] == '%') {
			format += format[0] == '%';
			*out++ = *format++;
			continue;
		}
		format += strcspn(format, FORMAT_CONVERSIONS);
		format += *format != '\0';
		/* Of several in a row one is enough. */
		if (out - form < (ptrdiff_t)sizeof(mark) - 1 ||
			memcmp(out - sizeof(mark) + 1, mark, sizeof(mark) - 1) != 0)
			out = (char *)memcpy(out, mark, sizeof(mark) - 1) + sizeof(mark) - 1;
	}
	if (!form)
		return NULL;
	*out = '\0';
	if (strcmp(form, mark) != 0)
		return form;
	free(form);
	return strdup("a mistake of which nothing can be told without what the file contains");
}

static void mistake_append(
	struct mistakes *m, struct cfg_at at, bool warning, const char *format, va_list args)
{
	if (!warning)
		m->errors++;
	if (m->count >= (warning ? WARNINGS_MAX : MISTAKES_MAX)) {
		if (!warning)
			m->left_out++;
		return;
	}
	if ((m->count & (m->count - 1)) == 0) {
		uint32_t room = m->count ? m->count * 2 : 1;
		struct mistake *list = realloc(m->list, room * sizeof(*list));

		if (!list)
			return;
		m->list = list;
	}

	struct mistake *mistake = &m->list[m->count];
	char *plain;

	*mistake = (struct mistake){ .line = at.line, .order = m->count, .warning = warning };
	mistake->file = strdup(at.file ? at.file : "configuration");
	if (vasprintf(&mistake->text, format, args) < 0)
		mistake->text = NULL;
	mistake->form = form_make(format);
	mistake_clip(mistake->text);
	plain = mistake->text;
	mistake->text = text_escaped(plain);
	free(plain);
	m->count++;
}

void mistake_add(struct mistakes *m, struct cfg_at at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	mistake_append(m, at, false, format, args);
	va_end(args);
}

void mistake_warn(struct mistakes *m, struct cfg_at at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	mistake_append(m, at, true, format, args);
	va_end(args);
}

static int mistake_compare(const void *a, const void *b, void *first)
{
	const struct mistake *x = a, *y = b;
	const char *xf = x->file ? x->file : "", *yf = y->file ? y->file : "";
	int files = strcmp(xf, yf);

	if (files && first && strcmp(xf, first) == 0)
		return -1;
	if (files && first && strcmp(yf, first) == 0)
		return 1;
	if (files)
		return files;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void mistakes_sort(struct mistakes *m, const char *first)
{
	if (m->count > 1)
		qsort_r(m->list, m->count, sizeof(*m->list), mistake_compare, (void *)first);
}

int mistake_format(const struct mistake *mistake, char *out, size_t bytes)
{
	return snprintf(out, bytes, "%s:%u: %s%s", mistake->file ? mistake->file : "?",
		mistake->line, mistake->warning ? "warning: " : "",
		mistake->text ? mistake->text : "out of memory");
}

void mistakes_print(const struct mistakes *m, FILE *out)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct mistake *k = &m->list[i];

		fprintf(out, "%s:%u: %s%s\n", k->file ? k->file : "?", k->line,
			k->warning ? "warning: " : "", k->text ? k->text : "out of memory");
	}
	if (m->left_out)
		fprintf(out, "%u further mistakes are not shown\n", m->left_out);
}

void mistakes_free(struct mistakes *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		free(m->list[i].file);
		free(m->list[i].text);
		free(m->list[i].form);
	}
	free(m->list);
	*m = (struct mistakes){ 0 };
}
