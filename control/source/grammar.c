/* SPDX-License-Identifier: Apache-2.0 */
/* A stack of open brackets, each with what may come next in it. */
#include "control/source/grammar.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_BYTES_MAX 40 /* of a token in a message */

void grammar_begin(struct grammar *g, const char *file, struct mistakes *mistakes)
{
	*g = (struct grammar){ .mistakes = mistakes };
	g->stack[0] = (struct grammar_frame){ .open = '{', .at = { file, 1 } };
}

void grammar_free(struct grammar *g)
{
	free(g->names);
	g->names = NULL;
}

static char grammar_closer(char open)
{
	return open == '{' ? '}' : open == '[' ? ']' : ')';
}

struct grammar_shown {
	char text[SHOWN_BYTES_MAX + 16];
};

/* A token in a message. */
static struct grammar_shown grammar_show(const struct token *token)
{
	struct grammar_shown shown;
	int len = (int)(token->text.len < SHOWN_BYTES_MAX ? token->text.len : SHOWN_BYTES_MAX);
	bool cut = (uint32_t)len < token->text.len;

	if (token->kind == TOKEN_END)
		snprintf(shown.text, sizeof(shown.text), "the end of the file");
	else
		snprintf(shown.text, sizeof(shown.text),
			token->kind == TOKEN_TEXT ? "%.*s%s" : "'%.*s%s'", len, token->text.data,
			cut ? "…" : "");
	return shown;
}

static bool grammar_is_scalar(enum token_kind kind)
{
	return kind == TOKEN_TEXT || kind == TOKEN_NUMBER || kind == TOKEN_FLOAT ||
	       kind == TOKEN_BOOL;
}

static struct str grammar_setting(const struct grammar *g)
{
	return g->names[g->count - 1].name;
}

static bool grammar_add_name(struct grammar *g, struct str name, struct cfg_at at)
{
	struct grammar_frame *frame = &g->stack[g->depth];

	for (unsigned i = frame->names; i < g->count; i++)
		if (str_equal(g->names[i].name, name)) {
			bool here = strcmp(g->names[i].at.file, at.file) == 0;

			mistake_add(g->mistakes, at,
				"setting '%.*s' is in this group already (line %u%s%s)",
				(int)name.len, name.data, g->names[i].at.line, here ? "" : " of ",
				here ? "" : g->names[i].at.file);
			break;
		}
	if (g->count - frame->names == GRAMMAR_NAMES_MAX) {
		mistake_add(g->mistakes, at, "a group has at most %d settings", GRAMMAR_NAMES_MAX);
		return false;
	}
	if (g->count == g->room) {
		unsigned room = g->room ? g->room * 2 : 64;
		struct grammar_name *grown = reallocarray(g->names, room, sizeof(*grown));

		if (!grown) {
			mistake_add(g->mistakes, at, "out of memory");
			return false;
		}
		g->names = grown;
		g->room = room;
	}
	g->names[g->count++] = (struct grammar_name){ name, at };
	frame->state = GRAMMAR_EQUALS;
	return true;
}

static bool grammar_open(struct grammar *g, const struct token *token, struct cfg_at at)
{
	struct grammar_frame *frame = &g->stack[g->depth];

	if (frame->open == '[') {
		mistake_add(g->mistakes, at,
			"'%c' within '[ ]', which holds plain values; a list of groups or of lists "
			"is written in '( )'",
			*token->text.data);
		return false;
	}
	if (g->depth == GRAMMAR_DEPTH_MAX) {
		mistake_add(g->mistakes, at, "more than %d brackets within each other",
			GRAMMAR_DEPTH_MAX);
		return false;
	}
	frame->state = GRAMMAR_AFTER;
	g->stack[++g->depth] = (struct grammar_frame){
		.open = *token->text.data,
		.state = *token->text.data == '{' ? GRAMMAR_NAME : GRAMMAR_VALUE,
		.names = g->count,
		.at = at,
	};
	return true;
}

static bool grammar_close(struct grammar *g, const struct token *token, struct cfg_at at)
{
	const struct grammar_frame *frame = &g->stack[g->depth];
	char closer = *token->text.data;

	if (g->depth == 0) {
		mistake_add(g->mistakes, at, "'%c' closes nothing", closer);
		return false;
	}
	if (grammar_closer(frame->open) != closer) {
		mistake_add(g->mistakes, at, "'%c' does not close the '%c' of line %u", closer,
			frame->open, frame->at.line);
		return false;
	}
	g->count = frame->names;
	g->depth--;
	return true;
}

/* A value of '[ ]', where libconfig wants all of one kind. */
static bool grammar_element(struct grammar *g, const struct token *token, struct cfg_at at)
{
	struct grammar_frame *frame = &g->stack[g->depth];

	if (frame->open != '[')
		return true;
	if (frame->element != TOKEN_END && frame->element != token->kind) {
		mistake_add(g->mistakes, at,
			"%s is of another kind than the values before it in '[ ]'",
			grammar_show(token).text);
		return false;
	}
	frame->element = token->kind;
	return true;
}

