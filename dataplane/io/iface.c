/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of its interfaces, see iface.h. */
#include "dataplane/io/iface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
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

struct xdp_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct nlattr nest, fd_head;
	int32_t fd;
	struct nlattr flags_head;
	uint32_t flags;
};

/* The kernel acts on a request, and queues its answer, before send() returns. */
static int xdp_request_send(int fd, const struct xdp_request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256]; /* of the request, and what the kernel says in words */
	} answer;

	if (send(fd, request, sizeof(*request), 0) < 0 ||
		recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) < 0)
		return -errno;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

int iface_xdp_detach(unsigned index)
{
	static const uint32_t modes[] = { XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int first = 0;

	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct xdp_request request = {
			.header = { .nlmsg_len = sizeof(request),
				.nlmsg_type = RTM_SETLINK,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
			.link = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index },
			.nest = { (uint16_t)(sizeof(request) - offsetof(struct xdp_request, nest)),
				IFLA_XDP | NLA_F_NESTED },
			.fd_head = { NLA_HDRLEN + sizeof(int32_t), IFLA_XDP_FD },
			.fd = -1,
			.flags_head = { NLA_HDRLEN + sizeof(uint32_t), IFLA_XDP_FLAGS },
			.flags = modes[i],
		};
		int err = xdp_request_send(fd, &request);

		/* No such mode, no such interface: nothing is attached. */
		if (first == 0 && err != -EOPNOTSUPP && err != -ENODEV)
			first = err;
	}
	close(fd);
	return first;
}
