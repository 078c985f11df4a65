/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-driven port: io/port.h implemented with the generator behind it, on the worker's own
 * core. Receiving makes frames, flushing takes them, and what that costs is counted apart, so that
 * it can be subtracted from the worker's stages: what is left is what the worker spends. Freeing
 * and making mbufs, which a driver would do, is counted apart as well.
 */
#ifndef SLUICE_BENCH_SELF_SELF_PORT_H
#define SLUICE_BENCH_SELF_SELF_PORT_H

#include "bench/engine/engine.h"
#include "dataplane/io/port.h"

/* The generator behind one queue of both ports, and its cycles since they were last set to 0. */
struct self_port {
	struct engine *engine;
	uint64_t start_ns, start_tsc; /* of this turn, set by the loop */
	uint64_t told_ns;             /* the latest time that the generator was told */
	uint64_t most_ns;             /* that a turn may seem to take: more is somebody else's */
	double ns_per_cycle;
	uint64_t rx_cycles;       /* within port_rx(), up to the last call that gave something */
	uint64_t rx_empty_cycles; /* since: the worker closes no stage after these */
	uint64_t tx_cycles;       /* within port_tx_flush() */
	uint64_t put_cycles;      /* within port_tx_put(), when the buffer was full */
	uint64_t free_cycles;     /* of tx_cycles: freeing what was sent */
};

/** By queue. */
extern struct self_port self_ports[];

#endif
