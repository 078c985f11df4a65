/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multicast groups of a port. IPv6 asks for a neighbour by multicast, so that a NIC that
 * filters must know our groups: by its list where the driver has one, else by all groups, else by
 * everything.
 *
 * A software port over a kernel interface has no such functions; there the interface's own filter
 * must be told, which a packet socket does that joins the groups and reads nothing. The kernel
 * forgets them when it closes, however that comes about.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/io/port_setup.h"
#include "lib/base/log.h"

static int sockets[RTE_MAX_ETHPORTS]; /* descriptor + 1 */

static int multicast_join(int fd, unsigned if_index, const struct rte_ether_addr *mac)
{
	struct packet_mreq request = { .mr_ifindex = (int)if_index,
		.mr_type = PACKET_MR_MULTICAST,
		.mr_alen = RTE_ETHER_ADDR_LEN };

	memcpy(request.mr_address, mac->addr_bytes, RTE_ETHER_ADDR_LEN);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request));
}

static int join_all(
	uint16_t port_id, unsigned if_index, const struct rte_ether_addr *macs, uint32_t count)
{
	/* Protocol 0: nothing is ever received. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	for (uint32_t i = 0; i < count; i++) {
		if (multicast_join(fd, if_index, &macs[i]) != 0) {
			err = -errno;
			close(fd);
			return err;
		}
	}
	sockets[port_id] = fd + 1;
	return 0;
}

int port_multicast(const struct port *port, const struct rte_ether_addr *macs, uint32_t count)
{
	struct rte_ether_addr list[PORT_GROUPS_MAX];
	struct rte_eth_dev_info info;
	const char *how = "list";
	int err;

	if (count == 0)
		return 0;
	if (count > PORT_GROUPS_MAX)
		return -EINVAL;
	memcpy(list, macs, count * sizeof(list[0]));
	err = rte_eth_dev_set_mc_addr_list(port->id, list, count);
	if (err && rte_eth_dev_info_get(port->id, &info) == 0 && info.if_index) {
		how = "kernel interface";
		err = join_all(port->id, info.if_index, macs, count);
	}
	if (err) {
		how = "all groups";
		err = rte_eth_allmulticast_enable(port->id);
	}
	if (err) {
		how = "promiscuous mode";
		err = rte_eth_promiscuous_enable(port->id);
	}
	/* A driver with none of these, such as that of rings, filters nothing. */
	if (err)
		log_notice("port %u: no filter of multicast to set (%s)", port->id,
			rte_strerror(-err));
	else
		log_notice("port %u: %u multicast groups by %s", port->id, count, how);
	return err == -ENOTSUP ? 0 : err;
}

void port_multicast_end(const struct port *port)
{
	if (sockets[port->id] > 0)
		close(sockets[port->id] - 1);
	sockets[port->id] = 0;
}
