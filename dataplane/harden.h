/* SPDX-License-Identifier: Apache-2.0 */
/* What the dataplane gives up once its ports run. */
#ifndef SLUICE_DATAPLANE_HARDEN_H
#define SLUICE_DATAPLANE_HARDEN_H

/**
 * Forbid all threads of the process, for good, the system calls that only an intruder would want: to run
 * another program, to trace a process, to load modules, to mount, to change namespaces.
 * @return 0, or -errno where the kernel has no seccomp
 */
int harden_process(void);

#endif
