/* SPDX-License-Identifier: Apache-2.0 */
/* Which route a request takes, and whether its body may be as long as its head announces. */
#include "dataplane/pipeline/pipeline_priv.h"
#include "dataplane/route/cors.h"

static bool body_fits(const struct http_head *head, uint64_t body_max)
{
	return head->content_length <= body_max || head->content_length == HTTP_LENGTH_UNKNOWN;
}

/* It is refused for its length, whichever route it takes; its API is known all the same. */
static enum reason route_too_large(const struct pipeline *pipeline, struct decision *d)
{
	cors_find_route(pipeline->routes, pipeline->snapshot, d->listener, d->head, &d->match);
	return REASON_BODY_TOO_LARGE;
}

static enum reason route_verdict(const struct pipeline *pipeline, struct decision *d)
{
	const struct http_head *head = d->head;
	enum reason why;

	if (__builtin_expect(d->listener == SNAP_NONE, 0)) {
		d->match = (struct route_match){
			.api = SNAP_NONE, .route = SNAP_NONE, .backend = SNAP_NONE
		};
		return body_fits(head, pipeline->body_max) ? REASON_LISTENER_GONE
							   : REASON_BODY_TOO_LARGE;
	}
	if (__builtin_expect(!body_fits(head, pipeline->body_max), 0))
		return route_too_large(pipeline, d);
	if (__builtin_expect(head->method_id == HTTP_OPTIONS, 0))
		why = cors_find_route(
			pipeline->routes, pipeline->snapshot, d->listener, head, &d->match);
	else
		why = route_find(pipeline->routes, d->listener, head->host, head->path,
			head->method_id, &d->match);
	if (why != REASON_PROXIED)
		return why;
	d->plan = &pipeline->plans[d->match.route];
	__builtin_prefetch(d->plan);
	return REASON_PROXIED;
}

/* Nothing is known of it but its head. */
static void decision_begin(struct decision *d)
{
	d->plan = NULL;
	d->has_caller = d->has_limit = false;
	d->key = 0;
	d->verdict = REASON_PROXIED;
}

void stage_route(struct burst *b, uint32_t mask)
{
	uint32_t any = 0, all = UINT32_MAX;

	for (uint32_t left = mask; left;) {
		const uint32_t i = burst_first(&left);
		struct decision *d = &b->decisions[i];
		enum reason why;

		decision_begin(d);
		why = route_verdict(b->pipeline, d);
		if (why != REASON_PROXIED)
			burst_reply(b, i, why);
	}
	/* The plans were fetched meanwhile. */
	for (uint32_t left = b->next; left;) {
		const uint32_t i = burst_first(&left);
		struct decision *d = &b->decisions[i];

		if (!body_fits(d->head, d->plan->body_max)) {
			burst_reply(b, i, REASON_BODY_TOO_LARGE);
			continue;
		}
		any |= d->plan->stages;
		all &= d->plan->stages;
	}
	b->any = any;
	b->all = all;
}
