/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least rates at which a client sends a request's body and reads responses, where they are
 * configured. Its timeouts begin again with each byte, so that one byte in each of them would hold
 * a request for ever. What is measured is the time in which it was the client that had to act: a
 * body that its backend does not take, or a response that has no more bytes yet, is not held
 * against it.
 */
#include "dataplane/proxy/proxy_priv.h"

#define RATE_WINDOW_S  5
#define RATE_WINDOW_NS (RATE_WINDOW_S * UINT64_C(1000000000))

static uint32_t rate_min(const struct proxy *p, uint8_t owes)
{
	switch ((enum wait_owes)owes) {
	case OWES_BODY:
		return proxy_settings(p)->body_rate_min;
	case OWES_READING:
		return proxy_settings(p)->send_rate_min;
	default:
		return 0;
	}
}

static uint32_t rate_bytes(const struct exchange *ex)
{
	return ex->rate.owes == OWES_BODY ? (uint32_t)ex->bytes_in
					  : transport_acked(&ex->client->transport);
}

/* Measure from now on. */
static void rate_begin(struct exchange *ex, uint8_t owes)
{
	ex->rate.owes = owes;
	ex->rate.owed_ns = 0;
	ex->rate.mark = rate_bytes(ex);
}

uint64_t rate_update(const struct proxy *p, struct exchange *ex)
{
	struct client_rate *rate = &ex->rate;
	uint8_t owes = ex->client_side.owes;

	if (!(ex->flags & EX_RATED)) {
		ex->flags |= EX_RATED;
		*rate = (struct client_rate){ 0 };
	}
	if (rate->since_ns)
		rate->owed_ns += p->now_ns - rate->since_ns;
	rate->since_ns = 0;
	if (rate_min(p, owes)) {
		if (rate->owes != owes)
			rate_begin(ex, owes);
		rate->since_ns = p->now_ns;
		return p->now_ns + RATE_WINDOW_NS - RTE_MIN(rate->owed_ns, RATE_WINDOW_NS);
	}
	/* All that there was is read. Between the pieces of a body the backend takes, the time goes
	 * on later. */
	if (rate->owes == OWES_READING)
		rate->owes = OWES_NOTHING;
	return UINT64_MAX;
}

bool rate_late(const struct proxy *p, struct exchange *ex)
{
	struct client_rate *rate = &ex->rate;
	uint64_t least = (uint64_t)rate_min(p, rate->owes) * RATE_WINDOW_S;
	uint32_t bytes = rate_bytes(ex) - rate->mark;

	if (rate->since_ns == 0 || rate->owed_ns < RATE_WINDOW_NS)
		return false;
	rate_begin(ex, rate->owes);
	return bytes < least;
}

bool rate_reads(const struct proxy *p, const struct client *c)
{
	uint64_t least = (uint64_t)proxy_settings(p)->send_rate_min * c->pending_ms / 1000;
	uint32_t pending = transport_pending(&c->transport);

	return pending < c->pending_seen && c->pending_seen - pending >= least;
}
