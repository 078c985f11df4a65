/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/eal.h"

#include <stdio.h>

#include <rte_common.h>
#include <rte_eal.h>

bool world_start_eal(const char *program)
{
	static char args[][24] = { "", "--no-huge", "--no-pci", "--no-shconf", "-m", "256", "-l",
		"0", "--no-telemetry", "--log-level=error" };
	char *argv[RTE_DIM(args) + 1] = { NULL };

	snprintf(args[0], sizeof(args[0]), "%s", program);
	for (unsigned i = 0; i < RTE_DIM(args); i++)
		argv[i] = args[i];
	return rte_eal_init(RTE_DIM(args), argv) >= 0;
}
