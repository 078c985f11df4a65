/* SPDX-License-Identifier: Apache-2.0 */
/* See peer.h. */
#include "lib/base/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

int peer_user_get(int fd, struct peer_user *out)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	*out = (struct peer_user){ peer.uid, peer.gid, peer.pid };
	return 0;
}

bool peer_user_in_group(int fd, const struct peer_user *user, gid_t gid)
{
	socklen_t len = 0;
	gid_t *groups;
	bool found = false;

	if (gid == (gid_t)-1)
		return false;
	if (user->gid == gid)
		return true;
	/* Without room it says how much it needs. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return false;
	groups = malloc(len);
	if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
		for (size_t i = 0; i < len / sizeof(*groups) && !found; i++)
			found = groups[i] == gid;
	free(groups);
	return found;
}
