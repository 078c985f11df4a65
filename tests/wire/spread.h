/* SPDX-License-Identifier: Apache-2.0 */
/* What a NIC does with RSS: which queue a frame is brought to, by DPDK's own reckoning and not by
 * ours. */
#ifndef SLUICE_TESTS_WIRE_SPREAD_H
#define SLUICE_TESTS_WIRE_SPREAD_H

#include "dataplane/io/port.h"

/** A table of @p size slots, dealt to the queues in turn, and the key that most drivers come
 * with. */
void spread_init(struct port_rss *rss, uint16_t size, uint16_t queues);

/** @return the queue; 0 for what is not TCP, and without RSS */
uint16_t spread_queue(const struct port_rss *rss, const uint8_t *frame, uint32_t len);

#endif
