/* SPDX-License-Identifier: Apache-2.0 */
/* What the check makes of a word of `on` in a route's `retry`, for the compiler. */
#ifndef SLUICE_CONTROL_CONFIG_CHECK_RETRY_H
#define SLUICE_CONTROL_CONFIG_CHECK_RETRY_H

/* The number of "5xx". Statuses are their own numbers, words those of enum snap_retry_on. */
#define RETRY_ALL_5XX 5

#endif
