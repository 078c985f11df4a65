/* SPDX-License-Identifier: Apache-2.0 */
/* What a good head says: the pieces of the target, the fields and what is decided from them. */
#include "tests/unit/http/h1/http_test.h"

static struct http1_head head;
static enum reason reason;

#define assert_str(s, text) assert_str_is(s, text, __LINE__)

static void assert_str_is(struct str s, const char *text, int line)
{
	if (!str_equal(s, str_of(text)))
		fail_msg("line %d: \"%.*s\" is not \"%s\"", line, (int)s.len, s.data, text);
}

static void request(const char *text)
{
	struct http1_limits limits = { 16384, 8192, 100 };

	reason = REASON_PROXIED;
	if (http1_parse_request(text, strlen(text), 0, &limits, &head, &reason) != HTTP1_DONE)
		fail_msg("refused for reason %d: %s", reason, text);
}

static enum http1_verdict response(const char *text, uint8_t method)
{
	struct http1_limits limits = { 16384, 8192, 100 };

	return http1_parse_response(text, strlen(text), 0, &limits, method, &head, &reason);
}

static const struct http_field *field(const char *name)
{
	for (uint32_t i = 0; i < head.message.field_count; i++)
		if (str_equal(http_field_name(&head.message.fields[i]), str_of(name)))
			return &head.message.fields[i];
	fail_msg("no field %s", name);
	return NULL;
}

static void request_line_is_taken_apart(void **state)
{
	request("POST /v1/orders/7?a=b&c=d?e HTTP/1.1\r\nHost: Shop.example:8443\r\n\r\nrest");
	assert_str(head.message.method, "POST");
	assert_int_equal(head.message.method_id, HTTP_POST);
	assert_str(head.target, "/v1/orders/7?a=b&c=d?e");
	assert_str(head.message.path, "/v1/orders/7");
	assert_str(head.message.query, "a=b&c=d?e");
	assert_str(head.message.host, "Shop.example");
	assert_str(head.message.authority, "Shop.example:8443");
	assert_int_equal(head.version_minor, 1);
	assert_false(head.absolute_form);
	assert_int_equal(head.message.field_count, 1);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_int_equal(head.head_bytes,
		strlen("POST /v1/orders/7?a=b&c=d?e HTTP/1.1\r\nHost: Shop.example:8443\r\n\r\n"));
}

