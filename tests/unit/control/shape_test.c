/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes of credentials: what is recognised, what is not, and that a shape never says another thing
 * than Hyperscan does of the same pattern.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <hs.h>

#include "control/compile/shape.h"
#include "lib/shm/snapshot.h"

static void the_demo_pattern_is_a_shape(void **state)
{
	struct shape s;

	assert_true(shape_parse(STR("^ak_(live|test)_[A-Za-z0-9]{32}$"), &s));
	assert_memory_equal(s.prefixes, "ak_live_\nak_test_\n", s.prefixes_len);
	assert_int_equal(s.prefixes_len, 18);
	assert_int_equal(s.class, SNAP_CLASS_UPPER | SNAP_CLASS_LOWER | SNAP_CLASS_DIGIT);
	assert_int_equal(s.length, 32);
}

static void what_is_not_fully_understood_is_no_shape(void **state)
{
	static const char *const patterns[] = { "ak_[a-z]{8}$", "^ak_[a-z]{8}", "^ak_[a-z]+$",
		"^ak_[a-z]{8,}$", "^ak_[a-z]{8,9}$", "^ak_[^a-z]{8}$", "^ak_[a-y]{8}$",
		"^ak_[a-zA-F]{8}$", "^ak.[a-z]{8}$", "^ak?[a-z]{8}$", "^(a|b)*[a-z]{8}$",
		"^(a|b){2}[a-z]{8}$", "^(a|[0-9])[a-z]{8}$", "^a(?i)b[a-z]{8}$",
		"^ak_[a-z]{8}$|^b$", "^ak_[a-z]{8}x$", "^ak_[a-z]{8}[0-9]{2}$", "^ak_[_-a]{8}$",
		"^ak_[]{8}$", "^ak_[a-z]{0}$", "^ak_[a-z]{99999}$", "^\\bak[a-z]{8}$",
		"^a\\x41[a-z]{8}$", "^ak_$", "^", "$", "", "^(", "^(a", "^[", "^[a-z", "^[a-z]{",
		"^[a-z]{8", "^\\", "^ak b[a-z]{8}$", "^((a|b)|c)[a-z]{8}$", "^(?=a)[a-z]{8}$",
		"^ak_{2}[a-z]{8}$", "^a+[a-z]{8}$" };
	struct shape s;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (shape_parse(str_of(patterns[i]), &s))
			fail_msg("%s", patterns[i]);
}

static void prefixes_are_bounded(void **state)
{
	struct shape s;

	assert_true(shape_parse(STR("^(a|b)(a|b)(a|b)(a|b)[0-9]{4}$"), &s));
	assert_false(shape_parse(STR("^(a|b)(a|b)(a|b)(a|b)(a|b)[0-9]{4}$"), &s));
	assert_false(
		shape_parse(STR("^aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa[0-9]{4}$"), &s));
}

static int on_match(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	*(bool *)ctx = true;
	return 0;
}

struct oracle {
	hs_database_t *database;
	hs_scratch_t *scratch;
};

static bool oracle_open(struct oracle *o, const char *pattern)
{
	hs_compile_error_t *error = NULL;

	*o = (struct oracle){ 0 };
	if (hs_compile(pattern, HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL, HS_MODE_BLOCK, NULL,
		    &o->database, &error) != HS_SUCCESS) {
		hs_free_compile_error(error);
		return false;
	}
	return hs_alloc_scratch(o->database, &o->scratch) == HS_SUCCESS;
}

static bool oracle_matches(const struct oracle *o, struct str value)
{
	bool matched = false;

	hs_scan(o->database, value.data, value.len, 0, o->scratch, on_match, &matched);
	return matched;
}

static void oracle_close(struct oracle *o)
{
	hs_free_scratch(o->scratch);
	hs_free_database(o->database);
}

static unsigned seed = 1;

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

/* A pattern of pieces that are shapes, or nearly. */
static void make_pattern(char *out)
{
	static const char *const pieces[] = { "a", "ak_", "(live|test)", "(a|)", "(?:x|yy)", "-",
		"\\.", "_", "b", "(a|ab)" };
	static const char *const classes[] = { "[a-z]", "[A-Za-z0-9]", "[0-9a-f]", "[0-9]",
		"[A-Z_-]", "[-a-z]", "[a-z0-9_]", "\\d", "[a-f]", "[_\\-0-9]" };
	unsigned n = pick(4);

	strcpy(out, "^");
	for (unsigned i = 0; i < n; i++)
		strcat(out, pieces[pick(10)]);
	strcat(out, classes[pick(10)]);
	sprintf(out + strlen(out), "{%u}$", 1 + pick(4));
}

/* A value that may well fit: a prefix of the shape and some characters, now and then spoilt. */
static uint32_t make_value(const struct shape *s, char *out)
{
	static const char alphabet[] = "abzAZ059_-.fg\x80";
	uint32_t used = 0, skip = pick(4);
	const char *at = s->prefixes;
	uint32_t extra = s->length + pick(3) - pick(2);

	while (skip-- && memchr(at, '\n', (size_t)(s->prefixes + s->prefixes_len - at)) !=
				 s->prefixes + s->prefixes_len - 1)
		at = strchr(at, '\n') + 1;
	while (*at != '\n')
		out[used++] = *at++;
	for (uint32_t i = 0; i < extra; i++)
		out[used++] = alphabet[pick(sizeof(alphabet) - 1)];
	if (pick(8) == 0 && used)
		out[pick(used)] = 'q';
	return used;
}

static void a_shape_agrees_with_hyperscan(void **state)
{
	unsigned shapes = 0, matched = 0;

	for (unsigned n = 0; n < 1500; n++) {
		struct oracle oracle;
		struct shape s;
		char pattern[200], value[256];

		make_pattern(pattern);
		if (!shape_parse(str_of(pattern), &s))
			continue;
		assert_true(oracle_open(&oracle, pattern));
		shapes++;
		for (unsigned k = 0; k < 200; k++) {
			struct str v = { value, make_value(&s, value) };
			bool ours = shape_matches(s.prefixes, s.prefixes_len, s.class, s.length, v);

			matched += ours;
			if (v.len && ours != oracle_matches(&oracle, v))
				fail_msg("%s: %.*s: %d", pattern, (int)v.len, v.data, ours);
		}
		oracle_close(&oracle);
	}
	assert_true(shapes > 500);
	assert_true(matched > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_demo_pattern_is_a_shape),
		cmocka_unit_test(what_is_not_fully_understood_is_no_shape),
		cmocka_unit_test(prefixes_are_bounded),
		cmocka_unit_test(a_shape_agrees_with_hyperscan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
