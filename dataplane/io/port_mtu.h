/* SPDX-License-Identifier: Apache-2.0 */
/* A port's MTU: what is configured, as far as the driver and the interface below it can. */
#ifndef SLUICE_DATAPLANE_IO_PORT_MTU_H
#define SLUICE_DATAPLANE_IO_PORT_MTU_H

#include <rte_ethdev.h>

#include "dataplane/io/port_setup.h"

/**
 * Set port->mtu. Software drivers say 1500 whatever their interface has: the smaller of both
 * counts.
 * @param device  for messages, and for the frame size in an af_packet's arguments
 * @return 0, -EINVAL or what the driver says when the configured MTU is too large; the reason is
 *         logged
 */
int port_mtu_choose(const char *device, const struct port_setup_config *config,
	const struct rte_eth_dev_info *info, struct port *port);

#endif
