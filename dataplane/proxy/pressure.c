/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reads too slowly while mbufs are short. Back-pressure bounds what one connection holds, not what
 * many hold together: some hundred clients that read nothing would keep everybody else out until their
 * send timeout, and as many as there are mbufs need only leave one small answer unread each. So while the
 * pool is low, connections that hold bytes must have them acknowledged at a rate that doubles with each
 * second that the shortage goes on, or they are given up. An idle connection, and a request that waits for
 * its backend, hold nothing and are left alone.
 */
#include "dataplane/proxy/proxy_priv.h"

#define LOOK_EVERY_NS  UINT64_C(1000000)
#define LOOK_STEP      512 /* connections looked at by one call */
#define GIVE_UP_MBUFS  256 /* given up by one call, about: what that freed is seen before the next */
#define MUCH_BYTES     4096
#define RATE_FIRST     4096 /* bytes a second */
#define RATE_LAST      (1u << 20)
#define WINDOW_NS      UINT64_C(1000000000) /* what a rate is measured over */
#define WINDOW_MUCH_NS (WINDOW_NS / 4)      /* of who holds much when next to no mbuf is left */

static const struct tcp_conn *upstream_tcp(const struct client *c)
{
	return c->exchange && c->exchange->upstream ? c->exchange->upstream->tcp : NULL;
}

static uint32_t acked(const struct client *c)
{
	const struct tcp_conn *upstream = upstream_tcp(c);

	return tcp_send_acked(c->tcp) + (upstream ? tcp_send_acked(upstream) : 0);
}

/* Bytes that somebody should have read. */
static uint32_t held(const struct client *c)
{
	const struct tcp_conn *upstream = upstream_tcp(c);

	return tcp_send_pending(c->tcp) + (upstream ? tcp_send_pending(upstream) : 0);
}

static void give_up(struct proxy *p, struct client *c)
{
	if (tcp_send_pending(c->tcp) == 0) {
		exchange_refuse(p, c->exchange, REASON_OVERLOADED); /* the backend does not read */
		return;
	}
	if (c->exchange)
		c->exchange->reason = REASON_CLIENT_TOO_SLOW;
	else
		p->config.stats->reason[REASON_CLIENT_TOO_SLOW]++;
	client_abort(p, c);
}

/* What was noted in an earlier shortage says nothing of this one. */
static bool noted(const struct proxy *p, const struct client *c)
{
	return c->looked_ns && c->looked_ns >= p->pressure.since_ns;
}

static bool too_slow(const struct proxy *p, const struct client *c, uint32_t bytes)
{
	uint64_t passed_ns = p->now_ns - c->looked_ns;
	uint32_t taken = acked(c) - c->looked_acked;

	/* Of who holds little no more can be asked than that it takes that. */
	return (uint64_t)taken * WINDOW_NS < (uint64_t)p->pressure.rate * passed_ns &&
	       taken < bytes;
}

/* @return about how many mbufs it had, when it was given up */
static uint32_t look(struct proxy *p, struct client *c, bool shut)
{
	uint32_t bytes = held(c);
	uint64_t window_ns = shut && bytes >= MUCH_BYTES ? WINDOW_MUCH_NS : WINDOW_NS;

	if (bytes == 0) {
		c->looked_ns = 0;
		if (!c->exchange)
			pressure_forget(p, c);
		return 0;
	}
	if (noted(p, c) && p->now_ns - c->looked_ns < window_ns)
		return 0;
	/* An exchange that ended meanwhile makes the sum jump: that counts as progress, rightly. */
	if (noted(p, c) && too_slow(p, c, bytes)) {
		give_up(p, c);
		return 1 + bytes / 1024;
	}
	c->looked_ns = p->now_ns;
	c->looked_acked = acked(c);
	return 0;
}

static void raise_rate(struct proxy *p)
{
	struct pressure *pressure = &p->pressure;

	if (!pressure->rate) {
		pressure->rate = RATE_FIRST;
		pressure->since_ns = p->now_ns;
		pressure->raise_ns = p->now_ns + WINDOW_NS;
	} else if (p->now_ns >= pressure->raise_ns) {
		pressure->rate = RTE_MIN(2 * pressure->rate, RATE_LAST);
		pressure->raise_ns = p->now_ns + WINDOW_NS;
	}
}

void pressure_watch(struct proxy *p, struct client *c)
{
	if (c->holder)
		return;
	c->holder = true;
	LIST_INSERT_HEAD(&p->holders, c, holder_entry);
}

void pressure_forget(struct proxy *p, struct client *c)
{
	if (!c->holder)
		return;
	if (p->pressure.next == c)
		p->pressure.next = LIST_NEXT(c, holder_entry);
	LIST_REMOVE(c, holder_entry);
	c->holder = false;
}

void pressure_run(struct proxy *p)
{
	struct pressure *pressure = &p->pressure;
	enum tcp_pool level = tcp_pool_level(p->tcp);

	if (likely(level == TCP_POOL_FINE && !pressure->rate))
		return;
	if (p->now_ns < pressure->look_ns)
		return;
	pressure->look_ns = p->now_ns + LOOK_EVERY_NS;
	if (level == TCP_POOL_FINE) {
		pressure->rate = 0;
		pressure->next = NULL;
		return;
	}
	raise_rate(p);
	for (uint32_t i = 0, mbufs = 0; i < LOOK_STEP && mbufs < GIVE_UP_MBUFS; i++) {
		struct client *c = pressure->next ? pressure->next : LIST_FIRST(&p->holders);

		if (!c)
			return;
		pressure->next = LIST_NEXT(c, holder_entry);
		mbufs += look(p, c, level >= TCP_POOL_SHUT);
	}
}
