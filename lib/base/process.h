/* SPDX-License-Identifier: Apache-2.0 */
/* A process that holds keys. */
#ifndef SLUICE_LIB_BASE_PROCESS_H
#define SLUICE_LIB_BASE_PROCESS_H

/**
 * No core files, and no tracing by a process of the same user. To be called again after a change of
 * the user, at which the kernel decides about it again. @return 0 or -errno
 */
int process_end_core_files(void);

/**
 * Keep all memory off the swap, what comes later too, for keys lie all over the heap. Only what is
 * touched is taken. It outlives a change of the user. @return 0 or -errno: -EPERM as another user
 * than root
 */
int process_lock_memory(void);

#endif
