/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clearing and copying runs of bytes that are short and many. For -march=corei7 gcc makes "rep stos"
 * and "rep movs" of memset and memcpy with small bounds, which take long to begin (38 cycles in
 * http1_parse_response(), measured on an AMD EPYC), and a call of memcpy costs more than most header
 * fields. These are moves of 16 and 8 bytes, inlined.
 */
#ifndef SLUICE_LIB_BASE_BYTES_H
#define SLUICE_LIB_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t bytes_pair __attribute__((vector_size(16)));

/** Between network order and the machine's. DPDK's is an exchange of a register's halves on x86, three
 *  micro-operations; this is one rotation. */
static inline uint16_t bytes_be16(uint16_t value)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(value) : value;
}

/** Fetch @p n bytes into the cache, from a place that may be NULL: they will be touched soon. */
static inline __attribute__((always_inline)) void bytes_fetch(const void *at, size_t n)
{
	for (size_t line = 0; line < n; line += 64)
		__builtin_prefetch((const char *)at + line);
}

/** Clear @p n bytes, a constant of at least 16 and at most a few hundred. */
static inline __attribute__((always_inline)) void bytes_clear(void *at, size_t n)
{
	const bytes_pair zero = { 0, 0 };
	char *p = at;

#pragma GCC unroll 32
	for (size_t i = 0; i + 16 <= n; i += 16) {
		memcpy(p + i, &zero, 16);
		__asm__ volatile(""); /* else gcc takes the loop for a memset */
	}
	if (n % 16 != 0)
		memcpy(p + n - 16, &zero, 16);
}

/** Copy @p n bytes, usually below 64, between places that do not overlap. */
static inline __attribute__((always_inline)) void bytes_copy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	/* What gcc knows of the object's size makes it warn of paths that n never takes. */
	__asm__("" : "+r"(t));
	if (n >= 16) {
		if (__builtin_expect(n > 64, 0)) {
			memcpy(t, f, n);
			return;
		}
		for (size_t i = 0; i + 16 < n; i += 16) {
			memcpy(t + i, f + i, 16);
			__asm__ volatile("");
		}
		memcpy(t + n - 16, f + n - 16, 16);
	} else if (n >= 8) {
		memcpy(t, f, 8);
		memcpy(t + n - 8, f + n - 8, 8);
	} else if (n >= 4) {
		memcpy(t, f, 4);
		memcpy(t + n - 4, f + n - 4, 4);
	} else if (n > 0) {
		t[0] = f[0];
		t[n / 2] = f[n / 2];
		t[n - 1] = f[n - 1];
	}
}

#endif
