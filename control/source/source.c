/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file is cut into tokens, held to the grammar, and written on in a form that all versions of
 * libconfig read alike: no comments, no inclusions, whole numbers of 64 bits in decimal, no comma
 * before a closing bracket. Lines stay lines.
 */
#include "control/source/source_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/source/grammar.h"

/* From line .line of the text on, lines are those of a file from .at on. */
struct source_mark {
	uint32_t line;
	struct cfg_at at;
};

/* A file that is being read. */
struct source_file {
	const struct source_file *outer; /* what includes it; NULL: the main file */
	struct cfg_at included_at;
	const char *name;
	dev_t dev;
	ino_t ino;
	unsigned depth;
};

struct source {
	char *text;
	size_t len, room;
	uint32_t line; /* of the text's end */
	size_t comma;  /* where the last token is, when it is a comma; else 0 */
	bool good;
	struct tree tree;
	struct source_mark *marks;
	uint32_t mark_count;
	/* Contents and names of all files: tokens and diagnostics point into them. */
	void **owned;
	uint32_t owned_count;
	uint32_t files;
	size_t bytes; /* of all files */
	const char *directory;
	struct source_reader reader;
	struct mistakes *mistakes;
	struct grammar grammar;
};

static int source_read_file(void *context, const char *path, struct file_text *out, char *why)
{
	return file_read(path, SOURCE_FILE_BYTES_MAX, out, why);
}

const struct source_reader source_files = { source_read_file, NULL };

static bool source_no_memory(struct source *s)
{
	mistake_add(s->mistakes, (struct cfg_at){ NULL, 1 }, "out of memory");
	return false;
}

/* Keep @p memory as long as the source; it is freed at once when that cannot be. */
static bool source_own(struct source *s, void *memory)
{
	void **owned = reallocarray(s->owned, s->owned_count + 1, sizeof(*owned));

	if (!owned) {
		free(memory);
		return source_no_memory(s);
	}
	s->owned = owned;
	s->owned[s->owned_count++] = memory;
	return true;
}

static bool source_put(struct source *s, const char *data, size_t len)
{
	if (s->room - s->len <= len) {
		size_t room = (s->len + len) * 2 + 256;
		char *grown = realloc(s->text, room);

		if (!grown)
			return source_no_memory(s);
		s->text = grown;
		s->room = room;
	}
	memcpy(s->text + s->len, data, len);
	s->len += len;
	s->text[s->len] = '\0';
	return true;
}

/* Begin a line that was written at @p at. */
static bool source_mark(struct source *s, struct cfg_at at)
{
	struct source_mark *marks = s->marks;

	if ((s->mark_count & (s->mark_count - 1)) == 0)
		marks = reallocarray(
			marks, s->mark_count ? s->mark_count * (size_t)2 : 1, sizeof(*marks));
	if (!marks)
		return source_no_memory(s);
	s->marks = marks;
	if (!source_put(s, "\n", 1))
		return false;
	s->marks[s->mark_count++] = (struct source_mark){ ++s->line, at };
	return true;
}

/* Whole numbers are all written with 64 bits: libconfig takes no others beside them in a list. */
static bool source_put_token(struct source *s, const struct token *token)
{
	char text[40] = " ";
	size_t len;

	/* libconfig 1.5 knows no comma before a closing bracket. */
	if (token->kind == TOKEN_CLOSE && s->comma)
		s->text[s->comma] = ' ';
	s->comma = token->kind == TOKEN_COMMA ? s->len + 1 : 0;
	if (token->kind != TOKEN_NUMBER && token->kind != TOKEN_FLOAT)
		return source_put(s, " ", 1) && source_put(s, token->text.data, token->text.len);
	len = (size_t)(token->kind == TOKEN_NUMBER
			       ? snprintf(text, sizeof(text), " %" PRId64 "L", token->number)
			       : snprintf(text, sizeof(text), " %.9e", token->fraction));
	return source_put(s, text, len);
}

static bool source_put_lines(struct source *s, uint32_t lines)
{
	while (lines-- > 0) {
		if (!source_put(s, "\n", 1))
			return false;
		s->line++;
	}
	return true;
}

static bool source_scan(struct source *s, const struct source_file *file, struct str text);

/* The name between an inclusion's quotes, with the folder before it when it is relative. */
static char *source_path(const struct source *s, struct str name)
{
	bool plain = strcmp(s->directory, ".") == 0 || (name.len && name.data[0] == '/');
	size_t len = plain ? 0 : strlen(s->directory);
	char *path = malloc(len + 1 + name.len + 1);

	if (!path)
		return NULL;
	if (len) {
		memcpy(path, s->directory, len);
		path[len++] = '/';
	}
	for (uint32_t i = 0; i < name.len; i++) {
		bool escape = name.data[i] == '\\' && i + 1 < name.len;

		i += escape && (name.data[i + 1] == '\\' || name.data[i + 1] == '"');
		path[len++] = name.data[i];
	}
	path[len] = '\0';
	return path;
}

/* " (included from main.conf:5, from …)", for what concerns a file that was itself included */
static void source_chain(const struct source_file *file, char *out, size_t bytes)
{
	size_t len = 0;

	out[0] = '\0';
	for (; file->outer && len < bytes; file = file->outer)
		len += (size_t)snprintf(out + len, bytes - len, "%s from %s:%u",
			len ? "," : " (included", file->included_at.file, file->included_at.line);
	if (len && len < bytes)
		snprintf(out + len, bytes - len, ")");
}

