/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: columns as wide as their widest cell, numbers to the right. */
#ifndef SLUICE_CONTROL_CTL_TABLE_H
#define SLUICE_CONTROL_CTL_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS 14

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
void table_end(struct table *t, const char *title, FILE *out);

#endif
