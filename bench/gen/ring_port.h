/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port between two cores that costs the worker what a NIC's would: io/port.h for the worker on one side,
 * frames of the generator on the other. As with a NIC, mbufs are made and freed by the worker alone, and the
 * other side sees nothing of them but the bytes: it fills buffers that the worker gave (receive ring), and
 * copies out of those that the worker sends (transmit ring), chains included, before it gives them back.
 */
#ifndef SLUICE_BENCH_GEN_RING_PORT_H
#define SLUICE_BENCH_GEN_RING_PORT_H

#include <stdint.h>

#include <rte_mbuf.h>

struct ring_port;

/** @param id       of the worker's port, 0 or 1
 *  @param empties  the worker's pool  @param frames  the generator's
 *  @return NULL when out of memory; lives until the process ends */
struct ring_port *ring_port_create(
	uint16_t id, struct rte_mempool *empties, struct rte_mempool *frames);

/** What the worker sent, as frames of one mbuf each, owned by the caller. @return how many, at most @p n */
uint16_t ring_port_receive(struct ring_port *p, struct rte_mbuf **frames, uint16_t n);

/** Towards the worker; those that are taken are consumed. @return how many there was room for */
uint16_t ring_port_send(struct ring_port *p, struct rte_mbuf **frames, uint16_t n);

#endif
