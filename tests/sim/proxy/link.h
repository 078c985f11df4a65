/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of the simulation stand where the io library is linked otherwise, and two wires between
 * them: the gateway's outside and the clients, its inside and the backends. A frame on the way is a
 * copy, so that it takes no mbuf; it arrives after the scenario's delay, or is lost.
 */
#ifndef SLUICE_TESTS_SIM_PROXY_LINK_H
#define SLUICE_TESTS_SIM_PROXY_LINK_H

#include "tests/sim/proxy/sim.h"

/** Nothing is on the wires; from now on they are those of this simulation. */
void link_init(struct sim *s, struct rte_mempool *const pools[SIM_PORTS]);
/** Frees what is on the wires. */
void link_fini(void);
/** When the next frame arrives at a port, or UINT64_MAX. */
uint64_t link_next(enum sim_port port);
void link_port_init(struct port *port, enum sim_port id, uint16_t mtu, bool linear);

#endif
