/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters and cookies: each value of a name, and what a query encodes. */
#include "dataplane/http/values.h"
#include "tests/unit/http/h1/http_test.h"

static void assert_param(const char *query, const char *name, const char *value, unsigned times)
{
	struct str rest = str_of(query), found;
	unsigned count = 0;

	while (http_query_next(&rest, str_of(name), &found)) {
		if (count++ == 0 && (value == NULL || !str_equal(found, str_of(value))))
			fail_msg("%s: %.*s", query, (int)found.len, found.data);
	}
	assert_int_equal(count, times);
}

static void query_parameters_are_found(void **state)
{
	assert_param("a=1", "a", "1", 1);
	assert_param("a=1&b=2&c=3", "b", "2", 1);
	assert_param("a=1&b=2&c=3", "c", "3", 1);
	assert_param("key=a=b", "key", "a=b", 1);
	assert_param("a=%20+", "a", "%20+", 1);
	assert_param("a=1&a=2&a", "a", "1", 3);
	assert_param("a", "a", "", 1);
	assert_param("a&b", "a", "", 1);
	assert_param("b&a=", "a", "", 1);
	assert_param("&&a=1&", "a", "1", 1);
	/* Names are compared decoded. */
	assert_param("api%5Fkey=1&api_key=2&api%5fke%79=3", "api_key", "1", 3);
	assert_param("%61=%62", "a", "%62", 1);
	assert_param("a+b=1&a%20b=2&a%2Bb=3", "a b", "1", 2);
}

static void absent_query_parameters_are_not(void **state)
{
	assert_param("", "a", NULL, 0);
	assert_param("&", "a", NULL, 0);
	assert_param("aa=1&A=2&b=a&ba=3&=a", "a", NULL, 0);
	assert_param("a%3d1", "a", NULL, 0);
	assert_param("%6&%&%zz&%6=1&a%", "a", NULL, 0);
	assert_param("b=1;a=2", "a", NULL, 0);
}

static void query_that_is_absent_has_no_parameters(void **state)
{
	struct str rest = { NULL, 0 }, value;

	assert_false(http_query_next(&rest, STR("a"), &value));
}

static void assert_decoded(const char *value, const char *expected)
{
	char buf[8];
	struct str out = http_query_decode(str_of(value), buf, sizeof(buf));

	if (expected == NULL)
		assert_null(out.data);
	else if (out.data == NULL || !str_equal(out, str_of(expected)))
		fail_msg("%s: %.*s", value, (int)out.len, out.data);
}

static void query_values_are_decoded(void **state)
{
	assert_decoded("", "");
	assert_decoded("a-value-longer-than-the-room", "a-value-longer-than-the-room");
	assert_decoded("ak%5Ft", "ak_t");
	assert_decoded("%61%62%63%64%65%66%67%68", "abcdefgh");
	assert_decoded("%61%62%63%64%65%66%67%68i", NULL);
	assert_decoded("a+%2b%2B", "a ++");
	assert_decoded("%", NULL);
	assert_decoded("%4", NULL);
	assert_decoded("%4g", NULL);
	assert_decoded("a%4", NULL);
}

static void assert_cookie(const char *fields, const char *name, const char *value, unsigned times)
{
	static struct http1_head head;
	const struct http1_limits limits = { 4096, 256, 16 };
	enum reason reason;
	struct http_cookies at = { 0 };
	unsigned count = 0;
	struct str found;
	char text[512];
	int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

	assert_int_equal(
		http1_parse_request(text, (size_t)len, 0, &limits, &head, &reason), HTTP1_DONE);
	while (http_cookie_next(&head.message, &at, str_of(name), &found))
		if (count++ == 0)
			assert_true(value != NULL && str_equal(found, str_of(value)));
	assert_int_equal(count, times);
}

static void cookies_are_found_in_all_cookie_fields(void **state)
{
	assert_cookie("Cookie: a=1\r\n", "a", "1", 1);
	assert_cookie("cookie: a=1; b=2;c=3 ;  d=4\r\n", "b", "2", 1);
	assert_cookie("cookie: a=1; b=2;c=3 ;  d=4\r\n", "c", "3", 1);
	assert_cookie("cookie: a=1; b=2;c=3 ;  d=4\r\n", "d", "4", 1);
	assert_cookie("Cookie: a=1\r\nX: y\r\nCookie: b=2\r\n", "b", "2", 1);
	assert_cookie("Cookie: a=1; a=2\r\nCookie: a=3\r\n", "a", "1", 3);
	assert_cookie("Cookie: a=\"q=r\"\r\n", "a", "\"q=r\"", 1);
	assert_cookie("Cookie: a=\r\n", "a", "", 1);
	assert_cookie("Cookie: a\r\n", "a", "", 1);
}

static void absent_cookies_are_not(void **state)
{
	assert_cookie("", "a", NULL, 0);
	assert_cookie("Cookie:\r\n", "a", NULL, 0);
	assert_cookie("Cookie: ;;\r\n", "a", NULL, 0);
	assert_cookie("Cookie: A=1; aa=2; b=a\r\n", "a", NULL, 0);
	assert_cookie("X-Cookie: a=1\r\n", "a", NULL, 0);
	assert_cookie("Cookie: b=1, a=2\r\n", "a", NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_parameters_are_found),
		cmocka_unit_test(absent_query_parameters_are_not),
		cmocka_unit_test(query_that_is_absent_has_no_parameters),
		cmocka_unit_test(query_values_are_decoded),
		cmocka_unit_test(cookies_are_found_in_all_cookie_fields),
		cmocka_unit_test(absent_cookies_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
