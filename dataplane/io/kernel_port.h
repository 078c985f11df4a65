/* SPDX-License-Identifier: Apache-2.0 */
/* From an interface's name to a port whose other end is that interface, in the operating system's
 * kernel. */
#ifndef SLUICE_DATAPLANE_IO_KERNEL_PORT_H
#define SLUICE_DATAPLANE_IO_KERNEL_PORT_H

#include <stdint.h>

#include <rte_mempool.h>

#include "dataplane/io/port.h"

/**
 * Make a kernel interface, with the MAC address and the MTU of the port whose packets it is to get,
 * and set it up: through vhost-net where the kernel has it, else as a tap.
 * @param interface  its name, which must be free
 * @param below      the port, started
 * @param queues     of each direction: one a worker
 * @param pools      as in struct port_setup_config
 * @return 0, or -errno; the reason is logged
 */
int kernel_port_setup(const char *interface, const struct port *below, uint16_t queues,
	struct rte_mempool *const *pools, struct port *out);

#endif
