/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of quantities. Each takes the whole text or refuses it, and refuses what overflows. */
#include "control/config/units.h"

#include <errno.h>
#include <stddef.h>

#define WINDOW_MAX_S (UINT64_C(366) * 86400) /* a year: what a snapshot may hold */

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "min", 60 * 1000 },
	{ "h", 3600 * 1000 },
	{ "d", 24 * 3600 * 1000 },
	{ NULL, 0 },
};

static const struct unit sizes[] = {
	{ "B", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ NULL, 0 },
};

static const struct unit windows[] = {
	{ "s", 1 },
	{ "sec", 1 },
	{ "second", 1 },
	{ "min", 60 },
	{ "minute", 60 },
	{ "h", 3600 },
	{ "hour", 3600 },
	{ "d", 86400 },
	{ "day", 86400 },
	{ "week", 7 * 86400 },
	{ "month", 30 * 86400 },
	{ NULL, 0 },
};

/* Leading digits of *text, which is advanced past them. */
static int take_number(struct str *text, uint64_t *out)
{
	uint64_t n = 0;
	uint32_t i = 0;

	for (; i < text->len && text->data[i] >= '0' && text->data[i] <= '9'; i++) {
		unsigned digit = (unsigned)(text->data[i] - '0');

		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return -EINVAL;
		n = n * 10 + digit;
	}
	if (i == 0)
		return -EINVAL;
	text->data += i;
	text->len -= i;
	*out = n;
	return 0;
}

static int find_unit(const struct unit *units, struct str text, uint64_t *factor)
{
	for (; units->name; units++) {
		if (str_equal(str_of(units->name), text)) {
			*factor = units->factor;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_quantity(const struct unit *units, struct str text, uint64_t *out)
{
	uint64_t n, factor;

	if (take_number(&text, &n) < 0)
		return -EINVAL;
	if (n == 0 && text.len == 0) {
		*out = 0;
		return 0;
	}
	while (text.len && text.data[0] == ' ') {
		text.data++;
		text.len--;
	}
	if (find_unit(units, text, &factor) < 0 || n > INT64_MAX / factor)
		return -EINVAL;
	*out = n * factor;
	return 0;
}

int unit_number(struct str text, uint64_t *out)
{
	return take_number(&text, out) < 0 || text.len ? -EINVAL : 0;
}

int unit_duration(struct str text, uint64_t *ms)
{
	return take_quantity(durations, text, ms);
}

int unit_size(struct str text, uint64_t *bytes)
{
	return take_quantity(sizes, text, bytes);
}

int unit_rate(struct str text, uint64_t *amount, uint64_t *window_s)
{
	uint64_t n = 1, factor;

	if (take_number(&text, amount) < 0 || *amount == 0)
		return -EINVAL;
	if (text.len == 0 || text.data[0] != '/')
		return -EINVAL;
	text.data++;
	text.len--;
	if (text.len && text.data[0] >= '0' && text.data[0] <= '9' &&
		(take_number(&text, &n) < 0 || n == 0))
		return -EINVAL;
	if (find_unit(windows, text, &factor) < 0 || n > WINDOW_MAX_S / factor)
		return -EINVAL;
	*window_s = n * factor;
	return 0;
}

int unit_share(struct str text, uint64_t *share)
{
	uint64_t whole, part = 0;
	uint32_t digits;

	if (take_number(&text, &whole) < 0 || whole > UINT32_MAX)
		return -EINVAL;
	if (text.len > 0 && text.data[0] == '.') {
		text.data++;
		text.len--;
		digits = text.len;
		if (take_number(&text, &part) < 0)
			return -EINVAL;
		digits -= text.len;
		if (digits > 2)
			return -EINVAL;
		if (digits == 1)
			part *= 10;
	}
	if (!str_equal(text, STR("%")))
		return -EINVAL;
	*share = whole * 100 + part;
	return 0;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar: years begin in March, so that the day
 * that leap years add is a year's last. */
static uint64_t days_from_date(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = month <= 2 ? year - 1 : year;
	uint64_t m = month <= 2 ? month + 9 : month - 3;
	uint64_t day_of_year = (153 * m + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

/* Digits at places where @p form has a '0', the same characters elsewhere. */
static bool has_form(struct str text, const char *form)
{
	for (uint32_t i = 0; i < text.len; i++) {
		bool digit = text.data[i] >= '0' && text.data[i] <= '9';

		if (form[i] == '0' ? !digit : text.data[i] != form[i])
			return false;
	}
	return true;
}

static uint64_t digits_at(struct str text, uint32_t at, uint32_t count)
{
	uint64_t n = 0;

	for (uint32_t i = at; i < at + count; i++)
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	return n;
}

int unit_date(struct str text, uint64_t *unix_s)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if ((text.len != 10 && text.len != sizeof(form) - 1) || !has_form(text, form))
		return -EINVAL;

	uint64_t year = digits_at(text, 0, 4), month = digits_at(text, 5, 2);
	uint64_t day = digits_at(text, 8, 2);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
		day > month_days[month - 1] + (month == 2 && leap ? 1u : 0u))
		return -EINVAL;
	*unix_s = days_from_date(year, month, day) * 86400;
	if (text.len == 10) {
		*unix_s += 86400;
		return 0;
	}

	uint64_t hour = digits_at(text, 11, 2), minute = digits_at(text, 14, 2);
	uint64_t second = digits_at(text, 17, 2);

	if (hour > 23 || minute > 59 || second > 59)
		return -EINVAL;
	*unix_s += hour * 3600 + minute * 60 + second;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int unit_hex(struct str text, uint8_t *out, uint32_t bytes)
{
	if (text.len != bytes * 2)
		return -EINVAL;
	for (uint32_t i = 0; i < bytes; i++) {
		int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
