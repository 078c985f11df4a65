/* SPDX-License-Identifier: Apache-2.0 */
/* A script's file as the lines that are run: `let`, `repeat` and continued lines are resolved
 * here. */
#ifndef SLUICE_TESTS_WIRE_SCRIPT_H
#define SLUICE_TESTS_WIRE_SCRIPT_H

#include "tests/wire/text.h"

struct script {
	const char *file;
	const char *title; /* the first line's comment */
	struct line *lines;
	uint32_t count, room;
	uint32_t reading; /* number of the line that is being read; 0 when all are */
};

/** Read and resolve a file; fails the running script (wire_fail) where it cannot. @p out is set before
 *  the first line is read, for the message. */
void script_load(const char *file, struct script **out);

#endif
