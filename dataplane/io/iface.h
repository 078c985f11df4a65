/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's interfaces, below software ports: what the drivers do not tell of them. */
#ifndef SLUICE_DATAPLANE_IO_IFACE_H
#define SLUICE_DATAPLANE_IO_IFACE_H

#include <stdbool.h>
#include <stdint.h>

/** @param index of the interface below a port, 0 where there is none @return its MTU in bytes, or
 * -errno */
int iface_mtu(unsigned index);

/** @return how many queues af_xdp can have: the combined channels, or one where the driver names
 * none */
uint32_t iface_channels(const char *iface);

bool iface_is_veth(const char *iface);

/**
 * Take an XDP program off an interface, if one is there. The driver's own way needs to look
 * programs up by number, which takes more rights than a running dataplane has; CAP_NET_ADMIN is
 * enough for this one.
 * @return 0, or -errno of the kernel
 */
int iface_xdp_detach(unsigned index);

#endif
