/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recogniser of shapes: a small grammar read from left to right, which gives up at the first
 * character that it does not fully understand. Hyperscan then decides instead, and is always right.
 *
 *   shape  = "^" { literal | "(" ["?:"] text { "|" text } ")" } class "{" number "}" "$"
 *   class  = "[" { "0-9" | "A-Z" | "a-z" | "a-f" | "-" | "_" } "]" | "\d"
 */
#include "control/compile/shape.h"

#include "lib/shm/snapshot.h"

#define LENGTH_MAX 1024

struct scan {
	const char *at, *end;
};

struct prefixes {
	char text[SHAPE_PREFIXES_MAX][SHAPE_PREFIXES_BYTES / SHAPE_PREFIXES_MAX];
	uint32_t len[SHAPE_PREFIXES_MAX];
	uint32_t count;
};

static bool take(struct scan *s, const char *literal)
{
	size_t len = strlen(literal);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, literal, len) != 0)
		return false;
	s->at += len;
	return true;
}

/* A character that stands for itself, perhaps escaped. A quantifier behind it changes its meaning.
 * */
static bool take_literal(struct scan *s, char *out)
{
	struct scan from = *s;
	bool plain;

	if (s->at == s->end)
		return false;
	if (*s->at == '\\') {
		s->at++;
		plain = s->at < s->end && strchr(".-_/:+=|()[]{}^$*?\\", *s->at) && *s->at;
	} else {
		char lower = ascii_lower(*s->at);

		plain = (lower >= 'a' && lower <= 'z') || (*s->at >= '0' && *s->at <= '9') ||
			(strchr("-_/:=@~!%&,;'\"<>", *s->at) && *s->at);
	}
	if (plain)
		*out = *s->at++;
	if (!plain || (s->at < s->end && strchr("*+?{", *s->at))) {
		*s = from;
		return false;
	}
	return true;
}

static bool append(struct prefixes *p, uint32_t index, const char *text, uint32_t len)
{
	/* One byte stays free for the '\n' that ends a prefix in a snapshot. */
	if (p->len[index] + len >= sizeof(p->text[0]))
		return false;
	memcpy(p->text[index] + p->len[index], text, len);
	p->len[index] += len;
	return true;
}

/* "(a|b)": every prefix so far times every alternative. */
static bool take_group(struct scan *s, struct prefixes *p)
{
	struct prefixes old = *p;
	struct prefixes words = { .count = 1 };

	if (!take(s, "("))
		return false;
	take(s, "?:");
	while (!take(s, ")")) {
		char c;

		if (take(s, "|")) {
			if (++words.count > SHAPE_PREFIXES_MAX)
				return false;
		} else if (!take_literal(s, &c) || !append(&words, words.count - 1, &c, 1)) {
			return false;
		}
	}
	if (s->at < s->end && strchr("*+?{", *s->at))
		return false;
	if (old.count * words.count > SHAPE_PREFIXES_MAX)
		return false;
	p->count = 0;
	for (uint32_t i = 0; i < old.count; i++) {
		for (uint32_t j = 0; j < words.count; j++) {
			uint32_t n = p->count++;

			p->len[n] = 0;
			if (!append(p, n, old.text[i], old.len[i]) ||
				!append(p, n, words.text[j], words.len[j]))
				return false;
		}
	}
	return true;
}

static uint32_t take_class(struct scan *s)
{
	uint32_t class = 0, hex = 0;

	if (take(s, "\\d"))
		return SNAP_CLASS_DIGIT;
	if (!take(s, "["))
		return 0;
	for (bool first = true; !take(s, "]"); first = false) {
		if (take(s, "0-9"))
			class |= SNAP_CLASS_DIGIT;
		else if (take(s, "A-Z"))
			class |= SNAP_CLASS_UPPER;
		else if (take(s, "a-z"))
			class |= SNAP_CLASS_LOWER;
		else if (take(s, "a-f"))
			hex = 1;
		else if (take(s, "\\d"))
			class |= SNAP_CLASS_DIGIT;
		else if (take(s, "_"))
			/* "_-" followed by a character would be a range. */
			class |= SNAP_CLASS_UNDER;
		else if (take(s, "\\-"))
			class |= SNAP_CLASS_DASH;
		else if (s->at < s->end && *s->at == '-' &&
			 (first || s->at + 1 == s->end || s->at[1] == ']'))
			class |= SNAP_CLASS_DASH, s->at++;
		else
			return 0;
	}
	if (hex)
		return class == SNAP_CLASS_DIGIT ? SNAP_CLASS_HEX_LOWER : 0;
	return class;
}

static uint32_t take_length(struct scan *s)
{
	uint32_t n = 0;

	if (!take(s, "{"))
		return 0;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && n <= LENGTH_MAX)
		n = n * 10 + (uint32_t)(*s->at++ - '0');
	return take(s, "}") && n <= LENGTH_MAX ? n : 0;
}

bool shape_parse(struct str pattern, struct shape *out)
{
	struct scan s = { pattern.data, pattern.data + pattern.len };
	struct prefixes p = { .count = 1 };

	*out = (struct shape){ 0 };
	if (!take(&s, "^"))
		return false;
	while (s.at < s.end && *s.at != '[' &&
		!(s.end - s.at >= 2 && s.at[0] == '\\' && s.at[1] == 'd')) {
		char c;

		if (*s.at == '(') {
			if (!take_group(&s, &p))
				return false;
			continue;
		}
		if (!take_literal(&s, &c))
			return false;
		for (uint32_t i = 0; i < p.count; i++)
			if (!append(&p, i, &c, 1))
				return false;
	}
	out->class = take_class(&s);
	out->length = take_length(&s);
	if (!out->class || !out->length || !take(&s, "$") || s.at != s.end)
		return false;
	for (uint32_t i = 0; i < p.count; i++) {
		memcpy(out->prefixes + out->prefixes_len, p.text[i], p.len[i]);
		out->prefixes_len += p.len[i];
		out->prefixes[out->prefixes_len++] = '\n';
	}
	return true;
}

static bool in_class(uint32_t class, char c)
{
	if (class & SNAP_CLASS_HEX_LOWER)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	return (class & SNAP_CLASS_DIGIT && c >= '0' && c <= '9') ||
	       (class & SNAP_CLASS_UPPER && c >= 'A' && c <= 'Z') ||
	       (class & SNAP_CLASS_LOWER && c >= 'a' && c <= 'z') ||
	       (class & SNAP_CLASS_DASH && c == '-') || (class & SNAP_CLASS_UNDER && c == '_');
}

bool shape_matches(const char *prefixes, uint32_t prefixes_len, uint32_t class, uint32_t length,
	struct str value)
{
	uint32_t i;

	if (value.len < length)
		return false;
	for (i = value.len - length; i < value.len; i++)
		if (!in_class(class, value.data[i]))
			return false;
	for (uint32_t at = 0; at < prefixes_len;) {
		const char *end = memchr(prefixes + at, '\n', prefixes_len - at);
		uint32_t len = end ? (uint32_t)(end - prefixes) - at : prefixes_len - at;

		if (len == value.len - length && memcmp(prefixes + at, value.data, len) == 0)
			return true;
		at += len + 1;
	}
	return false;
}
