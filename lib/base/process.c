/* SPDX-License-Identifier: Apache-2.0 */
/* See process.h. */
#include "lib/base/process.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int process_end_core_files(void)
{
	const struct rlimit none = { 0, 0 };

	return prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}
