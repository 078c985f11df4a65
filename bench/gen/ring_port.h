/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port between two cores: io/port.h for the worker on one side, frames of the generator on the
 * other. What the two share is slots of bytes; each side copies into them and out of them (on the
 * worker's side that is rx and tx, the port's part) and has its mbufs for itself. Were they shared,
 * the worker's own stages would wait for lines that the other core has, which with a NIC nobody
 * does.
 */
#ifndef SLUICE_BENCH_GEN_RING_PORT_H
#define SLUICE_BENCH_GEN_RING_PORT_H

#include <stdint.h>

#include <rte_mbuf.h>

struct ring_port;

/** @param id           of the worker's port, 0 or 1
 *  @param worker_pool  where the worker's mbufs come from  @param frames  and the generator's
 *  @return NULL when out of memory; lives until the process ends */
struct ring_port *ring_port_create(
	uint16_t id, struct rte_mempool *worker_pool, struct rte_mempool *frames);

/** What the worker sent, as frames of one mbuf each, owned by the caller. @return how many, at most
 * @p n */
uint16_t ring_port_receive(struct ring_port *p, struct rte_mbuf **frames, uint16_t n);

/** Towards the worker; those that are taken are consumed. @return how many there was room for */
uint16_t ring_port_send(struct ring_port *p, struct rte_mbuf **frames, uint16_t n);

#endif
