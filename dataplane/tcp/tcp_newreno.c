/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NewReno (RFC 5681 §3.1, RFC 6582), with bytes counted instead of ACKs (RFC 3465), because a peer
 * that acknowledges many segments at once would hold the window down otherwise.
 */
#include "dataplane/tcp/tcp_priv.h"

#define SLOW_START_SEGS 8 /* most growth for one ACK, in segments: bounds the burst that follows */

struct newreno {
	uint32_t bytes_acked; /* since the window last grew */
};

static void newreno_init(struct tcp_conn *c)
{
	struct newreno *state = tcp_cc_state(c);

	static_assert(sizeof(*state) <= TCP_CC_BYTES, "fits into the connection");
	state->bytes_acked = 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void newreno_acked(struct tcp_conn *c, uint32_t bytes, uint32_t now_us)
{
	struct newreno *state = tcp_cc_state(c);
	uint32_t limit = 2 * c->stack->config.snd_buf_bytes + TCP_INITIAL_SEGS * c->mss;

	(void)now_us;
	/* More than there can ever be in flight is no use and could overflow. */
	if (c->cwnd >= limit)
		return;
	if (c->cwnd < c->ssthresh) {
		uint32_t segs = c->recovery == TCP_LOSS ? 1 : SLOW_START_SEGS;

		c->cwnd += smaller(bytes, segs * c->mss);
		return;
	}
	state->bytes_acked += bytes;
	if (state->bytes_acked >= c->cwnd) {
		state->bytes_acked -= c->cwnd;
		c->cwnd += c->mss;
	}
}

static uint32_t newreno_ssthresh(struct tcp_conn *c, uint32_t flight)
{
	struct newreno *state = tcp_cc_state(c);

	state->bytes_acked = 0;
	return flight / 2 > 2u * c->mss ? flight / 2 : 2u * c->mss;
}

const struct tcp_cc_ops tcp_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.acked = newreno_acked,
	.ssthresh = newreno_ssthresh,
};
