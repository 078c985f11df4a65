/* SPDX-License-Identifier: Apache-2.0 */
/* What joins the generator and the gateway, and the gateway itself where it is in this process. */
#ifndef SLUICE_BENCH_GEN_LINK_H
#define SLUICE_BENCH_GEN_LINK_H

#include <rte_ethdev.h>

#include "bench/engine/engine.h"
#include "bench/gen/ring_port.h"
#include "dataplane/clock.h"
#include "lib/shm/stats.h"

#define GEN_BURST 32

enum gen_form { GEN_RING, GEN_MEMIF };

struct gen_options {
	enum gen_form form;
	const char *socket_dir; /* of memif's sockets */
	uint32_t connections, depth, per_connection, keys, head_bytes, body_bytes;
	double zipf, seconds;
	double rate; /* requests a second of the only open loop; 0: at shares of what the closed one gave */
	bool json, tls;
};

/* One side. */
struct gen_link {
	struct ring_port *ring; /* NULL: a port of DPDK's */
	uint16_t port;
};

/** Start the EAL, the links, and in the ring form the gateway's worker; ends the process on
 *  failure. @return true when on huge pages */
bool gen_start(const struct gen_options *o, struct gen_link *links, struct rte_mempool **pool);
void gen_stop(void);

/** Cycles for a line there and back between the two cores, in the ring form; see line.h. */
double gen_line_round_trip(void);

/** The gateway's addresses. */
void gen_gateway_macs(struct rte_ether_addr *macs);
/* What the worker counted, in the ring form; else zeros. */
struct gen_worker {
	uint64_t stage[STAGE_COUNT]; /* cycles */
	uint64_t busy;               /* all but idle */
	uint64_t requests, loops;    /* loops with packets in them */
};
void gen_worker_look(struct gen_worker *out);

static inline uint16_t gen_link_receive(struct gen_link *l, struct rte_mbuf **frames, uint16_t n)
{
	if (l->ring)
		return ring_port_receive(l->ring, frames, n);
	return rte_eth_rx_burst(l->port, 0, frames, n);
}

static inline uint16_t gen_link_send(struct gen_link *l, struct rte_mbuf **frames, uint16_t n)
{
	if (l->ring)
		return ring_port_send(l->ring, frames, n);
	return rte_eth_tx_burst(l->port, 0, frames, n);
}

#endif
