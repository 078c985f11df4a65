/* SPDX-License-Identifier: Apache-2.0 */
/* What may be shown on a terminal, and what is shown instead of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

static void what_people_write_is_safe(void **state)
{
	static const char *const texts[] = { "a", "~", " ", "ü", "€", "日", "\U0001f600" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		unsigned take;

		assert_true(text_is_safe(texts[i], strlen(texts[i]), &take));
		assert_int_equal(take, strlen(texts[i]));
		if (take > 1) {
			assert_false(text_is_safe(texts[i], take - 1, &take));
			assert_int_equal(take, 0);
		}
	}
}

static void what_moves_or_hides_is_not(void **state)
{
	static const struct {
		const char *text, *escaped;
	} cases[] = {
		{ "\033", "\\x1b" }, { "\a", "\\x07" }, { "\n", "\\x0a" }, { "\177", "\\x7f" },
		{ "\302\233", "\\u009b" },     /* CSI of C1 */
		{ "\233", "\\x9b" },           /* the same as Latin-1 */
		{ "\330\234", "\\u061c" },     /* Arabic letter mark */
		{ "\342\200\256", "\\u202e" }, /* right-to-left override */
		{ "\342\201\246", "\\u2066" }, /* isolate */
		{ "\342\200\250", "\\u2028" }, /* line separator */
		{ "\300\200", "\\xc0" },       /* overlong */
		{ "\340\200\200", "\\xe0" }, { "\355\240\200", "\\xed" }, /* a surrogate */
		{ "\364\220\200\200", "\\xf4" }, { "\377", "\\xff" },
		{ "\303x", "\\xc3" }, /* cut short */
	};
	char out[TEXT_ESCAPED_BYTES];
	unsigned take;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n;

		if (text_is_safe(cases[i].text, strlen(cases[i].text), &take))
			fail_msg("%s", cases[i].escaped);
		n = text_escape(cases[i].text, take, out);
		assert_int_equal(n, strlen(cases[i].escaped));
		assert_memory_equal(out, cases[i].escaped, n);
	}
}

static void a_line_is_escaped_as_far_as_there_is_room(void **state)
{
	static const char line[] = "a\033[2J\nü\342\200\256b\303";
	static const char escaped[] = "a\\x1b[2J\\x0aü\\u202eb\\xc3";
	char out[sizeof(escaped)], *own = text_escaped(line);

	assert_string_equal(own, escaped);
	free(own);
	assert_null(text_escaped(NULL));
	for (size_t room = 1; room <= sizeof(out); room++) {
		size_t n = text_escape_line(line, sizeof(line) - 1, out, room);

		assert_true(n < room && out[n] == 0);
		assert_memory_equal(out, escaped, n);
		assert_true(room < sizeof(out) || n == sizeof(escaped) - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_is_safe),
		cmocka_unit_test(what_moves_or_hides_is_not),
		cmocka_unit_test(a_line_is_escaped_as_far_as_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
