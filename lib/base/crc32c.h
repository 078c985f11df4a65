/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): detects damage in shared-memory objects. */
#ifndef SLUICE_LIB_BASE_CRC32C_H
#define SLUICE_LIB_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** Continue a CRC over @p len bytes; begin with @p crc 0. The value is final after each call. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
