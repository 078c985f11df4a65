/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the known fields mean together: how the body is framed (RFC 9112 §6), whether the connection
 * stays (§9.3), which fields are hop-by-hop (RFC 9110 §7.6.1), and Expect. Where a rule
 * leaves recipients a choice, the message is refused: the next recipient may choose otherwise.
 */
#include "dataplane/http/h1/http1_priv.h"

static struct str known_value(
	const struct http1_head *head, const struct http1_places *places, enum http_field_id id)
{
	return http_field_value(&head->message.fields[places->at[id]]);
}

/* RFC 9110 §8.6; a list of equal values may be taken as one, or refused: refused. */
static enum reason length_parse(struct str value, uint64_t *length)
{
	uint64_t n = 0;

	if (value.len == 0)
		return REASON_LENGTH_INVALID;
	for (uint32_t i = 0; i < value.len; i++) {
		uint64_t digit = (uint64_t)(value.data[i] - '0');

		if (value.data[i] < '0' || value.data[i] > '9')
			return memchr(value.data, ',', value.len) != NULL ? REASON_LENGTH_REPEATED
									  : REASON_LENGTH_INVALID;
		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return REASON_LENGTH_INVALID;
		n = n * 10 + digit;
	}
	*length = n;
	return HTTP1_FINE;
}

/* What the two framing fields say, the same for requests and responses (RFC 9112 §6.1, §6.2). */
static enum reason framing_parse(struct http1_head *head, const struct http1_places *places)
{
	bool length = http_head_has(&head->message, HTTP_FIELD_CONTENT_LENGTH);

	head->framing = HTTP1_BODY_NONE;
	if (http_head_has(&head->message, HTTP_FIELD_TRANSFER_ENCODING)) {
		if (length)
			return REASON_LENGTH_AND_CODING;
		if (head->version_minor == 0)
			return REASON_CODING_IN_HTTP10;
		if (http_head_repeats(&head->message, HTTP_FIELD_TRANSFER_ENCODING) ||
			!str_equal_nocase(known_value(head, places, HTTP_FIELD_TRANSFER_ENCODING),
				STR("chunked")))
			return REASON_CODING_UNSUPPORTED;
		head->framing = HTTP1_BODY_CHUNKED;
		head->message.content_length = HTTP_LENGTH_UNKNOWN;
	} else if (length) {
		if (http_head_repeats(&head->message, HTTP_FIELD_CONTENT_LENGTH))
			return REASON_LENGTH_REPEATED;
		head->framing = HTTP1_BODY_LENGTH;
		return length_parse(known_value(head, places, HTTP_FIELD_CONTENT_LENGTH),
			&head->message.content_length);
	}
	return HTTP1_FINE;
}

/* What Connection has said so far. */
struct options {
	unsigned count;
	bool close;
	bool keep_alive;
	bool upgrade;
};

static bool token_valid(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (memchr("\"(),/:;<=>?@[\\]{} \t", s.data[i], 19) != NULL ||
			(s.data[i] & 0x80) != 0)
			return false;
	return true;
}

/* Whether Connection may take the field away: not what routes, authenticates, frames or is ours. */
static bool option_may_name(const struct http_field *field)
{
	return field->id != HTTP_FIELD_HOST && field->id != HTTP_FIELD_AUTHORIZATION &&
	       field->id != HTTP_FIELD_CONTENT_LENGTH && field->id != HTTP_FIELD_SLUICE;
}

static enum reason option_take(struct http1_head *head, struct options *options, struct str option)
{
	if (++options->count > HTTP1_MAX_OPTIONS)
		return REASON_TOO_MANY_FIELDS;
	if (str_equal_nocase(option, STR("keep-alive"))) {
		options->keep_alive = true;
	} else if (str_equal_nocase(option, STR("close"))) {
		options->close = true;
	} else if (str_equal_nocase(option, STR("upgrade"))) {
		options->upgrade = true;
	} else if (!token_valid(option)) {
		return REASON_FIELD_VALUE;
	} else {
		for (uint32_t i = 0; i < head->message.field_count; i++) {
			struct http_field *field = &head->message.fields[i];

			if (str_equal_nocase(http_field_name(field), option) &&
				option_may_name(field))
				field->flags |= HTTP_IS_HOP;
		}
	}
	return HTTP1_FINE;
}

