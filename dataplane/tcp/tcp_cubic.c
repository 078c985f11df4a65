/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUBIC (RFC 9438): after a loss the window returns along a cubic function of time to where it was
 * lost, stays there for a while and then probes beyond, so that growth does not depend on the round
 * trip; where Reno would be faster, it follows Reno. Windows are in segments, as in the RFC.
 */
#include <math.h>

#include "dataplane/tcp/tcp_priv.h"

#define BETA     0.7f                                   /* §4.6 */
#define C        0.4f                                   /* §5 */
#define ALPHA    (3.0f * (1.0f - BETA) / (1.0f + BETA)) /* §4.3 */

#define PAUSE_US 200000 /* a gap between ACKs that no delayed ACK explains */

struct cubic {
	float w_max;      /* where the last loss was */
	float k;          /* seconds from the begin of the epoch until w_max is reached */
	float w_est;      /* what Reno would have */
	float cwnd_prior; /* before the last loss */
	float rest;       /* bytes of growth below one */
	uint32_t epoch_us, last_us;
	bool epoch;   /* congestion avoidance has begun since the last loss */
	bool timeout; /* the last loss was found by a timeout */
};

static void cubic_init(struct tcp_conn *c)
{
	struct cubic *state = tcp_cc_state(c);

	static_assert(sizeof(*state) <= TCP_CC_BYTES, "fits into the connection");
	*state = (struct cubic){ .w_max = 0 };
}

static void epoch_begin(const struct tcp_conn *c, struct cubic *state, uint32_t now_us)
{
	float cwnd = (float)c->cwnd / c->mss;

	state->epoch = true;
	state->epoch_us = state->last_us = now_us;
	state->w_est = cwnd;
	state->rest = 0;
	/* §4.8: after a timeout the curve begins at its plateau. */
	if (state->timeout || state->w_max < cwnd)
		state->w_max = cwnd;
	state->timeout = false;
	state->k = cbrtf((state->w_max - cwnd) / C);
}

/* §4.2: W_cubic, @p ahead seconds from now. */
static float w_cubic(const struct cubic *state, uint32_t now_us, float ahead)
{
	float t = (float)(now_us - state->epoch_us) / 1e6f + ahead - state->k;

	return C * t * t * t + state->w_max;
}

static void cubic_acked(struct tcp_conn *c, uint32_t bytes, uint32_t now_us)
{
	struct cubic *state = tcp_cc_state(c);
	float cwnd = (float)c->cwnd / c->mss, segs = (float)bytes / c->mss, target, grow;
	uint32_t rtt_us = c->srtt / 8, whole;

	if (tcp_cc_full(c)) {
		state->epoch = false;
		return;
	}
	if (tcp_cc_slow_start(c, bytes))
		return;
	if (!state->epoch)
		epoch_begin(c, state, now_us);
	/* §5.8: time in which the window was not used does not count. */
	if (now_us - state->last_us > rtt_us + PAUSE_US)
		state->epoch_us += now_us - state->last_us - rtt_us;
	state->last_us = now_us;
	/* §4.3: Reno's window; its own pace once the loss is made up for. */
	state->w_est += (state->w_est < state->cwnd_prior ? ALPHA : 1.0f) * segs / cwnd;
	if (w_cubic(state, now_us, 0) < state->w_est) {
		grow = (state->w_est - cwnd) * c->mss;
	} else { /* §4.4, §4.5 */
		target = w_cubic(state, now_us, (float)rtt_us / 1e6f);
		target = target < cwnd ? cwnd : target;
		target = target > 1.5f * cwnd ? 1.5f * cwnd : target;
		grow = (target - cwnd) / cwnd * segs * c->mss;
	}
	/* §4.3 speaks of ACKs of single segments: no more than slow start for many. */
	grow = grow < (float)bytes ? grow : (float)bytes;
	state->rest += grow > 0 ? grow : 0;
	whole = (uint32_t)state->rest;
	state->rest -= (float)whole;
	c->cwnd += whole;
}

static uint32_t cubic_ssthresh(struct tcp_conn *c, uint32_t flight)
{
	struct cubic *state = tcp_cc_state(c);
	float cwnd = (float)c->cwnd / c->mss;
	uint32_t reduced = (uint32_t)((float)c->cwnd * BETA);

	/* §4.6 allows cwnd instead where it does not grow unused, as here (TCP_F_CWND_LIMITED).
	 * What is in flight when a loss shows depends on where the application was just then. */
	(void)flight;

	state->cwnd_prior = cwnd;
	/* §4.7: a flow that is pushed back again makes room for new ones. */
	state->w_max = cwnd < state->w_max ? cwnd * (1.0f + BETA) / 2 : cwnd;
	state->epoch = false;
	return reduced > 2u * c->mss ? reduced : 2u * c->mss;
}

static void cubic_timeout(struct tcp_conn *c)
{
	struct cubic *state = tcp_cc_state(c);

	state->timeout = true;
}

const struct tcp_cc_ops tcp_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.acked = cubic_acked,
	.ssthresh = cubic_ssthresh,
	.timeout = cubic_timeout,
};
