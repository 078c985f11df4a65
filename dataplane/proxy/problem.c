/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of Sluice's own, as responses with a body of problem details (RFC 9457) and the fields
 * that belong to their status. Each is a row of lib/shm/reason.def.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataplane/http/methods.h"
#include "dataplane/proxy/proxy_priv.h"

#define PROBLEM_BODY_BYTES 512

struct problem_text {
	char *buf;
	uint32_t size, len;
};

__attribute__((format(printf, 2, 3))) static void problem_put(
	struct problem_text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, t->size - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len += RTE_MIN((uint32_t)n, t->size - t->len - 1);
}

static void problem_put_allow(struct problem_text *t, uint32_t methods)
{
	char room[HTTP_METHODS_BYTES];
	const struct str list = http_method_list(methods & ~(1u << HTTP_CONNECT), room);

	problem_put(t, "Allow: %.*s\r\n", (int)list.len, list.data);
}

#define PROBLEM_CHALLENGES_BYTES                                                                   \
	1024 /* of all WWW-Authenticate lines; an API with more ways names the first */

/* A scheme that an earlier credential has named. */
static bool problem_is_named(
	const struct snapshot *snapshot, const struct snap_api *api, uint32_t i, struct str scheme)
{
	while (i-- > 0) {
		const struct snap_credential *other = snap_credential_of(snapshot, api, i);

		if (other->where == SNAP_IN_AUTHORIZATION &&
			str_equal_nocase(snap_str(snapshot, other->field), scheme))
			return true;
	}
	return false;
}

static bool problem_is_quotable(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' || s.data[i] > '~' || s.data[i] == '"' || s.data[i] == '\\')
			return false;
	return true;
}

/* RFC 9110 §11.6.1: a challenge for each way in which the API takes a key. RFC 6750 §3 has an error
 * where a token came with the request, and none otherwise. */
static void problem_put_challenges(
	struct proxy *p, struct problem_text *t, const struct exchange *ex, enum reason why)
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
		const struct snap_credential *credential = snap_credential_of(snapshot, api, i);
		const struct str field = snap_str(snapshot, credential->field);
		const bool scheme = credential->where == SNAP_IN_AUTHORIZATION;

		if (scheme ? problem_is_named(snapshot, api, i, field)
			   : !problem_is_quotable(field))
			continue;
		if (t->len - start + field.len + 128 > PROBLEM_CHALLENGES_BYTES)
			return;
		if (scheme)
			problem_put(t, "WWW-Authenticate: %c%.*s realm=\"sluice\"%s\r\n",
				toupper((unsigned char)field.data[0]), (int)field.len - 1,
				field.data + 1,
				why != REASON_KEY_MISSING && str_equal_nocase(field, STR("Bearer"))
					? ", error=\"invalid_token\""
					: "");
		else
			problem_put(t,
				"WWW-Authenticate: ApiKey realm=\"sluice\", in=\"%s\", name=\"%.*s\"%s\r\n",
				places[credential->where], (int)field.len, field.data,
				why == REASON_KEY_EXPIRED ? ", error=\"expired\"" : "");
	}
}

/* Fields that belong to one status. */
static void problem_put_fields(struct proxy *p, struct problem_text *t, const struct exchange *ex,
	enum reason why, const struct decision *d)
{
	unsigned status = reason_status(why);

	if (status == 401)
		problem_put_challenges(p, t, ex, why);
	if ((status == 405 || why == REASON_MAX_FORWARDS) && d)
		problem_put_allow(t, d->match.allowed_methods);
	if (status == 429)
		problem_put(t, "Retry-After: %" PRIu32 "\r\n", ex->limit.retry_after_s);
	if (ex->flags & EX_RATE_FIELDS) {
		struct http1_writer w = { t->buf + t->len, t->size - t->len, 0 };

		reply_rate_fields(p, ex, &w);
		if (http1_writer_ok(&w))
			t->len += w.len;
	}
}

/* What TRACE gets from the last one on its way (RFC 9110 §9.3.8): the request without the fields
 * that may hold secrets. It is left out where it is long. */
static void problem_put_trace(struct problem_text *b, const struct http1_head *head)
{
	problem_put(b, "TRACE %.*s HTTP/1.%u\r\n", (int)head->target.len, head->target.data,
		head->version_minor);
	for (uint32_t i = 0; i < head->message.field_count; i++) {
		const struct http_field *field = &head->message.fields[i];

		if (field->id == HTTP_FIELD_HOST || field->id == HTTP_FIELD_VIA ||
			field->id == HTTP_FIELD_MAX_FORWARDS)
			problem_put(b, "%.*s: %.*s\r\n", (int)field->name_bytes, field->name_at,
				(int)field->value_bytes, field->name_at + field->value_from);
	}
	problem_put(b, "\r\n");
	if (b->len + 1 == b->size)
		b->len = 0;
}

/* @return its media type; empty without a body */
static struct str problem_put_body(const struct exchange *ex, enum reason why,
	const struct decision *d, struct problem_text *b)
{
	if (why == REASON_MAX_FORWARDS) {
		if (d && ex->method == HTTP_TRACE)
			problem_put_trace(b, decision_received(d));
		return b->len ? STR("message/http") : STR("");
	}
	problem_put(b,
		"{\"type\":\"urn:sluice:problem:%s\",\"title\":\"%s\",\"status\":%u,"
		"\"instance\":\"urn:sluice:request:%016" PRIx64 "\"}\n",
		reason_name(why), reason_title(why), reason_status(why), ex->request_id);
	return STR("application/problem+json");
}

void problem(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d)
{
	char body[PROBLEM_BODY_BYTES], fields[REPLY_FIELDS_BYTES];
	struct problem_text b = { body, sizeof(body), 0 }, f = { fields, sizeof(fields), 0 };
	struct reply r = { .reason = why, .status = (uint16_t)reason_status(why) };

	r.type = problem_put_body(ex, why, d, &b);
	problem_put_fields(p, &f, ex, why, d);
	r.fields = (struct str){ fields, f.len };
	r.body = (struct str){ body, b.len };
	reply(p, ex, &r);
}
