/* SPDX-License-Identifier: Apache-2.0 */
/* Paths made comparable: what becomes what, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/route/route.h"

#define REFUSED NULL

static const struct {
	const char *path, *expected;
} cases[] = {
	{ "/", "/" },
	{ "/a/b", "/a/b" },
	{ "/a/b/", "/a/b/" },
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/a/.", "/a/" },
	{ "/a/./b", "/a/b" },
	{ "/a/..", "/" },
	{ "/a/../", "/" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/../c", "/a/c" },
	{ "/a/%2e%2e/b", "/b" },
	{ "/a/%2E./b", "/b" },
	{ "/a/.%2e/b", "/b" },
	{ "/a/%2e/b", "/a/b" },
	{ "/%61%62", "/ab" },
	{ "/%7Euser", "/~user" },
	{ "/caf%c3%a9", "/caf%C3%A9" },
	{ "/a%3ab", "/a%3Ab" },
	{ "/a:b", "/a:b" },
	{ "/a%20b", "/a%20b" },
	{ "/%252e%252e/b", "/%252e%252e/b" },
	{ "/%25%32%65", "/%252e" },
	/* RFC 3986 §5.2.4 and §5.4. */
	{ "/a/b/c/./../../g", "/a/g" },
	{ "/mid/content=5/../6", "/mid/6" },
	{ "/b/c/g;x=1/../y", "/b/c/y" },
	{ "/b/c/..g", "/b/c/..g" },
	{ "/b/c/g..", "/b/c/g.." },
	{ "/b/c/...", "/b/c/..." },
	{ "/.well-known/x", "/.well-known/x" },
	{ "/v1.0/a.b", "/v1.0/a.b" },
	/* Empty segments go. */
	{ "//", "/" },
	{ "///", "/" },
	{ "/a//", "/a/" },
	{ "/a//b", "/a/b" },
	{ "//a", "/a" },
	{ "/12345/", "/12345/" },
	{ "/12345//8", "/12345/8" },
	{ "/123456//8", "/123456/8" },
	{ "/1234567//8", "/1234567/8" },
	{ "/123456/./8", "/123456/8" },
	{ "/1234567/./8", "/1234567/8" },
	{ "/a//b/../c", "/a/c" },
	{ "/a//../b", "/b" },
	{ "//..", REFUSED },
	{ "/a/.//../b", "/b" },
	/* Parameters stay in the path that is forwarded. */
	{ "/a;v=1/b", "/a;v=1/b" },
	{ "/a/b;", "/a/b;" },
	{ "/a/;x/b", "/a/;x/b" },
	/* Above the root. */
	{ "/..", REFUSED },
	{ "/../a", REFUSED },
	{ "/a/../../b", REFUSED },
	{ "/%2e%2e/a", REFUSED },
	/* What other servers read as a slash, an end or a step up. */
	{ "/a%2Fb", REFUSED },
	{ "/a%2fb", REFUSED },
	{ "/a%5Cb", REFUSED },
	{ "/a\\..\\b", REFUSED },
	{ "/a%00b", REFUSED },
	{ "/a/..;/b", REFUSED },
	{ "/a/..;x=1/b", REFUSED },
	{ "/a/.;/b", REFUSED },
	{ "/a/..%3b/b", REFUSED },
	{ "/a/%2e%2e;/b", REFUSED },
	/* Not a path, or not %-encoding. */
	{ "", REFUSED },
	{ "a", REFUSED },
	{ "*", REFUSED },
	{ "/%", REFUSED },
	{ "/%4", REFUSED },
	{ "/%zz", REFUSED },
	{ "/a%2", REFUSED },
};

static void paths_are_normalised_or_refused(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str in = str_of(cases[i].path), out;
		/* On the heap and without terminator, so that the sanitizer sees a byte too far. */
		char *exact = malloc(in.len + 1), *buf = malloc(in.len + 1);
		enum reason result;

		memcpy(exact, in.data, in.len);
		exact = realloc(exact, in.len > 0 ? in.len : 1);
		result = route_path_normalise(
			(struct str){ exact, in.len }, SNAP_PATHS_DEFAULT, buf, in.len, &out);
		if (cases[i].expected == REFUSED) {
			if (result == REASON_PROXIED)
				fail_msg("%s became %.*s", cases[i].path, (int)out.len, out.data);
		} else if (result != REASON_PROXIED || !str_equal(out, str_of(cases[i].expected))) {
			fail_msg("%s: %d, %.*s", cases[i].path, result, (int)out.len, out.data);
		}
		free(exact);
		free(buf);
	}
}

#define ONLY(form, policy) ((SNAP_PATHS_KEEP & ~SNAP_PATH(form, 3)) | SNAP_PATH(form, policy))

