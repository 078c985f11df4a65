/* SPDX-License-Identifier: Apache-2.0 */
/* The types of settings: how each is parsed from text, and how messages speak of it. */
#include <errno.h>
#include <inttypes.h>

#include "control/config/schema.h"
#include "control/config/units.h"

#define NAME_BYTES_MAX    64
#define TEXT_BYTES_MAX    4096
#define CONTENT_BYTES_MAX 65535 /* what a snapshot's text may be */

static int parse_name(struct str text)
{
	if (text.len < 1 || text.len > NAME_BYTES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < text.len; i++) {
		char c = ascii_lower(text.data[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
			c != '-' && c != '@')
			return -EINVAL;
	}
	return 0;
}

/* Texts go into logs and header fields: no control characters. */
static int parse_text(struct str text)
{
	for (uint32_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
			return -EINVAL;
	return text.len > 0 && text.len <= TEXT_BYTES_MAX ? 0 : -EINVAL;
}

static int parse_choice(const char *const *choices, struct str text, uint64_t *out)
{
	for (uint64_t i = 0; choices[i]; i++) {
		if (str_equal(str_of(choices[i]), text)) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_bool(struct str text, uint64_t *out)
{
	*out = str_equal(text, STR("true"));
	return *out || str_equal(text, STR("false")) ? 0 : -EINVAL;
}

int schema_parse(const struct schema_field *field, struct str text, struct cfg_value *out)
{
	uint8_t digest[32];

	switch (field->type) {
	case SCHEMA_NAME:
		return parse_name(text);
	case SCHEMA_TEXT:
		return parse_text(text);
	case SCHEMA_CONTENT:
		return text.len <= CONTENT_BYTES_MAX ? 0 : -EINVAL;
	case SCHEMA_NUMBER:
		return unit_number(text, &out->number);
	case SCHEMA_BOOL:
		return parse_bool(text, &out->number);
	case SCHEMA_DURATION:
		return unit_duration(text, &out->number);
	case SCHEMA_SIZE:
		return unit_size(text, &out->number);
	case SCHEMA_RATE:
		return unit_rate(text, &out->number, &out->window_s);
	case SCHEMA_SHARE:
		return unit_share(text, &out->number);
	case SCHEMA_DATE:
		return unit_date(text, &out->number);
	case SCHEMA_DIGEST:
		return unit_hex(text, digest, sizeof(digest));
	case SCHEMA_ADDRESS:
		return ip_parse(text, &out->addr);
	case SCHEMA_ENDPOINT:
		return ip_port_parse(text, &out->addr, &out->port);
	case SCHEMA_PREFIX:
		return ip_prefix_parse(text, &out->addr, &out->prefix_len);
	case SCHEMA_CHOICE:
		return parse_choice(field->choices, text, &out->number);
	case SCHEMA_WORKERS:
		out->number = 0;
		return str_equal(text, STR("auto")) ? 0 : unit_number(text, &out->number);
	case SCHEMA_GROUP:
	case SCHEMA_TYPE_COUNT:
		break;
	}
	return -EINVAL;
}

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit durations[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
	{ "s", 1000 }, { "ms", 1 } };
static const struct unit sizes[] = { { "GiB", UINT64_C(1) << 30 }, { "MiB", 1 << 20 },
	{ "KiB", 1 << 10 }, { "B", 1 } };

/* In the largest unit of which it is a whole number; the last unit is 1. */
static void show_in(const struct unit *unit, uint64_t number, char *out, size_t bytes)
{
	while (number % unit->size != 0)
		unit++;
	snprintf(out, bytes, "%" PRIu64 "%s", number / unit->size, number ? unit->name : "");
}

/* "20%", "12.5%" */
static void show_share(uint64_t number, char *out, size_t bytes)
{
	const uint64_t part = number % 100;

	if (part == 0)
		snprintf(out, bytes, "%" PRIu64 "%%", number / 100);
	else
		snprintf(out, bytes,
			part % 10 ? "%" PRIu64 ".%02" PRIu64 "%%" : "%" PRIu64 ".%" PRIu64 "%%",
			number / 100, part % 10 ? part : part / 10);
}

const char *schema_show(const struct schema_field *field, uint64_t number, char *out, size_t bytes)
{
	if (field->type == SCHEMA_DURATION)
		show_in(durations, number, out, bytes);
	else if (field->type == SCHEMA_SIZE)
		show_in(sizes, number, out, bytes);
	else if (field->type == SCHEMA_SHARE)
		show_share(number, out, bytes);
	else if (field->type == SCHEMA_BOOL)
		snprintf(out, bytes, "%s", number ? "true" : "false");
	else if (field->type == SCHEMA_CHOICE)
		snprintf(out, bytes, "%s", field->choices[number]);
	else if (field->type == SCHEMA_WORKERS && number == 0)
		snprintf(out, bytes, "auto");
	else
		snprintf(out, bytes, "%" PRIu64, number);
	return out;
}

static const struct {
	const char *word, *phrase;
} types[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_NAME] = { "name", "a name of 1 to 64 letters, digits, '.', '_', '-' and '@'" },
	[SCHEMA_TEXT] = { "text", "a text of 1 to 4096 characters without control characters" },
	[SCHEMA_CONTENT] = { "content", "a text of at most 65535 bytes" },
	[SCHEMA_NUMBER] = { "number", "a number" },
	[SCHEMA_BOOL] = { "boolean", "true or false" },
	[SCHEMA_DURATION] = { "duration",
		"a duration such as \"250ms\", \"2s\", \"1m\" or \"1h\"" },
	[SCHEMA_SIZE] = { "size", "a size such as \"512B\", \"16KiB\" or \"1MiB\"" },
	[SCHEMA_RATE] = { "rate",
		"an amount in a time such as \"10/s\", \"600/min\" or \"10000/day\"" },
	[SCHEMA_SHARE] = { "share", "a share such as \"20%\" or \"12.5%\"" },
	[SCHEMA_DATE] = { "date", "a date such as \"2027-06-30\" or \"2027-06-30T12:00:00Z\"" },
	[SCHEMA_DIGEST] = { "SHA-256", "a SHA-256 of 64 hexadecimal digits" },
	[SCHEMA_ADDRESS] = { "IP address",
		"an IP address such as \"192.0.2.1\" or \"2001:db8::1\"" },
	[SCHEMA_ENDPOINT] = { "address:port",
		"an address with a port such as \"192.0.2.1:443\" or \"[2001:db8::1]:443\"" },
	[SCHEMA_PREFIX] = { "address/length",
		"an address with its prefix length such as \"192.0.2.1/24\"" },
	[SCHEMA_CHOICE] = { "choice", "one of a few words" },
	[SCHEMA_WORKERS] = { "\"auto\" or number", "\"auto\" or a number" },
	[SCHEMA_GROUP] = { "group", "a group { … }" },
};

const char *schema_type_phrase(enum schema_type type)
{
	return types[type].phrase;
}

const char *schema_type_word(enum schema_type type)
{
	return types[type].word;
}
