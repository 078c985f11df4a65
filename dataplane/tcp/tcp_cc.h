/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Congestion control of one connection, behind a small interface (RFC 5033 speaks of the parts).
 * What is lost and when recovery begins and ends is decided in tcp_recovery.c for all algorithms;
 * an algorithm says how the window grows and what a loss costs. It owns cwnd and ssthresh outside
 * recovery and TCP_CC_BYTES of private state (tcp_cc_state()).
 */
#ifndef SLUICE_DATAPLANE_TCP_TCP_CC_H
#define SLUICE_DATAPLANE_TCP_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"

#define TCP_CC_BYTES 32

struct tcp_conn;

struct tcp_cc_ops {
	const char *name;
	/* The connection is established, with ssthresh unlimited, or its segments changed their
	 * size. */
	void (*init)(struct tcp_conn *c);
	/* @p bytes were newly acknowledged outside fast recovery while the window was in full
	 * use. */
	void (*acked)(struct tcp_conn *c, uint32_t bytes, uint32_t now_us);
	/* A loss was found, by acknowledgements or by timeout: the new ssthresh for @p flight
	 * bytes. */
	uint32_t (*ssthresh)(struct tcp_conn *c, uint32_t flight);
	/* That loss was found by a timeout; follows ssthresh(). May be NULL. */
	void (*timeout)(struct tcp_conn *c);
};

extern const struct tcp_cc_ops tcp_newreno;
extern const struct tcp_cc_ops tcp_cubic;

/* tcp_cc.c */
const struct tcp_cc_ops *tcp_cc_find(enum tcp_congestion which);
/* Whether the window is larger than what can ever be in flight. */
bool tcp_cc_full(const struct tcp_conn *c);
/* Grow by slow start. @return false when the window has left it */
bool tcp_cc_slow_start(struct tcp_conn *c, uint32_t bytes);

#endif
