/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name and number, from any thread: getpwnam() and its kin share one buffer. */
#ifndef SLUICE_LIB_BASE_ACCOUNT_H
#define SLUICE_LIB_BASE_ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

/** @return the group's number; (gid_t)-1 when there is none of this name, or without memory */
gid_t account_group(const char *name);

/** Write the group's name, or its number when it has none. */
void account_group_name(gid_t gid, char *out, size_t bytes);

/** Write the user's name, or "?" when it has none. */
void account_user_name(uid_t uid, char *out, size_t bytes);

#endif
