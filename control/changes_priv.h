/* SPDX-License-Identifier: Apache-2.0 */
/* How the files of changes find records of a snapshot by name. */
#ifndef SLUICE_CONTROL_CHANGES_PRIV_H
#define SLUICE_CONTROL_CHANGES_PRIV_H

#include "control/changes.h"

/* Indices of records, or SNAP_NONE. */
uint32_t change_find_consumer(const struct snapshot *s, const char *name);
uint32_t change_find_plan(const struct snapshot *s, const char *name);
uint32_t change_find_backend(const struct snapshot *s, const char *name);
/** The endpoint of a backend at an address, however it is written.
 *  @param backend  index */
uint32_t change_find_endpoint(
	const struct snapshot *s, uint32_t backend, const struct ip_addr *addr, uint32_t port);
/** As change_find_endpoint(), by the terminated "address:port". */
uint32_t change_find_address(const struct snapshot *s, uint32_t backend, const char *address);
/** How many endpoints a backend has. @param backend  index */
uint32_t change_count_endpoints(const struct snapshot *s, uint32_t backend);

/* Sections of a snapshot in memory, with room for what changes add. */
struct change_edit {
	struct snapshot s; /* its sections point into what follows; shares no part */
	struct snap_consumer *consumers;
	struct snap_key *keys;
	struct snap_retired *retired;
	struct snap_endpoint *endpoints;
	char *callers_strings, *endpoints_strings;
};

/**
 * Make the changes of consumers and endpoints in a copy of sections.
 * @param after  the number of the latest that the snapshot holds
 * @param out    freed with change_edit_free(), also after an error
 * @return 0 or -ENOMEM
 */
int change_edit(const struct changes *changes, uint64_t after, const struct snapshot *s,
	struct change_edit *out);
void change_edit_free(struct change_edit *edit);

#endif
