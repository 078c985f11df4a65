/* SPDX-License-Identifier: Apache-2.0 */
/* The portable CRC-32C: for processors that have no instruction for it, and as the tests' oracle. */
#ifndef SLUICE_LIB_BASE_CRC32C_PRIV_H
#define SLUICE_LIB_BASE_CRC32C_PRIV_H

#include <stddef.h>
#include <stdint.h>

/** As crc32c(), from a table of 16 entries. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t len);

#endif
