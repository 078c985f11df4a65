/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket (RFC 6455), of which the gateway knows the beginning alone: a request on a route that
 * allows it, and a 101 that agrees. After that the exchange is a tunnel: its request and its response
 * go on as content without an end, moved by forward.c as any other, until a side ends. What passes is
 * not looked at, costs no limit and is not held to the longest body; where nothing passes for the
 * tunnel timeout, both connections are closed. An apply leaves it alone, whatever it changes.
 */
#include "dataplane/proxy/h1.h"

void tunnel_begin(struct proxy *p, struct exchange *ex)
{
	ex->flags = (ex->flags & ~(uint32_t)EX_REQUEST_DONE) | EX_TUNNEL;
	ex->request_body =
		(struct http1_body){ .framing = HTTP1_BODY_UNTIL_CLOSE, .is_request = true };
	ex->client->keep_alive = false;
	p->counters->tunnels++;
	p->counters->tunnels_open++;
}

void tunnel_client_ended(struct proxy *p, struct exchange *ex)
{
	ex->flags |= EX_REQUEST_DONE;
	transport_end(&ex->attempt.upstream->transport);
}

void tunnel_end(struct proxy *p, struct exchange *ex, enum reason why)
{
	struct client *c = ex->client;

	ex->attempt.upstream->reusable = false;
	upstream_release(p, ex->attempt.upstream);
	attempt_end(p, ex, OUTCOME_ABANDONED);
	exchange_end(p, ex, why);
	client_answered(p, c);
}

void tunnel_end_all(struct proxy *p)
{
	struct client *c, *next;

	for (c = LIST_FIRST(&p->all); c; c = next) {
		next = LIST_NEXT(c, all_entry);
		if (c->exchange && (c->exchange->flags & EX_TUNNEL))
			tunnel_end(p, c->exchange, REASON_TUNNEL_DRAINED);
	}
}
