/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the dataplane to run several af_xdp queues on a veth. The PMD of 22.11 counts "combined"
 * channels, of which a veth names none although it has queues: here the kernel's answer is completed.
 */
#include <dlfcn.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) =
		(int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	va_list args;
	void *arg;
	int rc;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	rc = real(fd, request, arg);
	if (rc == 0 && request == SIOCETHTOOL) {
		struct ethtool_channels *c = (void *)((struct ifreq *)arg)->ifr_data;

		if (c && c->cmd == ETHTOOL_GCHANNELS && c->max_combined == 0) {
			c->max_combined = c->max_rx;
			c->combined_count = c->rx_count;
		}
	}
	return rc;
}
