/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities as operators write them: "250ms", "16KiB", "600/min", "2027-06-30". Pure text in,
 * number out. */
#ifndef SLUICE_CONTROL_CONFIG_UNITS_H
#define SLUICE_CONTROL_CONFIG_UNITS_H

#include "lib/base/str.h"

/** Digits only. @return 0, or -EINVAL (also above 2^63-1) */
int unit_number(struct str text, uint64_t *out);

/** A number with ms, s, m, h or d; "0" needs no unit. @return 0 or -EINVAL */
int unit_duration(struct str text, uint64_t *ms);

/** A number with B, KiB, MiB or GiB; "0" needs no unit. @return 0 or -EINVAL */
int unit_size(struct str text, uint64_t *bytes);

/**
 * "AMOUNT/UNIT" or "AMOUNT/COUNT UNIT": s, min, hour, day, week, month (30 days); "100/15min".
 * @param window_s  length of the window in seconds
 * @return 0 or -EINVAL (an amount or a window of 0 too)
 */
int unit_rate(struct str text, uint64_t *amount, uint64_t *window_s);

/** "20%" or "12.5%": at most two digits behind the point. @param share  in 1/10000 @return 0 or -EINVAL */
int unit_share(struct str text, uint64_t *share);

/** "2027-06-30": the end of that day, UTC; "2027-06-30T12:00:00Z": that second.
 *  @param unix_s  Unix seconds. @return 0 or -EINVAL */
int unit_date(struct str text, uint64_t *unix_s);

/** @p bytes from twice as many hexadecimal digits. @return 0 or -EINVAL */
int unit_hex(struct str text, uint8_t *out, uint32_t bytes);

#endif