__attribute__((format(printf, 5, 6))) static bool source_cannot_include(struct source *s,
	const struct source_file *file, struct cfg_at at, struct str name, const char *format, ...)
{
	char chain[512], why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	source_chain(file, chain, sizeof(chain));
	mistake_add(s->mistakes, at, "cannot include '%.*s': %s%s", (int)name.len, name.data, why,
		chain);
	return false;
}

/* The file itself or one that includes it. */
static const struct source_file *source_find_open(
	const struct source_file *file, const struct file_text *text)
{
	while (file && (file->dev != text->dev || file->ino != text->ino))
		file = file->outer;
	return file;
}

static bool source_include(
	struct source *s, const struct source_file *file, const struct token *token)
{
	struct cfg_at at = { file->name, token->line };
	struct source_file inner = { file, at, NULL, 0, 0, file->depth + 1 };
	const struct source_file *open;
	char why[FILE_WHY_BYTES], *path;
	struct file_text text;

	if (token->text.len == 0)
		return source_cannot_include(s, file, at, token->text, "it names no file");
	if (inner.depth > SOURCE_DEPTH_MAX)
		return source_cannot_include(s, file, at, token->text,
			"more than %d files within each other", SOURCE_DEPTH_MAX);
	if (++s->files > SOURCE_FILES_MAX)
		return source_cannot_include(
			s, file, at, token->text, "more than %d inclusions", SOURCE_FILES_MAX);
	path = source_path(s, token->text);
	if (!path || !source_own(s, path))
		return path ? false : source_no_memory(s);
	if (s->reader.read(s->reader.context, path, &text, why) < 0)
		return source_cannot_include(s, file, at, token->text, "%s", why);
	open = source_find_open(file, &text);
	if (!source_own(s, text.data))
		return false;
	if (open)
		return source_cannot_include(s, file, at, token->text,
			open == file ? "it is this file itself"
				     : "it is a file that includes this one");
	s->bytes += text.len;
	if (s->bytes > SOURCE_TOTAL_BYTES_MAX)
		return source_cannot_include(s, file, at, token->text,
			"all files together have more than %u MiB", SOURCE_TOTAL_BYTES_MAX >> 20);
	inner.name = path;
	inner.dev = text.dev;
	inner.ino = text.ino;
	return source_mark(s, (struct cfg_at){ path, 1 }) &&
	       source_scan(s, &inner, (struct str){ text.data, (uint32_t)text.len }) &&
	       source_mark(s, at);
}

static bool source_scan(struct source *s, const struct source_file *file, struct str text)
{
	struct scan scan = scan_begin(text, file->name, s->mistakes);
	struct token token;
	uint32_t line;
	const char *foreign = scan_foreign(text, &line);

	if (foreign) {
		mistake_add(s->mistakes, (struct cfg_at){ file->name, line }, "%s", foreign);
		return false;
	}
	line = 1;
	while (scan_next(&scan, &token) != TOKEN_BAD) {
		if (!source_put_lines(s, token.line - line))
			return false;
		line = token.line;
		if (token.kind == TOKEN_INCLUDE) {
			if (!source_include(s, file, &token))
				return false;
			continue;
		}
		if (token.kind == TOKEN_END && file->outer)
			return true;
		if (!grammar_take(&s->grammar, &token, file->name))
			return false;
		if (token.kind == TOKEN_END)
			return true;
		if (!source_put_token(s, &token))
			return false;
	}
	return false;
}

static bool source_read_main(struct source *s, const char *path)
{
	struct source_file file = { .depth = 0 };
	struct cfg_at at = { path, 1 };
	char why[FILE_WHY_BYTES], *name;
	struct file_text text;

	if (s->reader.read(s->reader.context, path, &text, why) < 0) {
		mistake_add(s->mistakes, at, "cannot be read: %s", why);
		return false;
	}
	s->bytes = text.len;
	file.dev = text.dev;
	file.ino = text.ino;
	if (!source_own(s, text.data))
		return false;
	name = strdup(path);
	if (!name || !source_own(s, name))
		return name ? false : source_no_memory(s);
	file.name = at.file = name;
	grammar_begin(&s->grammar, name, s->mistakes);
	return source_mark(s, at) &&
	       source_scan(s, &file, (struct str){ text.data, (uint32_t)text.len });
}

struct source *source_new(const char *path, const char *directory,
	const struct source_reader *reader, struct mistakes *mistakes)
{
	struct source *s = calloc(1, sizeof(*s));
	uint32_t errors = mistakes->errors;

	if (!s)
		return NULL;
	s->line = 1;
	s->directory = directory;
	s->reader = *reader;
	s->mistakes = mistakes;
	s->good = source_read_main(s, path) && mistakes->errors == errors;
	grammar_free(&s->grammar);
	if (s->good) {
		int rc = libconfig_tree(s, s->text, mistakes, &s->tree);

		s->good = rc == 0;
		if (rc == -ENOMEM)
			source_no_memory(s);
	}
	return s;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	for (uint32_t i = 0; i < source->owned_count; i++)
		free(source->owned[i]);
	tree_free(&source->tree);
	free(source->owned);
	free(source->marks);
	free(source->text);
	free(source);
}

const struct node *source_root(const struct source *source)
{
	return source->good ? &source->tree.root : NULL;
}

struct cfg_at source_at(const struct source *source, uint32_t line)
{
	uint32_t low = 0, high = source->mark_count;
	const struct source_mark *mark;

	/* The last mark that is not behind the line. */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (source->marks[middle].line <= line)
			low = middle;
		else
			high = middle;
	}
	mark = &source->marks[low];
	if (line < mark->line)
		line = mark->line;
	return (struct cfg_at){ mark->at.file, mark->at.line + (line - mark->line) };
}
