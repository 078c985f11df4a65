/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of a simulated client or backend: sends what it was given in pieces and with pauses,
 * reads with pauses, and ends where it is told to.
 */
#ifndef SLUICE_TESTS_SIM_PROXY_CONN_H
#define SLUICE_TESTS_SIM_PROXY_CONN_H

#include "tests/sim/proxy/message.h"
#include "tests/sim/proxy/sim.h"

struct peer_tls;

struct conn_ops {
	void (*opened)(struct sim_conn *c);
	/* Clear bytes came. */
	void (*take)(struct sim_conn *c, const uint8_t *data, uint32_t len);
	/* The other side closed its direction; or, @p reset, all is over. Once. */
	void (*ended)(struct sim_conn *c, bool reset);
	/* It sent what it has, or may go on: gives it more. Called once a turn. */
	void (*turn)(struct sim_conn *c);
};

struct sim_conn {
	struct sim_conn *next;
	struct sim_host *host;
	const struct conn_ops *ops;
	void *owner;
	struct tcp_conn *tcp; /* NULL: none any more */
	bool open, eof, over, closed;
	struct peer_tls *tls;
	struct bytes out, clear; /* clear: of TLS, while the handshake lasts */
	uint32_t sent;
	uint32_t part;             /* no piece goes beyond it with bytes from before it */
	uint64_t send_ns, read_ns; /* not before */
	uint32_t hold_at; /* what is behind it is not sent before hold_ns; 0: nothing waits */
	uint64_t hold_ns;
	enum plan_end end; /* once out is sent as far as */
	uint32_t end_at;
	bool close_due; /* once all is sent */
};

struct sim_conn *sim_conn_new(struct sim_host *host, const struct conn_ops *ops, void *owner);
/** Connect to the gateway. @return false when there is no port */
bool sim_conn_connect(struct sim_conn *c, uint16_t port, bool tls);
void sim_conn_write(struct sim_conn *c, const void *data, uint32_t len);
void sim_conn_reset(struct sim_conn *c);

/** A host's TCP, and what it calls. */
bool host_init(struct sim *s, struct sim_host *h, enum sim_port id, const char *address,
	struct rte_mempool *pool,
	void *(*accepted)(struct sim_host *h, struct tcp_conn *tcp, uint32_t id));
void host_fini(struct sim_host *h);
/** One turn of its loop. @return when it wants the next */
uint64_t host_turn(struct sim_host *h);
/** Connections that TCP still has. */
uint32_t host_open(const struct sim_host *h);

#endif
