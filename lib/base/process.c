/* SPDX-License-Identifier: Apache-2.0 */
/* See process.h. */
#include "lib/base/process.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int process_end_core_files(void)
{
	const struct rlimit none = { 0, 0 };

	return prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}

int process_lock_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	return setrlimit(RLIMIT_MEMLOCK, &unlimited) ||
			       mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)
		       ? -errno
		       : 0;
}
