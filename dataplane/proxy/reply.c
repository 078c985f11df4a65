/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses that Sluice gives itself: one function sends all of them and ends their exchanges, so
 * that each has its reason, its counter and its record. What is in one is its caller's: an error
 * (problem.c), or a response that a route is configured to give.
 */
#include <string.h>
#include <time.h>

#include "dataplane/proxy/h1.h"

#define REPLY_BYTES 2560 /* a response that fits is one copy: fields of REPLY_FIELDS_BYTES do */

static struct str reply_phrase(unsigned status)
{
	static const struct {
		uint16_t status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 410, "Gone" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (unsigned i = 0; i < RTE_DIM(phrases); i++)
		if (phrases[i].status == status)
			return str_of(phrases[i].phrase);
	return (struct str){ NULL, 0 }; /* RFC 9112 §4: it may be empty */
}

/* RFC 9110 §5.6.7; made once a second. */
static struct str reply_date_text(struct proxy *p)
{
	if (p->date_s != p->wall_s) {
		time_t t = (time_t)p->wall_s;
		struct tm tm;

		p->date_s = p->wall_s;
		gmtime_r(&t, &tm);
		strftime(p->date_text, sizeof(p->date_text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return (struct str){ p->date_text, (uint32_t)strlen(p->date_text) };
}

void reply_date(struct proxy *p, struct http1_writer *w)
{
	http1_put_field(w, STR("Date"), reply_date_text(p));
}

void reply_rate_fields(struct proxy *p, const struct exchange *ex, struct http1_writer *w)
{
	const struct policy *policy = p->tables->policy;

	if (ex->generation != p->tables->snapshot.generation)
		return;
	http1_put(w, STR("RateLimit-Policy: "), policy_plan_header(policy, ex->plan),
		STR("\r\nRateLimit: \""), policy_limit_name(policy, ex->limit.limit), STR("\";r="));
	http1_put_number(w, ex->limit.remaining);
	http1_put(w, STR(";t="));
	http1_put_number(w, ex->limit.reset_s);
	http1_put(w, STR("\r\n"));
}

/* RFC 9110 §6.4.1, §8.6: no content, and no length of one. */
static bool reply_is_empty(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

/* What comes before the fields of its own. */
static void reply_put_begin(struct proxy *p, const struct reply *r, struct http1_writer *w)
{
	http1_put(w, STR("HTTP/1.1 "));
	http1_put_number(w, r->status);
	http1_put(w, STR(" "), reply_phrase(r->status), STR("\r\n"));
	reply_date(p, w);
	if (r->type.len)
		http1_put_field(w, STR("Content-Type"), r->type);
	if (!reply_is_empty(r->status)) {
		http1_put(w, STR("Content-Length: "));
		http1_put_number(w, r->body.len);
		http1_put(w, STR("\r\n"));
	}
}

static void reply_put_end(const struct exchange *ex, struct http1_writer *w)
{
	if (!ex->client->keep_alive)
		http1_put(w, STR("Connection: close\r\n"));
	else if (ex->flags & EX_HTTP10)
		http1_put(w, STR("Connection: keep-alive\r\n"));
	http1_put(w, STR("\r\n"));
}

/* Put a copy behind what there is. @return false when no mbuf was free: nothing is left then */
static bool reply_add(struct proxy *p, struct rte_mbuf **m, const char *data, uint32_t len)
{
	struct rte_mbuf *more = chain_copy(data, len, p->config.pool);

	if (more) {
		*m = chain_join(*m, more);
		return true;
	}
	rte_pktmbuf_free(*m);
	*m = NULL;
	return false;
}

/* Fields of its own, and what pages of other origins may do with it. @return false when no mbuf was
 * free */
static bool reply_put_fields(struct proxy *p, const struct exchange *ex, const struct reply *r,
	struct http1_writer *w, struct rte_mbuf **m)
{
	const bool cors = ex->flags & EX_CORS;

	if (likely(r->fields.len + (cors ? cors_bytes(ex) : 0) <= REPLY_FIELDS_BYTES)) {
		http1_put(w, r->fields);
	} else {
		if (!reply_add(p, m, w->buf, w->len) ||
			!reply_add(p, m, r->fields.data, r->fields.len))
			return false;
		w->len = 0;
	}
	if (unlikely(cors))
		cors_put(ex, w);
	return true;
}

/* @return the response, or NULL when no mbuf was free */
static struct rte_mbuf *reply_write(
	struct proxy *p, const struct exchange *ex, const struct reply *r)
{
	const bool body = r->body.len && ex->method != HTTP_HEAD && !reply_is_empty(r->status);
	char buf[REPLY_BYTES];
	struct http1_writer w = { buf, sizeof(buf), 0 };
	struct rte_mbuf *m = NULL;

	reply_put_begin(p, r, &w);
	if (!reply_put_fields(p, ex, r, &w, &m))
		return NULL;
	reply_put_end(ex, &w);
	if (body && r->body.len <= sizeof(buf) - w.len) {
		http1_put(&w, r->body);
		reply_add(p, &m, buf, w.len);
	} else if (reply_add(p, &m, buf, w.len) && body) {
		reply_add(p, &m, r->body.data, r->body.len);
	}
	return m;
}

void reply(struct proxy *p, struct exchange *ex, const struct reply *r)
{
	struct client *c = ex->client;
	struct rte_mbuf *m;

	h1_skip_request(p, ex);
	if (p->draining || c->leaving)
		c->keep_alive = false;
	m = reply_write(p, ex, r);
	ex->status = r->status;
	ex->bytes_out += m ? m->pkt_len : 0;
	if (!m || !client_send(p, c, m)) {
		ex->reason = r->reason;
		client_abort(p, c);
		return;
	}
	exchange_end(p, ex, r->reason);
	client_answered(p, c);
}
