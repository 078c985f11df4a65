/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of a port. Both ways to it are DPDK drivers that make the interface themselves:
 * virtio_user over /dev/vhost-net, which copies outside our core, and the tap driver, with one
 * system call a packet. The interface is gone when the dataplane ends.
 *
 * The tap driver learns of packets from the kernel by a real-time signal, so that looking for them
 * costs nothing. When more of these signals wait than the kernel keeps, it sends SIGIO instead,
 * which ends a process that does not expect it.
 */
#include "dataplane/io/kernel_port.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_errno.h>

#include "dataplane/io/port_setup.h"
#include "lib/base/log.h"

#define VHOST_NET   "/dev/vhost-net"
#define DESCRIPTORS 256 /* of each queue: what comes is limited to a few packets a loop */

/* Some drivers take neither MTU nor state to the interface. @return 0, or -errno */
static int interface_up(const char *interface, uint16_t mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq data = { 0 };

	if (fd < 0)
		return -errno;
	snprintf(data.ifr_name, sizeof(data.ifr_name), "%s", interface);
	data.ifr_mtu = mtu;
	if (ioctl(fd, SIOCSIFMTU, &data) != 0 || ioctl(fd, SIOCGIFFLAGS, &data) != 0) {
		err = -errno;
	} else {
		data.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &data) != 0)
			err = -errno;
	}
	close(fd);
	return err;
}

static int device_setup(const char *device, const char *interface, const struct port *below,
	const struct port_setup_config *config, struct port *out)
{
	int err = port_setup(device, config, out);

	if (err)
		return err;
	if (out->rx_queues < config->rx_queues || out->tx_queues < config->tx_queues)
		err = -EINVAL;
	else
		err = interface_up(interface, below->mtu);
	if (err)
		port_close(out);
	out->mtu = below->mtu;
	return err;
}

int kernel_port_setup(const char *interface, const struct port *below, uint16_t queues,
	struct rte_mempool *const *pools, struct port *out)
{
	const struct port_setup_config config = {
		.rx_queues = queues,
		.tx_queues = queues,
		.rx_desc = DESCRIPTORS,
		.tx_desc = DESCRIPTORS,
		.pools = pools,
	};
	char device[256], mac[RTE_ETHER_ADDR_FMT_SIZE];
	int err;

	if (if_nametoindex(interface) != 0) {
		log_error("interface %s exists already", interface);
		return -EEXIST;
	}
	rte_ether_format_addr(mac, sizeof(mac), &below->mac);
	if (access(VHOST_NET, R_OK | W_OK) == 0) {
		snprintf(device, sizeof(device),
			"virtio_user_%s,path=" VHOST_NET ",queues=%u,queue_size=%u,iface=%s,mac=%s",
			interface, queues, DESCRIPTORS, interface, mac);
		if (device_setup(device, interface, below, &config, out) == 0)
			return 0;
		log_notice("%s: " VHOST_NET " does not serve %u queues, a tap is used", interface,
			queues);
	}
	signal(SIGIO, SIG_IGN);
	snprintf(device, sizeof(device), "net_tap_%s,iface=%s,mac=%s", interface, interface, mac);
	err = device_setup(device, interface, below, &config, out);
	if (err)
		log_error("interface %s: %s", interface, strerror(-err));
	return err;
}
