/* SPDX-License-Identifier: Apache-2.0 */
/* From a slot back to the record that has it: how events and statistics get their names. */
#ifndef SLUICE_CONTROL_SLOT_NAMES_H
#define SLUICE_CONTROL_SLOT_NAMES_H

#include "lib/shm/snapshot.h"

struct changes;

/* Index of the record of each slot, SNAP_NONE where there is none. */
struct slot_names {
	const struct snapshot *snapshot; /* outlives the table */
	const struct changes *changes;   /* by command; NULL: none */
	uint32_t *listeners, *apis, *endpoints, *consumers;
};

/** @return 0 or -ENOMEM; the caller frees with slot_names_free() */
int slot_names_make(const struct snapshot *snapshot, struct slot_names *out);
void slot_names_free(struct slot_names *names);

/** The name of a slot; empty for SNAP_NONE, for unknown slots and where the table holds nothing. */
struct str slot_listener(const struct slot_names *names, uint32_t slot);
struct str slot_api(const struct slot_names *names, uint32_t slot);
struct str slot_api_version(const struct slot_names *names, uint32_t slot);
struct str slot_endpoint(const struct slot_names *names, uint32_t slot);
struct str slot_backend_of_endpoint(const struct slot_names *names, uint32_t slot);
struct str slot_consumer(const struct slot_names *names, uint32_t slot);

/** The id of the key whose digest begins with these bytes, one that was added by command, too; or empty.
 *  @param prefix  as in struct event; 0: none */
struct str slot_key_id(const struct slot_names *names, uint64_t prefix);

#endif
