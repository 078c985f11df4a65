/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that Sluice gives itself: one function for all of them, so that each has its reason, its
 * counter, its record, and a body of problem details (RFC 9457).
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "dataplane/proxy/proxy_priv.h"

#define RESPONSE_BYTES 2048

struct text {
	char *buf;
	uint32_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, t->size - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len += RTE_MIN((uint32_t)n, t->size - t->len - 1);
}

static const char *status_phrase(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 417:
		return "Expectation Failed";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 502:
		return "Bad Gateway";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Error";
	}
}

/* RFC 9110 §5.6.7; made once a second. */
static const char *date(struct proxy *p)
{
	if (p->date_s != p->wall_s) {
		time_t t = (time_t)p->wall_s;
		struct tm tm;

		p->date_s = p->wall_s;
		gmtime_r(&t, &tm);
		strftime(p->date_text, sizeof(p->date_text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return p->date_text;
}

void respond_date(struct proxy *p, struct http1_writer *w)
{
	const char *text = date(p);

	http1_put_field(w, STR("Date"), (struct str){ text, (uint32_t)strlen(text) });
}

void respond_rate_fields(struct proxy *p, const struct exchange *ex, struct http1_writer *w)
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

static void put_allow(struct text *t, uint32_t methods)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH",
		"OPTIONS", "TRACE" };
	const char *separator = "";

	put(t, "Allow: ");
	for (unsigned i = 0; i < RTE_DIM(names); i++) {
		if (methods & (1u << i)) {
			put(t, "%s%s", separator, names[i]);
			separator = ", ";
		}
	}
	put(t, "\r\n");
}

#define CHALLENGES_BYTES                                                                           \
	1024 /* of all WWW-Authenticate lines; an API with more ways names the first */

static const struct snap_credential *credential_at(
	const struct snapshot *snapshot, const struct snap_api *api, uint32_t i)
{
	return SNAP_AT(snapshot, SNAP_CREDENTIALS, snap_credential,
		SNAP_INDEX_AT(snapshot, SNAP_API_CREDENTIALS, api->credentials.first + i));
}

/* A scheme that an earlier credential has named. */
static bool is_named(
	const struct snapshot *snapshot, const struct snap_api *api, uint32_t i, struct str scheme)
{
	while (i-- > 0) {
		const struct snap_credential *other = credential_at(snapshot, api, i);

		if (other->where == SNAP_IN_AUTHORIZATION &&
			str_equal_nocase(snap_str(snapshot, other->field), scheme))
			return true;
	}
	return false;
}

static bool is_quotable(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' || s.data[i] > '~' || s.data[i] == '"' || s.data[i] == '\\')
			return false;
	return true;
}

/* RFC 9110 §11.6.1: a challenge for each way in which the API takes a key. RFC 6750 §3 has an error
 * where a token came with the request, and none otherwise. */
static void put_challenges(
	struct proxy *p, struct text *t, const struct exchange *ex, enum reason why)
{
	static const char *const places[] = {
		[SNAP_IN_HEADER] = "header", [SNAP_IN_QUERY] = "query", [SNAP_IN_COOKIE] = "cookie"
	};
	const struct snapshot *snapshot = &p->tables->snapshot;
	const uint32_t start = t->len;
	const struct snap_api *api;

	if (ex->api == SNAP_NONE || ex->generation != snapshot->generation)
		return;
	api = SNAP_AT(snapshot, SNAP_APIS, snap_api, ex->api);
	for (uint32_t i = 0; i < api->credentials.count; i++) {
		const struct snap_credential *credential = credential_at(snapshot, api, i);
		const struct str field = snap_str(snapshot, credential->field);
		const bool scheme = credential->where == SNAP_IN_AUTHORIZATION;

		if (scheme ? is_named(snapshot, api, i, field) : !is_quotable(field))
			continue;
		if (t->len - start + field.len + 128 > CHALLENGES_BYTES)
			return;
		if (scheme)
			put(t, "WWW-Authenticate: %c%.*s realm=\"sluice\"%s\r\n",
				toupper((unsigned char)field.data[0]), (int)field.len - 1,
				field.data + 1,
				why != REASON_KEY_MISSING && str_equal_nocase(field, STR("Bearer"))
					? ", error=\"invalid_token\""
					: "");
		else
			put(t, "WWW-Authenticate: ApiKey realm=\"sluice\", in=\"%s\", name=\"%.*s\"%s\r\n",
				places[credential->where], (int)field.len, field.data,
				why == REASON_KEY_EXPIRED ? ", error=\"expired\"" : "");
	}
}

/* Fields that belong to one status. */
static void put_special(struct proxy *p, struct text *t, const struct exchange *ex, enum reason why,
	const struct decision *d)
{
	unsigned status = reason_status(why);

	if (status == 401)
		put_challenges(p, t, ex, why);
	if ((status == 405 || why == REASON_MAX_FORWARDS) && d)
		put_allow(t, d->match.allowed_methods);
	if (status == 429)
		put(t, "Retry-After: %" PRIu64 "\r\n", ex->limit.retry_after_s);
	if (ex->flags & EX_RATE_FIELDS) {
		struct http1_writer w = { t->buf + t->len, t->size - t->len, 0 };

		respond_rate_fields(p, ex, &w);
		if (http1_writer_ok(&w))
			t->len += w.len;
	}
}

/* What TRACE gets from the last one on its way (RFC 9110 §9.3.8): the request without the fields
 * that may hold secrets. It is left out where it is long. */
static void put_trace(struct text *b, const struct http1_head *head)
{
	put(b, "TRACE %.*s HTTP/1.%u\r\n", (int)head->target.len, head->target.data,
		head->version_minor);
	for (uint32_t i = 0; i < head->message.field_count; i++) {
		const struct http_field *field = &head->message.fields[i];

		if (field->id == HTTP_FIELD_HOST || field->id == HTTP_FIELD_VIA ||
			field->id == HTTP_FIELD_MAX_FORWARDS)
			put(b, "%.*s: %.*s\r\n", (int)field->name.len, field->name.data,
				(int)field->value.len, field->value.data);
	}
	put(b, "\r\n");
	if (b->len + 1 == b->size)
		b->len = 0;
}

static const char *compose_body(
	const struct exchange *ex, enum reason why, const struct decision *d, struct text *b)
{
	if (why == REASON_MAX_FORWARDS) {
		if (d && ex->method == HTTP_TRACE)
			put_trace(b, &d->received);
		return b->len ? "Content-Type: message/http\r\n" : "";
	}
	put(b,
		"{\"type\":\"urn:sluice:problem:%s\",\"title\":\"%s\",\"status\":%u,"
		"\"instance\":\"urn:sluice:request:%016" PRIx64 "\"}\n",
		reason_name(why), reason_title(why), reason_status(why), ex->request_id);
	return "Content-Type: application/problem+json\r\n";
}

static uint32_t compose(struct proxy *p, const struct exchange *ex, enum reason why,
	const struct decision *d, char *buf, uint32_t size)
{
	const struct client *c = ex->client;
	unsigned status = reason_status(why);
	char body[512];
	struct text b = { body, sizeof(body), 0 }, t = { buf, size, 0 };
	const char *type = compose_body(ex, why, d, &b);

	put(&t, "HTTP/1.1 %u %s\r\nDate: %s\r\n%sContent-Length: %u\r\n", status,
		status_phrase(status), date(p), type, b.len);
	put_special(p, &t, ex, why, d);
	if (!c->keep_alive)
		put(&t, "Connection: close\r\n");
	else if (ex->flags & EX_HTTP10)
		put(&t, "Connection: keep-alive\r\n");
	put(&t, "\r\n");
	if (ex->method != HTTP_HEAD)
		put(&t, "%.*s", (int)b.len, body);
	return t.len;
}

/* Drop the refused request from the stream. A body that is here as a whole goes too; for another
 * one the connection must close, because where the next request begins is not known yet. */
static void skip_request(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;
	bool whole;

	if (!c->keep_alive)
		return;
	whole = ex->flags & EX_REPEATS;
	if (ex->flags & EX_HEAD_HELD)
		hold_drop(p, ex);
	if (whole)
		return;
	if ((ex->flags & EX_REQUEST_DONE) || ex->request_body.framing == HTTP1_BODY_NONE)
		return;
	if (ex->request_body.framing == HTTP1_BODY_LENGTH &&
		ex->request_body.left <= c->rx.chain.bytes)
		chain_drop(&c->rx.chain, (uint32_t)ex->request_body.left);
	else
		c->keep_alive = false;
}

void respond(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d)
{
	struct client *c = ex->client;
	char buf[RESPONSE_BYTES];
	struct rte_mbuf *m;
	uint32_t len;

	skip_request(p, ex);
	if (p->draining || c->leaving)
		c->keep_alive = false;
	len = compose(p, ex, why, d, buf, sizeof(buf));
	m = chain_copy(buf, len, p->config.pool);
	ex->status = (uint16_t)reason_status(why);
	ex->bytes_out += len;
	if (!m || !client_send(p, c, m)) {
		ex->reason = why;
		client_abort(p, c);
		return;
	}
	exchange_end(p, ex, why);
	client_answered(p, c);
}

void respond_continue(struct proxy *p, struct client *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct rte_mbuf *m = chain_copy(text, sizeof(text) - 1, p->config.pool);

	/* Without memory for it the client waits a little and sends its body all the same. */
	if (m)
		client_send(p, c, m);
}
