/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts around the gateway and their connections with it. A flow knows both initial sequence
 * numbers, so that scripts and messages speak of relative ones.
 */
#ifndef SLUICE_TESTS_WIRE_FLOW_H
#define SLUICE_TESTS_WIRE_FLOW_H

#include "tests/wire/base.h"

enum { OUTSIDE, INSIDE, PORTS };

enum host_manner {
	HOST_ANSWERS, /* accepts connections */
	HOST_REFUSES, /* RST to a SYN */
	HOST_SILENT,  /* nothing to a SYN */
};

struct host {
	const char *name;
	uint32_t ip; /* host order */
	uint8_t mac[6];
	uint8_t port; /* OUTSIDE or INSIDE */
	bool raw;     /* the script speaks for it packet by packet */
	bool no_arp;
	enum host_manner manner;
	struct bytes serve; /* answer to every request; empty: the script answers */
	bool serves;
	struct host *next;
};

struct flow {
	const char *name; /* "client", "client:2" */
	struct host *host;
	uint32_t sut_ip;
	uint16_t sut_port, peer_port;
	bool bound; /* sut_port is known */
	bool sut_isn_known;
	uint32_t peer_isn, sut_isn;
	uint32_t snd_nxt, rcv_nxt; /* relative: what the peer would send and expects */
	uint32_t ts_last;          /* latest TSval of the gateway */
	struct flow *next;
};

struct net_world {
	struct host *hosts;
	struct flow *flows;
	uint32_t isn; /* of the next flow's peer */
	uint16_t next_port;
};

void hosts_init(struct net_world *n);
/** Find a host, or make a client of that name. @return NULL where there can be none */
struct host *host_find(struct net_world *n, const char *name);
struct host *host_add(struct net_world *n, const char *name, uint32_t ip, uint8_t port);
struct host *host_by_ip(struct net_world *n, uint32_t ip);

/** The flow "HOST" or "HOST:LABEL", made where it is new. */
struct flow *flow_get(struct net_world *n, const char *name);
struct flow *flow_add(struct net_world *n, const char *name, struct host *host);
/** The flow of a packet, by its end points as the peer sees them; NULL for none. */
struct flow *flow_find(struct net_world *n, uint32_t sut_ip, uint16_t sut_port, uint32_t peer_ip,
	uint16_t peer_port);

#endif
