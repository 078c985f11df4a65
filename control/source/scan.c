/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens are libconfig's, but for what its versions read differently or silently wrong: numbers
 * with a leading zero (decimal in 1.5, octal in 1.7), texts over several lines, a NUL within a
 * text.
 */
#include "control/source/scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define NUMBER_BYTES_MAX 64
#define SHOWN_BYTES_MAX  40 /* of a token in a message */

struct scan scan_begin(struct str text, const char *file, struct mistakes *mistakes)
{
	return (struct scan){ text.data, text.data, text.data + text.len, { file, 1 }, mistakes };
}

const char *scan_foreign(struct str text, uint32_t *line)
{
	const char *nul = text.len ? memchr(text.data, '\0', text.len) : NULL;
	const unsigned char *p = (const unsigned char *)text.data;

	*line = 1;
	if (text.len >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
		return "the file is in UTF-16; save it as UTF-8";
	if (text.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return "the file begins with a byte order mark; save it as UTF-8 without one";
	if (!nul)
		return NULL;
	/* A letter of ASCII in UTF-16 is a NUL with a byte beside it. */
	if (text.len >= 4 && (p[0] == 0) != (p[1] == 0) && (p[0] == 0) == (p[2] == 0) &&
		(p[1] == 0) == (p[3] == 0))
		return "the file is in UTF-16; save it as UTF-8";
	for (const char *c = text.data; c < nul; c++)
		*line += *c == '\n';
	return "the file has a NUL byte here, which belongs in no text";
}

static bool scan_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool scan_is_letter(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

static bool scan_begins_with(const struct scan *scan, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(scan->end - scan->at) >= len && memcmp(scan->at, text, len) == 0;
}

/* Did a comment begin here by what looks at it? "/v1/" with an asterisk is a path. */
static bool scan_begins_comment(const struct scan *scan)
{
	char before = scan->at[-1];

	return scan_begins_with(scan, "/*") && (before == ' ' || before == '\t' || before == '\n');
}

/* @return false when the comment does not end */
static bool scan_block_comment(struct scan *scan)
{
	struct cfg_at begin = scan->where;

	for (scan->at += 2; scan->at < scan->end; scan->at++) {
		if (scan_begins_with(scan, "*/")) {
			scan->at += 2;
			return true;
		}
		if (*scan->at == '\n')
			scan->where.line++;
		if (scan_begins_comment(scan))
			mistake_warn(scan->mistakes, scan->where,
				"'/*' within the comment that begins in line %u: was that one meant "
				"to end before?",
				begin.line);
	}
	mistake_add(scan->mistakes, begin, "the comment that begins here is never closed by '*/'");
	return false;
}

/* Pass over blanks and comments. @return false when a comment does not end */
static bool scan_blanks(struct scan *scan)
{
	while (scan->at < scan->end) {
		char c = *scan->at;

		if (c == '\n')
			scan->where.line++;
		if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\n') {
			scan->at++;
		} else if (c == '#' || scan_begins_with(scan, "//")) {
			const char *end = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));

			scan->at = end ? end : scan->end;
		} else if (!scan_begins_with(scan, "/*")) {
			return true;
		} else if (!scan_block_comment(scan)) {
			return false;
		}
	}
	return true;
}

/* At a text's first quote. The text is kept as written: libconfig takes it out of its escapes. */
static enum token_kind scan_text(struct scan *scan, struct token *token)
{
	const char *p = scan->at + 1;

	while (p < scan->end && *p != '"' && *p != '\n') {
		bool escape = *p == '\\' && scan->end - p > 1 && p[1] != '\n';

		if (escape && scan->end - p > 3 && ascii_lower(p[1]) == 'x' && p[2] == '0' &&
			p[3] == '0')
			mistake_add(scan->mistakes, scan->where,
				"'\\x00' in a text: a NUL byte would end it");
		p += escape ? 2 : 1;
	}
	if (p >= scan->end || *p != '"') {
		mistake_add(scan->mistakes, scan->where,
			"the text that begins with %.*s has no closing quote in its line",
			(int)(p - scan->at < SHOWN_BYTES_MAX ? p - scan->at : SHOWN_BYTES_MAX),
			scan->at);
		return TOKEN_BAD;
	}
	token->text.len = (uint32_t)(p + 1 - scan->at);
	return TOKEN_TEXT;
}

/* `@include "NAME"`, which libconfig knows at a line's beginning alone. */
static enum token_kind scan_include(struct scan *scan, struct token *token)
{
	static const char word[] = "@include";
	const char *line = scan->at;
	const char *name;

	while (line > scan->begin && (line[-1] == ' ' || line[-1] == '\t'))
		line--;
	if (!scan_begins_with(scan, word)) {
		mistake_add(scan->mistakes, scan->where, "'@' begins '@include \"FILE\"' only");
		return TOKEN_BAD;
	}
	if (line > scan->begin && line[-1] != '\n') {
		mistake_add(
			scan->mistakes, scan->where, "'@include' must be the first in its line");
		return TOKEN_BAD;
	}
	for (scan->at += sizeof(word) - 1; scan->at < scan->end; scan->at++)
		if (*scan->at != ' ' && *scan->at != '\t')
			break;
	name = scan->at;
	if (scan->at == scan->end || *scan->at != '"') {
		mistake_add(scan->mistakes, scan->where,
			"'@include' is followed by the name of a file in quotes");
		return TOKEN_BAD;
	}
	if (scan_text(scan, token) == TOKEN_BAD)
		return TOKEN_BAD;
	scan->at = name + token->text.len;
	token->text = (struct str){ name + 1, token->text.len - 2 };
	return TOKEN_INCLUDE;
}

