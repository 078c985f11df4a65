/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire tests' ports: they stand where the io library is linked otherwise. Frames to the gateway
 * wait in a queue; frames from it go to one function.
 */
#ifndef SLUICE_TESTS_WIRE_FAKE_PORT_H
#define SLUICE_TESTS_WIRE_FAKE_PORT_H

#include "dataplane/io/port.h"

#define FAKE_PORTS    3 /* OUTSIDE, INSIDE and the kernel's side of the first */
#define KERNEL_PORT   2
#define FAKE_RX_QUEUE 4096
#define FAKE_QUEUES   3

struct fake_queue {
	struct rte_mbuf *rx[FAKE_RX_QUEUE];
	uint32_t head, tail;
};

struct fake_port {
	struct port port;
	struct fake_queue queues[FAKE_QUEUES];
	uint32_t tx_room;   /* frames that the next flush takes; UINT32_MAX for all */
	const char *broken; /* how the gateway broke the rules of io/port.h; NULL */
};

extern struct fake_port fake_ports[FAKE_PORTS];

/** Give each port its name-giving MAC and an empty queue. */
void fake_ports_init(void);
typedef void (*fake_frame_fn)(uint8_t port, const uint8_t *data, uint32_t len);

/** Called for each frame that the gateway sends. */
void fake_ports_on_frame(fake_frame_fn fn);
/** Hand a frame on as the mbuf's flags ask: with its sums, in pieces (fake_offload.c). @param data  its bytes,
 *  written to */
void fake_offload(const struct rte_mbuf *m, uint8_t *data, fake_frame_fn fn, uint8_t port);
/** Queue a frame for the gateway. @return false when the queue or @p pool is exhausted */
bool fake_port_receive(
	uint8_t port, uint16_t queue, struct rte_mempool *pool, const uint8_t *data, uint32_t len);
/** From now on the port makes sums and, unless it sends one mbuf a packet, cuts segments. */
void fake_port_offload(unsigned port);
/** Frames that the gateway has not taken yet. */
uint32_t fake_ports_waiting(void);
/** Free what still waits. */
void fake_ports_clear(void);

#endif
