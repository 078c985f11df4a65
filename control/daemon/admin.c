/* SPDX-License-Identifier: Apache-2.0 */
/* See admin.h. Root and the user of this process may always do everything: they could read its
 * memory. */
#include "control/daemon/admin.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gid_t group_resolve(struct str name, char *text, size_t bytes)
{
	const struct group *group;

	snprintf(text, bytes, "%.*s", (int)name.len, name.data);
	group = getgrnam(text);
	return group ? group->gr_gid : (gid_t)-1;
}

void admin_init(struct admin *admin)
{
	const struct group *own = getgrgid(getegid());

	*admin = (struct admin){ .uid = geteuid(), .group = getegid(), .readers = (gid_t)-1 };
	if (own)
		snprintf(admin->group_name, sizeof(admin->group_name), "%s", own->gr_name);
	else
		snprintf(admin->group_name, sizeof(admin->group_name), "%u", (unsigned)getegid());
}

mode_t admin_configure(struct admin *admin, const struct cfg_admin *settings)
{
	admin_init(admin);
	if (settings->group.valid)
		admin->group = group_resolve(
			settings->group.text, admin->group_name, sizeof(admin->group_name));
	if (settings->readers.valid)
		admin->readers = group_resolve(
			settings->readers.text, admin->readers_name, sizeof(admin->readers_name));
	/* A file has one group. Of several, each connection is asked. */
	return settings->group.valid || settings->readers.valid ? 0666 : 0660;
}

enum admin_right admin_right(const struct admin *admin, int fd, struct peer_user *user)
{
	*user = (struct peer_user){ (uid_t)-1, (gid_t)-1, 0 };
	if (peer_user_get(fd, user))
		return ADMIN_NOTHING;
	if (user->uid == 0 || user->uid == admin->uid)
		return ADMIN_OWN;
	if (peer_user_in_group(fd, user, admin->group))
		return ADMIN_EVERYTHING;
	return peer_user_in_group(fd, user, admin->readers) ? ADMIN_READ : ADMIN_NOTHING;
}

static const char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_name : "?";
}

void admin_refusal(const struct admin *admin, const struct peer_user *user, const char *what,
	char *out, size_t bytes)
{
	char who[64], own[64];

	snprintf(who, sizeof(who), "%s", user_name(user->uid));
	snprintf(own, sizeof(own), "%s", user_name(admin->uid));
	snprintf(out, bytes,
		"user %s (uid %u) may not %s: only root%s%s and members of the group %s (admin.group) may",
		who, (unsigned)user->uid, what, admin->uid ? ", " : "", admin->uid ? own : "",
		admin->group_name);
}
