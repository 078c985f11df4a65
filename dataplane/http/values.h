/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters and cookies, where credentials may be. */
#ifndef SLUICE_DATAPLANE_HTTP_VALUES_H
#define SLUICE_DATAPLANE_HTTP_VALUES_H

#include "dataplane/http/message.h"

/**
 * Take the next parameter of this name off a query. Names are compared as
 * application/x-www-form-urlencoded is decoded ("%XX", "+").
 * @param rest   what is left of the query; moved on
 * @param value  as sent, to be decoded by http_query_decode(). Empty without "="
 * @return false at the end
 */
bool http_query_next(struct str *rest, struct str name, struct str *value);

/**
 * Decode a query's value.
 * @param buf  room for a value that changes
 * @return @p value itself where nothing changes; .data NULL for a "%" without two digits, or when
 *         @p size bytes are not enough
 */
struct str http_query_decode(struct str value, char *buf, size_t size);

/* Where http_cookie_next() goes on; zero at the start. */
struct http_cookies {
	uint32_t field;
	struct str rest;
};

/**
 * The next cookie of this name, of all Cookie fields; names and values are taken as they are.
 * @return false at the end
 */
bool http_cookie_next(
	const struct http_head *head, struct http_cookies *at, struct str name, struct str *value);

#endif
