/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections must do while mbufs are short. Back-pressure bounds what one connection holds,
 * not what many hold together: some hundred clients that read nothing would keep everybody else out
 * until their send timeout, and as many as there are mbufs need only leave one small response
 * unread each, or one head without its end. So while the pool is low, what a connection holds must
 * be acknowledged, or consumed, at a rate that doubles with each second that the shortage goes on;
 * of those that are slower the one that holds most mbufs is given up first, and among equals the
 * one whose head is the oldest. An idle connection, and a request that waits for its backend, hold
 * nothing and are left alone.
 */
#include <stdlib.h>

#include "dataplane/proxy/proxy_priv.h"

#define LOOK_EVERY_NS  UINT64_C(1000000)
#define LOOK_STEP      512 /* connections looked at by one call */
#define GIVE_UP_MBUFS  256 /* given up by one call, about: what it freed is seen before the next */
#define MUCH_MBUFS     4
#define FEW_MBUFS      16 /* received, not consumed: less does not count against a waiting request */
#define RATE_FIRST     4096 /* bytes a second */
#define RATE_LAST      (1u << 20)
#define WINDOW_NS      UINT64_C(1000000000) /* what a rate is measured over */
#define WINDOW_MUCH_NS (WINDOW_NS / 4)      /* of what holds much when next to no mbuf is left */

/* What a connection and its backend's hold. */
struct holding {
	uint32_t bytes; /* that somebody should have read */
	uint32_t done;  /* moves by what was read: acknowledged or consumed */
	uint32_t mbufs;
};

/* A connection that is slower than the rate. */
struct slow {
	struct client *client;
	uint64_t since_ns; /* of its head; 0: it has none that is not complete */
	uint32_t mbufs;
};

static struct upstream *pressure_upstream(const struct client *c)
{
	return c->exchange ? c->exchange->attempt.upstream : NULL;
}

/* A head, or a TLS record, that has begun and does not end. */
static bool pressure_unfinished(const struct client *c)
{
	return (c->state == CLIENT_HEAD || c->state == CLIENT_HANDSHAKE) && !c->no_room;
}

static struct holding pressure_holding(const struct client *c)
{
	const struct upstream *u = pressure_upstream(c);
	const struct transport *t = &c->transport;
	uint32_t received = stream_bytes(&c->rx) + transport_held_bytes(t);
	uint32_t mbufs = transport_held_mbufs(t) + c->rx.chain.mbufs;
	struct holding h = { .bytes = transport_pending(t),
		.done = transport_acked(t) + transport_taken(t) };

	if (pressure_unfinished(c) || mbufs > FEW_MBUFS)
		h.bytes += received;
	if (u) {
		h.bytes += transport_pending(&u->transport);
		h.done += transport_acked(&u->transport);
		mbufs += transport_held_mbufs(&u->transport) + u->rx.chain.mbufs;
	}
	h.mbufs = mbufs;
	return h;
}

static void pressure_give_up(struct proxy *p, struct client *c)
{
	if (transport_pending(&c->transport) == 0) {
		c->keep_alive = false;
		if (c->exchange) /* the backend does not read, or does not respond */
			exchange_refuse(p, c->exchange, REASON_OVERLOADED);
		else
			client_refuse(p, c, REASON_OVERLOADED);
		return;
	}
	if (c->exchange)
		c->exchange->reason = REASON_CLIENT_TOO_SLOW;
	else if (c->state != CLIENT_BREAKING) /* which has its reason */
		p->config.stats->reason[REASON_CLIENT_TOO_SLOW]++;
	client_abort(p, c);
}

/* What was noted in an earlier shortage says nothing of this one. */
static bool pressure_noted(const struct proxy *p, const struct client *c)
{
	return c->looked_ns && c->looked_ns >= p->pressure.since_ns;
}

static bool pressure_too_slow(
	const struct proxy *p, const struct client *c, const struct holding *h)
{
	uint64_t passed_ns = p->now_ns - c->looked_ns;
	uint32_t done = h->done - c->looked_done;

	/* A connection that holds few bytes is only required to have those read. */
	return (uint64_t)done * WINDOW_NS < (uint64_t)p->pressure.rate * passed_ns &&
	       done < h->bytes;
}

/* @return true when it is slower than the rate */
static bool pressure_look(struct proxy *p, struct client *c, bool shut, struct slow *out)
{
	struct holding h;
	uint64_t window_ns;

	/* What is kept for another try goes first: no request needs it. */
	if (c->exchange && c->exchange->flags & EX_KEPT)
		retry_let_go(c->exchange);
	h = pressure_holding(c);
	window_ns = shut && h.mbufs >= MUCH_MBUFS ? WINDOW_MUCH_NS : WINDOW_NS;
	if (h.bytes == 0) {
		c->looked_ns = 0;
		if (!c->exchange)
			pressure_forget(p, c);
		return false;
	}
	if (pressure_noted(p, c) && p->now_ns - c->looked_ns < window_ns)
		return false;
	/* An exchange that ended meanwhile makes the sum jump: that counts as progress, rightly. */
	if (pressure_noted(p, c) && pressure_too_slow(p, c, &h)) {
		*out = (struct slow){ c, c->first_byte_ns, h.mbufs };
		return true;
	}
	c->looked_ns = p->now_ns;
	c->looked_done = h.done;
	return false;
}

static int slow_compare(const void *a, const void *b)
{
	const struct slow *x = a, *y = b;

	if (x->mbufs != y->mbufs)
		return x->mbufs < y->mbufs ? 1 : -1;
	return x->since_ns < y->since_ns ? -1 : x->since_ns > y->since_ns;
}

/* Those that hold most first, until enough is freed to see what it brought. */
static void pressure_give_up_most(struct proxy *p, struct slow *slow, uint32_t count)
{
	qsort(slow, count, sizeof(*slow), slow_compare);
	for (uint32_t i = 0, mbufs = 0; i < count && mbufs < GIVE_UP_MBUFS; i++) {
		mbufs += 1 + slow[i].mbufs;
		pressure_give_up(p, slow[i].client);
	}
}

static void pressure_raise_rate(struct proxy *p)
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
	p->holder_count++;
}

void pressure_forget(struct proxy *p, struct client *c)
{
	if (!c->holder)
		return;
	if (p->pressure.next == c)
		p->pressure.next = LIST_NEXT(c, holder_entry);
	LIST_REMOVE(c, holder_entry);
	p->holder_count--;
	c->holder = false;
}

void pressure_run(struct proxy *p)
{
	struct pressure *pressure = &p->pressure;
	enum tcp_pool level = tcp_pool_level(p->tcp);
	struct slow slow[LOOK_STEP];
	uint32_t count = 0;

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
	pressure_raise_rate(p);
	/* Once around is enough: none is looked at twice in a call. */
	for (uint32_t left = RTE_MIN(p->holder_count, (uint32_t)LOOK_STEP); left > 0; left--) {
		struct client *c = pressure->next ? pressure->next : LIST_FIRST(&p->holders);

		pressure->next = LIST_NEXT(c, holder_entry);
		if (pressure_look(p, c, level >= TCP_POOL_SHUT, &slow[count]))
			count++;
	}
	pressure_give_up_most(p, slow, count);
}
