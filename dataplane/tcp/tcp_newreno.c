/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NewReno (RFC 5681 §3.1, RFC 6582): a segment a window's worth of acknowledged bytes, half of it
 * for a loss. The simple second algorithm beside CUBIC.
 */
#include "dataplane/tcp/tcp_priv.h"

struct newreno {
	uint32_t bytes_acked; /* since the window last grew */
};

static void newreno_init(struct tcp_conn *c)
{
	struct newreno *state = tcp_cc_state(c);

	static_assert(sizeof(*state) <= TCP_CC_BYTES, "fits into the connection");
	state->bytes_acked = 0;
}

static void newreno_acked(struct tcp_conn *c, uint32_t bytes, uint32_t now_us)
{
	struct newreno *state = tcp_cc_state(c);

	(void)now_us;
	if (tcp_cc_full(c) || tcp_cc_slow_start(c, bytes))
		return;
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
