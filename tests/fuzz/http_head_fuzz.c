/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads from anybody: the classifiers agree, the cut into calls does not matter, and what is
 * written anew parses again with the same framing and without a client's Sluice- fields.
 *
 * First input byte: bit 0 tells a response, bits 1 and up the request's method or how it is
 * written; second and third: where the input is cut.
 */
#include <stdlib.h>

#include "dataplane/http/h1/http1.h"
#include "dataplane/http/h1/scan.h"
#include "dataplane/http/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = { 4096, 1024, 32 };
/* What is added on forwarding must not make it too large. */
static const struct http1_limits wide = { HTTP1_MAX_HEAD_BYTES, HTTP1_MAX_HEAD_BYTES, 128 };

struct result {
	enum http1_verdict verdict;
	enum reason reason;
	struct http1_head head;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void parse(unsigned mode, const char *data, size_t len, size_t seen, struct result *out)
{
	out->reason = REASON_PROXIED;
	if (mode & 1)
		out->verdict = http1_parse_response(data, len, seen, &limits,
			(uint8_t)(mode >> 1) % HTTP_METHOD_COUNT, &out->head, &out->reason);
	else
		out->verdict =
			http1_parse_request(data, len, seen, &limits, &out->head, &out->reason);
}

static bool str_is(struct str a, struct str b)
{
	return a.data == b.data && a.len == b.len;
}

/* Both point into the same input, or to the same literal. */
static void require_same(const struct result *a, const struct result *b)
{
	const struct http1_head *x = &a->head, *y = &b->head;

	require(a->verdict == b->verdict && a->reason == b->reason);
	if (a->verdict != HTTP1_DONE)
		return;
	require(str_is(x->message.method, y->message.method) && str_is(x->target, y->target));
	require(str_equal(x->message.path, y->message.path) &&
		str_is(x->message.query, y->message.query));
	require(str_is(x->message.host, y->message.host) &&
		str_is(x->message.authority, y->message.authority));
	require(str_is(x->phrase, y->phrase) && x->message.status == y->message.status);
	require(x->framing == y->framing && x->message.content_length == y->message.content_length);
	require(x->keep_alive == y->keep_alive);
	require(x->message.expect_continue == y->message.expect_continue &&
		x->message.method_id == y->message.method_id);
	require(x->head_bytes == y->head_bytes && x->message.field_count == y->message.field_count);
	for (uint32_t i = 0; i < x->message.field_count; i++) {
		const struct http_field *f = &x->message.fields[i], *g = &y->message.fields[i];

		require(str_is(http_field_name(f), http_field_name(g)) &&
			str_is(http_field_value(f), http_field_value(g)));
		require(f->id == g->id && f->flags == g->flags);
	}
}

static bool starts_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equal_nocase((struct str){ s.data, prefix.len }, prefix);
}

static void require_no_claims(const struct http1_head *head)
{
	for (uint32_t i = 0; i < head->message.field_count; i++) {
		struct str name = http_field_name(&head->message.fields[i]);

		require(!starts_nocase(name, STR("Sluice-")));
		require(!starts_nocase(name, STR("Sluice_")));
		require(!str_equal_nocase(name, STR("X_Forwarded_For")));
		require(!str_equal_nocase(name, STR("Transfer_Encoding")));
		require(!str_equal_nocase(name, STR("Content_Length")));
		require(!str_equal_nocase(name, STR("X_Real_IP")));
	}
}

