/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two of our stacks that talk over a faulty wire, with an application on each that sends a known
 * stream, reads at its own pace and closes in its own way. Everything follows from the seed.
 */
#ifndef SLUICE_TESTS_UNIT_TCP_PAIR_H
#define SLUICE_TESTS_UNIT_TCP_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"
#include "tests/unit/tcp/fake_net.h"

#define PAIR_CONNS 8

enum pair_close {
	PAIR_CLOSE_WHEN_SENT, /* half-close after the last byte, go on reading */
	PAIR_CLOSE_AT_EOF,    /* only once the other side has closed */
	PAIR_CLOSE_BOTH,      /* tcp_close_both() after the last byte */
	PAIR_ABORT,           /* tcp_abort() when half was sent */
};

struct pair_flow {
	struct pair_app *app;
	struct tcp_conn *conn;
	unsigned index; /* the same on both sides */
	uint32_t to_send, sent;
	uint32_t received;
	uint32_t held;      /* bytes not credited yet */
	uint64_t credit_ns; /* when they will be */
	enum pair_close style;
	bool used, connected, closed, eof, ended;
	enum tcp_end end;
};

struct pair_app {
	struct pair *pair;
	unsigned side;
	struct tcp_stack *stack;
	struct net net;
	struct tcp_counters counters;
	uint32_t chunk;         /* most bytes of one mbuf that is sent */
	uint64_t read_delay_ns; /* from receiving to crediting */
	struct pair_flow flows[PAIR_CONNS];
};

struct pair_options {
	struct fake_faults faults;
	struct tcp_config config[2];
	uint16_t mtu;
	bool multi_segs[2];
	uint32_t flows;
	uint32_t bytes[2]; /* each flow sends to the other side; side 0 connects */
	enum pair_close style[2];
	uint32_t chunk[2];
	uint64_t read_delay_ns[2];
	bool check; /* walk the invariants after every step */
};

struct pair {
	struct pair_options options;
	uint64_t seed;
	uint64_t rng;
	uint64_t now_ns;
	struct fake_wire wire;
	struct pair_app apps[2];
	struct rte_mempool *pool[2];
	uint64_t steps;
	const char *wrong;
};

/* What a seed stands for. */
void pair_options_random(struct pair_options *o, uint64_t seed);
void pair_options_plain(struct pair_options *o);

void pair_init(struct pair *p, const struct pair_options *o, uint64_t seed,
	struct rte_mempool *const pool[2]);
/* Connect the flows and run until nothing is left to happen. @return NULL, or what went wrong */
const char *pair_run(struct pair *p);
/* One step of the world's loop. @return false when nothing will ever happen again */
bool pair_step(struct pair *p);
void pair_connect(struct pair *p);
/* Nothing leaked, every byte arrived, every connection ended as it should. */
const char *pair_verdict(struct pair *p);
/* The options and the state of every flow, for a failed seed. */
void pair_print(const struct pair *p, const char *wrong);
void pair_fini(struct pair *p);

#endif
