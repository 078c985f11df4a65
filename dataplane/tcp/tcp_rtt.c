/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round-trip time and retransmission timeout (RFC 6298 §2), in microseconds, with the usual scaling
 * by 8 and 4. The floor is the configuration's: RFC 6298's second is too long inside a data centre.
 */
#include "dataplane/tcp/tcp_priv.h"

#define GRANULARITY_US 1000u /* a tick of the wheel */

void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us)
{
	uint32_t rto_us, var;

	/* A minute is no round trip but a clock that stood still. */
	if (rtt_us > TCP_RTO_MAX_MS * 1000u)
		rtt_us = TCP_RTO_MAX_MS * 1000u;
	if (rtt_us == 0)
		rtt_us = 1;
	if (c->min_rtt_us == 0 || rtt_us < c->min_rtt_us)
		c->min_rtt_us = rtt_us;
	if (c->srtt == 0) {
		c->srtt = rtt_us * 8;
		c->rttvar = rtt_us * 2;
	} else {
		uint32_t mean = c->srtt / 8;
		uint32_t delta = rtt_us > mean ? rtt_us - mean : mean - rtt_us;

		c->rttvar = c->rttvar - c->rttvar / 4 + delta;
		c->srtt = c->srtt - mean + rtt_us;
	}
	var = c->rttvar > GRANULARITY_US ? c->rttvar : GRANULARITY_US;
	rto_us = c->srtt / 8 + var;
	c->rto_ms = (rto_us + 999) / 1000;
	if (c->rto_ms < c->stack->config.rto_min_ms)
		c->rto_ms = c->stack->config.rto_min_ms;
	if (c->rto_ms > TCP_RTO_MAX_MS)
		c->rto_ms = TCP_RTO_MAX_MS;
}

void tcp_rtt_handshake(struct tcp_conn *c, bool again, uint32_t sent_us)
{
	if (!again)
		tcp_rtt_sample(c, c->stack->now_us - sent_us);
	else
		c->rto_ms = TCP_RTO_FALLBACK_MS;
}

uint32_t tcp_srtt_us(const struct tcp_conn *c)
{
	return c->srtt / 8;
}
