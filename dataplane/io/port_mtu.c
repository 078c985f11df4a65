/* SPDX-License-Identifier: Apache-2.0 */
/* A port's MTU, see port_mtu.h. */
#include "dataplane/io/port_mtu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "dataplane/io/iface.h"
#include "lib/base/log.h"

#define AF_PACKET_FRAME 2048 /* where nothing is said */

/*
 * af_packet's driver tells ethdev of no frame above 1,518 bytes, while what it can is its ring's
 * frame; what is beyond that it would cut off. @param below MTU of the interface, or -errno
 */
static int af_packet_mtu(const char *device, int below, uint16_t mtu)
{
	const char *given = strstr(device, ",framesz=");
	uint32_t frame =
		given ? (uint32_t)strtoul(given + strlen(",framesz="), NULL, 10) : AF_PACKET_FRAME;

	if (below < mtu) {
		log_error("%s: MTU %u: the interface has %d, raise it first", device, mtu, below);
		return -EINVAL;
	}
	if (frame < port_frame_bytes(mtu)) {
		log_error("%s: MTU %u: framesz is %u, it must be %u", device, mtu, frame,
			port_frame_bytes(mtu));
		return -EINVAL;
	}
	return 0;
}

static int mtu_raise(const char *device, const struct rte_eth_dev_info *info, int below,
	uint16_t mtu, const struct port *port)
{
	int err;

	if (strcmp(info->driver_name, "net_af_packet") == 0)
		return af_packet_mtu(device, below, mtu);
	err = rte_eth_dev_set_mtu(port->id, mtu);
	if (err)
		log_error("%s: MTU %u: %s; %s takes MTUs up to %u and frames of up to %u bytes",
			device, mtu, rte_strerror(-err), info->driver_name, info->max_mtu,
			info->max_rx_pktlen);
	return err;
}

int port_mtu_choose(const char *device, const struct port_setup_config *config,
	const struct rte_eth_dev_info *info, struct port *port)
{
	int err, below;
	uint16_t mtu;

	err = rte_eth_dev_get_mtu(port->id, &mtu);
	if (err)
		return err;
	below = iface_mtu(info->if_index);
	if (below > 0 && below < mtu)
		mtu = (uint16_t)below;
	if (config->mtu && config->mtu > mtu) {
		err = mtu_raise(device, info, below, config->mtu, port);
		if (err)
			return err;
	}
	port->mtu = config->mtu ? config->mtu : mtu;
	return 0;
}
