/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an HTTP message ends, for the automatic peers: written for well-formed messages, and
 * without the parser under test.
 */
#include <ctype.h>
#include <stdlib.h>

#include "tests/wire/peers.h"

/* Value of a field in a head, or NULL. */
static const char *field_value(const struct bytes *head, const char *name)
{
	const char *p = (const char *)head->data;
	size_t n = strlen(name);

	while ((p = strstr(p, "\r\n"))) {
		p += 2;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':') {
			p += n + 1;
			while (*p == ' ')
				p++;
			return p;
		}
	}
	return NULL;
}

/* @return bytes of the chunked body with its framing, or UINT32_MAX while it is incomplete */
static uint32_t read_chunks(
	const struct bytes *stream, uint32_t from, struct bytes *body, struct bytes *trailers)
{
	uint32_t at = from;

	for (;;) {
		uint32_t line = bytes_find(stream, at, "\r\n", 2), size, end;

		if (line == UINT32_MAX)
			return UINT32_MAX;
		size = (uint32_t)strtoul((const char *)stream->data + at, NULL, 16);
		at = line + 2;
		if (size == 0)
			break;
		if (stream->len - at < size + 2)
			return UINT32_MAX;
		bytes_put(body, stream->data + at, size);
		end = at + size;
		if (memcmp(stream->data + end, "\r\n", 2) != 0)
			wire_fail("a chunk does not end where its size says");
		at = end + 2;
	}
	/* Trailers, then the empty line. */
	for (;;) {
		uint32_t line = bytes_find(stream, at, "\r\n", 2);

		if (line == UINT32_MAX)
			return UINT32_MAX;
		if (line == at)
			return line + 2 - from;
		bytes_put(trailers, stream->data + at, line + 2 - at);
		at = line + 2;
	}
}

static bool is_bodyless(const struct bytes *head)
{
	long status;

	if (memcmp(head->data, "HTTP/", 5) != 0)
		return false;
	status = strtol((const char *)head->data + 9, NULL, 10);
	return status < 200 || status == 204 || status == 304;
}

bool message_read(
	const struct bytes *stream, uint32_t from, bool eof, bool no_body, struct message *out)
{
	uint32_t end = bytes_find(stream, from, "\r\n\r\n", 4), body, left;
	const char *length, *coding;

	if (end == UINT32_MAX)
		return false;
	memset(out, 0, sizeof(*out));
	out->head_len = end + 4 - from;
	bytes_put(&out->head, stream->data + from, out->head_len);
	bytes_put(&out->head, "", 1);
	out->head.len--;
	body = end + 4;
	left = stream->len - body;
	length = field_value(&out->head, "Content-Length");
	coding = field_value(&out->head, "Transfer-Encoding");
	if (no_body || is_bodyless(&out->head)) {
		out->len = out->head_len;
		return true;
	}
	if (coding) {
		uint32_t n = read_chunks(stream, body, &out->body, &out->trailers);

		out->len = out->head_len + n;
		return n != UINT32_MAX;
	}
	if (length) {
		uint32_t n = (uint32_t)strtoul(length, NULL, 10);

		if (left < n)
			return false;
		bytes_put(&out->body, stream->data + body, n);
	} else if (memcmp(out->head.data, "HTTP/", 5) == 0) {
		if (!eof)
			return false;
		bytes_put(&out->body, stream->data + body, left);
	}
	out->len = out->head_len + out->body.len;
	return true;
}

/* {name} is the host's name, {n} counts the connection's requests. */
static void expand(const struct conn *c, const struct bytes *text, struct bytes *out)
{
	for (uint32_t i = 0; i < text->len; i++) {
		const char *value = NULL;
		uint32_t skip = 0;

		if (text->len - i >= 6 && memcmp(text->data + i, "{name}", 6) == 0) {
			value = c->flow->host->name;
			skip = 6;
		} else if (text->len - i >= 3 && memcmp(text->data + i, "{n}", 3) == 0) {
			value = wire_text("%u", c->requests);
			skip = 3;
		}
		if (value) {
			bytes_put(out, value, (uint32_t)strlen(value));
			i += skip - 1;
		} else {
			bytes_put(out, text->data + i, 1);
		}
	}
}

void serve_requests(struct world *w, struct conn *c)
{
	while (message_read(&c->in, c->looked, false, false, &c->last)) {
		struct bytes answer = { 0 };

		c->looked += c->last.len;
		c->requests++;
		expand(c, &c->flow->host->serve, &answer);
		conn_write(w, c, answer.data, answer.len);
	}
}