/* What a value cannot be. @p token is no value, no bracket that opens one */
static bool grammar_no_value(struct grammar *g, const struct token *token, struct cfg_at at)
{
	const struct grammar_frame *frame = &g->stack[g->depth];

	if (token->kind == TOKEN_NAME)
		mistake_add(g->mistakes, at,
			"%s is no value: a text is written in quotes, a boolean is true or false",
			grammar_show(token).text);
	else if (frame->open == '{')
		mistake_add(g->mistakes, at, "a value is expected after '%.*s =', not %s",
			(int)grammar_setting(g).len, grammar_setting(g).data,
			grammar_show(token).text);
	else
		mistake_add(g->mistakes, at,
			"a value or '%c' is expected in the list of line %u, not %s",
			grammar_closer(frame->open), frame->at.line, grammar_show(token).text);
	return false;
}

/* A token that cannot follow a value. */
static bool grammar_no_end(struct grammar *g, const struct token *token, struct cfg_at at)
{
	const struct grammar_frame *frame = &g->stack[g->depth];

	if (token->kind == TOKEN_TEXT && g->last == TOKEN_TEXT)
		mistake_add(g->mistakes, at, "two texts side by side: '%c' is missing before %s",
			frame->open == '{' ? ';' : ',', grammar_show(token).text);
	else if (frame->open == '{')
		mistake_add(g->mistakes, at, "';' is expected after the value of '%.*s', not %s",
			(int)grammar_setting(g).len, grammar_setting(g).data,
			grammar_show(token).text);
	else
		mistake_add(g->mistakes, at,
			"',' or '%c' is expected in the list of line %u, not %s",
			grammar_closer(frame->open), frame->at.line, grammar_show(token).text);
	return false;
}

static bool grammar_end(struct grammar *g)
{
	if (g->depth == 0)
		return true;
	mistake_add(g->mistakes, g->stack[g->depth].at, "the '%c' of this line is never closed",
		g->stack[g->depth].open);
	return false;
}

static bool grammar_value(struct grammar *g, const struct token *token, struct cfg_at at)
{
	struct grammar_frame *frame = &g->stack[g->depth];

	if (token->kind == TOKEN_OPEN)
		return grammar_open(g, token, at);
	if (token->kind == TOKEN_CLOSE && frame->open != '{')
		return grammar_close(g, token, at);
	if (!grammar_is_scalar(token->kind))
		return grammar_no_value(g, token, at);
	frame->state = GRAMMAR_AFTER;
	return grammar_element(g, token, at);
}

static bool grammar_after(struct grammar *g, const struct token *token, struct cfg_at at)
{
	struct grammar_frame *frame = &g->stack[g->depth];
	bool group = frame->open == '{';

	if (token->kind == TOKEN_CLOSE)
		return grammar_close(g, token, at);
	if (token->kind == TOKEN_COMMA || (group && token->kind == TOKEN_SEMICOLON)) {
		frame->state = group ? GRAMMAR_NAME : GRAMMAR_VALUE;
		return true;
	}
	/* libconfig does not ask for the semicolon. */
	if (group && token->kind == TOKEN_NAME)
		return grammar_add_name(g, token->text, at);
	return grammar_no_end(g, token, at);
}

static bool grammar_step(struct grammar *g, const struct token *token, struct cfg_at at)
{
	switch (g->stack[g->depth].state) {
	case GRAMMAR_NAME:
		if (token->kind == TOKEN_NAME)
			return grammar_add_name(g, token->text, at);
		if (token->kind == TOKEN_CLOSE)
			return grammar_close(g, token, at);
		mistake_add(g->mistakes, at, "the name of a setting is expected, not %s",
			grammar_show(token).text);
		return false;
	case GRAMMAR_EQUALS:
		if (token->kind == TOKEN_EQUALS) {
			g->stack[g->depth].state = GRAMMAR_VALUE;
			return true;
		}
		mistake_add(g->mistakes, at, "'=' is expected after '%.*s', not %s",
			(int)grammar_setting(g).len, grammar_setting(g).data,
			grammar_show(token).text);
		return false;
	case GRAMMAR_VALUE:
		return grammar_value(g, token, at);
	case GRAMMAR_AFTER:
		break;
	}
	return grammar_after(g, token, at);
}

bool grammar_take(struct grammar *g, const struct token *token, const char *file)
{
	const struct grammar_frame *frame = &g->stack[g->depth];
	bool between =
		frame->state == GRAMMAR_NAME || frame->state == GRAMMAR_AFTER || frame->open != '{';
	bool good = token->kind == TOKEN_END && between
			    ? grammar_end(g)
			    : grammar_step(g, token, (struct cfg_at){ file, token->line });

	g->last = token->kind;
	return good;
}
