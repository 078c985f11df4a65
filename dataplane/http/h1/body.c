/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies (RFC 9112 §6, §7.1): counts lengths and walks through chunked framing, one state for each
 * place between two bytes, so that a body may be cut anywhere. Data is skipped, only framing is
 * looked at. A trailer section is not followed: it is parsed as a whole, as a head is.
 */
#include "dataplane/http/h1/http1_priv.h"

#define SIZE_DIGITS 16

_Static_assert(REASON_COUNT <= UINT8_MAX, "a reason is kept in a byte");

enum state {
	STATE_DATA, /* left counts down; the only state of a body by length */
	STATE_SIZE,
	STATE_EXTENSION,
	STATE_QUOTED, /* in a quoted-string of an extension */
	STATE_ESCAPED,
	STATE_SIZE_LF,
	STATE_DATA_CR,
	STATE_DATA_LF,
	STATE_TRAILERS, /* behind the last chunk */
	STATE_LAST_LF,
	STATE_DONE,
	STATE_BAD,
};

void http1_body_begin(struct http1_body *body, const struct http1_head *head, bool is_request)
{
	*body = (struct http1_body){ .framing = head->framing, .is_request = is_request };
	switch (head->framing) {
	case HTTP1_BODY_NONE:
		body->state = STATE_DONE;
		break;
	case HTTP1_BODY_LENGTH:
		body->left = head->message.content_length;
		body->state = body->left != 0 ? STATE_DATA : STATE_DONE;
		break;
	case HTTP1_BODY_CHUNKED:
		body->state = STATE_SIZE;
		break;
	default:
		body->state = STATE_DATA;
		break;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool byte_is_control(char c)
{
	return ((uint8_t)c < 0x20 && c != '\t') || c == 0x7f;
}

static bool byte_is_token(char c)
{
	return (uint8_t)c > 0x20 && (uint8_t)c < 0x7f &&
	       memchr("\"(),/:;<=>?@[\\]{}", c, 17) == NULL;
}

/* The size; no space may follow it, for what counts it as part of the size differs. */
static enum reason size_step(struct http1_body *body, char c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		if (body->digits == SIZE_DIGITS || body->left > (uint64_t)INT64_MAX >> 4)
			return REASON_CHUNK_SIZE;
		body->digits++;
		body->left = body->left << 4 | (uint64_t)digit;
		return HTTP1_FINE;
	}
	if (body->digits == 0)
		return REASON_CHUNK_SIZE;
	if (c == '\r') {
		body->state = STATE_SIZE_LF;
		return HTTP1_FINE;
	}
	body->line_bytes = 1;
	body->state = STATE_EXTENSION;
	return c == ';' ? HTTP1_FINE : REASON_CHUNK_SIZE;
}

/* RFC 9112 §7.1.1, no closer than is needed to know where it ends. */
static enum reason extension_step(struct http1_body *body, char c)
{
	if (c == '\r' && body->state == STATE_EXTENSION) {
		body->state = STATE_SIZE_LF;
		return HTTP1_FINE;
	}
	if (++body->line_bytes > HTTP1_MAX_EXTENSION_BYTES)
		return REASON_CHUNK_EXTENSION;
	if (byte_is_control(c))
		return REASON_CHUNK_FRAMING;
	if (body->state == STATE_ESCAPED) {
		body->state = STATE_QUOTED;
	} else if (body->state == STATE_QUOTED) {
		if (c == '\\')
			body->state = STATE_ESCAPED;
		else if (c == '"')
			body->state = STATE_EXTENSION;
	} else if (c == '"') {
		body->state = STATE_QUOTED;
	} else if (c != ';' && c != '=' && !http_is_space(c) && !byte_is_token(c)) {
		return REASON_CHUNK_FRAMING;
	}
	return HTTP1_FINE;
}

static void chunk_next(struct http1_body *body)
{
	body->state = STATE_SIZE;
	body->left = 0;
	body->digits = 0;
}

/* One byte of framing. */
static enum reason chunked_step(struct http1_body *body, char c)
{
	switch (body->state) {
	case STATE_SIZE:
		return size_step(body, c);
	case STATE_EXTENSION:
	case STATE_QUOTED:
	case STATE_ESCAPED:
		return extension_step(body, c);
	case STATE_SIZE_LF:
		body->state = body->left != 0 ? STATE_DATA : STATE_TRAILERS;
		return c == '\n' ? HTTP1_FINE : REASON_CHUNK_FRAMING;
	case STATE_DATA_CR:
		body->state = STATE_DATA_LF;
		return c == '\r' ? HTTP1_FINE : REASON_CHUNK_FRAMING;
	case STATE_DATA_LF:
		chunk_next(body);
		return c == '\n' ? HTTP1_FINE : REASON_CHUNK_FRAMING;
	case STATE_TRAILERS: /* there are none: anything but CR was left to the caller */
		body->state = STATE_LAST_LF;
		return HTTP1_FINE;
	default: /* STATE_LAST_LF */
		body->state = STATE_DONE;
		return c == '\n' ? HTTP1_FINE : REASON_TRAILER_INVALID;
	}
}

/* Data among the @p len bytes; moves on when that was all of it. */
static size_t data_skip(struct http1_body *body, size_t len)
{
	if (body->framing == HTTP1_BODY_UNTIL_CLOSE)
		return len;
	if (len < body->left) {
		body->left -= len;
		return len;
	}
	len = (size_t)body->left;
	body->left = 0;
	body->state = body->framing == HTTP1_BODY_CHUNKED ? STATE_DATA_CR : STATE_DONE;
	return len;
}

enum http1_verdict http1_body_feed(
	struct http1_body *body, const char *data, size_t len, size_t *used, enum reason *reason)
{
	size_t at = 0;

	while (at < len && body->state != STATE_DONE && body->state != STATE_BAD) {
		enum reason fault;

		if (body->state == STATE_DATA) {
			at += data_skip(body, len - at);
			continue;
		}
		if (body->state == STATE_TRAILERS && data[at] != '\r')
			break;
		fault = chunked_step(body, data[at++]);
		if (http_unlikely(fault != HTTP1_FINE)) {
			body->state = STATE_BAD;
			body->fault = (uint8_t)fault;
		}
	}
	*used = at;
	if (body->state == STATE_DONE)
		return HTTP1_DONE;
	if (body->state != STATE_BAD)
		return body->state == STATE_TRAILERS && at < len ? HTTP1_TRAILERS : HTTP1_MORE;
	*reason = body->is_request ? (enum reason)body->fault : REASON_BACKEND_INVALID;
	return HTTP1_BAD;
}

bool http1_body_at_trailers(const struct http1_body *body)
{
	return body->state == STATE_TRAILERS;
}

void http1_body_end(struct http1_body *body)
{
	body->state = STATE_DONE;
}

bool http1_body_ends_at_close(const struct http1_body *body)
{
	return body->framing == HTTP1_BODY_UNTIL_CLOSE;
}

uint64_t http1_body_content_ahead(const struct http1_body *body)
{
	if (body->state != STATE_DATA)
		return 0;
	return body->framing == HTTP1_BODY_UNTIL_CLOSE ? UINT64_MAX : body->left;
}
