/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls are left once a process has what it needs. */
#ifndef SLUICE_DATAPLANE_HARDEN_H
#define SLUICE_DATAPLANE_HARDEN_H

#include <stdint.h>

/**
 * Leave all threads of the process, for good, the system calls that a dataplane makes while it
 * serves and while it stops, and those of its drivers. Any other fails with EPERM, and the kernel's
 * audit log has it.
 * @param driver_calls  DRIVER_CALLS_* of all ports (io/driver.h)
 * @return 0, or -errno where the kernel has no seccomp
 */
int harden_process(uint32_t driver_calls);

/** Leave a compilation of patterns what it needs: memory, and the descriptors that are open.
 * @return 0 or -errno */
int harden_compiler(void);

#endif
