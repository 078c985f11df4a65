/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of pages of other origins, on routes with `cors`. A preflight carries no key and is
 * answered before one is looked for; what its answer consists of is the proxy's to write. A
 * WebSocket is not covered by the protocol, so that its origin is looked at here. Any other request
 * goes on: whether its page may read the response is the browser's to hold.
 */
#include "dataplane/pipeline/pipeline_priv.h"
#include "dataplane/route/cors.h"

static bool decision_opens_websocket(const struct decision *d)
{
	return d->plan->stages & PLAN_WEBSOCKET && http_head_has(d->head, HTTP_FIELD_UPGRADE);
}

void stage_cors(struct burst *b, uint32_t mask)
{
	const struct snapshot *s = b->pipeline->snapshot;

	while (mask) {
		const uint32_t i = burst_first(&mask);
		const struct decision *d = &b->decisions[i];
		const struct snap_cors *cors = cors_of_match(s, &d->match);

		if (d->match.preflight)
			burst_reply(b, i, cors_judge(s, cors, d->head, &d->match));
		else if (decision_opens_websocket(d) &&
			 !cors_allows_websocket(s, cors, d->head,
				 SNAP_AT(s, SNAP_LISTENERS, snap_listener, d->listener)->tls))
			burst_reply(b, i, REASON_CORS_ORIGIN);
	}
}
