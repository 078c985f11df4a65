/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a script's line, see text.h. Strings are resolved here once, so that nobody after this
 * knows about escapes.
 */
#include "tests/wire/text.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS_MAX 128

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void text_hex(const char *text, struct bytes *out)
{
	while (*text) {
		uint8_t byte;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (hex_digit(text[0]) < 0 || hex_digit(text[1]) < 0)
			wire_fail("not hexadecimal: \"%s\"", text);
		byte = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		bytes_put(out, &byte, 1);
		text += 2;
	}
}

/* One character of a string. @return what follows it */
static const char *unescape(const char *p, uint8_t *out)
{
	static const char names[] = "rnt0\"\\", values[] = "\r\n\t\0\"\\";
	const char *name;

	if (*p != '\\') {
		*out = (uint8_t)*p;
		return p + 1;
	}
	if (p[1] == 'x' && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
		*out = (uint8_t)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
		return p + 4;
	}
	name = p[1] ? strchr(names, p[1]) : NULL;
	if (!name)
		wire_fail("unknown escape \\%c", p[1]);
	*out = (uint8_t)values[name - names];
	return p + 2;
}

/* @p p is behind the opening quote. @param raw  keep escapes (regular expressions) */
static const char *take_string(const char *p, bool raw, struct bytes *out)
{
	while (*p != '"') {
		uint8_t byte;

		if (*p == '\0')
			wire_fail("string without its closing quote");
		if (raw) {
			if (*p == '\\' && p[1])
				bytes_put(out, p++, 1);
			bytes_put(out, p++, 1);
		} else {
			p = unescape(p, &byte);
			bytes_put(out, &byte, 1);
		}
	}
	return p + 1;
}

static const char *take_token(const char *p, struct token *t)
{
	struct bytes b = { 0 };

	t->kind = TOKEN_WORD;
	t->times = 1;
	if (*p == '"' || ((*p == 'x' || *p == '~') && p[1] == '"')) {
		char first = *p;

		t->kind = first == '~' ? TOKEN_REGEX : TOKEN_TEXT;
		p = take_string(p + (first == '"' ? 1 : 2), first == '~', &b);
		if (first == 'x') {
			struct bytes decoded = { 0 };

			bytes_put(&b, "", 1);
			text_hex((char *)b.data, &decoded);
			b = decoded;
		}
		if (*p == '*')
			t->times = (uint32_t)strtoul(p + 1, (char **)(uintptr_t)&p, 10);
	} else if (*p == '<' && p[1] && p[1] != '=' && !isspace((unsigned char)p[1])) {
		const char *end = strchr(p, '>');

		if (!end)
			wire_fail("options without their closing >");
		t->kind = TOKEN_OPTIONS;
		bytes_put(&b, p + 1, (uint32_t)(end - p - 1));
		p = end + 1;
	} else {
		const char *end = p;

		while (*end && !isspace((unsigned char)*end))
			end++;
		bytes_put(&b, p, (uint32_t)(end - p));
		p = end;
	}
	t->len = b.len;
	bytes_put(&b, "", 1);
	t->text = (char *)b.data;
	return p;
}

void text_split(struct line *line)
{
	const char *p = line->source;
	struct token tokens[TOKENS_MAX];

	line->count = 0;
	for (;;) {
		while (isspace((unsigned char)*p))
			p++;
		if (*p == '\0' || *p == '#')
			break;
		if (line->count == TOKENS_MAX)
			wire_fail("more than %d words in a line", TOKENS_MAX);
		tokens[line->count] = (struct token){ 0 };
		p = take_token(p, &tokens[line->count++]);
	}
	line->tokens = wire_alloc(line->count * sizeof(*tokens));
	if (line->count)
		memcpy(line->tokens, tokens, line->count * sizeof(*tokens));
}

bool cursor_done(const struct cursor *c)
{
	return c->at >= c->line->count;
}

const struct token *cursor_peek(const struct cursor *c)
{
	return cursor_done(c) ? NULL : &c->line->tokens[c->at];
}

bool cursor_word(struct cursor *c, const char *word)
{
	const struct token *t = cursor_peek(c);

	if (!t || t->kind != TOKEN_WORD || strcmp(t->text, word) != 0)
		return false;
	c->at++;
	return true;
}

const char *cursor_take(struct cursor *c, const char *what)
{
	const struct token *t = cursor_peek(c);

	if (!t || t->kind != TOKEN_WORD)
		wire_fail("%s is missing", what);
	c->at++;
	return t->text;
}

const struct token *cursor_text(struct cursor *c)
{
	const struct token *t = cursor_peek(c);

	if (!t || (t->kind != TOKEN_TEXT && t->kind != TOKEN_REGEX))
		wire_fail("a text is missing");
	c->at++;
	return t;
}

uint64_t text_number(const char *text, const char *what)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (end == text || *end)
		wire_fail("%s is not a number: %s", what, text);
	return n;
}

uint64_t cursor_number(struct cursor *c, const char *what)
{
	return text_number(cursor_take(c, what), what);
}

uint64_t text_time(const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 } };
	char *end;
	double value = strtod(text, &end);

	for (unsigned i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0)
			return (uint64_t)(value * units[i].ns + 0.5);
	wire_fail("not a time: %s", text);
}

uint64_t cursor_time(struct cursor *c)
{
	return text_time(cursor_take(c, "a time"));
}

void cursor_end(const struct cursor *c)
{
	if (!cursor_done(c))
		wire_fail("not understood: %s", cursor_peek(c)->text);
}

/* "N bytes" */
static bool at_pattern(const struct cursor *c)
{
	const struct token *t = cursor_peek(c);

	return t && t->kind == TOKEN_WORD && isdigit((unsigned char)*t->text) &&
	       c->at + 1 < c->line->count && t[1].kind == TOKEN_WORD &&
	       strcmp(t[1].text, "bytes") == 0;
}

bool cursor_at_data(const struct cursor *c)
{
	const struct token *t = cursor_peek(c);

	return (t && t->kind == TOKEN_TEXT) || at_pattern(c);
}

struct bytes cursor_data(struct cursor *c)
{
	struct bytes out = { 0 };

	if (!cursor_at_data(c))
		wire_fail("data is missing");
	while (cursor_at_data(c)) {
		const struct token *t = cursor_peek(c);

		if (t->kind == TOKEN_TEXT) {
			for (uint32_t i = 0; i < t->times; i++)
				bytes_put(&out, t->text, t->len);
			c->at++;
		} else {
			uint32_t n = (uint32_t)text_number(t->text, "count");

			for (uint32_t i = 0; i < n; i++)
				bytes_put(&out, &(uint8_t){ text_pattern(i) }, 1);
			c->at += 2;
		}
	}
	return out;
}

uint32_t text_ip(const char *text)
{
	unsigned a, b, c, d;
	char rest;

	if (sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) != 4 || a > 255 || b > 255 ||
		c > 255 || d > 255)
		wire_fail("not an IPv4 address: %s", text);
	return a << 24 | b << 16 | c << 8 | d;
}

void text_mac(const char *text, uint8_t *mac)
{
	unsigned m[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		    &rest) != 6)
		wire_fail("not a MAC address: %s", text);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
}

bool text_matches(const char *regex, const void *data, uint32_t len)
{
	char *text = wire_alloc((size_t)len + 1);
	regex_t compiled;
	bool matches;

	/* A NUL would end it: no pattern asks for one. */
	memcpy(text, data, len);
	for (uint32_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
	if (regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
		wire_fail("not a regular expression: %s", regex);
	matches = regexec(&compiled, text, 0, NULL, 0) == 0;
	regfree(&compiled);
	return matches;
}
