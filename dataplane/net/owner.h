/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker a connection belongs to, from its four-tuple alone: every worker comes to the same
 * answer without asking, for clients' connections and for those to backends.
 *
 * Where the port spreads TCP by Toeplitz RSS, it is the worker whose queue the port delivers to.
 * Toeplitz is linear over GF(2): the hash of a reply is that of its other fields XOR a word that
 * depends on our port alone. So the local ports fall into one class for each slot of the
 * indirection table, and those whose replies come home to a worker are found without a trial.
 * Elsewhere nobody can tell the queue, and any rule serves that all compute alike; here a sum, so
 * that the right local ports are again known beforehand.
 */
#ifndef SLUICE_DATAPLANE_NET_OWNER_H
#define SLUICE_DATAPLANE_NET_OWNER_H

#include "dataplane/io/port.h"
#include "dataplane/net/net.h"

struct owner_rss; /* one port's hash, read by all workers */

/**
 * @param rss      what the port says of itself
 * @param workers  each polls the queue of its number
 * @return NULL and EINVAL where RSS does not bring every worker its share for certain: no table, a
 *         worker that is not in it, a queue without a worker, a key by which some slot gets no
 *         local port; ENOMEM
 */
struct owner_rss *owner_rss_create(const struct port_rss *rss, uint32_t workers);
void owner_rss_destroy(struct owner_rss *rss);

/** True when RSS decides about that address's family. @param rss  may be NULL */
bool owner_by_rss(const struct owner_rss *rss, const struct ip_addr *addr);

/**
 * @param rss  of the port that has the segment's destination; NULL: none
 * @param in   an arriving segment's addresses and ports
 * @return index of the worker
 */
uint32_t owner_of(const struct owner_rss *rss, uint32_t workers, const struct net_meta *in);

/* The local ports by which one worker can connect to one peer. */
struct owner_ports {
	uint32_t count;       /* how many, OWNER_PORT_FIRST and above */
	uint32_t first, step; /* by the sum */
	const struct owner_rss *rss;
	uint32_t base, slots, family;
	const uint16_t *slot;
};

#define OWNER_PORT_FIRST 10000

/** @param reply  as the peer would send it: src is the peer; its dst_port does not matter */
struct owner_ports owner_ports(const struct owner_rss *rss, uint32_t workers, uint32_t worker,
	const struct net_meta *reply);

/** @param i below ports->count; another port for each, but for keys that fill their classes
 * unevenly */
uint16_t owner_port(const struct owner_ports *ports, uint32_t i);

#endif