static void empty_line_before_the_request_counts_as_head(void **state)
{
	request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(head.head_bytes, strlen("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_str(head.message.method, "GET");
}

static void methods_have_their_ids(void **state)
{
	static const struct {
		const char *name;
		enum http_method id;
	} methods[] = {
		{ "GET", HTTP_GET },
		{ "HEAD", HTTP_HEAD },
		{ "POST", HTTP_POST },
		{ "PUT", HTTP_PUT },
		{ "DELETE", HTTP_DELETE },
		{ "PATCH", HTTP_PATCH },
		{ "OPTIONS", HTTP_OPTIONS },
		{ "TRACE", HTTP_TRACE },
		{ "get", HTTP_OTHER },
		{ "GE", HTTP_OTHER },
		{ "GETT", HTTP_OTHER },
		{ "PURGE", HTTP_OTHER },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", methods[i].name);
		request(text);
		assert_int_equal(head.message.method_id, methods[i].id);
	}
}

static void query_is_told_from_none(void **state)
{
	request("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_null(head.message.query.data);
	request("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(head.message.query.data);
	assert_int_equal(head.message.query.len, 0);
	assert_str(head.message.path, "/a");
}

static void absolute_form_is_taken_apart(void **state)
{
	request("GET http://a.example:80/p?q HTTP/1.1\r\nHost: A.example\r\n\r\n");
	assert_true(head.absolute_form);
	assert_str(head.message.path, "/p");
	assert_str(head.message.query, "q");
	assert_str(head.message.host, "A.example");
	assert_str(head.message.authority, "A.example");
	request("GET http://a.example?q HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
	assert_str(head.message.path, "/");
	assert_str(head.message.query, "q");
	assert_str(head.message.authority, "a.example:80");
	request("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_str(head.message.path, "*");
	request("GET http://a.example:81 HTTP/1.0\r\n\r\n");
	assert_str(head.message.path, "/");
	assert_str(head.message.host, "a.example");
	assert_str(head.message.authority, "a.example:81");
}

static void host_is_split_from_its_port(void **state)
{
	request("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n");
	assert_str(head.message.host, "[2001:db8::1]");
	assert_str(head.message.authority, "[2001:db8::1]:8080");
	request("GET / HTTP/1.2\r\nHost: a.example:\r\n\r\n");
	assert_str(head.message.host, "a.example");
	assert_str(head.message.authority, "a.example");
	assert_int_equal(head.version_minor, 1);
	request("GET http://a.example:/ HTTP/1.1\r\nHost: A.example:80\r\n\r\n");
	assert_str(head.message.authority, "A.example:80");
	request("GET / HTTP/1.1\r\nHost: [::]\r\n\r\n");
	assert_str(head.message.host, "[::]");
	request("GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(head.message.host.len, 0);
	assert_int_equal(head.message.authority.len, 0);
}

static void values_lose_the_white_space_around_them(void **state)
{
	request("GET / HTTP/1.1\r\nHost: a\r\nA:\t b c \t\r\nB:  \r\nC:\r\nD: d\r\nE: e \r\n"
		"F:  f\r\nG: \tg\r\nI: \r\n\r\n");
	assert_str(http_field_value(field("A")), "b c");
	assert_false(field("A")->flags & HTTP_IS_PLAIN);
	assert_int_equal(field("B")->value_bytes, 0);
	assert_int_equal(field("C")->value_bytes, 0);
	assert_false(field("C")->flags & HTTP_IS_PLAIN);
	assert_str(http_field_value(field("D")), "d");
	assert_true(field("D")->flags & HTTP_IS_PLAIN);
	assert_str(http_field_value(field("E")), "e");
	assert_false(field("E")->flags & HTTP_IS_PLAIN);
	assert_str(http_field_value(field("F")), "f");
	assert_false(field("F")->flags & HTTP_IS_PLAIN);
	assert_str(http_field_value(field("G")), "g");
	assert_int_equal(field("I")->value_bytes, 0);
}

static void known_names_are_recognised_in_any_case(void **state)
{
	static const struct {
		const char *name;
		enum http_field_id id;
		bool hop;
	} names[] = {
		{ "cONNECTION", HTTP_FIELD_CONNECTION, true },
		{ "te", HTTP_FIELD_TE, true },
		{ "TRAILER", HTTP_FIELD_TRAILER, false },
		{ "Upgrade", HTTP_FIELD_UPGRADE, true },
		{ "Keep-Alive", HTTP_FIELD_KEEP_ALIVE, true },
		{ "Proxy-Connection", HTTP_FIELD_PROXY_CONNECTION, true },
		{ "Proxy-Authorization", HTTP_FIELD_PROXY_AUTHORIZATION, true },
		{ "Proxy-Authenticate", HTTP_FIELD_PROXY_AUTHENTICATE, true },
		{ "Authorization", HTTP_FIELD_AUTHORIZATION, false },
		{ "COOKIE", HTTP_FIELD_COOKIE, false },
		{ "via", HTTP_FIELD_VIA, false },
		{ "dATE", HTTP_FIELD_DATE, false },
		{ "Forwarded", HTTP_FIELD_FORWARDED, false },
		{ "X-Forwarded-For", HTTP_FIELD_X_FORWARDED_FOR, false },
		{ "x-forwarded-proto", HTTP_FIELD_X_FORWARDED_PROTO, false },
		{ "X-Forwarded-HOST", HTTP_FIELD_X_FORWARDED_HOST, false },
		{ "Sluice-Consumer", HTTP_FIELD_SLUICE, false },
		{ "sLUICE-", HTTP_FIELD_SLUICE, false },
		{ "Sluice-A_B", HTTP_FIELD_SLUICE, false },
		{ "Sluice", HTTP_FIELD_OTHER, false },
		{ "Sluices-A", HTTP_FIELD_OTHER, false },
		{ "X-Forwarded-Fox", HTTP_FIELD_ADDRESS, false },
		{ "x-forwarded-client-cert", HTTP_FIELD_ADDRESS, false },
		{ "X-Forwarded-Preferred-Username", HTTP_FIELD_ADDRESS, false },
		{ "X-Forwarded_Fox", HTTP_FIELD_OTHER, true },
		{ "x_forwarded_prefix", HTTP_FIELD_OTHER, true },
		{ "X_Real_IP", HTTP_FIELD_OTHER, true },
		{ "X_HTTP_Method_Override", HTTP_FIELD_OTHER, true },
		{ "X-Forwarde-For", HTTP_FIELD_OTHER, false },
		{ "Max-Forwards", HTTP_FIELD_MAX_FORWARDS, false },
		{ "X-Real-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Cluster-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Remote-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Remote-Addr", HTTP_FIELD_ADDRESS, false },
		{ "X-Originating-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Proxyuser-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Forwarded", HTTP_FIELD_ADDRESS, false },
		{ "X-Original-Forwarded-For", HTTP_FIELD_ADDRESS, false },
		{ "X-Azure-Clientip", HTTP_FIELD_ADDRESS, false },
		{ "X-Azure-Socketip", HTTP_FIELD_ADDRESS, false },
		{ "X-Appengine-User-Ip", HTTP_FIELD_ADDRESS, false },
		{ "X-Envoy-External-Address", HTTP_FIELD_ADDRESS, false },
		{ "True-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Cf-Connecting-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Cf-Connecting-Ipv6", HTTP_FIELD_ADDRESS, false },
		{ "Fastly-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Fly-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Do-Connecting-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Proxy-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Wl-Proxy-Client-Ip", HTTP_FIELD_ADDRESS, false },
		{ "Forwarded-For", HTTP_FIELD_ADDRESS, false },
		{ "Front-End-Https", HTTP_FIELD_ADDRESS, false },
		{ "X-Url-Scheme", HTTP_FIELD_ADDRESS, false },
		{ "X-Scheme", HTTP_FIELD_ADDRESS, false },
		{ "Client-Cert", HTTP_FIELD_ADDRESS, false },
		{ "Client-Cert-Chain", HTTP_FIELD_ADDRESS, false },
		{ "X-Original-Url", HTTP_FIELD_OVERRIDE, false },
		{ "X-Original-Uri", HTTP_FIELD_OVERRIDE, false },
		{ "X-Original-Host", HTTP_FIELD_OVERRIDE, false },
		{ "X-Original-Method", HTTP_FIELD_OVERRIDE, false },
		{ "X-Rewrite-Url", HTTP_FIELD_OVERRIDE, false },
		{ "X-Override-Url", HTTP_FIELD_OVERRIDE, false },
		{ "X-Host", HTTP_FIELD_OVERRIDE, false },
		{ "X-Http-Host-Override", HTTP_FIELD_OVERRIDE, false },
		{ "X-Http-Method-Override", HTTP_FIELD_OVERRIDE, false },
		{ "X-Http-Method", HTTP_FIELD_OVERRIDE, false },
		{ "X-Method-Override", HTTP_FIELD_OVERRIDE, false },
		{ "X-Envoy-Original-Path", HTTP_FIELD_OVERRIDE, false },
		{ "X-Envoy-Original-Dst-Host", HTTP_FIELD_OVERRIDE, false },
		{ "X-Middleware-Subrequest", HTTP_FIELD_OVERRIDE, false },
		{ "Proxy", HTTP_FIELD_OVERRIDE, false },
		{ "X-SSL-Client-DN", HTTP_FIELD_ADDRESS, false },
		{ "X-SSL-Client-Verify", HTTP_FIELD_ADDRESS, false },
		{ "X-SSL-Cert", HTTP_FIELD_ADDRESS, false },
		{ "SSL-Client-Cert", HTTP_FIELD_ADDRESS, false },
		{ "ssl-client-subject-dn", HTTP_FIELD_ADDRESS, false },
		{ "X-Client-Cert", HTTP_FIELD_ADDRESS, false },
		{ "X-Client-Certificate", HTTP_FIELD_ADDRESS, false },
		{ "X-Client-Verify", HTTP_FIELD_ADDRESS, false },
		{ "X-Amzn-Mtls-Clientcert", HTTP_FIELD_ADDRESS, false },
		{ "X-Amzn-Mtls-Clientcert-Subject", HTTP_FIELD_ADDRESS, false },
		{ "X-Remote-User", HTTP_FIELD_ADDRESS, false },
		{ "X-Remote-Extra-Scopes", HTTP_FIELD_ADDRESS, false },
		{ "Remote-User", HTTP_FIELD_ADDRESS, false },
		{ "X-Auth-Request-User", HTTP_FIELD_ADDRESS, false },
		{ "X-Authenticated-User", HTTP_FIELD_ADDRESS, false },
		{ "X-WebAuth-User", HTTP_FIELD_ADDRESS, false },
		{ "X-Real-Port", HTTP_FIELD_ADDRESS, false },
		{ "X-Client-Port", HTTP_FIELD_ADDRESS, false },
		{ "X-Envoy-Internal", HTTP_FIELD_ADDRESS, false },
		{ "X-Original-Path", HTTP_FIELD_OVERRIDE, false },
		{ "X-HTTP-Path-Override", HTTP_FIELD_OVERRIDE, false },
		{ "X-Backend-Host", HTTP_FIELD_OVERRIDE, false },
		{ "X_SSL_Client_DN", HTTP_FIELD_OTHER, true },
		{ "X-SSL-Client_DN", HTTP_FIELD_OTHER, true },
		{ "SSL_CLIENT_S_DN", HTTP_FIELD_OTHER, true },
		{ "X-SSL_", HTTP_FIELD_OTHER, false },
		{ "X-Client-Version", HTTP_FIELD_OTHER, false },
		{ "X-Auth-Token", HTTP_FIELD_OTHER, false },
		{ "X-Amzn-Trace-Id", HTTP_FIELD_OTHER, false },
		{ "X-Request-Id", HTTP_FIELD_OTHER, false },
		{ "Content-Type", HTTP_FIELD_OTHER, false },
		{ "Authorizatiom", HTTP_FIELD_OTHER, false },
		{ "Accept", HTTP_FIELD_OTHER, false },
		{ "X_Other", HTTP_FIELD_OTHER, false },
		{ "~", HTTP_FIELD_OTHER, false },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s: x\r\n\r\n",
			names[i].name);
		request(text);
		if (head.message.fields[1].id != names[i].id ||
			(head.message.fields[1].flags & HTTP_IS_HOP) != names[i].hop)
			fail_msg("%s: id %u hop %d", names[i].name, head.message.fields[1].id,
				head.message.fields[1].flags & HTTP_IS_HOP);
	}
	request("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_int_equal(head.message.fields[0].id, HTTP_FIELD_HOST);
	assert_int_equal(head.message.fields[1].id, HTTP_FIELD_EXPECT);
	assert_int_equal(head.message.fields[2].id, HTTP_FIELD_CONTENT_LENGTH);
	request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(head.message.fields[1].id, HTTP_FIELD_TRANSFER_ENCODING);
	assert_true(head.message.fields[1].flags & HTTP_IS_HOP);
}

static void underscore_aliases_are_never_forwarded(void **state)
{
	static const char *const aliases[] = { "Transfer_Encoding", "content_length",
		"SLUICE_CONSUMER", "Sluice_A-B", "X_Forwarded-For", "X-Forwarded_Proto",
		"Proxy_Connection", "KEEP_ALIVE" };

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s: chunked\r\n\r\n",
			aliases[i]);
		request(text);
		assert_int_equal(head.message.fields[1].id, HTTP_FIELD_OTHER);
		assert_true(head.message.fields[1].flags & HTTP_IS_HOP);
		assert_int_equal(head.framing, HTTP1_BODY_NONE);
	}
}

static void connection_names_hop_by_hop_fields(void **state)
{
	request("GET / HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nConnection: x-a, close ,X-B\r\nX-B: 1\r\n"
		"X-C: 1\r\nx-a: 2\r\nConnection: x-c\r\n\r\n");
	assert_true(field("X-A")->flags & HTTP_IS_HOP);
	assert_true(field("x-a")->flags & HTTP_IS_HOP);
	assert_true(field("X-B")->flags & HTTP_IS_HOP);
	assert_true(field("X-C")->flags & HTTP_IS_HOP);
	assert_false(field("Host")->flags & HTTP_IS_HOP);
	assert_false(head.keep_alive);
}

static void connection_cannot_take_what_identifies(void **state)
{
	request("POST / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nContent-Length: 3\r\n"
		"Sluice-Plan: p\r\nX: y\r\n"
		"Connection: Host, authorization, content-length, sluice-plan, x\r\n\r\n");
	assert_false(field("Host")->flags & HTTP_IS_HOP);
	assert_false(field("Authorization")->flags & HTTP_IS_HOP);
	assert_false(field("Content-Length")->flags & HTTP_IS_HOP);
	assert_false(field("Sluice-Plan")->flags & HTTP_IS_HOP);
	assert_true(field("X")->flags & HTTP_IS_HOP);
	assert_int_equal(head.framing, HTTP1_BODY_LENGTH);
	assert_int_equal(head.message.content_length, 3);
}

static void keep_alive_follows_version_and_connection(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nConnection: close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request(rows[i].text);
		assert_int_equal(head.keep_alive, rows[i].keep_alive);
	}
}

static void expectation_needs_a_body_and_http11(void **state)
{
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_true(head.message.expect_continue);
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	assert_true(head.message.expect_continue);
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
	assert_false(head.message.expect_continue);
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
	assert_false(head.message.expect_continue);
	request("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_false(head.message.expect_continue);
}

static void status_line_is_taken_apart(void **state)
{
	assert_int_equal(response("HTTP/1.0 404 Not  Found\r\n\r\n", HTTP_GET), HTTP1_DONE);
	assert_int_equal(head.message.status, 404);
	assert_str(head.phrase, "Not  Found");
	assert_int_equal(head.version_minor, 0);
	assert_int_equal(response("HTTP/1.1 204\r\n\r\n", HTTP_GET), HTTP1_DONE);
	assert_int_equal(head.phrase.len, 0);
}

static void response_framing_follows_the_request(void **state)
{
	static const char length[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
	static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

	assert_int_equal(response(length, HTTP_GET), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_LENGTH);
	assert_true(head.keep_alive);
	assert_int_equal(response(length, HTTP_HEAD), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_int_equal(head.message.content_length, 5);
	assert_int_equal(response(chunked, HTTP_POST), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_CHUNKED);
	assert_int_equal(response(chunked, HTTP_HEAD), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_int_equal(
		response("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", HTTP_GET), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_true(head.keep_alive);
}

static void response_without_framing_ends_with_the_connection(void **state)
{
	assert_int_equal(response("HTTP/1.1 200 OK\r\n\r\n", HTTP_GET), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_UNTIL_CLOSE);
	assert_false(head.keep_alive);
	assert_int_equal(response("HTTP/1.1 200 OK\r\n\r\n", HTTP_HEAD), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_true(head.keep_alive);
}

static void interim_answers_are_heads_of_their_own(void **state)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
				   "Content-Length: 1\r\n\r\n";

	assert_int_equal(response(text, HTTP_POST), HTTP1_DONE);
	assert_int_equal(head.message.status, 100);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_true(head.keep_alive);
	assert_int_equal(response(text + head.head_bytes, HTTP_POST), HTTP1_DONE);
	assert_int_equal(head.message.status, 200);
	assert_int_equal(head.framing, HTTP1_BODY_LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_line_is_taken_apart),
		cmocka_unit_test(empty_line_before_the_request_counts_as_head),
		cmocka_unit_test(methods_have_their_ids),
		cmocka_unit_test(query_is_told_from_none),
		cmocka_unit_test(absolute_form_is_taken_apart),
		cmocka_unit_test(host_is_split_from_its_port),
		cmocka_unit_test(values_lose_the_white_space_around_them),
		cmocka_unit_test(known_names_are_recognised_in_any_case),
		cmocka_unit_test(underscore_aliases_are_never_forwarded),
		cmocka_unit_test(connection_names_hop_by_hop_fields),
		cmocka_unit_test(connection_cannot_take_what_identifies),
		cmocka_unit_test(keep_alive_follows_version_and_connection),
		cmocka_unit_test(expectation_needs_a_body_and_http11),
		cmocka_unit_test(status_line_is_taken_apart),
		cmocka_unit_test(response_framing_follows_the_request),
		cmocka_unit_test(response_without_framing_ends_with_the_connection),
		cmocka_unit_test(interim_answers_are_heads_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
