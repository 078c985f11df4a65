/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks of a snapshot's records are made of. Each proves one member of the record that
 * @p c is at, and returns false after it said in c->why which @p field is wrong and how.
 */
#ifndef SLUICE_LIB_SHM_SNAPSHOT_PROVE_PRIV_H
#define SLUICE_LIB_SHM_SNAPSHOT_PROVE_PRIV_H

#include "lib/shm/snapshot_priv.h"
#include "lib/shm/snapshot_rows.h"

/* A text that may hold any bytes, @p min to @p max of them. */
bool snap_prove_long_bytes(
	struct snap_check *c, const char *field, struct snap_text text, uint32_t min, uint32_t max);
/* The same of at most 64 KiB. */
bool snap_prove_bytes(struct snap_check *c, const char *field, struct snap_text text, uint32_t min);
/* A text without control characters. */
bool snap_prove_text(struct snap_check *c, const char *field, struct snap_text text, uint32_t min);
/* The same, in lower case. */
bool snap_prove_lower(struct snap_check *c, const char *field, struct snap_text text, uint32_t min);
/* Records of another section. */
bool snap_prove_range(struct snap_check *c, const char *field, struct snap_range range,
	enum snap_section_id target);
/* A record of another section. */
bool snap_prove_index(
	struct snap_check *c, const char *field, uint32_t index, enum snap_section_id target);
/* A number. */
bool snap_prove_between(
	struct snap_check *c, const char *field, uint64_t value, uint64_t low, uint64_t high);
/* A slot of what settings reserve. */
bool snap_prove_slot(struct snap_check *c, uint32_t slot, uint32_t capacity);
/* The members of a record that are settings: their rows say what they may be. */
bool snap_prove_rows(struct snap_check *c, const struct snap_row *rows, const void *record);

/* Proves a record of a section. */
typedef bool (*snap_record_check)(struct snap_check *c, const void *record);

/* By section; NULL in the table of others, and where any bytes are good. */
extern const snap_record_check snap_checks_routing[SNAP_SECTION_COUNT];
extern const snap_record_check snap_checks_callers[SNAP_SECTION_COUNT];

#endif
