/* SPDX-License-Identifier: Apache-2.0 */
/* Which users may ask sluice-control what. */
#ifndef SLUICE_CONTROL_DAEMON_ADMIN_H
#define SLUICE_CONTROL_DAEMON_ADMIN_H

#include <stddef.h>

#include "control/config/config.h"
#include "lib/base/peer.h"

enum admin_right {
	ADMIN_NOTHING,
	ADMIN_READ,       /* status */
	ADMIN_EVERYTHING, /* apply, reopen */
	ADMIN_OWN,        /* root and our user: what is in our files, too */
};

struct admin {
	uid_t uid;     /* ours */
	gid_t group;   /* its members may do everything */
	gid_t readers; /* its members may read; (gid_t)-1: none */
	char group_name[64], readers_name[64];
};

/** Without a setting the group is the one that this process runs with. */
void admin_init(struct admin *admin);

/**
 * Take over the settings of a configuration that was checked.
 * @return the mode that the socket's file needs: the kernel lets those connect who are to get an
 * answer
 */
mode_t admin_configure(struct admin *admin, const struct cfg_admin *settings);

/** What the user at the other end of a connection may do. @param user  filled */
enum admin_right admin_right(const struct admin *admin, int fd, struct peer_user *user);

/** A sentence for a user who may not do @p what, which names those who may. */
void admin_refusal(const struct admin *admin, const struct peer_user *user, const char *what,
	char *out, size_t bytes);

#endif
