/* SPDX-License-Identifier: Apache-2.0 */
/* "1 worker", "2 workers". */
#ifndef SLUICE_LIB_BASE_PLURAL_H
#define SLUICE_LIB_BASE_PLURAL_H

#include <stdint.h>

/** @return what is appended to a noun that is counted @p n times */
static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

#endif