static const struct {
	const char *path;
	uint32_t paths;
	enum reason reason;
	const char *expected;
} policies[] = {
	{ "/a//b", ONLY(SNAP_PATH_SLASHES, SNAP_PATH_KEEP), REASON_PROXIED, "/a//b" },
	{ "/a//b", ONLY(SNAP_PATH_SLASHES, SNAP_PATH_REFUSE), REASON_PATH_AMBIGUOUS, NULL },
	{ "/a/", ONLY(SNAP_PATH_SLASHES, SNAP_PATH_REFUSE), REASON_PROXIED, "/a/" },
	{ "/a//../b", SNAP_PATHS_KEEP, REASON_TARGET_INVALID, NULL },
	{ "/a;x/b", ONLY(SNAP_PATH_PARAMETERS, SNAP_PATH_REWRITE), REASON_PROXIED, "/a/b" },
	{ "/a;x%2Fy/b", ONLY(SNAP_PATH_PARAMETERS, SNAP_PATH_REWRITE), REASON_PROXIED, "/a/b" },
	{ "/a/b;x;y=1", ONLY(SNAP_PATH_PARAMETERS, SNAP_PATH_REWRITE), REASON_PROXIED, "/a/b" },
	{ "/a/..;x/b", ONLY(SNAP_PATH_PARAMETERS, SNAP_PATH_REWRITE), REASON_PROXIED, "/b" },
	{ "/a%3Bx/b", ONLY(SNAP_PATH_PARAMETERS, SNAP_PATH_REWRITE), REASON_PROXIED, "/a%3Bx/b" },
	{ "/a;x/b", ONLY(SNAP_PATH_PARAMETERS, SNAP_PATH_REFUSE), REASON_PATH_AMBIGUOUS, NULL },
	{ "/a%2fb", ONLY(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_KEEP), REASON_PROXIED, "/a%2Fb" },
	{ "/a%2fb", ONLY(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_REWRITE), REASON_PROXIED, "/a/b" },
	{ "/a/..%2fb", ONLY(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_REWRITE), REASON_PROXIED, "/b" },
	{ "/..%2fb", ONLY(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_REWRITE), REASON_TARGET_INVALID,
		NULL },
	{ "/a%2fb", ONLY(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_REFUSE), REASON_PATH_AMBIGUOUS, NULL },
	{ "/a%5cb", ONLY(SNAP_PATH_BACKSLASH, SNAP_PATH_KEEP), REASON_PROXIED, "/a%5Cb" },
	{ "/a%5cb", ONLY(SNAP_PATH_BACKSLASH, SNAP_PATH_REWRITE), REASON_PROXIED, "/a/b" },
	{ "/a\\b", ONLY(SNAP_PATH_BACKSLASH, SNAP_PATH_REWRITE), REASON_PROXIED, "/a/b" },
	{ "/a\\b", ONLY(SNAP_PATH_BACKSLASH, SNAP_PATH_REFUSE), REASON_PATH_AMBIGUOUS, NULL },
	{ "/a/./b", ONLY(SNAP_PATH_DOT_SEGMENTS, SNAP_PATH_REFUSE), REASON_PATH_AMBIGUOUS, NULL },
	{ "/a/%2e%2e/b", ONLY(SNAP_PATH_DOT_SEGMENTS, SNAP_PATH_REFUSE), REASON_PATH_AMBIGUOUS,
		NULL },
	{ "/a/b%00", SNAP_PATHS_KEEP, REASON_TARGET_INVALID, NULL },
};

static void a_listener_says_which_forms_are_rewritten(void **state)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct str out;
		char buf[64];
		enum reason reason = route_path_normalise(str_of(policies[i].path),
			policies[i].paths, buf, (uint32_t)strlen(policies[i].path), &out);

		if (reason != policies[i].reason ||
			(policies[i].expected && !str_equal(out, str_of(policies[i].expected))))
			fail_msg("%zu: %s: %s, %.*s", i, policies[i].path, reason_name(reason),
				(int)out.len, out.data);
	}
}

static void a_normal_path_is_not_copied(void **state)
{
	struct str in = STR("/v1/orders/17.json"), out;

	assert_int_equal(
		route_path_normalise(in, SNAP_PATHS_DEFAULT, NULL, 0, &out), REASON_PROXIED);
	assert_ptr_equal(out.data, in.data);
}

static void normalising_again_changes_nothing(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char first[128], second[128];
		struct str once, twice;

		if (route_path_normalise(str_of(cases[i].path), SNAP_PATHS_DEFAULT, first,
			    sizeof(first), &once) != REASON_PROXIED)
			continue;
		assert_int_equal(route_path_normalise(
					 once, SNAP_PATHS_DEFAULT, second, sizeof(second), &twice),
			REASON_PROXIED);
		assert_true(str_equal(once, twice));
	}
}

static void a_path_longer_than_the_room_is_refused(void **state)
{
	char buf[4];
	struct str out;

	assert_int_equal(
		route_path_normalise(STR("/a/./b"), SNAP_PATHS_DEFAULT, buf, sizeof(buf), &out),
		REASON_TARGET_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_normalised_or_refused),
		cmocka_unit_test(a_listener_says_which_forms_are_rewritten),
		cmocka_unit_test(a_normal_path_is_not_copied),
		cmocka_unit_test(normalising_again_changes_nothing),
		cmocka_unit_test(a_path_longer_than_the_room_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
