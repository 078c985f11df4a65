/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in rows, as the snapshot holds it: initialisers of struct snap_row (schema.def). */
#ifndef SLUICE_LIB_SCHEMA_NUMBERS_H
#define SLUICE_LIB_SCHEMA_NUMBERS_H

#include <stdint.h>

#define N(n)                UINT64_C(n)
#define BYTES(n)            UINT64_C(n)
#define KIB(n)              (UINT64_C(n) << 10)
#define MIB(n)              (UINT64_C(n) << 20)
#define GIB(n)              (UINT64_C(n) << 30)
#define MSEC(n)             UINT64_C(n)
#define SEC(n)              (UINT64_C(n) * 1000)
#define MINUTE(n)           (UINT64_C(n) * 60000)
#define HOUR(n)             (UINT64_C(n) * 3600000)
#define DAY(n)              (UINT64_C(n) * 86400000)
#define PERCENT(n)          (UINT64_C(n) * 100) /* shares are in 1/10000 */
#define TRUE                1
#define FALSE               0
#define WORD(word, index)   (index)

#define REQUIRED            .fallback = 0
#define OPTIONAL            .fallback = 0
#define DEFAULT(value)      .fallback = (value)
#define WITH(setting, word) .fallback = 0

#define RANGE(least, most)  .low = (least), .high = (most)
#define ANY                 .high = UINT64_MAX
#define BOOLEAN             .high = 1
#define CHOICES(...)        .high = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *) - 1

#define LIVE                .restart = false
#define RESTART             .restart = true

#endif
