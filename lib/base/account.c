/* SPDX-License-Identifier: Apache-2.0 */
/* See account.h. A record may need any room: a group's holds all its members. */
#include "lib/base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCOUNT_ROOM_MIN 1024
#define ACCOUNT_ROOM_MAX (1 << 24)

/* A look-up of <grp.h> or <pwd.h>, with more room each time that it asks for it. FOUND is set to the
 * record or NULL, whose texts are in ROOM for free(). */
#define ACCOUNT_LOOK_UP(look_up, key, record, found, room)                                         \
	for (size_t bytes_ = ACCOUNT_ROOM_MIN; bytes_ <= ACCOUNT_ROOM_MAX; bytes_ *= 2) {          \
		char *more_ = realloc(room, bytes_);                                               \
                                                                                                   \
		found = NULL;                                                                      \
		if (!more_)                                                                        \
			break;                                                                     \
		room = more_;                                                                      \
		if (look_up(key, &(record), room, bytes_, &(found)) != ERANGE)                     \
			break;                                                                     \
	}

gid_t account_group(const char *name)
{
	struct group record, *found = NULL;
	char *room = NULL;
	gid_t gid;

	ACCOUNT_LOOK_UP(getgrnam_r, name, record, found, room);
	gid = found ? found->gr_gid : (gid_t)-1;
	free(room);
	return gid;
}

void account_group_name(gid_t gid, char *out, size_t bytes)
{
	struct group record, *found = NULL;
	char *room = NULL;

	ACCOUNT_LOOK_UP(getgrgid_r, gid, record, found, room);
	if (found)
		snprintf(out, bytes, "%s", found->gr_name);
	else
		snprintf(out, bytes, "%u", (unsigned)gid);
	free(room);
}

void account_user_name(uid_t uid, char *out, size_t bytes)
{
	struct passwd record, *found = NULL;
	char *room = NULL;

	ACCOUNT_LOOK_UP(getpwuid_r, uid, record, found, room);
	snprintf(out, bytes, "%s", found ? found->pw_name : "?");
	free(room);
}
