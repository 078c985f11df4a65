/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of a port: packets that are not the gateway's go to an interface of the
 * operating system, so that sshd or a routing daemon live on the same network card, and what the
 * kernel sends goes out of the port.
 *
 * The kernel is slow beside us: handing a packet over is a system call. So each kind of packet has
 * a rate of its own, and what is above it is dropped before it costs more than the look. The rates'
 * words are shared by the workers, as those of the callers' limits are: GCRA, advanced by
 * compare-and-swap, and only by packets for the kernel. Each worker has its own queue of the
 * interface.
 */
#ifndef SLUICE_DATAPLANE_NET_KERNEL_H
#define SLUICE_DATAPLANE_NET_KERNEL_H

#include <stdatomic.h>

#include "dataplane/net/net.h"
#include "lib/shm/snapshot.h"

#define NET_KERNEL_ADDRESSES SNAP_KERNEL_ADDRESSES_MAX
#define NET_KERNEL_PORTS     SNAP_KERNEL_PORTS_MAX
#define NET_KERNEL_BURST     32 /* packets from the kernel in one turn of a worker's loop */

/* One for each port that has a kernel's side; all but the words is constant after start. */
struct net_kernel {
	struct port port; /* our end of the kernel's interface */
	uint32_t address_count;
	struct ip_addr addresses[NET_KERNEL_ADDRESSES]; /* the kernel's alone */
	uint32_t port_count;
	uint16_t ports[NET_KERNEL_PORTS]; /* on the port's own addresses, host order */
	uint32_t burst;
	uint64_t interval_ns[KERNEL_CLASSES];
	_Atomic uint64_t tat_ns[KERNEL_CLASSES]; /* theoretical arrival times */
};

/* What one worker did for one port. */
struct net_kernel_counts {
	uint64_t handed[KERNEL_CLASSES];
	uint64_t full; /* packets for the kernel dropped because its queue was full */
	uint64_t sent; /* packets that the kernel sent */
};

/** True when a port has a kernel's side: then net_kernel_turn() is called once a loop. */
bool net_has_kernel(const struct net *net);

/** Take at most NET_KERNEL_BURST packets from each kernel's interface and queue them on its port, and
 *  hand over what was queued for the kernel. Before the ports are flushed. @return packets from the
 *  kernels */
uint16_t net_kernel_turn(struct net *net);

/**
 * Ask whether a TCP segment that no connection and no listener wants is the kernel's.
 * @param m  from net_input(), begins at the TCP header
 * @return true when it was, and is consumed
 */
bool net_kernel_offer(struct net *net, struct rte_mbuf *m);

struct net_kernel_counts net_kernel_counts(const struct net *net, uint32_t port_index);

/** One from the rate of a class. @return false when none is left */
bool net_kernel_take(struct net_kernel *kernel, enum kernel_class class, uint64_t now_ns);

#endif
