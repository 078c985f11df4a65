/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser: what it reads, what it refuses, and that it never reads past the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/tcp/tcp_options.h"

/* Input that ends where the next page faults. */
static uint8_t *page_end;

static bool parse(const uint8_t *data, size_t len, struct tcp_options *out)
{
	uint8_t *at = page_end - len;

	memcpy(at, data, len);
	return tcp_options_parse(at, len, out);
}

static void a_syn_of_today_is_read(void **state)
{
	static const uint8_t syn[] = { 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3,
		3, 7 };
	struct tcp_options o;

	(void)state;
	assert_true(parse(syn, sizeof(syn), &o));
	assert_int_equal(o.present, TCP_OPT_MSS | TCP_OPT_SACK_OK | TCP_OPT_TS | TCP_OPT_WSCALE);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.wscale, 7);
	assert_int_equal(o.ts_val, 0x01020304);
	assert_int_equal(o.ts_ecr, 0x05060708);
	assert_int_equal(o.sack_count, 0);
}

static void sack_blocks_are_read_in_order(void **state)
{
	uint8_t data[2 + 32 + 2] = { 1, 1, 5, 34 };
	struct tcp_options o;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		data[4 + i] = (uint8_t)i;
	assert_true(parse(data, sizeof(data), &o));
	assert_int_equal(o.sack_count, 4);
	assert_int_equal(o.sack[0].left, 0x00010203);
	assert_int_equal(o.sack[3].right, 0x1c1d1e1f);
}

static void a_length_below_two_is_refused_and_does_not_loop(void **state)
{
	static const uint8_t zero[] = { 1, 1, 8, 0, 0, 0, 0, 0 };
	static const uint8_t one[] = { 99, 1, 0, 0 };
	struct tcp_options o;

	(void)state;
	assert_false(parse(zero, sizeof(zero), &o));
	assert_false(parse(one, sizeof(one), &o));
}

static void a_length_beyond_the_header_is_refused(void **state)
{
	static const uint8_t full[] = { 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct tcp_options o;

	(void)state;
	for (size_t len = 1; len < sizeof(full); len++)
		assert_false(parse(full, len, &o));
	assert_true(parse(full, sizeof(full), &o));
}

static void options_of_a_wrong_length_are_ignored(void **state)
{
	static const uint8_t data[] = { 2, 3, 9, 3, 4, 9, 9, 4, 3, 0, 8, 4, 0, 0, 5, 6, 0, 0, 0,
		0 };
	struct tcp_options o;

	(void)state;
	assert_true(parse(data, sizeof(data), &o));
	assert_int_equal(o.present, 0);
	assert_int_equal(o.sack_count, 0);
}

static void what_follows_the_end_is_not_read(void **state)
{
	static const uint8_t data[] = { 0, 2, 4, 5, 0xb4, 8, 0, 0 };
	struct tcp_options o;

	(void)state;
	assert_true(parse(data, sizeof(data), &o));
	assert_int_equal(o.present, 0);
}

static void a_window_scale_is_at_most_14(void **state)
{
	static const uint8_t data[] = { 3, 3, 255, 0 };
	struct tcp_options o;

	(void)state;
	assert_true(parse(data, sizeof(data), &o));
	assert_int_equal(o.wscale, 14);
}

static void any_bytes_are_survived(void **state)
{
	struct tcp_options o;

	(void)state;
	srand(1);
	for (unsigned n = 0; n < 300000; n++) {
		uint8_t data[TCP_OPTIONS_BYTES];
		size_t len = (size_t)rand() % (sizeof(data) + 1);

		/* Small numbers, so that kinds and lengths are met. */
		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)(rand() % (n % 2 ? 12 : 256));
		parse(data, len, &o);
		assert_true(o.sack_count <= TCP_SACK_MAX);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_of_today_is_read),
		cmocka_unit_test(sack_blocks_are_read_in_order),
		cmocka_unit_test(a_length_below_two_is_refused_and_does_not_loop),
		cmocka_unit_test(a_length_beyond_the_header_is_refused),
		cmocka_unit_test(options_of_a_wrong_length_are_ignored),
		cmocka_unit_test(what_follows_the_end_is_not_read),
		cmocka_unit_test(a_window_scale_is_at_most_14),
		cmocka_unit_test(any_bytes_are_survived),
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0)
		return 1;
	page_end = pages + page;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