static __attribute__((noinline)) enum reason options_take(
	struct http1_head *head, const struct http1_places *places, struct options *options)
{
	for (uint32_t i = places->at[HTTP_FIELD_CONNECTION]; i < head->message.field_count; i++) {
		struct str rest = http_field_value(&head->message.fields[i]), option;

		if (head->message.fields[i].id != HTTP_FIELD_CONNECTION)
			continue;
		while (http1_list_next(&rest, &option)) {
			enum reason fault = option_take(head, options, option);

			if (fault != HTTP1_FINE)
				return fault;
		}
	}
	return HTTP1_FINE;
}

static enum reason connection_parse(
	struct http1_head *head, const struct http1_places *places, struct options *options)
{
	*options = (struct options){ 0 };
	if (http_head_has(&head->message, HTTP_FIELD_CONNECTION)) {
		enum reason fault = options_take(head, places, options);

		if (fault != HTTP1_FINE)
			return fault;
	}
	head->keep_alive = !options->close && (head->version_minor != 0 || options->keep_alive);
	head->upgrade = options->upgrade;
	return HTTP1_FINE;
}

/* RFC 9110 §10.1.1: 100-continue is the only one; HTTP/1.0 does not have it. */
static enum reason expect_parse(struct http1_head *head, const struct http1_places *places)
{
	if (!http_head_has(&head->message, HTTP_FIELD_EXPECT))
		return HTTP1_FINE;
	if (http_head_repeats(&head->message, HTTP_FIELD_EXPECT) ||
		!str_equal_nocase(
			known_value(head, places, HTTP_FIELD_EXPECT), STR("100-continue")))
		return REASON_EXPECT_UNKNOWN;
	head->message.expect_continue =
		head->version_minor != 0 && head->message.content_length != 0;
	return HTTP1_FINE;
}

/* RFC 9110 §7.6.2: for OPTIONS and TRACE; what is no number is left as it is. */
static __attribute__((noinline)) void max_forwards_parse(
	struct http1_head *head, const struct http1_places *places)
{
	uint64_t n;

	if (!http_head_has(&head->message, HTTP_FIELD_MAX_FORWARDS) ||
		http_head_repeats(&head->message, HTTP_FIELD_MAX_FORWARDS) ||
		length_parse(known_value(head, places, HTTP_FIELD_MAX_FORWARDS), &n) != HTTP1_FINE)
		return;
	head->message.has_max_forwards = true;
	head->message.max_forwards = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

enum reason http1_request_rules(struct http1_head *head, const struct http1_places *places)
{
	struct options options;
	enum reason fault = http1_host_check(head, places);

	if (fault == HTTP1_FINE)
		fault = framing_parse(head, places);
	if (fault == HTTP1_FINE)
		fault = connection_parse(head, places, &options);
	if (fault == HTTP1_FINE)
		fault = expect_parse(head, places);
	if (http_unlikely(head->message.method_id == HTTP_OPTIONS ||
			  head->message.method_id == HTTP_TRACE))
		max_forwards_parse(head, places);
	return fault;
}

/* A decimal number that fills the str; larger ones are cut. @return false for anything else */
static bool seconds_parse(struct str value, uint32_t *seconds)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		n = n > 100000000 ? n : n * 10 + (uint32_t)(value.data[i] - '0');
	}
	*seconds = n;
	return value.len > 0;
}

/* "timeout=5": the number of an item with that name. */
static bool item_seconds(struct str item, struct str name, uint32_t *seconds)
{
	return item.len > name.len && str_equal_nocase((struct str){ item.data, name.len }, name) &&
	       seconds_parse((struct str){ item.data + name.len, item.len - name.len }, seconds);
}

