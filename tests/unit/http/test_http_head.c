/* SPDX-License-Identifier: Apache-2.0 */
/* What a good head says: the pieces of the target, the fields and what is decided from them. */
#include <ctype.h>

#include "dataplane/http/http1_priv.h"
#include "tests/unit/http/http_test.h"

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

static const struct http1_field *field(const char *name)
{
	for (uint32_t i = 0; i < head.field_count; i++)
		if (str_equal(head.fields[i].name, str_of(name)))
			return &head.fields[i];
	fail_msg("no field %s", name);
	return NULL;
}

static void request_line_is_taken_apart(void **state)
{
	request("POST /v1/orders/7?a=b&c=d?e HTTP/1.1\r\nHost: Shop.example:8443\r\n\r\nrest");
	assert_str(head.method, "POST");
	assert_int_equal(head.method_id, HTTP1_POST);
	assert_str(head.target, "/v1/orders/7?a=b&c=d?e");
	assert_str(head.path, "/v1/orders/7");
	assert_str(head.query, "a=b&c=d?e");
	assert_str(head.host, "Shop.example");
	assert_str(head.authority, "Shop.example:8443");
	assert_int_equal(head.version_minor, 1);
	assert_false(head.absolute_form);
	assert_int_equal(head.field_count, 1);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_int_equal(head.head_bytes,
		strlen("POST /v1/orders/7?a=b&c=d?e HTTP/1.1\r\nHost: Shop.example:8443\r\n\r\n"));
}

