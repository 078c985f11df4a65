/* SPDX-License-Identifier: Apache-2.0 */
/* What libxdp has to say, as lines of our log. */
#ifndef SLUICE_DATAPLANE_IO_XDP_LOG_H
#define SLUICE_DATAPLANE_IO_XDP_LOG_H

/** Take its messages over, once the EAL has loaded the driver that uses it. Without libxdp nothing
 * happens. */
void xdp_log_open(void);

#endif
