/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of routes that have no backend: what they get is the route's reply. */
#include "dataplane/pipeline/pipeline_priv.h"

void stage_reply(struct burst *b, uint32_t mask)
{
	const struct snapshot *s = b->pipeline->snapshot;

	while (mask) {
		const uint32_t i = burst_first(&mask);
		const struct snap_reply *reply = snap_reply_of(s, b->decisions[i].match.route);

		burst_reply(b, i, reply->location.count ? REASON_REDIRECTED : REASON_REPLIED);
	}
}
