/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people: columns as wide as their widest cell, numbers to the right. None is wider than a terminal of 80
 * columns: what does not fit goes into a second table below with the same first columns, and a last column of text
 * is wrapped.
 */
#ifndef SLUICE_CONTROL_CTL_TABLE_H
#define SLUICE_CONTROL_CTL_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS 16
#define TABLE_WIDTH   80

struct table {
	unsigned columns;
	bool right[TABLE_COLUMNS]; /* numbers */
	unsigned width[TABLE_COLUMNS];
	char **cells; /* columns of each row after the other */
	unsigned count, room;
};

/** Begin with the heads, separated by '|'; a head that begins with '>' is a column of numbers. */
void table_begin(struct table *t, const char *heads);

/** Add the next cell. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *t, const char *format, ...);

/** A number with thousands separated, or a dash for 0. */
void table_count(struct table *t, uint64_t n);

/** A number of bytes, short: "1.4 MiB". */
void table_bytes(struct table *t, uint64_t n);

/** Print with a title, and free. */
__attribute__((format(printf, 3, 4))) void table_end(
	struct table *t, FILE *out, const char *title, ...);

/** Print @p text wrapped to the terminal's width, all lines but the first behind @p indent spaces.
 *  @param column  where the first line begins */
void text_wrap(FILE *out, const char *text, unsigned column, unsigned indent);

/** A time in words: "250 ms", "12 s", "1 h 30 min", "3 d 4 h". @param out  DURATION_BYTES @return @p out */
#define DURATION_BYTES 32
const char *duration_text(double seconds, char *out);

#endif
