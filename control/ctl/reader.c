/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching to a dataplane's memory: works whether sluice-control is there or not. */
#include <errno.h>
#include <string.h>

#include "control/ctl/ctl.h"

#define PATIENCE_MS 5000 /* the main core may be busy with an apply */

int ctl_attach(const struct ctl *ctl, struct link_client *link, bool quiet)
{
	int rc = link_client_connect(ctl->socket, LINK_ROLE_READER, link_boot_id(), link);

	if (rc == 0) {
		rc = link_client_wait_ready(link, PATIENCE_MS);
		if (rc == 0)
			return 0;
		if (!quiet)
			ctl_complain(ctl, "the dataplane at %s: %s", ctl->socket, link->why);
		link_client_close(link);
		return rc;
	}
	if (quiet)
		return rc;
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		ctl_complain(ctl, "no dataplane at %s: start sluice-dataplane, or give --socket",
			ctl->socket);
	else if (rc == -EACCES)
		ctl_complain(
			ctl, "%s: not allowed; be root or the user of sluice-control", ctl->socket);
	else
		ctl_complain(ctl, "the dataplane at %s: %s", ctl->socket, strerror(-rc));
	return rc;
}
