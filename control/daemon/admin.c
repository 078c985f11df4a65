/* SPDX-License-Identifier: Apache-2.0 */
/* See admin.h. Root and the user of this process may always do everything: they could read its
 * memory. */
#include "control/daemon/admin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/account.h"

static gid_t group_resolve(struct str name, char *text, size_t bytes)
{
	snprintf(text, bytes, "%.*s", (int)name.len, name.data);
	return account_group(text);
}

void admin_init(struct admin *admin)
{
	*admin = (struct admin){ .uid = geteuid(), .group = getegid(), .readers = (gid_t)-1 };
	account_group_name(admin->group, admin->group_name, sizeof(admin->group_name));
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

void admin_refusal(const struct admin *admin, const struct peer_user *user, const char *what,
	char *out, size_t bytes)
{
	char who[64], own[64];

	account_user_name(user->uid, who, sizeof(who));
	account_user_name(admin->uid, own, sizeof(own));
	snprintf(out, bytes,
		"user %s (uid %u) may not %s: only root%s%s and members of the group %s (admin.group) may",
		who, (unsigned)user->uid, what, admin->uid ? ", " : "", admin->uid ? own : "",
		admin->group_name);
}
