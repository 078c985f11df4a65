/* SPDX-License-Identifier: Apache-2.0 */
/* Where the two programs meet. */
#ifndef SLUICE_CONTROL_PATHS_H
#define SLUICE_CONTROL_PATHS_H

#define CONTROL_DEFAULT_SOCKET "/run/sluice/control.sock"

#endif
