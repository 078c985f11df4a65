/* SPDX-License-Identifier: Apache-2.0 */
/* What the dataplane gives up: core files at once, root and most system calls once its ports run.
 * */
#ifndef SLUICE_DATAPLANE_PRIVILEGES_H
#define SLUICE_DATAPLANE_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/io/driver.h"

struct privileges {
	const char *user; /* to become once ports run; NULL: stay who we are */
	unsigned uid, gid;
	bool core_dumps; /* keep core files and debuggers possible */
	bool unconfined; /* keep capabilities and all system calls: to look for a mistake */
};

/** Before anything secret is in memory, and before there are threads. */
void privileges_begin(const struct privileges *privileges);

/**
 * Give up, in all threads and for good: the user, capabilities but those that @p needs names,
 * gaining new privileges (no_new_privs), and system calls that neither a dataplane nor its drivers
 * make.
 * @param why  on failure, a sentence; @p why_bytes of room
 * @return 0 or -errno; after a failure the process must end
 */
int privileges_drop(const struct privileges *privileges, const struct driver_needs *needs,
	char *why, size_t why_bytes);

/** The same of a helper process with one thread, which keeps no capability. @return 0 or -errno */
int privileges_drop_all(const struct privileges *privileges);

#endif
