/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 and CRC-32C against published values, and the fast CRC against the plain one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/crc32c.h"
#include "lib/base/crc32c_priv.h"
#include "lib/base/siphash.h"

/* Key 00..0f, message 00 01 .. (n-1): the authors' reference vectors; n = 15 is the paper's appendix A. */
static void siphash_gives_the_reference_values(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 2, UINT64_C(0x0d6c8009d9a94f5a) },
		{ 3, UINT64_C(0x85676696d7fb7e2d) },
		{ 7, UINT64_C(0xab0200f58b01d137) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 9, UINT64_C(0x9e0082df0ba9e4b0) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
		{ 63, UINT64_C(0x958a324ceb064572) },
	};
	const struct siphash_key key = { UINT64_C(0x0706050403020100),
		UINT64_C(0x0f0e0d0c0b0a0908) };
	uint8_t message[64];

	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash24(&key, message, vectors[i].len) == vectors[i].hash);
}

static void siphash_depends_on_the_key(void **state)
{
	const struct siphash_key a = { 1, 2 }, b = { 1, 3 };

	assert_true(siphash24(&a, "x", 1) != siphash24(&b, "x", 1));
}

/* RFC 3720 appendix B.4, and the check value of the CRC catalogue. */
static void crc32c_gives_the_rfc_values(void **state)
{
	uint8_t data[32];

	memset(data, 0, sizeof(data));
	assert_int_equal(crc32c(0, data, 32), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(crc32c(0, data, 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		data[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, data, 32), 0x46dd794e);
	for (unsigned i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c(0, data, 32), 0x113fdb5c);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_table(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void crc32c_agrees_with_the_table_at_any_cut(void **state)
{
	uint8_t data[300];

	srand(1);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rand();
	for (size_t len = 0; len < sizeof(data); len++) {
		uint32_t plain = crc32c_table(0, data, len);
		size_t cut = len ? (size_t)rand() % len : 0;

		assert_int_equal(crc32c(0, data, len), plain);
		assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, len - cut), plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_gives_the_reference_values),
		cmocka_unit_test(siphash_depends_on_the_key),
		cmocka_unit_test(crc32c_gives_the_rfc_values),
		cmocka_unit_test(crc32c_agrees_with_the_table_at_any_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
