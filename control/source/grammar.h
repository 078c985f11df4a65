/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which tokens may come. libconfig knows it too, but says "syntax error" where it is
 * broken; this says what was expected and what is there. Tokens of included files go on where the
 * file around them was.
 */
#ifndef SLUICE_CONTROL_SOURCE_GRAMMAR_H
#define SLUICE_CONTROL_SOURCE_GRAMMAR_H

#include "control/source/scan.h"

#define GRAMMAR_DEPTH_MAX 32  /* brackets within brackets; the schema needs eight */
#define GRAMMAR_NAMES_MAX 256 /* settings of a group; the schema's largest has fourteen */

enum grammar_state { GRAMMAR_NAME, GRAMMAR_EQUALS, GRAMMAR_VALUE, GRAMMAR_AFTER };

/* An open bracket; the first one stands for the file itself. */
struct grammar_frame {
	char open; /* one of { [ ( */
	enum grammar_state state;
	enum token_kind element; /* [ ]: of its values; TOKEN_END before the first */
	unsigned names;          /* { }: where its settings begin in the list of names */
	struct cfg_at at;
};

struct grammar_name {
	struct str name;
	struct cfg_at at;
};

struct grammar {
	struct grammar_frame stack[GRAMMAR_DEPTH_MAX + 1];
	unsigned depth;
	struct grammar_name *names; /* settings of all open groups */
	unsigned count, room;
	enum token_kind last;
	struct mistakes *mistakes;
};

/** Begin a configuration; @p file is its main file. */
void grammar_begin(struct grammar *g, const char *file, struct mistakes *mistakes);

/** Take the next token, TOKEN_END at the end of the main file.
 *  @return false when it cannot come here: a diagnostic was added and there is no going on */
bool grammar_take(struct grammar *g, const struct token *token, const char *file);

void grammar_free(struct grammar *g);

#endif