static void write_request_again(const struct http1_head *head, bool trust)
{
	static char out[HTTP1_MAX_HEAD_BYTES];
	static struct http1_head again;
	struct http_edits forward = { .client_ip = STR("2001:db8::1"),
		.proto = STR("https"),
		.via_name = STR("sluice"),
		.strip_field = STR("X-API-Key"),
		.trust_forwarded = trust };
	struct http1_writer w = { out, sizeof(out), 0 };
	enum reason reason;

	if (head->message.authority.len == 0)
		return;
	http1_write_request(&w, head, &forward);
	require(http1_writer_ok(&w));
	require(http1_parse_request(out, w.len, 0, &wide, &again, &reason) == HTTP1_DONE);
	require(again.head_bytes == w.len && again.version_minor == 1 && again.keep_alive);
	require(again.framing == head->framing &&
		again.message.content_length == head->message.content_length);
	require(str_equal(again.message.method, head->message.method) &&
		str_equal(again.message.path, head->message.path));
	require(str_equal(again.message.query, head->message.query) &&
		str_equal(again.message.host, head->message.host));
	require(!again.message.expect_continue);
	require_no_claims(&again);
	for (uint32_t i = 0; i < again.message.field_count; i++) {
		require(!str_equal_nocase(
			http_field_name(&again.message.fields[i]), STR("X-API-Key")));
		require(!str_equal_nocase(
			http_field_name(&again.message.fields[i]), STR("X-Original-URL")));
		require(trust || !str_equal_nocase(http_field_name(&again.message.fields[i]),
					 STR("X-Real-IP")));
		require(trust || !str_equal_nocase(http_field_name(&again.message.fields[i]),
					 STR("X-Forwarded-Port")));
	}
}

static void write_response_again(const struct http1_head *head, unsigned mode)
{
	static char out[HTTP1_MAX_HEAD_BYTES];
	static struct http1_head again;
	struct http1_writer w = { out, sizeof(out), 0 };
	bool http10 = (mode & 0x40) != 0;
	enum reason reason;

	http1_write_response(&w, head, STR("sluice"), STR("X: y\r\n"), (mode & 0x80) != 0, http10);
	require(http1_writer_ok(&w));
	require(http1_parse_response(out, w.len, 0, &wide, (uint8_t)(mode >> 1) % HTTP_METHOD_COUNT,
			&again, &reason) == HTTP1_DONE);
	require(again.head_bytes == w.len && again.message.status == head->message.status);
	require(again.message.content_length == head->message.content_length ||
		head->message.status == 204);
	if (!http10 || head->framing != HTTP1_BODY_CHUNKED)
		require(again.framing == head->framing);
	else
		require(again.framing == HTTP1_BODY_UNTIL_CLOSE);
	if (again.framing == HTTP1_BODY_UNTIL_CLOSE)
		require(!again.keep_alive);
	require_no_claims(&again);
}

static void look_things_up(const struct http1_head *head)
{
	struct http_cookies cookies = { 0 };
	struct str rest = head->message.query, value, decoded;
	char buf[64];

	while (http_query_next(&rest, STR("key"), &value)) {
		decoded = http_query_decode(value, buf, sizeof(buf));
		require(decoded.data == NULL || decoded.len <= value.len);
		require(rest.len < head->message.query.len);
	}
	while (http_cookie_next(&head->message, &cookies, STR("key"), &value))
		require(cookies.field <= head->message.field_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, other;
	const char *text = (const char *)data + 3;
	unsigned mode;
	size_t len, cut;

	if (size < 3)
		return 0;
	mode = data[0];
	len = size - 3;
	cut = len != 0 ? (data[1] | (size_t)data[2] << 8) % (len + 1) : 0;

	http1_scan_choose(HTTP1_SCALAR);
	parse(mode, text, len, 0, &whole);
	for (enum http1_isa isa = HTTP1_SCALAR; isa < HTTP1_ISA_COUNT; isa++) {
		if (!http1_scan_choose(isa))
			continue;
		parse(mode, text, len, 0, &other);
		require_same(&whole, &other);
		parse(mode, text, cut, 0, &other);
		if (other.verdict == HTTP1_MORE)
			parse(mode, text, len, cut, &other);
		require_same(&whole, &other);
	}
	if (whole.verdict != HTTP1_DONE)
		return 0;
	require(whole.head.head_bytes <= len);
	look_things_up(&whole.head);
	if (mode & 1)
		write_response_again(&whole.head, mode);
	else
		write_request_again(&whole.head, (mode & 2) != 0);
	return 0;
}