/* Keep-Alive: timeout=5, max=100 (RFC 2068 §19.7.1.1, in use ever since). The shortest time counts;
 * max=0 is none at all. What is malformed says nothing. */
static uint32_t keep_alive_parse(const struct http1_head *head, const struct http1_places *places)
{
	uint32_t least = HTTP1_KEEP_ALIVE_UNSAID, n;

	for (uint32_t i = places->at[HTTP_FIELD_KEEP_ALIVE]; i < head->message.field_count; i++) {
		struct str rest = http_field_value(&head->message.fields[i]), item;

		if (head->message.fields[i].id != HTTP_FIELD_KEEP_ALIVE)
			continue;
		while (http1_list_next(&rest, &item)) {
			if (item_seconds(item, STR("timeout="), &n))
				least = n < least ? n : least;
			else if (item_seconds(item, STR("max="), &n) && n == 0)
				least = 0;
		}
	}
	return least;
}

/* Whether the head has Upgrade with this protocol alone. */
static bool upgrade_is(const struct http1_head *head, struct str protocol)
{
	const struct http_head *message = &head->message;

	if (!http_head_has(message, HTTP_FIELD_UPGRADE) ||
		http_head_repeats(message, HTTP_FIELD_UPGRADE))
		return false;
	for (uint32_t i = 0; i < message->field_count; i++)
		if (message->fields[i].id == HTTP_FIELD_UPGRADE)
			return str_equal_nocase(http_field_value(&message->fields[i]), protocol);
	return false;
}

bool http1_asks_websocket(const struct http1_head *head)
{
	return head->upgrade && head->version_minor != 0 && head->message.method_id == HTTP_GET &&
	       head->framing == HTTP1_BODY_NONE && upgrade_is(head, STR("websocket"));
}

/* 101 agrees to what was asked for, and to nothing else. From its end on bytes mean what the other
 * protocol says (RFC 9110 §15.2.2). */
static enum reason response_switches(
	struct http1_head *head, const struct options *options, bool upgrade)
{
	if (!upgrade || !options->upgrade || !upgrade_is(head, STR("websocket")))
		return REASON_BACKEND_INVALID;
	head->framing = HTTP1_BODY_UNTIL_CLOSE;
	head->message.content_length = HTTP_LENGTH_UNKNOWN;
	head->keep_alive = false;
	return HTTP1_FINE;
}

/* RFC 9112 §6.3: which responses have a body, whatever their fields say. */
enum reason http1_response_rules(struct http1_head *head, const struct http1_places *places,
	uint8_t request_method, bool upgrade)
{
	bool never = head->message.status < 200 || head->message.status == 204;
	struct options options;
	enum reason fault = framing_parse(head, places), connection;

	connection = connection_parse(head, places, &options);
	if (connection != HTTP1_FINE)
		return connection;
	head->keep_alive_s = http_head_has(&head->message, HTTP_FIELD_KEEP_ALIVE)
				     ? keep_alive_parse(head, places)
				     : HTTP1_KEEP_ALIVE_UNSAID;
	if (head->message.status == 101)
		return response_switches(head, &options, upgrade);
	if (never) {
		/* A body is announced where none can be, and may come behind the head all the
		 * same. */
		if (fault != HTTP1_FINE || head->message.content_length != 0)
			head->keep_alive = false;
		head->message.content_length = 0;
		head->framing = HTTP1_BODY_NONE;
		return HTTP1_FINE;
	}
	if (fault != HTTP1_FINE)
		return fault;
	if (head->message.status == 304 || request_method == HTTP_HEAD) {
		head->framing = HTTP1_BODY_NONE;
	} else if (head->framing == HTTP1_BODY_NONE) {
		head->framing = HTTP1_BODY_UNTIL_CLOSE;
		head->message.content_length = HTTP_LENGTH_UNKNOWN;
		head->keep_alive = false;
	}
	return HTTP1_FINE;
}
