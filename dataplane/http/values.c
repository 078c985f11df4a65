/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values inside of fields and queries, where credentials may be: query parameters and cookies. All
 * occurrences are given, because a name that comes twice is read differently by different
 * readers.
 */
#include "dataplane/http/values.h"

#include "dataplane/http/text.h"

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

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Take one byte off a query's text, decoded. @return -1 for a "%" without two digits */
static int byte_decode(struct str *s)
{
	int byte = (uint8_t)s->data[0], high, low;
	uint32_t used = 1;

	if (byte == '+')
		byte = ' ';
	if (byte == '%') {
		high = s->len < 3 ? -1 : hex_value(s->data[1]);
		low = s->len < 3 ? -1 : hex_value(s->data[2]);
		byte = high < 0 || low < 0 ? -1 : high << 4 | low;
		used = byte < 0 ? 1 : 3;
	}
	s->data += used;
	s->len -= used;
	return byte;
}

static bool name_is(struct str raw, struct str name)
{
	uint32_t at = 0;

	while (raw.len > 0 && at < name.len)
		if (byte_decode(&raw) != (uint8_t)name.data[at++])
			return false;
	return raw.len == 0 && at == name.len;
}

bool http_query_next(struct str *rest, struct str name, struct str *value)
{
	struct str key;

	while (pair_next(rest, '&', &key, value))
		if (name_is(key, name))
			return true;
	return false;
}

struct str http_query_decode(struct str value, char *buf, size_t size)
{
	const struct str none = { NULL, 0 };
	uint32_t n = 0;

	if (value.len == 0 || (memchr(value.data, '%', value.len) == NULL &&
				      memchr(value.data, '+', value.len) == NULL))
		return value;
	while (value.len > 0) {
		int byte = byte_decode(&value);

		if (byte < 0 || n == size)
			return none;
		buf[n++] = (char)byte;
	}
	return (struct str){ buf, n };
}

/* RFC 6265 §4.2.1; white space around the pairs belongs to neither. */
bool http_cookie_next(
	const struct http_head *head, struct http_cookies *at, struct str name, struct str *value)
{
	struct str key;

	for (;;) {
		while (pair_next(&at->rest, ';', &key, value)) {
			key = http_trim(key.data, key.data + key.len);
			*value = http_trim(value->data, value->data + value->len);
			if (str_equal(key, name))
				return true;
		}
		while (at->field < head->field_count &&
			head->fields[at->field].id != HTTP_FIELD_COOKIE)
			at->field++;
		if (at->field == head->field_count)
			return false;
		at->rest = http_field_value(&head->fields[at->field++]);
	}
}
