/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing without case, eight bytes at a time, against one byte at a time; a page's end behind both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/base/str.h"

#define PAGE  4096
#define BYTES 40

static char *before_guard(void)
{
	char *pages = mmap(
		NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
	return pages + PAGE;
}

static void every_pair_of_bytes_compares_as_ascii_says(void **state)
{
	char *a = before_guard() - BYTES, *b = before_guard() - BYTES;

	for (uint32_t len = 1; len <= BYTES; len++) {
		char *x = a + BYTES - len, *y = b + BYTES - len;
		uint32_t at =
			len * 5 / 7; /* first byte, in the middle, in the overlap of two words */

		memset(x, 'Q', len);
		memset(y, 'q', len);
		for (unsigned i = 0; i < 65536; i++) {
			x[at] = (char)(i >> 8);
			y[at] = (char)i;
			assert_int_equal(
				str_equal_nocase((struct str){ x, len }, (struct str){ y, len }),
				ascii_lower(x[at]) == ascii_lower(y[at]));
		}
	}
}

static void a_difference_anywhere_is_seen(void **state)
{
	char *a = before_guard() - BYTES, *b = before_guard() - BYTES;

	for (uint32_t len = 0; len <= BYTES; len++) {
		char *x = a + BYTES - len, *y = b + BYTES - len;

		memset(a, 'X', BYTES);
		memset(b, 'x', BYTES);
		assert_true(str_equal_nocase((struct str){ x, len }, (struct str){ y, len }));
		assert_false(str_equal_nocase((struct str){ x, len }, (struct str){ y, len + 1 }));
		for (uint32_t at = 0; at < len; at++) {
			y[at] = 'y';
			assert_false(
				str_equal_nocase((struct str){ x, len }, (struct str){ y, len }));
			y[at] = 'x';
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_bytes_compares_as_ascii_says),
		cmocka_unit_test(a_difference_anywhere_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
