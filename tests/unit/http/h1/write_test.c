/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads as they are written: what goes to the backend and to the client, byte for byte, and that a
 * parser reads from it what was meant.
 */
#include "tests/unit/http/h1/http_test.h"

static const struct http1_limits wide = { 65536, 8192, 128 };
static struct http1_head head, again;
static char out[65536];

static const struct http_edits no_edits;
static const struct http_edits gateway = {
	.client_ip = { "192.0.2.7", 9 },
	.proto = { "https", 5 },
	.via_name = { "sluice", 6 },
	.consumer = { "acme", 4 },
	.plan = { "bronze", 6 },
	.request_id = { "r1", 2 },
};

static void request(const char *text)
{
	enum reason reason;

	assert_int_equal(
		http1_parse_request(text, strlen(text), 0, &wide, &head, &reason), HTTP1_DONE);
}

static void response(const char *text, uint8_t method)
{
	enum reason reason;

	assert_int_equal(http1_parse_response(text, strlen(text), 0, &wide, method, &head, &reason),
		HTTP1_DONE);
}

static void writes(const struct http_edits *forward, const char *expected)
{
	struct http1_writer w = { out, sizeof(out) - 1, 0 };

	http1_write_request(&w, &head, forward);
	assert_true(http1_writer_ok(&w));
	out[w.len] = '\0';
	assert_string_equal(out, expected);
}

static void answers(bool keep_alive, bool http10, const char *extra, const char *expected)
{
	struct http1_writer w = { out, sizeof(out) - 1, 0 };

	http1_write_response(&w, &head, STR("sluice"), str_of(extra), keep_alive, http10);
	assert_true(http1_writer_ok(&w));
	out[w.len] = '\0';
	assert_string_equal(out, expected);
}

static void host_goes_first_and_fields_keep_their_order(void **state)
{
	request("GET /a?b HTTP/1.1\r\nB:  2 \r\nA: 1\r\nHOST: x.example:81\r\nC:\t\r\nb: 3\r\n\r\n");
	writes(&no_edits, "GET /a?b HTTP/1.1\r\nHost: x.example:81\r\nB: 2\r\nA: 1\r\nC: \r\n"
			  "b: 3\r\n\r\n");
}

