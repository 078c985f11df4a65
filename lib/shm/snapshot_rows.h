/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings in a snapshot's records, from the rows of lib/schema: where each lies, its default
 * and its range, and whether a running dataplane can change it.
 */
#ifndef SLUICE_LIB_SHM_SNAPSHOT_ROWS_H
#define SLUICE_LIB_SHM_SNAPSHOT_ROWS_H

#include "lib/shm/snapshot.h"

enum snap_store { SNAP_IS_u32, SNAP_IS_u64, SNAP_IS_text };

struct snap_row {
	const char *member; /* NULL ends a list */
	uint32_t offset;    /* in its record */
	enum snap_store store;
	bool restart;                 /* only a new start of the dataplane can change it */
	uint64_t fallback, low, high; /* numbers; the default may lie outside of the range */
};

/* The rows of each group, and the place of each row in it. */
#define GROUP(group, noun, title, text)                                                            \
	extern const struct snap_row snap_rows_##group[];                                          \
	enum snap_row_of_##group                                                                   \
	{
#define SETTING(group, name, type, store, member, fallback, range, change, text)                   \
	SNAP_ROW_##group##_##name,
#define END(group)                                                                                 \
	SNAP_ROWS_##group                                                                          \
	}                                                                                          \
	;
#include "lib/schema/rows.def"
#include "lib/schema/schema.def"
#include "lib/schema/end.def"

/** All rows of struct snap_settings. */
extern const struct snap_row snap_rows_settings[];

/** The number at a row's place in @p record; a text's length. */
uint64_t snap_row_number(const struct snap_row *row, const void *record);

/** Put @p number at a row's place in @p record; not for texts. */
void snap_row_set(const struct snap_row *row, void *record, uint64_t number);

/** Fill the members of a record that have rows with their defaults; texts become empty. */
void snap_rows_defaults(const struct snap_row *rows, void *record);

/** Is the setting the same in record @p x of @p a and in @p y of @p b? */
bool snap_row_same(const struct snap_row *row, const struct snapshot *a, const void *x,
	const struct snapshot *b, const void *y);

/** The first setting that differs and that a running dataplane cannot change; NULL: none. */
const struct snap_row *snap_rows_restart(const struct snap_row *rows, const struct snapshot *a,
	const void *x, const struct snapshot *b, const void *y);

#endif
