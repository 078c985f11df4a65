/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings every segment to the worker that owns its connection. What reached the wrong worker would
 * be answered with a reset there. So ownership is a function of the segment alone, which every
 * worker computes (net/owner.h): where the port spreads by RSS it is the port's own, and next to
 * nothing is found in the wrong queue; software ports deliver as they like. What belongs to
 * somebody else crosses a mesh of single-producer single-consumer rings, and only the owner may say
 * that a connection does not exist.
 *
 * The same mesh carries neighbours' MAC addresses, because ARP replies come to one queue only, and
 * ICMP errors, which come by the hash of other addresses than the segment's that they quote.
 */
#ifndef SLUICE_DATAPLANE_STEER_H
#define SLUICE_DATAPLANE_STEER_H

#include "dataplane/net/net.h"
#include "lib/shm/stats.h"

struct steer_mesh; /* of all workers */
struct steer;      /* one worker's end */

/** Made by the main core before the workers start. @return NULL when out of memory */
struct steer_mesh *steer_mesh_create(uint32_t workers);
void steer_mesh_destroy(struct steer_mesh *mesh);

/** @param stats of this worker; segments handed over are counted @return NULL when out of memory */
struct steer *steer_create(
	struct steer_mesh *mesh, uint32_t worker, struct net *net, struct stats *stats);
void steer_destroy(struct steer *steer);

/**
 * Keep our own segments of a burst and hand the others over; then add what others handed to us.
 * @param segs  from net_input(); room for @p room
 * @return number of segments in @p segs that are ours
 */
uint16_t steer_exchange(
	struct steer *steer, struct rte_mbuf **segs, uint16_t n, uint16_t room, uint64_t now_ns);

/** What net tells the other workers; its ctx is the struct steer. */
extern const struct net_relay_ops steer_relay_ops;

#endif