/* All that belongs to a number, right or wrong: digits, letters, points and an exponent's sign. */
static uint32_t scan_number_length(const struct scan *scan)
{
	const char *p = scan->at + 1;
	bool hex = scan->end - scan->at > 1 && scan->at[0] == '0' && ascii_lower(*p) == 'x';

	for (; p < scan->end; p++) {
		bool sign = (*p == '+' || *p == '-') && !hex && ascii_lower(p[-1]) == 'e';

		if (!scan_is_digit(*p) && !scan_is_letter(*p) && *p != '.' && *p != '_' && !sign)
			break;
	}
	return (uint32_t)(p - scan->at);
}

static enum token_kind scan_number_bad(struct scan *scan, struct str text, const char *why)
{
	mistake_add(scan->mistakes, scan->where, "'%.*s' %s", (int)text.len, text.data, why);
	return TOKEN_NUMBER;
}

/* @param digits  the number without the L that libconfig lets large ones end with */
static enum token_kind scan_whole(struct scan *scan, struct token *token, char *digits)
{
	bool hex = digits[0] == '0' && ascii_lower(digits[1]) == 'x';
	const char *first = digits + (digits[0] == '+' || digits[0] == '-');
	char *end;

	errno = 0;
	token->number = strtoll(digits, &end, hex ? 16 : 10);
	if (*end || end == digits || (hex && !digits[2]))
		return scan_number_bad(scan, token->text,
			"is no number: digits, or hexadecimal ones after 0x; what has a unit is "
			"written in quotes");
	if (!hex && first[0] == '0' && first[1])
		return scan_number_bad(scan, token->text,
			"begins with a 0, which some take for octal: write it without");
	if (errno == ERANGE)
		return scan_number_bad(scan, token->text, "is a number beyond 64 bits");
	return TOKEN_NUMBER;
}

static enum token_kind scan_number(struct scan *scan, struct token *token)
{
	char digits[NUMBER_BYTES_MAX], *end;
	uint32_t len = scan_number_length(scan);

	token->text.len = len;
	if (len >= sizeof(digits)) {
		token->text.len = SHOWN_BYTES_MAX;
		scan_number_bad(scan, token->text, "… is no number");
		token->text.len = len;
		return TOKEN_NUMBER;
	}
	memcpy(digits, scan->at, len);
	digits[len] = '\0';
	for (unsigned i = 0; i < 2 && len > 1 && digits[len - 1] == 'L'; i++)
		digits[--len] = '\0';
	if (!strpbrk(digits, ".eE") || strpbrk(digits, "xX"))
		return scan_whole(scan, token, digits);
	token->fraction = strtod(digits, &end);
	if (*end || end == digits || len < token->text.len || !isfinite(token->fraction))
		return scan_number_bad(scan, token->text, "is no number");
	return TOKEN_FLOAT;
}

static enum token_kind scan_name(struct scan *scan, struct token *token)
{
	const char *p = scan->at;

	while (p < scan->end &&
		(scan_is_letter(*p) || scan_is_digit(*p) || *p == '_' || *p == '-' || *p == '*'))
		p++;
	token->text.len = (uint32_t)(p - scan->at);
	if (str_equal_nocase(token->text, STR("true")) ||
		str_equal_nocase(token->text, STR("false")))
		return TOKEN_BOOL;
	return TOKEN_NAME;
}

/* A character that begins nothing, with a hint where it looks like one that does. */
static enum token_kind scan_unexpected(struct scan *scan)
{
	unsigned char c = (unsigned char)*scan->at;
	int len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	const char *hint = "";

	if (len > scan->end - scan->at)
		len = (int)(scan->end - scan->at);
	if (scan_begins_with(scan, "\xe2\x80\x9c") || scan_begins_with(scan, "\xe2\x80\x9d") ||
		scan_begins_with(scan, "\xe2\x80\x9e") || c == '\'')
		hint = "; a text is written in quotes of this form: \"";
	if (scan_begins_with(scan, "\xc2\xa0"))
		mistake_add(scan->mistakes, scan->where,
			"there is a no-break space here; write an ordinary one");
	else if (c < 0x20 || c == 0x7f)
		mistake_add(scan->mistakes, scan->where,
			"there is a control character here: 0x%02x", c);
	else
		mistake_add(scan->mistakes, scan->where, "'%.*s' is not expected here%s", len,
			scan->at, hint);
	return TOKEN_BAD;
}

static enum token_kind scan_token(struct scan *scan, struct token *token)
{
	char c = *scan->at, next = scan->end - scan->at > 1 ? scan->at[1] : '\0';

	token->text.len = 1;
	switch (c) {
	case '{':
	case '[':
	case '(':
		return TOKEN_OPEN;
	case '}':
	case ']':
	case ')':
		return TOKEN_CLOSE;
	case '=':
	case ':':
		return TOKEN_EQUALS;
	case ',':
		return TOKEN_COMMA;
	case ';':
		return TOKEN_SEMICOLON;
	case '"':
		return scan_text(scan, token);
	case '@':
		return scan_include(scan, token);
	}
	if (scan_is_letter(c) || c == '*')
		return scan_name(scan, token);
	if (scan_is_digit(c) ||
		((c == '+' || c == '-' || c == '.') && (scan_is_digit(next) || next == '.')))
		return scan_number(scan, token);
	return scan_unexpected(scan);
}

enum token_kind scan_next(struct scan *scan, struct token *token)
{
	*token = (struct token){ .kind = TOKEN_BAD };
	if (!scan_blanks(scan))
		return TOKEN_BAD;
	token->line = scan->where.line;
	token->text = (struct str){ scan->at, 0 };
	token->kind = scan->at == scan->end ? TOKEN_END : scan_token(scan, token);
	if (token->kind != TOKEN_INCLUDE && token->kind != TOKEN_BAD)
		scan->at += token->text.len;
	return token->kind;
}
