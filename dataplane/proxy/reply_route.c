/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses that a route is configured to give instead of a backend's: a fixed reply, or a redirect.
 * By then its request has passed what any request of the API passes.
 */
#include "dataplane/proxy/proxy_priv.h"
#include "dataplane/route/template.h"

/* @return false when the Location is longer than any head */
static bool reply_put_location(struct proxy *p, const struct exchange *ex,
	const struct snap_reply *from, const struct decision *d, struct http1_writer *w)
{
	const struct http_head *head = decision_head(d);
	const struct template_values values = { .path = head_path_matched(p, ex->client, d) };

	http1_put(w, STR("Location: "));
	w->len += template_location(&p->tables->snapshot, from->location, &values, head->query,
		w->buf + w->len, HTTP1_MAX_HEAD_BYTES);
	http1_put(w, STR("\r\n"));
	return w->len <= HTTP1_MAX_HEAD_BYTES;
}

static void reply_of_route(
	struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d)
{
	const struct snapshot *s = &p->tables->snapshot;
	const struct snap_reply *from = snap_reply_of(s, d->match.route);
	struct http1_writer w = { p->scratch_head, sizeof(p->scratch_head), 0 };
	struct str lines;
	struct reply r = { .reason = why, .status = (uint16_t)from->status };

	if (from->location.count && !edit_leaves_out(p, d, STR("Location")) &&
		!reply_put_location(p, ex, from, d, &w)) {
		problem(p, ex, REASON_TARGET_TOO_LONG, d);
		return;
	}
	if (ex->flags & EX_RATE_FIELDS)
		reply_rate_fields(p, ex, &w);
	if (d->plan->edit != SNAP_NONE) {
		if (!edit_reply_lines(p, ex, d, &lines)) {
			problem(p, ex, REASON_HEAD_TOO_LARGE, d);
			return;
		}
		http1_put(&w, lines);
	}
	r.fields = (struct str){ w.buf, w.len };
	r.body = snap_str(s, from->body);
	if (r.body.len && !edit_leaves_out(p, d, STR("Content-Type")))
		r.type = snap_str(s, from->type);
	reply(p, ex, &r);
}

void reply_verdict(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d)
{
	if (why == REASON_REPLIED || why == REASON_REDIRECTED)
		reply_of_route(p, ex, why, d);
	else if (why == REASON_CORS_PREFLIGHT || why == REASON_CORS_METHOD ||
		 why == REASON_CORS_FIELD)
		cors_answer(p, ex, why, d);
	else
		problem(p, ex, why, d);
}
