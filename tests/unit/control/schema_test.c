/* SPDX-License-Identifier: Apache-2.0 */
/* A row is one thing in two spellings: what an operator reads, and what the snapshot holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "control/config/schema.h"

static uint64_t number_of(const struct schema_field *f, const char *text)
{
	struct cfg_value value = { 0 };

	if (schema_parse(f, str_of(text), &value) != 0)
		fail_msg("%s: '%s' is no value of its type", f->name, text);
	return value.number;
}

/* Calls @p look for each field of a group and of all groups within. */
static void each_field(const struct schema_group *group,
	void (*look)(const struct schema_group *, const struct schema_field *))
{
	for (const struct schema_field *f = group->fields; f->name; f++) {
		look(group, f);
		if (f->group)
			each_field(f->group, look);
	}
}

static void check_numbers(const struct schema_group *group, const struct schema_field *f)
{
	if (!f->snap || f->snap->store == SNAP_IS_text)
		return;
	if (f->fallback)
		assert_int_equal(number_of(f, f->fallback), f->snap->fallback);
	if (f->min) {
		assert_int_equal(number_of(f, f->min), f->snap->low);
		assert_int_equal(number_of(f, f->max), f->snap->high);
	}
	if (f->choices)
		assert_null(f->choices[f->snap->high + 1]);
}

static void texts_and_numbers_of_a_row_are_the_same(void **state)
{
	each_field(&schema_root, check_numbers);
}

static void check_room(const struct schema_group *group, const struct schema_field *f)
{
	if (f->snap && f->snap->store == SNAP_IS_u32 && f->snap->high > UINT32_MAX)
		fail_msg("%s.%s: up to %lu, in 32 bits", group->title, f->name, f->snap->high);
}

static void every_value_fits_its_place(void **state)
{
	each_field(&schema_root, check_room);
}

static void check_shown(const struct schema_group *group, const struct schema_field *f)
{
	const uint64_t numbers[] = { f->snap ? f->snap->fallback : 0, f->snap ? f->snap->low : 0,
		f->snap ? f->snap->high : 0 };
	char text[64];

	if (!f->snap || f->snap->store == SNAP_IS_text)
		return;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		schema_show(f, numbers[i], text, sizeof(text));
		assert_int_equal(number_of(f, text), numbers[i]);
	}
}

static void what_is_shown_may_be_written(void **state)
{
	each_field(&schema_root, check_shown);
}

static void check_variant(const struct schema_group *group, const struct schema_field *f)
{
	const struct schema_field *with;
	struct cfg_value value = { 0 };

	if (!f->with)
		return;
	with = schema_field(group, str_of(f->with));
	assert_non_null(with);
	assert_int_equal(with->type, SCHEMA_CHOICE);
	assert_int_equal(schema_parse(with, str_of(f->with_word), &value), 0);
}

static void variants_name_a_choice_of_their_group(void **state)
{
	each_field(&schema_root, check_variant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_and_numbers_of_a_row_are_the_same),
		cmocka_unit_test(every_value_fits_its_place),
		cmocka_unit_test(what_is_shown_may_be_written),
		cmocka_unit_test(variants_name_a_choice_of_their_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
