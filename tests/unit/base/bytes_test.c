/* SPDX-License-Identifier: Apache-2.0 */
/* Short runs of bytes, cleared and copied, each with a page's end behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/base/bytes.h"

#define PAGE  4096
#define BYTES 300

/* The last @p n bytes before a page that nobody may touch. */
static char *before_guard(size_t n)
{
	char *pages = mmap(
		NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
	return pages + PAGE - n;
}

static void runs_of_every_length_are_copied_and_nothing_else(void **state)
{
	char *from = before_guard(0), *to = before_guard(0);

	for (size_t n = 0; n <= BYTES; n++) {
		memset(to - BYTES - 1, '.', BYTES + 1);
		for (size_t i = 0; i < n; i++)
			from[(ptrdiff_t)i - (ptrdiff_t)n] = (char)('A' + i % 50);
		bytes_copy(to - n, from - n, n);
		assert_memory_equal(to - n, from - n, n);
		assert_int_equal(to[-(ptrdiff_t)n - 1], '.');
	}
	munmap(from - PAGE, (size_t)2 * PAGE);
	munmap(to - PAGE, (size_t)2 * PAGE);
}

#define CHECK_CLEAR(n)                                                                             \
	do {                                                                                       \
		static const char zero[n];                                                         \
		memset(end - BYTES, '.', BYTES);                                                   \
		bytes_clear(end - (n), n);                                                         \
		assert_memory_equal(end - (n), zero, n);                                           \
		assert_int_equal(end[-(n)-1], '.');                                                \
	} while (0)

static void runs_are_cleared_and_nothing_else(void **state)
{
	char *end = before_guard(0);

	CHECK_CLEAR(16);
	CHECK_CLEAR(17);
	CHECK_CLEAR(31);
	CHECK_CLEAR(144);
	CHECK_CLEAR(280);
	munmap(end - PAGE, (size_t)2 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_of_every_length_are_copied_and_nothing_else),
		cmocka_unit_test(runs_are_cleared_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
