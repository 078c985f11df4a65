/* SPDX-License-Identifier: Apache-2.0 */
/* Who may operate the gateway: the groups have to be this machine's. */
#include <stdio.h>

#include "control/config/check_priv.h"
#include "lib/base/account.h"

static void check_group(struct check *c, const struct cfg_value *value)
{
	char name[64];

	if (!value->valid || c->config->without_files)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)value->text.len, value->text.data);
	if (account_group(name) == (gid_t)-1)
		mistake_add(c->mistakes, value->at,
			"there is no group '%s' on this machine: make it (groupadd %s)", name,
			name);
}

void check_admin(struct check *c)
{
	check_group(c, &c->config->root.admin.group);
	check_group(c, &c->config->root.admin.readers);
}
