/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides the requests that a burst completed, together: route, credential, consumer, plan, limits,
 * in this order. Keys are looked up together, so that their cache misses overlap with each other
 * and with other work.
 */
#include "dataplane/proxy/proxy_priv.h"

void decide_add(struct proxy *p, struct client *c, struct decision *d)
{
	d->client = c;
	c->state = CLIENT_DECIDE;
	p->decision_count++;
	if (p->decision_count == DECIDE_BATCH)
		decide_run(p);
}

void decide_forget(struct proxy *p, const struct client *c)
{
	for (uint32_t i = 0; i < p->decision_count; i++)
		if (p->decisions[i].client == c)
			p->decisions[i].client = NULL;
}

/* @param own  the longest body that the route allows; 0: no limit of its own, or not known yet */
static enum reason check_head(const struct proxy *p, const struct http_head *head, uint32_t own)
{
	uint64_t body_max = proxy_body_max(p, own);

	if (body_max && head->content_length != HTTP_LENGTH_UNKNOWN &&
		head->content_length > body_max)
		return REASON_BODY_TOO_LARGE;
	return REASON_PROXIED;
}

/* Route and credential: all that needs no memory of its own. */
static void find(struct proxy *p, struct decision *d)
{
	const struct http_head *head = decision_head(d);
	uint32_t listener = tables_listener(p->tables, d->client->listener_slot);

	d->has_caller = false;
	d->key = 0;
	d->match = (struct route_match){ SNAP_NONE, SNAP_NONE, SNAP_NONE, 0, false };
	d->verdict = check_head(p, head, 0);
	if (d->verdict != REASON_PROXIED)
		return;
	/* What was asked for before its listener changed goes on. */
	if (listener == SNAP_NONE || (unlikely(d->client->leaving) && !d->client->exchange)) {
		d->verdict = REASON_LISTENER_GONE;
		return;
	}
	d->verdict = route_find(
		p->tables->routes, listener, head->host, head->path, head->method_id, &d->match);
	if (d->verdict == REASON_PROXIED)
		d->verdict = check_head(p, head,
			SNAP_AT(&p->tables->snapshot, SNAP_ROUTES, snap_route, d->match.route)
				->body_max);
	if (d->verdict != REASON_PROXIED)
		return;
	if (SNAP_AT(&p->tables->snapshot, SNAP_APIS, snap_api, d->match.api)->credentials.count ==
		0)
		return;
	d->has_caller = true;
	d->verdict = policy_find_credential(
		p->tables->policy, p->scratch, head, d->match.api, &d->credential);
}

/* The decisions that need to know who is calling. */
struct callers {
	struct policy_inquiry inquiry;
	struct decision *whose[DECIDE_BATCH];
};

/* Fetch the usage lines of those who are known by now. @param i the first who was not known
 * before */
static void callers_expect(struct proxy *p, const struct policy_inquiry *inquiry, uint32_t i)
{
	for (; i < inquiry->known; i++) {
		const struct usage_line *line;

		if (!(inquiry->found >> i & 1))
			continue;
		line = &p->tables->usage->lines[inquiry->callers[i].slot];
		__builtin_prefetch(line, 1);
		policy_expect(p->scratch, line);
	}
}

static void callers_add(struct proxy *p, struct callers *callers, struct decision *d)
{
	const uint32_t known = callers->inquiry.known;

	if (!d->has_caller || d->verdict != REASON_PROXIED)
		return;
	callers->whose[callers->inquiry.count] = d;
	policy_inquiry_add(p->tables->policy, &callers->inquiry, d->credential.value);
	callers_expect(p, &callers->inquiry, known);
}

static void callers_end(struct proxy *p, struct callers *callers)
{
	const struct policy_inquiry *inquiry = &callers->inquiry;
	const uint32_t known = inquiry->known;

	policy_inquiry_end(p->tables->policy, &callers->inquiry);
	callers_expect(p, inquiry, known);
	for (uint32_t i = 0; i < inquiry->count; i++) {
		struct decision *d = callers->whose[i];

		if (!(inquiry->found >> i & 1)) {
			d->verdict = REASON_KEY_UNKNOWN;
			continue;
		}
		d->caller = inquiry->callers[i];
		memcpy(&d->key, inquiry->digests[i], sizeof(d->key));
		if (d->caller.expires && d->caller.expires <= p->wall_s)
			d->verdict = REASON_KEY_EXPIRED;
	}
}

