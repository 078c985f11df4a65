/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads scripts, see script.h.
 *   let NAME text…             $NAME stands for the text in the lines after it
 *   repeat N [NAME [from A step B]] … end
 *                              the lines N times; $NAME (default $i) counts from 1, or from A by B
 *   burst … end                kept as it is, for run.c
 */
#include "tests/wire/script.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 200000
#define NAMES_MAX 64

struct source {
	char **lines; /* NULL where a line was joined to the one before */
	uint32_t count;
	struct {
		const char *name, *value;
	} names[NAMES_MAX];
	uint32_t name_count;
	struct script *script;
};

static char *read_all(const char *file)
{
	FILE *f = fopen(file, "r");
	struct bytes b = { 0 };
	char buf[4096];
	size_t n;

	if (!f)
		wire_fail("%s: %s", file, strerror(errno));
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		bytes_put(&b, buf, (uint32_t)n);
	fclose(f);
	bytes_put(&b, "", 1);
	return (char *)b.data;
}

/* Lines by number; one that ends in a backslash is joined with the next. */
static void cut_lines(struct source *s, char *text)
{
	uint32_t room = 1, into;
	char *p;

	for (p = text; *p; p++)
		room += *p == '\n';
	s->lines = wire_alloc(room * sizeof(char *));
	for (p = text; *p;) {
		char *end = strchr(p, '\n');

		if (end)
			*end = '\0';
		s->lines[s->count++] = p;
		p = end ? end + 1 : p + strlen(p);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		for (into = i; i + 1 < s->count; i++) {
			size_t len = strlen(s->lines[into]);

			if (len == 0 || s->lines[into][len - 1] != '\\')
				break;
			s->lines[into] =
				wire_text("%.*s %s", (int)len - 1, s->lines[into], s->lines[i + 1]);
			s->lines[i + 1] = NULL;
		}
	}
}

static void set_name(struct source *s, const char *name, const char *value)
{
	for (uint32_t i = 0; i < s->name_count; i++) {
		if (strcmp(s->names[i].name, name) == 0) {
			s->names[i].value = value;
			return;
		}
	}
	if (s->name_count == NAMES_MAX)
		wire_fail("more than %d names", NAMES_MAX);
	s->names[s->name_count].name = name;
	s->names[s->name_count++].value = value;
}

static const char *value_of(const struct source *s, const char *name, size_t len)
{
	for (uint32_t i = 0; i < s->name_count; i++)
		if (strlen(s->names[i].name) == len && memcmp(s->names[i].name, name, len) == 0)
			return s->names[i].value;
	wire_fail("$%.*s has no value", (int)len, name);
}

/* Put values in the place of $NAME and ${NAME}. */
static const char *resolve(const struct source *s, const char *line)
{
	struct bytes out = { 0 };

	if (!strchr(line, '$'))
		return line;
	while (*line) {
		const char *name = line + 1 + (line[0] == '$' && line[1] == '{');
		size_t len = 0;

		while (*line == '$' && (isalnum((unsigned char)name[len]) || name[len] == '_'))
			len++;
		if (len == 0) {
			bytes_put(&out, line++, 1);
			continue;
		}
		const char *value = value_of(s, name, len);

		bytes_put(&out, value, (uint32_t)strlen(value));
		line = name + len + (name - line == 2);
	}
	bytes_put(&out, "", 1);
	return (char *)out.data;
}

static bool begins(const char *line, const char *word)
{
	size_t n = strlen(word);

	while (isspace((unsigned char)*line))
		line++;
	return strncmp(line, word, n) == 0 && (line[n] == '\0' || isspace((unsigned char)line[n]));
}

static void emit(struct source *s, uint32_t number, const char *text)
{
	struct script *script = s->script;
	struct line line = { .file = script->file, .number = number, .source = text };

	s->script->reading = number;
	text_split(&line);
	if (line.count == 0)
		return;
	if (script->count == LINES_MAX)
		wire_fail("%s: more than %d lines", script->file, LINES_MAX);
	if (script->count == script->room) {
		struct line *grown = wire_alloc((script->room * 2 + 64) * sizeof(line));

		if (script->count)
			memcpy(grown, script->lines, script->count * sizeof(line));
		script->lines = grown;
		script->room = script->room * 2 + 64;
	}
	script->lines[script->count++] = line;
}

static uint32_t block_end(const struct source *s, uint32_t from)
{
	uint32_t depth = 1;

	for (uint32_t i = from; i < s->count; i++) {
		const char *line = s->lines[i] ? s->lines[i] : "";

		if (begins(line, "repeat") || begins(line, "burst"))
			depth++;
		else if (begins(line, "end") && --depth == 0)
			return i;
	}
	wire_fail("%s:%u: `end` is missing", s->script->file, from);
}

static void walk(struct source *s, uint32_t from, uint32_t to);

static void repeat(struct source *s, uint32_t at, uint32_t end)
{
	struct line line = { s->script->file, at + 1, resolve(s, s->lines[at]), NULL, 0 };
	struct cursor c = { &line, 1 };
	uint64_t count, first = 1, step = 1;
	const char *name = "i";

	text_split(&line);
	count = cursor_number(&c, "count");
	if (!cursor_done(&c))
		name = cursor_take(&c, "name");
	if (cursor_word(&c, "from"))
		first = cursor_number(&c, "first");
	if (cursor_word(&c, "step"))
		step = cursor_number(&c, "step");
	cursor_end(&c);
	for (uint64_t i = 0; i < count; i++) {
		set_name(s, name, wire_text("%" PRIu64, first + i * step));
		walk(s, at + 1, end);
	}
}

static void let(struct source *s, uint32_t at)
{
	const char *p = strstr(s->lines[at], "let") + 3;
	size_t len = 0;

	while (isspace((unsigned char)*p))
		p++;
	while (isalnum((unsigned char)p[len]) || p[len] == '_')
		len++;
	if (len == 0 || !isspace((unsigned char)p[len]))
		wire_fail("%s:%u: let NAME text", s->script->file, at + 1);
	const char *name = wire_text("%.*s", (int)len, p);

	p += len;
	while (isspace((unsigned char)*p))
		p++;
	set_name(s, name, resolve(s, p));
}

static void walk(struct source *s, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (!s->lines[i])
			continue;
		if (begins(s->lines[i], "repeat")) {
			uint32_t end = block_end(s, i + 1);

			repeat(s, i, end);
			i = end;
		} else if (begins(s->lines[i], "let")) {
			let(s, i);
		} else if (!begins(s->lines[i], "#")) {
			emit(s, i + 1, resolve(s, s->lines[i]));
		}
	}
}

void script_load(const char *file, struct script **out)
{
	struct source s = { .script = wire_alloc(sizeof(struct script)) };

	*out = s.script;
	s.script->file = file;
	cut_lines(&s, read_all(file));
	if (s.count == 0 || !begins(s.lines[0], "#"))
		wire_fail("%s:1: the first line must be a comment that names the rule", file);
	s.script->title = s.lines[0] + 1 + (s.lines[0][1] == ' ');
	walk(&s, 0, s.count);
	s.script->reading = 0;
}
