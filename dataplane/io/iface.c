/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of its interfaces, see iface.h. */
#include "dataplane/io/iface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* An ioctl on a kernel interface. @return 0, or -errno */
static int iface_ask(unsigned long request, struct ifreq *data)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, request, data) != 0)
		err = -errno;
	close(fd);
	return err;
}

int iface_mtu(unsigned index)
{
	struct ifreq data = { 0 };
	int err;

	if (index == 0 || !if_indextoname(index, data.ifr_name))
		return -ENODEV;
	err = iface_ask(SIOCGIFMTU, &data);
	return err ? err : data.ifr_mtu;
}

uint32_t iface_channels(const char *iface)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq data = { 0 };

	snprintf(data.ifr_name, sizeof(data.ifr_name), "%s", iface);
	data.ifr_data = (char *)&channels;
	if (iface_ask(SIOCETHTOOL, &data) != 0 || channels.max_combined == 0)
		return 1;
	return channels.combined_count;
}

bool iface_is_veth(const char *iface)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq data = { 0 };

	snprintf(data.ifr_name, sizeof(data.ifr_name), "%s", iface);
	data.ifr_data = (char *)&driver;
	return iface_ask(SIOCETHTOOL, &data) == 0 && strcmp(driver.driver, "veth") == 0;
}
