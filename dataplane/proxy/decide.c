/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the requests that a burst completed through the pipeline together, and makes of each an
 * exchange, which goes to its backend or is answered here.
 */
#include "dataplane/pipeline/hooks.h"
#include "dataplane/proxy/proxy_priv.h"

/* What is known of a request that is decided a second time. */
static void decide_recall(struct decision *d, const struct exchange *ex)
{
	d->paid = ex->flags & EX_PAID;
	d->asked = DECISION_NOT_ASKED;
	if (ex->flags & EX_ANSWERED)
		d->asked = DECISION_ANSWERED;
	else if (ex->flags & EX_UNANSWERED)
		d->asked = DECISION_UNANSWERED;
	d->answer = ex->answer;
}

void decide_add(struct proxy *p, struct client *c)
{
	struct decision *d = &p->decisions[p->decision_count];

	d->listener = unlikely(c->leaving) && !c->exchange
			      ? SNAP_NONE
			      : tables_listener(p->tables, c->listener_slot);
	d->paid = false;
	d->asked = DECISION_NOT_ASKED;
	if (unlikely(c->exchange))
		decide_recall(d, c->exchange);
	p->deciding_mask |= UINT32_C(1) << p->decision_count;
	p->deciding[p->decision_count++] = c;
	c->state = CLIENT_DECIDE;
	if (p->decision_count == PIPELINE_BURST)
		decide_run(p);
}

void decide_forget(struct proxy *p, const struct client *c)
{
	for (uint32_t i = 0; i < p->decision_count; i++)
		if (p->deciding[i] == c)
			p->deciding_mask &= ~(UINT32_C(1) << i);
}

static struct burst decide_burst(const struct proxy *p, struct decision *decisions, uint32_t mask)
{
	return (struct burst){ .pipeline = &p->tables->pipeline,
		.scratch = p->scratch,
		.hooks = p->config.hooks,
		.now_ns = p->now_ns,
		.wall_s = p->wall_s,
		.decisions = decisions,
		.next = mask };
}

/* Also of a request that is decided again, by another generation. */
static void decide_note_upgrade(const struct decision *d, struct exchange *ex)
{
	ex->flags &= ~(uint32_t)EX_UPGRADE;
	if (unlikely(d->plan->stages & PLAN_WEBSOCKET) &&
		http1_asks_websocket(decision_received(d)))
		ex->flags |= EX_UPGRADE;
}

/* What a page may do with its response. */
static __attribute__((noinline)) void decide_note_cors(
	struct proxy *p, struct decision *d, struct exchange *ex)
{
	if (!cors_note(p, ex, d) && d->verdict == REASON_PROXIED)
		d->verdict = REASON_OVERLOADED;
}

static void decide_note_route(struct proxy *p, struct decision *d, struct exchange *ex)
{
	const struct route_plan *plan = d->plan;
	bool cors = ex->flags & EX_CORS;

	ex->api = d->match.api;
	ex->key = d->key;
	if (plan) {
		ex->api_slot = plan->api_slot;
		ex->backend = plan->backend;
		ex->timeout_ms = plan->timeout_ms;
		ex->body_max = plan->body_max_own;
		decide_note_upgrade(d, ex);
		cors |= (plan->stages & 1u << PIPELINE_CORS) != 0;
	} else if (d->match.api != SNAP_NONE) {
		ex->api_slot =
			SNAP_AT(&p->tables->snapshot, SNAP_APIS, snap_api, d->match.api)->slot;
		cors = true;
	}
	if (unlikely(cors))
		decide_note_cors(p, d, ex);
}

static void decide_note_caller(const struct decision *d, struct exchange *ex)
{
	ex->plan = d->caller.plan;
	ex->consumer_slot = d->caller.slot;
	if (!d->has_limit)
		return;
	ex->flags |= EX_PAID;
	ex->limit = d->limit;
	if (ex->limit.limit != SNAP_NONE)
		ex->flags |= EX_RATE_FIELDS;
}

/* What is known of the exchange is that generation's which runs. */
static void decide_renew(struct proxy *p, struct exchange *ex)
{
	if (ex->generation != p->tables->snapshot.generation)
		ex->flags &= ~(uint32_t)EX_RATE_FIELDS; /* they name a limit of the old plan */
	ex->generation = p->tables->snapshot.generation;
}

