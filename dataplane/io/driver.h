/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers that a port may use. The name of a device and its arguments come from control, while
 * the dataplane is root: only drivers and arguments of a list are taken, so that none loads a
 * program, reads a file or writes one. The same list says what a driver needs once its port runs.
 */
#ifndef SLUICE_DATAPLANE_IO_DRIVER_H
#define SLUICE_DATAPLANE_IO_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/* Groups of system calls that a driver makes while it runs and while it stops, beside those of
 * every dataplane. */
#define DRIVER_CALLS_SOCKET  (1u << 0) /* reads and changes interfaces by ioctl and netlink */
#define DRIVER_CALLS_CONNECT (1u << 1) /* connects again to a UNIX socket */
#define DRIVER_CALLS_DEVICE  (1u << 2) /* ioctl of /dev/net/tun and /dev/vhost-net */

struct driver_needs {
	uint64_t capabilities; /* bits 1 << CAP_* */
	uint32_t calls;        /* DRIVER_CALLS_* */
};

/**
 * May this device be a port?
 * @param device as configured: a PCI address, "auto:INTERFACE", or a software device with its
 * arguments
 * @param more names of further drivers, which the command line allows with all arguments; @p
 * more_count of them
 * @param why     on failure, a sentence; @p why_bytes of room
 * @return 0, or -EACCES
 */
int driver_allowed(const char *device, const char *const *more, uint32_t more_count, char *why,
	size_t why_bytes);

/** May an interface have this name in a driver's arguments? @return 0, or -EACCES with a sentence
 * */
int driver_interface_allowed(const char *name, char *why, size_t why_bytes);

/** What a running port's driver needs. @param driver its name from DPDK. An unknown one needs
 * nothing special. */
struct driver_needs driver_needs(const char *driver);

#endif
