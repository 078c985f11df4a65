/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 (Aumasson, Bernstein 2012): the keyed hash behind ISNs, flow tables and cookies. */
#ifndef SLUICE_LIB_BASE_SIPHASH_H
#define SLUICE_LIB_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/** Hash @p len bytes under @p key. */
uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len);

#endif