/* An exchange that waited goes on, maybe in another generation than it began in. */
static struct exchange *decide_exchange(struct proxy *p, struct client *c, const struct decision *d)
{
	struct exchange *ex = c->exchange;

	if (likely(!ex))
		return exchange_begin(p, c, d);
	c->state = CLIENT_EXCHANGE;
	decide_renew(p, ex);
	return ex;
}

/* It waits for an answer or is reset, as the program's own stage wants it.
 * @return true when nothing is to be done with it now */
static __attribute__((noinline)) bool decide_stop(struct proxy *p, struct exchange *ex,
	struct decision *d, const struct burst *burst, uint32_t i)
{
	if (burst->reset >> i & 1) {
		ex->reason = d->verdict;
		client_abort(p, ex->client);
		return true;
	}
	if (!(burst->wait >> i & 1) || d->verdict != REASON_PROXIED)
		return false;
	if (suspend_begin(p, ex, d))
		return true;
	d->verdict = burst->hooks->otherwise;
	return false;
}

/* The stages are through with it. */
static void decide_conclude(struct proxy *p, const struct burst *burst, uint32_t i)
{
	struct client *c = p->deciding[i];
	struct decision *d = &p->decisions[i];
	struct exchange *ex = decide_exchange(p, c, d);

	if (!ex) {
		p->config.stats->reason[REASON_OVERLOADED]++;
		client_abort(p, c);
		return;
	}
	decide_note_route(p, d, ex);
	if (d->has_caller)
		decide_note_caller(d, ex);
	if (unlikely(decision_is_the_last_hop(d)) && d->verdict == REASON_PROXIED)
		d->verdict = REASON_MAX_FORWARDS;
	if (unlikely(burst->hooks) && decide_stop(p, ex, d, burst, i))
		return;
	if (d->verdict != REASON_PROXIED) {
		reply_verdict(p, ex, d->verdict, d);
		return;
	}
	if (unlikely(d->plan->stages & PLAN_RETRY))
		retry_note(p, ex, d);
	hold_request(p, ex, d);
	exchange_dispatch(p, ex, d);
}

enum reason decide_again(struct proxy *p, struct exchange *ex, struct decision *d)
{
	struct burst burst = decide_burst(p, d, 1);

	d->listener = tables_listener(p->tables, ex->client->listener_slot);
	decide_recall(d, ex);
	d->paid = true;
	pipeline_run(&burst);
	if (unlikely(burst.wait)) /* what runs now asks, and what ran before did not */
		d->verdict = burst.hooks->otherwise;
	decide_renew(p, ex);
	decide_note_route(p, d, ex);
	if (d->has_caller)
		decide_note_caller(d, ex);
	ex->flags &= ~(uint32_t)EX_RETRY;
	if (d->verdict == REASON_PROXIED && d->plan->stages & PLAN_RETRY)
		retry_note(p, ex, d);
	return d->verdict;
}

/* As many of the first requests as have an exchange or are sure of one: no other pays a limit. */
static uint32_t decide_part(const struct proxy *p, uint32_t mask)
{
	uint32_t part = 0, room = p->exchanges.limit - p->exchanges.used;

	if (likely(room >= PIPELINE_BURST))
		return mask;
	for (; mask; mask &= mask - 1) {
		if (!p->deciding[__builtin_ctz(mask)]->exchange && room-- == 0)
			break;
		part |= mask & -mask;
	}
	return part;
}

void decide_run(struct proxy *p)
{
	while (p->deciding_mask) {
		uint32_t part = decide_part(p, p->deciding_mask);
		struct burst burst = decide_burst(p, p->decisions, part);

		if (likely(part))
			pipeline_run(&burst);
		else
			part = p->deciding_mask & -p->deciding_mask;
		while ((part &= p->deciding_mask)) {
			const uint32_t i = (uint32_t)__builtin_ctz(part);

			p->deciding_mask &= ~(UINT32_C(1) << i);
			decide_conclude(p, &burst, i);
		}
	}
	p->decision_count = 0;
}
