/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name and number. What every machine has is root and no group of a number near
 * the highest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/account.h"

#define NO_SUCH_ID 4294901234u

static void names_and_numbers_belong_together(void **state)
{
	char name[64];

	assert_int_equal(account_group("root"), 0);
	account_group_name(0, name, sizeof(name));
	assert_string_equal(name, "root");
	account_user_name(0, name, sizeof(name));
	assert_string_equal(name, "root");
}

static void what_is_not_there_is_told(void **state)
{
	char name[64];

	assert_int_equal(account_group("no-such-group"), (gid_t)-1);
	assert_int_equal(account_group(""), (gid_t)-1);
	account_group_name(NO_SUCH_ID, name, sizeof(name));
	assert_string_equal(name, "4294901234");
	account_user_name(NO_SUCH_ID, name, sizeof(name));
	assert_string_equal(name, "?");
}

static void a_name_is_cut_to_its_room(void **state)
{
	char name[3];

	account_group_name(0, name, sizeof(name));
	assert_string_equal(name, "ro");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_belong_together),
		cmocka_unit_test(what_is_not_there_is_told),
		cmocka_unit_test(a_name_is_cut_to_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
