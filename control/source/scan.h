/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a configuration file. libconfig has a scanner of its own, which takes an open comment
 * for the rest of the file, cuts numbers to 32 bits and ends the process when an included file
 * cannot be read; this one comes first and says what is wrong in an operator's words. Pure: bytes
 * in, tokens and diagnostics out.
 */
#ifndef SLUICE_CONTROL_SOURCE_SCAN_H
#define SLUICE_CONTROL_SOURCE_SCAN_H

#include "control/source/mistakes.h"
#include "lib/base/str.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_EQUALS, /* '=' or ':' */
	TOKEN_TEXT,   /* with its quotes and escapes */
	TOKEN_NUMBER, /* a whole one: .number */
	TOKEN_FLOAT,  /* .fraction */
	TOKEN_BOOL,
	TOKEN_OPEN,  /* one of { [ ( */
	TOKEN_CLOSE, /* one of } ] ) */
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_INCLUDE, /* .text is the file's name, as written between the quotes */
	TOKEN_BAD,     /* there is no going on; a diagnostic was added */
};

struct token {
	enum token_kind kind;
	struct str text; /* in the file's text */
	uint32_t line;   /* where it begins */
	int64_t number;
	double fraction;
};

struct scan {
	const char *begin, *at, *end;
	struct cfg_at where; /* of at */
	struct mistakes *mistakes;
};

/** Begin with a file's text, which must live as long as its tokens. @p file is shown in
 * diagnostics. */
struct scan scan_begin(struct str text, const char *file, struct mistakes *mistakes);

/**
 * The next token. What is wrong with one alone (a number out of range) is added to the diagnostics,
 * and scanning goes on. @return its kind
 */
enum token_kind scan_next(struct scan *scan, struct token *token);

/**
 * Is @p text something else than the text of a configuration or of a list of keys: UTF-16, or with
 * a NUL byte? @param line filled when so: where it is
 * @return what is wrong with the file, or NULL
 */
const char *scan_foreign(struct str text, uint32_t *line);

#endif
