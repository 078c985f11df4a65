/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters and cookies: the first value, and how often the name occurs. */
#include "tests/unit/http/http_test.h"

static void assert_param(const char *query, const char *name, const char *value, unsigned times)
{
	unsigned count = 99;
	struct str found = http1_query_param(str_of(query), str_of(name), &count);

	assert_int_equal(count, times);
	if (value == NULL)
		assert_null(found.data);
	else
		assert_true(found.data != NULL && str_equal(found, str_of(value)));
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
}

static void absent_query_parameters_are_not(void **state)
{
	assert_param("", "a", NULL, 0);
	assert_param("&", "a", NULL, 0);
	assert_param("aa=1&A=2&b=a&ba=3&=a", "a", NULL, 0);
	assert_param("a%3d1", "a", NULL, 0);
	assert_param("b=1;a=2", "a", NULL, 0);
}

static void query_that_is_absent_has_no_parameters(void **state)
{
	unsigned count = 99;

	assert_null(http1_query_param((struct str){ NULL, 0 }, STR("a"), &count).data);
	assert_int_equal(count, 0);
}

static void assert_cookie(const char *fields, const char *name, const char *value, unsigned times)
{
	static struct http1_head head;
	const struct http1_limits limits = { 4096, 256, 16 };
	enum reason reason;
	unsigned count = 99;
	struct str found;
	char text[512];
	int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

	assert_int_equal(
		http1_parse_request(text, (size_t)len, 0, &limits, &head, &reason), HTTP1_DONE);
	found = http1_cookie(&head, str_of(name), &count);
	assert_int_equal(count, times);
	if (value == NULL)
		assert_null(found.data);
	else
		assert_true(found.data != NULL && str_equal(found, str_of(value)));
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
		cmocka_unit_test(cookies_are_found_in_all_cookie_fields),
		cmocka_unit_test(absent_cookies_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