static void empty_line_before_the_request_counts_as_head(void **state)
{
	request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(head.head_bytes, strlen("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_str(head.method, "GET");
}

static void methods_have_their_ids(void **state)
{
	static const struct {
		const char *name;
		enum http1_method id;
	} methods[] = {
		{ "GET", HTTP1_GET },
		{ "HEAD", HTTP1_HEAD },
		{ "POST", HTTP1_POST },
		{ "PUT", HTTP1_PUT },
		{ "DELETE", HTTP1_DELETE },
		{ "PATCH", HTTP1_PATCH },
		{ "OPTIONS", HTTP1_OPTIONS },
		{ "TRACE", HTTP1_TRACE },
		{ "get", HTTP1_OTHER },
		{ "GE", HTTP1_OTHER },
		{ "GETT", HTTP1_OTHER },
		{ "PURGE", HTTP1_OTHER },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", methods[i].name);
		request(text);
		assert_int_equal(head.method_id, methods[i].id);
	}
}

static void query_is_told_from_none(void **state)
{
	request("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_null(head.query.data);
	request("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(head.query.data);
	assert_int_equal(head.query.len, 0);
	assert_str(head.path, "/a");
}

static void absolute_form_is_taken_apart(void **state)
{
	request("GET http://a.example:80/p?q HTTP/1.1\r\nHost: A.example\r\n\r\n");
	assert_true(head.absolute_form);
	assert_str(head.path, "/p");
	assert_str(head.query, "q");
	assert_str(head.host, "A.example");
	assert_str(head.authority, "A.example");
	request("GET http://a.example?q HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
	assert_str(head.path, "/");
	assert_str(head.query, "q");
	assert_str(head.authority, "a.example:80");
	request("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_str(head.path, "*");
	request("GET http://a.example:81 HTTP/1.0\r\n\r\n");
	assert_str(head.path, "/");
	assert_str(head.host, "a.example");
	assert_str(head.authority, "a.example:81");
}

static void host_is_split_from_its_port(void **state)
{
	request("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n");
	assert_str(head.host, "[2001:db8::1]");
	assert_str(head.authority, "[2001:db8::1]:8080");
	request("GET / HTTP/1.2\r\nHost: a.example:\r\n\r\n");
	assert_str(head.host, "a.example");
	assert_str(head.authority, "a.example");
	assert_int_equal(head.version_minor, 1);
	request("GET http://a.example:/ HTTP/1.1\r\nHost: A.example:80\r\n\r\n");
	assert_str(head.authority, "A.example:80");
	request("GET / HTTP/1.1\r\nHost: [::]\r\n\r\n");
	assert_str(head.host, "[::]");
	request("GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(head.host.len, 0);
	assert_int_equal(head.authority.len, 0);
}

static void values_lose_the_white_space_around_them(void **state)
{
	request("GET / HTTP/1.1\r\nHost: a\r\nA:\t b c \t\r\nB:  \r\nC:\r\nD: d\r\nE: e \r\n"
		"F:  f\r\nG: \tg\r\nI: \r\n\r\n");
	assert_str(field("A")->value, "b c");
	assert_false(field("A")->plain);
	assert_int_equal(field("B")->value.len, 0);
	assert_int_equal(field("C")->value.len, 0);
	assert_false(field("C")->plain);
	assert_str(field("D")->value, "d");
	assert_true(field("D")->plain);
	assert_str(field("E")->value, "e");
	assert_false(field("E")->plain);
	assert_str(field("F")->value, "f");
	assert_false(field("F")->plain);
	assert_str(field("G")->value, "g");
	assert_int_equal(field("I")->value.len, 0);
}

static void known_names_are_recognised_in_any_case(void **state)
{
	static const struct {
		const char *name;
		enum http1_field_id id;
		bool hop;
	} names[] = {
		{ "cONNECTION", HTTP1_FIELD_CONNECTION, true },
		{ "te", HTTP1_FIELD_TE, true },
		{ "TRAILER", HTTP1_FIELD_TRAILER, false },
		{ "Upgrade", HTTP1_FIELD_UPGRADE, true },
		{ "Keep-Alive", HTTP1_FIELD_KEEP_ALIVE, true },
		{ "Proxy-Connection", HTTP1_FIELD_PROXY_CONNECTION, true },
		{ "Proxy-Authorization", HTTP1_FIELD_PROXY_AUTHORIZATION, true },
		{ "Proxy-Authenticate", HTTP1_FIELD_PROXY_AUTHENTICATE, true },
		{ "Authorization", HTTP1_FIELD_AUTHORIZATION, false },
		{ "COOKIE", HTTP1_FIELD_COOKIE, false },
		{ "via", HTTP1_FIELD_VIA, false },
		{ "dATE", HTTP1_FIELD_DATE, false },
		{ "Forwarded", HTTP1_FIELD_FORWARDED, false },
		{ "X-Forwarded-For", HTTP1_FIELD_X_FORWARDED_FOR, false },
		{ "x-forwarded-proto", HTTP1_FIELD_X_FORWARDED_PROTO, false },
		{ "X-Forwarded-HOST", HTTP1_FIELD_X_FORWARDED_HOST, false },
		{ "Sluice-Consumer", HTTP1_FIELD_SLUICE, false },
		{ "sLUICE-", HTTP1_FIELD_SLUICE, false },
		{ "Sluice-A_B", HTTP1_FIELD_SLUICE, false },
		{ "Sluice", HTTP1_FIELD_OTHER, false },
		{ "Sluices-A", HTTP1_FIELD_OTHER, false },
		{ "X-Forwarded-Fox", HTTP1_FIELD_ADDRESS, false },
		{ "x-forwarded-client-cert", HTTP1_FIELD_ADDRESS, false },
		{ "X-Forwarded-Preferred-Username", HTTP1_FIELD_ADDRESS, false },
		{ "X-Forwarded_Fox", HTTP1_FIELD_OTHER, true },
		{ "x_forwarded_prefix", HTTP1_FIELD_OTHER, true },
		{ "X_Real_IP", HTTP1_FIELD_OTHER, true },
		{ "X_HTTP_Method_Override", HTTP1_FIELD_OTHER, true },
		{ "X-Forwarde-For", HTTP1_FIELD_OTHER, false },
		{ "Max-Forwards", HTTP1_FIELD_MAX_FORWARDS, false },
		{ "X-Real-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Cluster-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Remote-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Remote-Addr", HTTP1_FIELD_ADDRESS, false },
		{ "X-Originating-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Proxyuser-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Forwarded", HTTP1_FIELD_ADDRESS, false },
		{ "X-Original-Forwarded-For", HTTP1_FIELD_ADDRESS, false },
		{ "X-Azure-Clientip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Azure-Socketip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Appengine-User-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "X-Envoy-External-Address", HTTP1_FIELD_ADDRESS, false },
		{ "True-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Cf-Connecting-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Cf-Connecting-Ipv6", HTTP1_FIELD_ADDRESS, false },
		{ "Fastly-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Fly-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Do-Connecting-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Proxy-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Wl-Proxy-Client-Ip", HTTP1_FIELD_ADDRESS, false },
		{ "Forwarded-For", HTTP1_FIELD_ADDRESS, false },
		{ "Front-End-Https", HTTP1_FIELD_ADDRESS, false },
		{ "X-Url-Scheme", HTTP1_FIELD_ADDRESS, false },
		{ "X-Scheme", HTTP1_FIELD_ADDRESS, false },
		{ "Client-Cert", HTTP1_FIELD_ADDRESS, false },
		{ "Client-Cert-Chain", HTTP1_FIELD_ADDRESS, false },
		{ "X-Original-Url", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Original-Uri", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Original-Host", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Original-Method", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Rewrite-Url", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Override-Url", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Host", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Http-Host-Override", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Http-Method-Override", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Http-Method", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Method-Override", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Envoy-Original-Path", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Envoy-Original-Dst-Host", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Middleware-Subrequest", HTTP1_FIELD_OVERRIDE, false },
		{ "Proxy", HTTP1_FIELD_OVERRIDE, false },
		{ "X-SSL-Client-DN", HTTP1_FIELD_ADDRESS, false },
		{ "X-SSL-Client-Verify", HTTP1_FIELD_ADDRESS, false },
		{ "X-SSL-Cert", HTTP1_FIELD_ADDRESS, false },
		{ "SSL-Client-Cert", HTTP1_FIELD_ADDRESS, false },
		{ "ssl-client-subject-dn", HTTP1_FIELD_ADDRESS, false },
		{ "X-Client-Cert", HTTP1_FIELD_ADDRESS, false },
		{ "X-Client-Certificate", HTTP1_FIELD_ADDRESS, false },
		{ "X-Client-Verify", HTTP1_FIELD_ADDRESS, false },
		{ "X-Amzn-Mtls-Clientcert", HTTP1_FIELD_ADDRESS, false },
		{ "X-Amzn-Mtls-Clientcert-Subject", HTTP1_FIELD_ADDRESS, false },
		{ "X-Remote-User", HTTP1_FIELD_ADDRESS, false },
		{ "X-Remote-Extra-Scopes", HTTP1_FIELD_ADDRESS, false },
		{ "Remote-User", HTTP1_FIELD_ADDRESS, false },
		{ "X-Auth-Request-User", HTTP1_FIELD_ADDRESS, false },
		{ "X-Authenticated-User", HTTP1_FIELD_ADDRESS, false },
		{ "X-WebAuth-User", HTTP1_FIELD_ADDRESS, false },
		{ "X-Real-Port", HTTP1_FIELD_ADDRESS, false },
		{ "X-Client-Port", HTTP1_FIELD_ADDRESS, false },
		{ "X-Envoy-Internal", HTTP1_FIELD_ADDRESS, false },
		{ "X-Original-Path", HTTP1_FIELD_OVERRIDE, false },
		{ "X-HTTP-Path-Override", HTTP1_FIELD_OVERRIDE, false },
		{ "X-Backend-Host", HTTP1_FIELD_OVERRIDE, false },
		{ "X_SSL_Client_DN", HTTP1_FIELD_OTHER, true },
		{ "X-SSL-Client_DN", HTTP1_FIELD_OTHER, true },
		{ "SSL_CLIENT_S_DN", HTTP1_FIELD_OTHER, true },
		{ "X-SSL_", HTTP1_FIELD_OTHER, false },
		{ "X-Client-Version", HTTP1_FIELD_OTHER, false },
		{ "X-Auth-Token", HTTP1_FIELD_OTHER, false },
		{ "X-Amzn-Trace-Id", HTTP1_FIELD_OTHER, false },
		{ "X-Request-Id", HTTP1_FIELD_OTHER, false },
		{ "Content-Type", HTTP1_FIELD_OTHER, false },
		{ "Authorizatiom", HTTP1_FIELD_OTHER, false },
		{ "Accept", HTTP1_FIELD_OTHER, false },
		{ "X_Other", HTTP1_FIELD_OTHER, false },
		{ "~", HTTP1_FIELD_OTHER, false },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s: x\r\n\r\n",
			names[i].name);
		request(text);
		if (head.fields[1].id != names[i].id || head.fields[1].hop != names[i].hop)
			fail_msg("%s: id %u hop %d", names[i].name, head.fields[1].id,
				head.fields[1].hop);
	}
	request("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_int_equal(head.fields[0].id, HTTP1_FIELD_HOST);
	assert_int_equal(head.fields[1].id, HTTP1_FIELD_EXPECT);
	assert_int_equal(head.fields[2].id, HTTP1_FIELD_CONTENT_LENGTH);
	request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(head.fields[1].id, HTTP1_FIELD_TRANSFER_ENCODING);
	assert_true(head.fields[1].hop);
}

/* Each name of the list as it stands there, in capitals, as an alias and with one letter more; each family with and
 * without something behind it. */
static void every_listed_name_is_found(void **state)
{
	static const struct {
		const char *text;
		enum http1_field_id id;
		bool family;
	} names[] = {
#define NAME(text, field)   { text, HTTP1_FIELD_##field, false },
#define FAMILY(text, field) { text "abcdefgh", HTTP1_FIELD_##field, true },
#include "dataplane/http/http1_names.def"
#undef NAME
#undef FAMILY
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str name = str_of(names[i].text);
		char text[64], *dash;
		bool alias;

		assert_int_equal(http1_name_find(name, &alias), names[i].id);
		assert_false(alias);
		for (uint32_t at = 0; at <= name.len; at++)
			text[at] = (char)toupper(names[i].text[at]);
		assert_int_equal(
			http1_name_find((struct str){ text, name.len }, &alias), names[i].id);
		assert_false(alias);
		dash = strchr(text, '-');
		if (dash != NULL) {
			*dash = '_';
			assert_int_equal(http1_name_find((struct str){ text, name.len }, &alias),
				HTTP1_FIELD_OTHER);
			assert_true(alias);
		}
	}
}

/* Eight bytes at a time as one at a time, for every pair of bytes at every place. */
static void names_compare_folded(void **state)
{
	char *a = guarded_new(), *b = guarded_new();

	for (uint32_t len = 1; len <= 19; len++) {
		char *x = a + GUARDED_BYTES - len, *y = b + GUARDED_BYTES - len;

		for (uint32_t at = 0; at < len; at++) {
			memset(x, '_', len);
			memset(y, '-', len);
			for (unsigned i = 0; i<65536; i += len> 1 ? 7 : 1) {
				x[at] = (char)(i >> 8);
				y[at] = (char)i;
				assert_int_equal(http1_name_same((struct str){ x, len },
							 (struct str){ y, len }),
					http1_fold(x[at]) == http1_fold(y[at]));
			}
		}
	}
	guarded_free(a);
	guarded_free(b);
}

/* Every token byte in every place of every name: another case is the same name, "_" for "-" an alias. */
static void a_name_with_another_byte_is_another_name(void **state)
{
	static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
				     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const struct {
		const char *text;
		enum http1_field_id id;
	} names[] = { { "te", HTTP1_FIELD_TE }, { "via", HTTP1_FIELD_VIA },
		{ "Host", HTTP1_FIELD_HOST }, { "Cookie", HTTP1_FIELD_COOKIE },
		{ "trailer", HTTP1_FIELD_TRAILER }, { "Connection", HTTP1_FIELD_CONNECTION },
		{ "keep-alive", HTTP1_FIELD_KEEP_ALIVE },
		{ "Content-Length", HTTP1_FIELD_CONTENT_LENGTH },
		{ "True-Client-IP", HTTP1_FIELD_ADDRESS },
		{ "X-Method-Override", HTTP1_FIELD_OVERRIDE },
		{ "Transfer-Encoding", HTTP1_FIELD_TRANSFER_ENCODING } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str name = str_of(names[i].text);

		for (uint32_t at = 0; at < name.len; at++) {
			for (const char *c = tchars; *c; c++) {
				char was = name.data[at], text[32];
				bool same = ascii_lower(*c) == ascii_lower(was), alias;

				memcpy(text, name.data, name.len);
				text[at] = *c;
				assert_int_equal(
					http1_name_find((struct str){ text, name.len }, &alias),
					same ? names[i].id : HTTP1_FIELD_OTHER);
				assert_int_equal(alias, was == '-' && *c == '_');
			}
		}
	}
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
		assert_int_equal(head.fields[1].id, HTTP1_FIELD_OTHER);
		assert_true(head.fields[1].hop);
		assert_int_equal(head.framing, HTTP1_BODY_NONE);
	}
}

static void connection_names_hop_by_hop_fields(void **state)
{
	request("GET / HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nConnection: x-a, close ,X-B\r\nX-B: 1\r\n"
		"X-C: 1\r\nx-a: 2\r\nConnection: x-c\r\n\r\n");
	assert_true(field("X-A")->hop);
	assert_true(field("x-a")->hop);
	assert_true(field("X-B")->hop);
	assert_true(field("X-C")->hop);
	assert_false(field("Host")->hop);
	assert_false(head.keep_alive);
}

static void connection_cannot_take_what_identifies(void **state)
{
	request("POST / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nContent-Length: 3\r\n"
		"Sluice-Plan: p\r\nX: y\r\n"
		"Connection: Host, authorization, content-length, sluice-plan, x\r\n\r\n");
	assert_false(field("Host")->hop);
	assert_false(field("Authorization")->hop);
	assert_false(field("Content-Length")->hop);
	assert_false(field("Sluice-Plan")->hop);
	assert_true(field("X")->hop);
	assert_int_equal(head.framing, HTTP1_BODY_LENGTH);
	assert_int_equal(head.content_length, 3);
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
	assert_true(head.expect_continue);
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	assert_true(head.expect_continue);
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
	assert_false(head.expect_continue);
	request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
	assert_false(head.expect_continue);
	request("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_false(head.expect_continue);
}

static void status_line_is_taken_apart(void **state)
{
	assert_int_equal(response("HTTP/1.0 404 Not  Found\r\n\r\n", HTTP1_GET), HTTP1_DONE);
	assert_int_equal(head.status, 404);
	assert_str(head.phrase, "Not  Found");
	assert_int_equal(head.version_minor, 0);
	assert_int_equal(response("HTTP/1.1 204\r\n\r\n", HTTP1_GET), HTTP1_DONE);
	assert_int_equal(head.phrase.len, 0);
}

static void response_framing_follows_the_request(void **state)
{
	static const char length[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
	static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

	assert_int_equal(response(length, HTTP1_GET), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_LENGTH);
	assert_true(head.keep_alive);
	assert_int_equal(response(length, HTTP1_HEAD), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_int_equal(head.content_length, 5);
	assert_int_equal(response(chunked, HTTP1_POST), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_CHUNKED);
	assert_int_equal(response(chunked, HTTP1_HEAD), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_int_equal(
		response("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", HTTP1_GET), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_true(head.keep_alive);
}

static void response_without_framing_ends_with_the_connection(void **state)
{
	assert_int_equal(response("HTTP/1.1 200 OK\r\n\r\n", HTTP1_GET), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_UNTIL_CLOSE);
	assert_false(head.keep_alive);
	assert_int_equal(response("HTTP/1.1 200 OK\r\n\r\n", HTTP1_HEAD), HTTP1_DONE);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_true(head.keep_alive);
}

static void interim_answers_are_heads_of_their_own(void **state)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
				   "Content-Length: 1\r\n\r\n";

	assert_int_equal(response(text, HTTP1_POST), HTTP1_DONE);
	assert_int_equal(head.status, 100);
	assert_int_equal(head.framing, HTTP1_BODY_NONE);
	assert_true(head.keep_alive);
	assert_int_equal(response(text + head.head_bytes, HTTP1_POST), HTTP1_DONE);
	assert_int_equal(head.status, 200);
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
		cmocka_unit_test(names_compare_folded),
		cmocka_unit_test(a_name_with_another_byte_is_another_name),
		cmocka_unit_test(every_listed_name_is_found),
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
