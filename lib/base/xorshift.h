/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers for spreading work, which may be guessed (Marsaglia 2003, "Xorshift RNGs"). */
#ifndef SLUICE_LIB_BASE_XORSHIFT_H
#define SLUICE_LIB_BASE_XORSHIFT_H

#include <stdint.h>

/** The next number, which is the new state. @param state  not 0, and never becomes it */
static inline uint64_t xorshift64(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

#endif
