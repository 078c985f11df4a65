/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stack and a peer that the test plays segment by segment: what the rules of the RFCs are held
 * with.
 */
#ifndef SLUICE_TESTS_UNIT_TCP_RIG_H
#define SLUICE_TESTS_UNIT_TCP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_options.h"
#include "dataplane/tcp/tcp_priv.h"
#include "tests/unit/tcp/fake_net.h"

#define RIG_PORT      443
#define RIG_PEER_PORT 5555
#define RIG_WND       60000
#define RIG_OUT_MAX   512

/* A segment, in either direction. */
struct rig_seg {
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t wnd;
	uint16_t src_port, dst_port;
	uint32_t len; /* payload bytes; a byte from the peer is its sequence number's lowest */
	struct tcp_options opt; /* only what is present */
	bool bad_payload;       /* received bytes were not what rig_data() queued */
};

struct rig {
	struct fake_wire wire;
	struct net net, peer;
	struct tcp_config config;
	struct tcp_counters counters;
	struct tcp_stack *stack;
	struct rte_mempool *pool;
	uint64_t now_ns;
	struct rig_seg out[RIG_OUT_MAX]; /* what the stack sent and the test did not look at */
	uint32_t out_head, out_count;
	/* The connection, as the application and the peer see it. */
	struct tcp_conn *conn;
	unsigned accepted, connected, readable, writable, ended;
	enum tcp_end end;
	bool refuse;   /* accepted() says no */
	uint32_t snd;  /* the peer's next sequence number */
	uint32_t rcv;  /* what the peer expects next */
	uint16_t port; /* of ours */
	uint16_t peer_port;
	bool ts; /* the peer puts timestamps into what it sends */
	uint32_t ts_val, ts_ecr;
};

#define MSS 1448 /* of 1500 with timestamps */

/* A program of tests: the EAL, the pool, and all of them. @return main()'s */
int rig_main(const struct CMUnitTest *tests, size_t count);
/* For each test, whose state is the rig; the second with an open connection to a modern peer. */
int rig_setup(void **state);
int rig_setup_open(void **state);
/* The test ended what it opened; or its connection is aborted. */
int rig_teardown(void **state);
int rig_teardown_open(void **state);

/* @param config  NULL for the usual one */
void rig_init(struct rig *r, const struct tcp_config *config, struct rte_mempool *pool);
struct tcp_config rig_config(void);
/* Ends the stack and checks that no mbuf is left anywhere. */
void rig_fini(struct rig *r);
/* Both, in the middle of a test. */
void rig_restart(struct rig *r, const struct tcp_config *config);

/* One loop of the worker, and as many as there are milliseconds. */
void rig_loop(struct rig *r);
void rig_run(struct rig *r, uint32_t ms);

/* The peer sends; the worker loops once. Ports of 0 are the connection's. */
void rig_put(struct rig *r, struct rig_seg seg);
/* Send in the connection: @p flags with seq = snd and ack = rcv, which move on. */
void rig_say(struct rig *r, uint8_t flags, uint32_t len);
/* The same without a loop, to make a burst. */
void rig_queue(struct rig *r, struct rig_seg seg);

/* The next segment that the stack sent; fails when there is none. */
struct rig_seg rig_take(struct rig *r);
void rig_none(struct rig *r);
void rig_forget(struct rig *r);
/** A router says "unreachable" of our segment @p seq. @param mtu  with code 4 */
void rig_icmp(
	struct rig *r, const struct net_meta *quoted, uint32_t seq, uint8_t code, uint32_t mtu);

/* Open a connection: passively with these options in the peer's SYN, or actively. */
void rig_accept(struct rig *r, const struct tcp_options *opt);
void rig_connect(struct rig *r, const struct tcp_options *opt);
/* Only begun: @return our SYN, to which r->port and r->rcv belong. */
struct rig_seg rig_syn(struct rig *r);
/* Passively, with a modern peer. */
void rig_open(struct rig *r);
/* What a modern peer offers. */
struct tcp_options rig_modern(struct rig *r);
/* The peer acknowledges up to @p ack; the options' SACK blocks lie above it. */
void rig_acks(struct rig *r, uint32_t ack, struct tcp_options opt);
/* The peer acknowledges @p segs segments of what follows r->rcv, with SACK blocks in segments. */
void rig_sacks(struct rig *r, uint32_t segs, unsigned blocks, const uint32_t (*block)[2]);
/* A round trip of 20 ms is known. */
void rig_learn_rtt(struct rig *r);
/* After that, a window of @p segs full segments is in flight, of @p queued that the application
 * wrote. */
void rig_fly(struct rig *r, uint32_t segs, uint32_t queued);
/* The application takes what is there. */
void rig_read_all(struct rig *r);
/* Queue @p len bytes of application data. */
void rig_data(struct rig *r, uint32_t len);

#endif
