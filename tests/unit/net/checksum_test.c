/* SPDX-License-Identifier: Apache-2.0 */
/* The fast Internet checksum against the plain one: every length, every alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/net/checksum.h"

static uint8_t random_byte(void)
{
	/* Many 0x00 and 0xff: carries and negative zero live there. */
	int r = rand();

	return (r & 0x700) == 0 ? 0xff : (r & 0x700) == 0x100 ? 0 : (uint8_t)r;
}

static void rfc_1071_example(void **state)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(checksum_fold(checksum_sum(data, 8)), rte_cpu_to_be_16(0xddf2));
	assert_int_equal(checksum_fold(checksum_sum_plain(data, 8)), rte_cpu_to_be_16(0xddf2));
	assert_int_equal(checksum_fold(checksum_sum(NULL, 0)), 0);
}

static void folded_sums_are_those_of_sixteen_bits(void **state)
{
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t sum = 0, plain;

		for (unsigned byte = 0; byte < 8; byte++)
			sum = sum << 8 | random_byte();
		for (plain = sum; plain >> 16;)
			plain = (plain & 0xffff) + (plain >> 16);
		assert_int_equal(checksum_fold(sum), plain);
		assert_int_equal(checksum_whole(sum), plain == 0xffff);
		sum += 0xffff - plain; /* a whole one, but for the last few before 2^64 */
		assert_true(checksum_whole(sum) || sum < 0xffff);
	}
	assert_false(checksum_whole(0));
}

static void headers_without_options_sum_alike(void **state)
{
	uint8_t data[20];

	for (unsigned i = 0; i < 10000; i++) {
		for (unsigned k = 0; k < sizeof(data); k++)
			data[k] = random_byte();
		assert_int_equal(checksum_fold(checksum_sum_header(data)),
			checksum_fold(checksum_sum_plain(data, sizeof(data))));
	}
}

static void every_length_and_alignment_agrees(void **state)
{
	static uint8_t data[2200];

	srand(2);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = random_byte();
	for (size_t len = 0; len <= 600; len++)
		for (size_t at = 0; at < 9; at++)
			assert_int_equal(checksum_fold(checksum_sum(data + at, len)),
				checksum_fold(checksum_sum_plain(data + at, len)));
	for (size_t len = 1400; len <= 2100; len++)
		assert_int_equal(checksum_fold(checksum_sum(data + len % 7, len)),
			checksum_fold(checksum_sum_plain(data + len % 7, len)));
}

static void all_ones_do_not_overflow(void **state)
{
	static uint8_t data[65536];

	memset(data, 0xff, sizeof(data));
	assert_int_equal(checksum_fold(checksum_sum(data, 65535)),
		checksum_fold(checksum_sum_plain(data, 65535)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_1071_example),
		cmocka_unit_test(folded_sums_are_those_of_sixteen_bits),
		cmocka_unit_test(headers_without_options_sum_alike),
		cmocka_unit_test(every_length_and_alignment_agrees),
		cmocka_unit_test(all_ones_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