static void identity_and_origin_are_added(void **state)
{
	request("GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
	writes(&gateway,
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nVia: 1.1 sluice\r\n"
		"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n"
		"Forwarded: for=\"192.0.2.7\";proto=https;host=\"a\"\r\n"
		"Sluice-Consumer: acme\r\nSluice-Plan: bronze\r\nSluice-Request-Id: r1\r\n\r\n");
}

static void ipv6_clients_are_bracketed_in_forwarded(void **state)
{
	struct http_edits forward = { .client_ip = STR("2001:db8::7") };

	request("GET / HTTP/1.0\r\n\r\n");
	writes(&forward, "GET / HTTP/1.1\r\nX-Forwarded-For: 2001:db8::7\r\n"
			 "Forwarded: for=\"[2001:db8::7]\"\r\n\r\n");
}

static void what_a_client_claims_is_removed(void **state)
{
	request("GET / HTTP/1.1\r\nHost: a\r\nSluice-Consumer: root\r\nsluice-x: 1\r\n"
		"Sluice_Plan: gold\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n"
		"X-Forwarded-Host: b\r\nForwarded: for=1.1.1.1\r\nX_Forwarded_For: 2.2.2.2\r\n"
		"Connection: sluice-consumer\r\n\r\n");
	writes(&no_edits, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void a_trusted_sender_is_appended_to(void **state)
{
	struct http_edits forward = gateway;

	forward.trust_forwarded = true;
	forward.consumer = forward.plan = forward.request_id = (struct str){ NULL, 0 };
	request("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n"
		"X-Forwarded-Proto: http\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-For: 3.3.3.3\r\n"
		"Sluice-Plan: gold\r\n\r\n");
	writes(&forward,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\nVia: 1.1 sluice\r\n"
		"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7\r\nX-Forwarded-Host: a\r\n"
		"Forwarded: for=1.1.1.1, for=\"192.0.2.7\";proto=https;host=\"a\"\r\n\r\n");
}

static void hop_by_hop_fields_end_here(void **state)
{
	request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-a, close\r\nX-A: 1\r\nX-B: 2\r\n"
		"Keep-Alive: 5\r\nProxy-Connection: close\r\nTE: trailers\r\nUpgrade: h2c\r\n"
		"Proxy-Authorization: b\r\nAuthorization: c\r\n\r\n");
	writes(&no_edits, "GET / HTTP/1.1\r\nHost: a\r\nX-B: 2\r\nAuthorization: c\r\n"
			  "\r\n");
}

static void credentials_field_is_left_out(void **state)
{
	struct http_edits forward = { .strip_field = STR("X-API-Key") };

	request("GET / HTTP/1.1\r\nHost: a\r\nx-api-key: 1\r\nX_API_Key: 2\r\nX-API-Keys: 3\r\n\r\n");
	writes(&forward, "GET / HTTP/1.1\r\nHost: a\r\nX-API-Keys: 3\r\n\r\n");
}

static void framing_is_made_from_the_verdict(void **state)
{
	request("POST / HTTP/1.1\r\nHost: a\r\ncontent-length:   0007\r\nContent_Length: 9\r\n"
		"Expect: 100-continue\r\nA: b\r\n\r\n");
	writes(&no_edits, "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\nContent-Length: 7\r\n"
			  "\r\n");
	request("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:CHUNKED\r\nTrailer: x\r\n\r\n");
	writes(&no_edits, "POST / HTTP/1.1\r\nHost: a\r\nTrailer: x\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n");
}

static void target_is_written_in_origin_form(void **state)
{
	request("GET http://a/b?c HTTP/1.1\r\nHost: A\r\n\r\n");
	writes(&no_edits, "GET /b?c HTTP/1.1\r\nHost: A\r\n\r\n");
	request("GET http://a?c HTTP/1.1\r\nHost: a\r\n\r\n");
	writes(&no_edits, "GET /?c HTTP/1.1\r\nHost: a\r\n\r\n");
	request("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
	writes(&no_edits, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	request("GET /b? HTTP/1.1\r\nHost: a\r\n\r\n");
	writes(&no_edits, "GET /b? HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void via_tells_the_version_received(void **state)
{
	struct http_edits forward = { .via_name = STR("sluice") };

	request("GET / HTTP/1.0\r\nVia: 1.1 other\r\nHost: a\r\n\r\n");
	writes(&forward, "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 other\r\nVia: 1.0 sluice\r\n"
			 "\r\n");
}

static void response_is_written(void **state)
{
	response(
		"HTTP/1.0 200 Fine \r\nServer:  x\r\nContent-Length: 05\r\nConnection: y\r\nY: 1\r\n"
		"Keep-Alive: 1\r\nSluice-Plan: z\r\nETag: \"a\"\r\n\r\n",
		HTTP_GET);
	answers(true, false, "RateLimit: 1\r\n",
		"HTTP/1.1 200 Fine \r\nServer: x\r\nETag: \"a\"\r\nContent-Length: 5\r\n"
		"Via: 1.0 sluice\r\nRateLimit: 1\r\n\r\n");
	answers(false, false, "",
		"HTTP/1.1 200 Fine \r\nServer: x\r\nETag: \"a\"\r\nContent-Length: 5\r\n"
		"Connection: close\r\nVia: 1.0 sluice\r\n\r\n");
	answers(true, true, "",
		"HTTP/1.1 200 Fine \r\nServer: x\r\nETag: \"a\"\r\nContent-Length: 5\r\n"
		"Connection: keep-alive\r\nVia: 1.0 sluice\r\n\r\n");
}

static void body_that_the_client_cannot_delimit_closes(void **state)
{
	response("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET);
	answers(true, false, "",
		"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nVia: 1.1 sluice\r\n\r\n");
	answers(true, true, "", "HTTP/1.1 200 \r\nConnection: close\r\nVia: 1.1 sluice\r\n\r\n");
	response("HTTP/1.1 200 OK\r\n\r\n", HTTP_GET);
	answers(true, false, "", "HTTP/1.1 200 OK\r\nConnection: close\r\nVia: 1.1 sluice\r\n\r\n");
}

static void length_stays_where_it_announces_only(void **state)
{
	response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_HEAD);
	answers(true, false, "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: 1.1 sluice\r\n\r\n");
	response("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", HTTP_GET);
	answers(true, false, "", "HTTP/1.1 304 x\r\nContent-Length: 5\r\nVia: 1.1 sluice\r\n\r\n");
	response("HTTP/1.1 200 OK\r\n\r\n", HTTP_HEAD);
	answers(true, false, "", "HTTP/1.1 200 OK\r\nVia: 1.1 sluice\r\n\r\n");
	response("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", HTTP_GET);
	answers(true, false, "", "HTTP/1.1 204 x\r\nVia: 1.1 sluice\r\n\r\n");
	response("HTTP/1.1 100 Continue\r\n\r\n", HTTP_POST);
	answers(true, false, "", "HTTP/1.1 100 Continue\r\nVia: 1.1 sluice\r\n\r\n");
}

static void numbers_are_decimal(void **state)
{
	struct http1_writer w = { out, sizeof(out), 0 };

	http1_put_number(&w, 0);
	http1_put_number(&w, 907);
	http1_put_number(&w, UINT64_MAX);
	assert_int_equal(w.len, strlen("090718446744073709551615"));
	assert_memory_equal(out, "090718446744073709551615", w.len);
}

static void writer_counts_past_its_end(void **state)
{
	char *region = guarded_new();
	struct http1_writer full = { out, sizeof(out), 0 };

	request("POST /a?b HTTP/1.1\r\nHost: a\r\nB:2\r\nC: 3\r\nContent-Length: 10\r\n\r\n");
	http1_write_request(&full, &head, &gateway);
	for (uint32_t size = 0; size <= full.len + 1; size++) {
		struct http1_writer w = { region + GUARDED_BYTES - size, size, 0 };

		http1_write_request(&w, &head, &gateway);
		assert_int_equal(w.len, full.len);
		assert_int_equal(http1_writer_ok(&w), size >= full.len);
	}
	guarded_free(region);
}

static void writer_does_not_wrap(void **state)
{
	struct http1_writer w = { out, sizeof(out), UINT32_MAX - 3 };

	http1_put(&w, STR("12345"));
	assert_int_equal(w.len, UINT32_MAX);
	http1_put(&w, STR("1"));
	assert_false(http1_writer_ok(&w));
}

#define DONE(why, bytes) STR(bytes),
#define MORE(why, bytes)
#define BAD(why, reason, bytes)
static const struct str good_requests[] = {
#include "tests/unit/http/h1/request_corpus.def"
};
#undef BAD
#define BAD(why, bytes)
#define BAD_FRAMING(why, reason, bytes)
static const struct str good_responses[] = {
#include "tests/unit/http/h1/response_corpus.def"
};

static bool ours(struct str name)
{
	return name.len >= 7 && str_equal_nocase((struct str){ name.data, 7 }, STR("sluice-"));
}

static void written_requests_parse_as_they_were_meant(void **state)
{
	for (size_t i = 0; i < sizeof(good_requests) / sizeof(good_requests[0]); i++) {
		struct http1_writer w = { out, sizeof(out), 0 };
		enum reason reason = REASON_PROXIED;

		assert_int_equal(http1_parse_request(good_requests[i].data, good_requests[i].len, 0,
					 &wide, &head, &reason),
			HTTP1_DONE);
		if (head.message.authority.len == 0)
			continue; /* HTTP/1.0 without Host: the proxy cannot route it */
		http1_write_request(&w, &head, &no_edits);
		assert_int_equal(
			http1_parse_request(out, w.len, 0, &wide, &again, &reason), HTTP1_DONE);
		assert_int_equal(again.head_bytes, w.len);
		assert_int_equal(again.framing, head.framing);
		assert_int_equal(again.message.content_length, head.message.content_length);
		assert_true(str_equal(again.message.method, head.message.method));
		assert_true(str_equal(again.message.path, head.message.path));
		assert_true(str_equal(again.message.query, head.message.query));
		assert_true(str_equal(again.message.authority, head.message.authority));
		assert_true(again.keep_alive);
		assert_int_equal(again.message.fields[0].id, HTTP_FIELD_HOST);
		for (uint32_t f = 0; f < again.message.field_count; f++) {
			assert_false(ours(http_field_name(&again.message.fields[f])));
			assert_true(again.message.fields[f].flags & HTTP_IS_PLAIN ||
				    http_field_value(&again.message.fields[f]).len == 0);
			assert_true(!(again.message.fields[f].flags & HTTP_IS_HOP) ||
				    again.message.fields[f].id == HTTP_FIELD_TRANSFER_ENCODING);
		}
	}
}

static void written_responses_parse_as_they_were_meant(void **state)
{
	for (size_t i = 0; i < sizeof(good_responses) / sizeof(good_responses[0]); i++) {
		struct http1_writer w = { out, sizeof(out), 0 };
		enum reason reason = REASON_PROXIED;

		assert_int_equal(http1_parse_response(good_responses[i].data, good_responses[i].len,
					 0, &wide, HTTP_GET, &head, &reason),
			HTTP1_DONE);
		http1_write_response(
			&w, &head, STR("sluice"), STR("X: y\r\n"), head.keep_alive, false);
		assert_int_equal(
			http1_parse_response(out, w.len, 0, &wide, HTTP_GET, &again, &reason),
			HTTP1_DONE);
		assert_int_equal(again.head_bytes, w.len);
		assert_int_equal(again.framing, head.framing);
		assert_int_equal(again.message.content_length, head.message.content_length);
		assert_int_equal(again.message.status, head.message.status);
		assert_int_equal(again.keep_alive, head.keep_alive);
		assert_true(str_equal(again.phrase, head.phrase));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_goes_first_and_fields_keep_their_order),
		cmocka_unit_test(identity_and_origin_are_added),
		cmocka_unit_test(ipv6_clients_are_bracketed_in_forwarded),
		cmocka_unit_test(what_a_client_claims_is_removed),
		cmocka_unit_test(a_trusted_sender_is_appended_to),
		cmocka_unit_test(hop_by_hop_fields_end_here),
		cmocka_unit_test(credentials_field_is_left_out),
		cmocka_unit_test(framing_is_made_from_the_verdict),
		cmocka_unit_test(target_is_written_in_origin_form),
		cmocka_unit_test(via_tells_the_version_received),
		cmocka_unit_test(response_is_written),
		cmocka_unit_test(body_that_the_client_cannot_delimit_closes),
		cmocka_unit_test(length_stays_where_it_announces_only),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(writer_counts_past_its_end),
		cmocka_unit_test(writer_does_not_wrap),
		cmocka_unit_test(written_requests_parse_as_they_were_meant),
		cmocka_unit_test(written_responses_parse_as_they_were_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
