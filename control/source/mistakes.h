/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mistakes found in a configuration: all of one run, each with its file and line, so that an
 * operator mends a file once and not once for each mistake.
 */
#ifndef SLUICE_CONTROL_SOURCE_MISTAKES_H
#define SLUICE_CONTROL_SOURCE_MISTAKES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A place in a configuration file. */
struct cfg_at {
	const char *file; /* as the operator named it */
	uint32_t line;    /* from 1 */
};

struct mistake {
	char *file;
	uint32_t line;
	uint32_t order; /* of its finding */
	bool warning;   /* the configuration can be used all the same */
	char *text;
	char *form; /* the text without what it quotes: "'…' is no value" */
};

#define MISTAKES_MAX 1000 /* more than a person reads; the rest is counted */
#define WARNINGS_MAX 200  /* warnings are given up first, so that each error has its place */

struct mistakes {
	struct mistake *list;
	uint32_t count;
	uint32_t errors;   /* those that are no warnings, left_out among them */
	uint32_t left_out; /* errors found after MISTAKES_MAX */
};

/** Note a mistake at @p at; the text needs no full stop. */
__attribute__((format(printf, 3, 4))) void mistake_add(
	struct mistakes *m, struct cfg_at at, const char *format, ...);

/** Note something that works but is probably not meant. */
__attribute__((format(printf, 3, 4))) void mistake_warn(
	struct mistakes *m, struct cfg_at at, const char *format, ...);

/** Order by file (@p first before all others), line and order of finding. */
void mistakes_sort(struct mistakes *m, const char *first);

/** One line each, `file:line: text` or `file:line: warning: text`. */
void mistakes_print(const struct mistakes *m, FILE *out);

/** Write one mistake as that line, without a line feed. @return as snprintf() */
int mistake_format(const struct mistake *mistake, char *out, size_t bytes);

void mistakes_free(struct mistakes *m);

#endif
