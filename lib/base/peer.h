/* SPDX-License-Identifier: Apache-2.0 */
/* The user at the other end of a UNIX socket, as the kernel knows it. */
#ifndef SLUICE_LIB_BASE_PEER_H
#define SLUICE_LIB_BASE_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer_user {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/** The user when it connected (SO_PEERCRED). @return 0 or -errno */
int peer_user_get(int fd, struct peer_user *out);

/** Is the peer's first group, or one of its further ones (SO_PEERGROUPS), @p gid? (gid_t)-1 is no
 * group. */
bool peer_user_in_group(int fd, const struct peer_user *user, gid_t gid);

#endif
