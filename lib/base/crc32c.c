/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (RFC 3720 appendix B.4): reflected polynomial 0x82f63b78, inverted before and after. An
 * instruction of SSE4.2 and of ARMv8 does eight bytes at a time; the table is for processors without it.
 */
#include "lib/base/crc32c.h"

#include <string.h>

#include "lib/base/crc32c_priv.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#define CRC_8(state, word) _mm_crc32_u64(state, word)
#define CRC_1(state, byte) _mm_crc32_u8((uint32_t)(state), byte)
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define CRC_8(state, word) __crc32cd((uint32_t)(state), word)
#define CRC_1(state, byte) __crc32cb((uint32_t)(state), byte)
#endif

/* The table is made by the compiler: TABLE_BIT() is one step of the division by the polynomial. */
#define TABLE_BIT(c)  (((c) >> 1) ^ (UINT32_C(0x82f63b78) & (0 - ((c)&1))))
#define TABLE_BIT4(c) TABLE_BIT(TABLE_BIT(TABLE_BIT(TABLE_BIT((uint32_t)(c)))))

/* A nibble at a time keeps the table at one cache line: 16 entries of 4 bytes. */
static const uint32_t table[16] = { TABLE_BIT4(0), TABLE_BIT4(1), TABLE_BIT4(2), TABLE_BIT4(3),
	TABLE_BIT4(4), TABLE_BIT4(5), TABLE_BIT4(6), TABLE_BIT4(7), TABLE_BIT4(8), TABLE_BIT4(9),
	TABLE_BIT4(10), TABLE_BIT4(11), TABLE_BIT4(12), TABLE_BIT4(13), TABLE_BIT4(14),
	TABLE_BIT4(15) };

uint32_t crc32c_table(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#ifdef CRC_8
	const uint8_t *p = data;
	uint64_t state = (uint32_t)~crc, word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		state = CRC_8(state, word);
	}
	for (; len; len--, p++)
		state = CRC_1(state, *p);
	return ~(uint32_t)state;
#else
	return crc32c_table(crc, data, len);
#endif
}
