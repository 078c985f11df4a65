/* SPDX-License-Identifier: Apache-2.0 */
/* From a device's name in the configuration to a started port. */
#ifndef SLUICE_DATAPLANE_IO_PORT_SETUP_H
#define SLUICE_DATAPLANE_IO_PORT_SETUP_H

#include <stdint.h>

#include <rte_mempool.h>

#include "dataplane/io/port.h"

#define PORT_MTU_USUAL 1500

/** Bytes for the frames of a port with this MTU, with what drivers put around them in rings of their own:
 *  whole KiB, 2 of them for 1,500. @param mtu  bytes, 0 for the usual one */
static inline uint16_t port_frame_bytes(uint16_t mtu)
{
	return (uint16_t)RTE_ALIGN_CEIL((mtu ? mtu : PORT_MTU_USUAL) + 96, 1024);
}

/** The data room of an mbuf that such a frame fits, so that no port has to scatter. */
static inline uint16_t port_data_room(uint16_t mtu)
{
	return (uint16_t)(RTE_PKTMBUF_HEADROOM + port_frame_bytes(mtu));
}

struct port_setup_config {
	uint16_t rx_queues, tx_queues;    /* one a worker; the port may give fewer */
	uint16_t rx_desc, tx_desc;        /* wished length of each queue; 0 for 1024 */
	uint16_t mtu;                     /* 0: as the port has it */
	struct rte_mempool *const *pools; /* one for each receive queue asked for */
};

/**
 * Make a pool that every port can receive into, with net's private area (NET_META_BYTES) or a
 * larger one. rte_pktmbuf_pool_create() is not enough: it keeps mbufs from crossing pages, one in
 * each 4 KiB without huge pages, while af_xdp reckons with mbufs that lie close together and loses
 * every frame beyond its own reckoning, in both directions and without an error.
 * @param count  mbufs @param cache of each lcore @param priv_bytes whole words @param data_room
 * port_data_room() of the largest MTU of all ports
 * @return NULL and rte_errno
 */
struct rte_mempool *port_pool_create(const char *name, uint32_t count, uint32_t cache,
	uint16_t priv_bytes, uint16_t data_room, int socket);

/**
 * Find or make the device, configure and start it. Offloads that it has are turned on, the choice
 * is logged.
 * @param device  a PCI address ("0000:5e:00.0"), a software device with its arguments
 *                ("net_af_packet0,iface=eth1"), or "auto:IFNAME" for af_xdp on a kernel interface
 *                and, where that does not start, af_packet
 * @return 0, -ENODEV, -EINVAL (queues, MTU), or what the driver says; the reason is logged
 */
int port_setup(const char *device, const struct port_setup_config *config, struct port *out);

#define PORT_GROUPS_MAX 16

/**
 * Let frames to multicast groups in, by whatever the driver has for that.
 * @param count  at most PORT_GROUPS_MAX; with 0 nothing is changed
 * @return 0, also where the port filters nothing, or -errno
 */
int port_multicast(const struct port *port, const struct rte_ether_addr *macs, uint32_t count);

/** Leave the groups; port_close() does so. */
void port_multicast_end(const struct port *port);

/** Stop and release; no worker may use the port any more. Its device goes with
 * rte_eal_cleanup(). */
void port_close(const struct port *port);

#endif
