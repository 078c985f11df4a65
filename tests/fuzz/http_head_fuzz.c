/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads from anybody: the classifiers agree, the cut into calls does not matter, and what is
 * written anew parses again with the same framing and without a client's Sluice- fields.
 *
 * First input byte: bit 0 tells a response, bits 1 and up the request's method or how it is
 * written; second and third: where the input is cut.
 */
#include <stdlib.h>

#include "dataplane/http/http1.h"
#include "dataplane/http/http1_scan.h"

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
			(uint8_t)(mode >> 1) % HTTP1_METHOD_COUNT, &out->head, &out->reason);
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
	require(str_is(x->method, y->method) && str_is(x->target, y->target));
	require(str_equal(x->path, y->path) && str_is(x->query, y->query));
	require(str_is(x->host, y->host) && str_is(x->authority, y->authority));
	require(str_is(x->phrase, y->phrase) && x->status == y->status);
	require(x->framing == y->framing && x->content_length == y->content_length);
	require(x->keep_alive == y->keep_alive);
	require(x->expect_continue == y->expect_continue && x->method_id == y->method_id);
	require(x->head_bytes == y->head_bytes && x->field_count == y->field_count);
	for (uint32_t i = 0; i < x->field_count; i++) {
		const struct http1_field *f = &x->fields[i], *g = &y->fields[i];

		require(str_is(f->name, g->name) && str_is(f->value, g->value));
		require(f->id == g->id && f->hop == g->hop && f->plain == g->plain);
	}
}

static bool starts_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equal_nocase((struct str){ s.data, prefix.len }, prefix);
}

static void require_no_claims(const struct http1_head *head)
{
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct str name = head->fields[i].name;

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
	struct http1_forward forward = { .client_ip = STR("2001:db8::1"),
		.proto = STR("https"),
		.via_name = STR("sluice"),
		.strip_field = STR("X-API-Key"),
		.trust_forwarded = trust };
	struct http1_writer w = { out, sizeof(out), 0 };
	enum reason reason;

	if (head->authority.len == 0)
		return;
	http1_write_request(&w, head, &forward);
	require(http1_writer_ok(&w));
	require(http1_parse_request(out, w.len, 0, &wide, &again, &reason) == HTTP1_DONE);
	require(again.head_bytes == w.len && again.version_minor == 1 && again.keep_alive);
	require(again.framing == head->framing && again.content_length == head->content_length);
	require(str_equal(again.method, head->method) && str_equal(again.path, head->path));
	require(str_equal(again.query, head->query) && str_equal(again.host, head->host));
	require(!again.expect_continue);
	require_no_claims(&again);
	for (uint32_t i = 0; i < again.field_count; i++) {
		require(!str_equal_nocase(again.fields[i].name, STR("X-API-Key")));
		require(!str_equal_nocase(again.fields[i].name, STR("X-Original-URL")));
		require(trust || !str_equal_nocase(again.fields[i].name, STR("X-Real-IP")));
		require(trust || !str_equal_nocase(again.fields[i].name, STR("X-Forwarded-Port")));
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
	require(http1_parse_response(out, w.len, 0, &wide,
			(uint8_t)(mode >> 1) % HTTP1_METHOD_COUNT, &again, &reason) == HTTP1_DONE);
	require(again.head_bytes == w.len && again.status == head->status);
	require(again.content_length == head->content_length || head->status == 204);
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
	struct http1_cookies cookies = { 0 };
	struct str rest = head->query, value, decoded;
	char buf[64];

	while (http1_query_next(&rest, STR("key"), &value)) {
		decoded = http1_query_decode(value, buf, sizeof(buf));
		require(decoded.data == NULL || decoded.len <= value.len);
		require(rest.len < head->query.len);
	}
	while (http1_cookie_next(head, &cookies, STR("key"), &value))
		require(cookies.field <= head->field_count);
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