static void note_caller(struct proxy *p, struct decision *d, struct exchange *ex)
{
	ex->plan = d->caller.plan;
	ex->consumer_slot = d->caller.slot;
	if (!policy_plan_allows(p->tables->policy, d->caller.plan, d->match.api))
		d->verdict = REASON_API_NOT_IN_PLAN;
}

/* Is the caller allowed here, and now? */
static void admit(struct proxy *p, struct decision *d, struct exchange *ex)
{
	const struct policy *policy = p->tables->policy;

	note_caller(p, d, ex);
	if (d->verdict != REASON_PROXIED)
		return;
	policy_take(policy, p->scratch, d->caller.plan, &p->tables->usage->lines[d->caller.slot],
		p->now_ns, p->wall_s, &ex->limit);
	if (ex->limit.limit != SNAP_NONE)
		ex->flags |= EX_RATE_FIELDS;
	if (!ex->limit.allowed)
		d->verdict = ex->limit.reason;
}

static void note_route(struct proxy *p, const struct decision *d, struct exchange *ex)
{
	const struct snapshot *snapshot = &p->tables->snapshot;

	ex->api = d->match.api;
	ex->key = d->key;
	if (d->match.api != SNAP_NONE)
		ex->api_slot = SNAP_AT(snapshot, SNAP_APIS, snap_api, d->match.api)->slot;
	if (d->verdict == REASON_PROXIED) {
		const struct snap_route *route =
			SNAP_AT(snapshot, SNAP_ROUTES, snap_route, d->match.route);

		ex->backend = d->match.backend;
		ex->timeout_ms = route->timeout_ms;
		ex->body_max = route->body_max;
	}
}

static void conclude(struct proxy *p, struct decision *d)
{
	struct client *c = d->client;
	const struct http_head *head = decision_head(d);
	struct exchange *ex = exchange_begin(p, c, d);

	if (!ex) {
		p->config.stats->reason[REASON_OVERLOADED]++;
		client_abort(p, c);
		return;
	}
	note_route(p, d, ex);
	if (d->has_caller && d->verdict == REASON_PROXIED)
		admit(p, d, ex);
	if (unlikely(head->has_max_forwards) && head->max_forwards == 0 &&
		d->verdict == REASON_PROXIED)
		d->verdict = REASON_MAX_FORWARDS;
	if (d->verdict != REASON_PROXIED) {
		problem(p, ex, d->verdict, d);
		return;
	}
	hold_request(p, ex, d);
	exchange_dispatch(p, ex, d);
}

enum reason decide_again(struct proxy *p, struct exchange *ex, struct decision *d)
{
	struct callers callers;

	d->client = ex->client;
	policy_inquiry_begin(&callers.inquiry);
	find(p, d);
	callers_add(p, &callers, d);
	callers_end(p, &callers);
	note_route(p, d, ex);
	if (d->has_caller && d->verdict == REASON_PROXIED)
		note_caller(p, d, ex);
	if (ex->generation != p->tables->snapshot.generation)
		ex->flags &= ~(uint32_t)EX_RATE_FIELDS; /* they name a limit of the old plan */
	ex->generation = p->tables->snapshot.generation;
	return d->verdict;
}

void decide_run(struct proxy *p)
{
	struct callers callers;

	policy_inquiry_begin(&callers.inquiry);
	for (uint32_t i = 0; i < p->decision_count; i++) {
		if (!p->decisions[i].client)
			continue;
		find(p, &p->decisions[i]);
		callers_add(p, &callers, &p->decisions[i]);
	}
	callers_end(p, &callers);
	for (uint32_t i = 0; i < p->decision_count; i++)
		if (p->decisions[i].client)
			conclude(p, &p->decisions[i]);
	policy_burst_end(p->scratch);
	p->decision_count = 0;
}
