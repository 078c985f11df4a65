/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a script as tokens, and the small grammar that all statements share. */
#ifndef SLUICE_TESTS_WIRE_TEXT_H
#define SLUICE_TESTS_WIRE_TEXT_H

#include "tests/wire/base.h"

enum token_kind {
	TOKEN_WORD,
	TOKEN_TEXT,    /* "…" with its escapes resolved, or x"47 45" */
	TOKEN_REGEX,   /* ~"…" */
	TOKEN_OPTIONS, /* <mss 1460, sackOK>: what is between the angle brackets */
};

struct token {
	enum token_kind kind;
	char *text; /* terminated */
	uint32_t len;
	uint32_t times; /* of a TOKEN_TEXT: "a"*100 */
};

struct line {
	const char *file;
	uint32_t number;
	const char *source;
	struct token *tokens;
	uint32_t count;
};

/** Cut a line into tokens. */
void text_split(struct line *line);

/* A walk along a line's tokens. Functions fail the script where the line does not fit. */
struct cursor {
	const struct line *line;
	uint32_t at;
};

bool cursor_done(const struct cursor *c);
const struct token *cursor_peek(const struct cursor *c);
/** Take the next token when it is this word. */
bool cursor_word(struct cursor *c, const char *word);
/** Take the next token, which must be a word. @param what  for the message */
const char *cursor_take(struct cursor *c, const char *what);
const struct token *cursor_text(struct cursor *c);
uint64_t cursor_number(struct cursor *c, const char *what);
/** A time: "0.2" in seconds, or "200ms", "5us", "1s". @return nanoseconds */
uint64_t cursor_time(struct cursor *c);
void cursor_end(const struct cursor *c);

/** Is there DATA here: text, or "N bytes"? */
bool cursor_at_data(const struct cursor *c);
/** One or more texts and "N bytes", joined. The pattern of "N bytes" goes through the alphabet. */
struct bytes cursor_data(struct cursor *c);

uint64_t text_number(const char *text, const char *what);
uint64_t text_time(const char *text);
uint32_t text_ip(const char *text); /* host order */
void text_mac(const char *text, uint8_t *mac);
void text_hex(const char *text, struct bytes *out);
/** Does the extended regular expression match anywhere in these bytes? */
bool text_matches(const char *regex, const void *data, uint32_t len);
/** Byte number @p at of the pattern. */
static inline uint8_t text_pattern(uint32_t at)
{
	return (uint8_t)('a' + at % 26);
}

#endif
