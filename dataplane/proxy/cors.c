/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of the CORS protocol (Fetch standard §3.2.3), on every response of an API with CORS
 * settings, whether it comes from a backend or from the gateway: without them a page could not read
 * why it was refused. What they say is made when the request is decided and kept in an mbuf: when
 * the response comes, the request's head is gone and another generation may run.
 *
 * All of these responses vary by the origin, also those to requests that name none: a cache must not
 * give them to a page.
 */
#include "dataplane/proxy/cors.h"

#include "dataplane/http/methods.h"
#include "dataplane/proxy/proxy_priv.h"
#include "dataplane/route/cors.h"

#define CORS_VARY "Vary: Origin\r\n"
static_assert(sizeof("Access-Control-Allow-Credentials: true") + sizeof(CORS_VARY) +
			      sizeof("Access-Control-Allow-Origin: ") + SNAP_CORS_ORIGIN_BYTES_MAX +
			      sizeof("Access-Control-Expose-Headers: ") + SNAP_CORS_LIST_BYTES_MAX +
			      8 <
		      CORS_LINES_BYTES,
	"");

void cors_forget(struct exchange *ex)
{
	rte_pktmbuf_free(ex->cors_lines);
	ex->cors_lines = NULL;
	ex->flags &= ~(uint32_t)EX_CORS;
}

/* @return false without memory */
static bool cors_keep(struct proxy *p, struct exchange *ex, const struct snap_cors *cors,
	const struct decision *d)
{
	const struct snapshot *s = &p->tables->snapshot;
	const struct str expose = snap_str(s, cors->expose);
	char room[CORS_LINES_BYTES];
	struct http1_writer w = { room, sizeof(room), 0 };

	http1_put_field(&w, STR("Access-Control-Allow-Origin"),
		cors->any ? STR("*") : cors_origin(decision_head(d)));
	if (cors->credentials)
		http1_put(&w, STR("Access-Control-Allow-Credentials: true\r\n"));
	if (expose.len && !d->match.preflight)
		http1_put_field(&w, STR("Access-Control-Expose-Headers"), expose);
	ex->cors_lines = chain_copy(room, w.len, p->config.pool);
	return ex->cors_lines != NULL;
}

bool cors_note(struct proxy *p, struct exchange *ex, const struct decision *d)
{
	const struct snapshot *s = &p->tables->snapshot;
	const struct snap_cors *cors = cors_of_match(s, &d->match);

	if (ex->flags & EX_CORS)
		cors_forget(ex);
	if (!cors)
		return true;
	ex->flags |= EX_CORS;
	ex->cors_lines = NULL;
	return !cors_allows_origin(s, cors, cors_origin(decision_head(d))) ||
	       cors_keep(p, ex, cors, d);
}

static void cors_put_kept(const struct exchange *ex, struct http1_writer *w)
{
	for (const struct rte_mbuf *m = ex->cors_lines; m; m = m->next)
		http1_put(w, (struct str){ rte_pktmbuf_mtod(m, const char *), m->data_len });
}

uint32_t cors_bytes(const struct exchange *ex)
{
	return sizeof(CORS_VARY) + (ex->cors_lines ? ex->cors_lines->pkt_len : 0);
}

void cors_put(const struct exchange *ex, struct http1_writer *w)
{
	http1_put(w, STR(CORS_VARY));
	cors_put_kept(ex, w);
}

/* Leaves the backend's own out. @return whether it says by itself that it varies by the origin */
static bool cors_leave_out(struct http_head *head)
{
	bool varies = false;

	for (uint32_t i = 0; i < head->field_count; i++) {
		struct http_field *field = &head->fields[i];
		const struct str name = http_field_name(field);

		if (cors_is_field(name))
			field->flags |= HTTP_IS_HOP;
		else if (!(field->flags & HTTP_IS_HOP) && str_equal_nocase(name, STR("vary")))
			varies |= cors_list_has(http_field_value(field), STR("origin"));
	}
	return varies;
}

struct str cors_response(
	struct proxy *p, struct exchange *ex, struct http_head *head, struct str lines)
{
	struct http1_writer w = { p->edit.text, sizeof(p->edit.text), 0 };

	if (lines.data == p->edit.text)
		w.len = lines.len;
	else
		http1_put(&w, lines);
	if (!cors_leave_out(head))
		http1_put(&w, STR(CORS_VARY));
	cors_put_kept(ex, &w);
	return (struct str){ w.buf, w.len };
}

void cors_answer(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d)
{
	const struct snapshot *s = &p->tables->snapshot;
	const struct snap_cors *cors = cors_of_match(s, &d->match);
	const struct str fields = snap_str(s, cors->fields);
	char room[CORS_LINES_BYTES], methods[HTTP_METHODS_BYTES];
	struct http1_writer w = { room, sizeof(room), 0 };
	struct reply r = { .reason = why, .status = 204 };

	http1_put_field(&w, STR("Access-Control-Allow-Methods"),
		http_method_list(cors_methods(cors, &d->match), methods));
	if (fields.len)
		http1_put_field(&w, STR("Access-Control-Allow-Headers"), fields);
	http1_put(&w, STR("Access-Control-Max-Age: "));
	http1_put_number(&w, cors->max_age_ms / 1000);
	http1_put(&w, STR("\r\n"));
	r.fields = (struct str){ room, w.len };
	reply(p, ex, &r);
}
