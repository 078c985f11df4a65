/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values inside of fields and queries, where credentials may be: query parameters and cookies. All
 * occurrences are counted, because a name that comes twice is read differently by different
 * readers.
 */
#include "dataplane/http/http1_priv.h"

/* Takes "name=value" up to the separator off the list; false at the end. */
static bool pair_next(struct str *rest, char separator, struct str *name, struct str *value)
{
	const char *end, *stop, *equal;

	if (rest->len == 0)
		return false;
	end = rest->data + rest->len;
	stop = memchr(rest->data, separator, rest->len);
	if (stop == NULL)
		stop = end;
	equal = memchr(rest->data, '=', (size_t)(stop - rest->data));
	if (equal == NULL) {
		*name = (struct str){ rest->data, (uint32_t)(stop - rest->data) };
		*value = (struct str){ stop, 0 };
	} else {
		*name = (struct str){ rest->data, (uint32_t)(equal - rest->data) };
		*value = (struct str){ equal + 1, (uint32_t)(stop - equal - 1) };
	}
	if (stop != end)
		stop++;
	*rest = (struct str){ stop, (uint32_t)(end - stop) };
	return true;
}

struct str http1_query_param(struct str query, struct str name, unsigned *count)
{
	struct str found = { NULL, 0 }, key, value;

	*count = 0;
	while (pair_next(&query, '&', &key, &value))
		if (str_equal(key, name) && (*count)++ == 0)
			found = value;
	return found;
}

/* RFC 6265 §4.2.1; white space around the pairs is nobody's. */
struct str http1_cookie(const struct http1_head *head, struct str name, unsigned *count)
{
	struct str found = { NULL, 0 }, key, value;

	*count = 0;
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct str rest = head->fields[i].value;

		if (head->fields[i].id != HTTP1_FIELD_COOKIE)
			continue;
		while (pair_next(&rest, ';', &key, &value)) {
			key = http1_trim(key.data, key.data + key.len);
			value = http1_trim(value.data, value.data + value.len);
			if (str_equal(key, name) && (*count)++ == 0)
				found = value;
		}
	}
	return found;
}
