/* SPDX-License-Identifier: Apache-2.0 */
/* A process that holds keys. */
#ifndef SLUICE_LIB_BASE_PROCESS_H
#define SLUICE_LIB_BASE_PROCESS_H

/** No core files, and no tracing by a process of the same user. To be said again after a change of
 * the user, which the
 *  kernel takes for a reason to decide anew. @return 0 or -errno */
int process_end_core_files(void);

#endif
