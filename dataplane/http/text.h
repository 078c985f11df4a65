/* SPDX-License-Identifier: Apache-2.0 */
/* White space and letters of field names and values (RFC 9110 §5.6). */
#ifndef SLUICE_DATAPLANE_HTTP_TEXT_H
#define SLUICE_DATAPLANE_HTTP_TEXT_H

#include "lib/base/str.h"

#define http_likely(x)   __builtin_expect(!!(x), 1)
#define http_unlikely(x) __builtin_expect(!!(x), 0)

/** As field names are compared: without case, and "_" as "-" which CGI takes for the same. */
static inline char http_name_fold(char c)
{
	return c == '_' ? '-' : ascii_lower(c);
}

static inline bool http_is_space(char c)
{
	return c == ' ' || c == '\t';
}

/** The bytes between @p from and @p end without white space around them. */
static inline struct str http_trim(const char *from, const char *end)
{
	while (from < end && http_is_space(*from))
		from++;
	while (end > from && http_is_space(end[-1]))
		end--;
	return (struct str){ from, (uint32_t)(end - from) };
}

#endif
