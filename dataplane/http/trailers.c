/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that no trailer section may have, besides those that the gateway acts on: a recipient that
 * merged them into the header section would frame, route, authenticate, cache or decode otherwise
 * than without (RFC 9110 §6.5.1).
 */
#include "dataplane/http/fields.h"

static const struct str not_in_trailers[] = {
	STR("age"),
	STR("allow"),
	STR("cache-control"),
	STR("content-disposition"),
	STR("content-encoding"),
	STR("content-language"),
	STR("content-location"),
	STR("content-range"),
	STR("content-type"),
	STR("expires"),
	STR("if-match"),
	STR("if-modified-since"),
	STR("if-none-match"),
	STR("if-range"),
	STR("if-unmodified-since"),
	STR("location"),
	STR("pragma"),
	STR("range"),
	STR("retry-after"),
	STR("set-cookie"),
	STR("vary"),
	STR("warning"),
	STR("www-authenticate"),
};

bool http_field_may_trail(const struct http_field *field)
{
	if ((field->flags & HTTP_IS_HOP) || field->id != HTTP_FIELD_OTHER)
		return false;
	for (unsigned i = 0; i < sizeof(not_in_trailers) / sizeof(not_in_trailers[0]); i++)
		if (http_name_same(http_field_name(field), not_in_trailers[i]))
			return false;
	return true;
}
