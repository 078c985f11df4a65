/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads messages, see message.h. */
#include "tests/sim/proxy/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_MOST 3000

__attribute__((format(printf, 2, 3))) static void text_put(
	struct bytes *out, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bytes_put(out, text, (uint32_t)n);
}

static void pad_put(struct bytes *out, uint32_t id, uint32_t bytes)
{
	for (uint32_t at = 0; at < bytes; at += 64) {
		char value[65];

		for (unsigned i = 0; i < 64; i++)
			value[i] = (char)('a' + (id + at + i) % 26);
		value[64] = '\0';
		text_put(out, "X-Pad: %s\r\n", value);
	}
}

static void content_put(
	struct bytes *out, uint32_t id, enum message_way way, uint32_t from, uint32_t len)
{
	uint8_t buf[512];

	while (len > 0) {
		uint32_t n = len < sizeof(buf) ? len : sizeof(buf);

		for (uint32_t i = 0; i < n; i++)
			buf[i] = message_byte(id, way, from + i);
		bytes_put(out, buf, n);
		from += n;
		len -= n;
	}
}

static void chunked_put(struct bytes *out, uint32_t id, enum message_way way, uint32_t len)
{
	uint32_t from = 0, step = 1 + (id * 7919u) % CHUNK_MOST;

	/* A few bytes at a time would make the message very long. */
	if (len / step > 200)
		step = len / 200;
	while (from < len) {
		uint32_t n = len - from < step ? len - from : step;

		text_put(out, "%x%s\r\n", n, id % 5 == 0 ? ";ext=1" : "");
		content_put(out, id, way, from, n);
		text_put(out, "\r\n");
		from += n;
	}
	text_put(out, "0\r\n%s\r\n", id % 7 == 0 ? "X-Trailer: t\r\n" : "");
}

static void fields_put(struct bytes *out, const struct plan_message *m, uint32_t id)
{
	pad_put(out, id, m->pad);
	if (m->framing == FRAMING_LENGTH)
		text_put(out, "Content-Length: %u\r\n", m->bytes);
	if (m->framing == FRAMING_CHUNKED)
		text_put(out, "Transfer-Encoding: chunked\r\n");
	if (m->close)
		text_put(out, "Connection: close\r\n");
}

static void body_put(
	struct bytes *out, const struct plan_message *m, uint32_t id, enum message_way way)
{
	if (m->framing == FRAMING_CHUNKED)
		chunked_put(out, id, way, m->bytes);
	else if (m->framing != FRAMING_NONE)
		content_put(out, id, way, 0, m->bytes);
}

const char *message_origin(uint32_t id)
{
	static const char *const origins[] = { MESSAGE_ORIGIN, "https://b.test", NULL };

	return origins[id % 3];
}

uint32_t message_request(const struct plan *p, struct bytes *out)
{
	uint32_t begin = out->len, head;

	text_put(out, "%s /%c/%08x HTTP/1.%d\r\nHost: %s.test\r\nX-Id: %08x\r\n",
		plan_method_name(p->method), p->route, p->id, !p->request.http10,
		p->key < 0 ? "open" : "keyed", p->id);
	if (p->key >= 0)
		text_put(out, "X-API-Key: " MESSAGE_KEY "\r\n", p->key);
	if (message_origin(p->id))
		text_put(out, "Origin: %s\r\n", message_origin(p->id));
	if (p->expect)
		text_put(out, "Expect: 100-continue\r\n");
	fields_put(out, &p->request, p->id);
	text_put(out, "\r\n");
	head = out->len - begin;
	body_put(out, &p->request, p->id, WAY_REQUEST);
	return head;
}

void message_extra(const struct plan *p, struct bytes *out)
{
	char text[400];
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 200 OK\r\nX-Id: ffffffff\r\nContent-Length: 200\r\n\r\n%0200d", 0);

	bytes_put(out, text, p->extra < (uint32_t)n ? p->extra : (uint32_t)n);
}

uint32_t message_response(const struct plan *p, struct bytes *out)
{
	for (unsigned i = 0; i < p->interim; i++)
		text_put(out, "HTTP/1.1 %d Wait\r\nX-Id: %08x\r\n\r\n",
			i == 0 ? 103 : 100 + (int)i * 2, p->id);
	if (p->broken)
		text_put(out, p->id % 2 ? "HTTP/1.1 2x0 OK\r\n" : "HTP/1.1 200 OK\r\n");
	text_put(out, "HTTP/1.%d %d Status\r\nAccess-Control-Allow-Origin: *\r\nX-Id: %08x\r\n",
		!p->response.http10, p->status, p->id);
	fields_put(out, &p->response, p->id);
	text_put(out, "\r\n");
	if (!plan_no_content(p))
		body_put(out, &p->response, p->id, WAY_RESPONSE);
	if (p->foreign && p->response.framing == FRAMING_LENGTH && p->response.bytes &&
		!plan_no_content(p))
		out->data[out->len - 1] ^= 1;
	return out->len;
}

uint32_t message_failure(const struct plan *p, struct bytes *out)
{
	text_put(out,
		"HTTP/1.1 503 Not Now\r\nAccess-Control-Allow-Origin: *\r\nX-Id: %08x\r\nX-Failure: 1\r\nContent-Length: %u\r\n\r\n",
		p->id, p->failure_bytes);
	if (p->method != PLAN_HEAD)
		content_put(out, p->id, WAY_RESPONSE, 0, p->failure_bytes);
	return out->len;
}

const char *reader_field(const struct reader *r, const char *name)
{
	char key[40];
	const char *at;

	snprintf(key, sizeof(key), "\r\n%s:", name);
	at = strcasestr((const char *)r->head.data, key);
	if (!at)
		return NULL;
	at += strlen(key);
	return at + strspn(at, " ");
}

static bool head_complete(const struct bytes *b)
{
	return b->len >= 4 && memcmp(b->data + b->len - 4, "\r\n\r\n", 4) == 0;
}

static enum reader_event feed_head(
	struct reader *r, const uint8_t *data, uint32_t len, uint32_t *used)
{
	while (*used < len) {
		bytes_put(&r->head, data + (*used)++, 1);
		r->bytes++;
		if (head_complete(&r->head)) {
			bytes_put(&r->head, "", 1);
			return READER_HEAD;
		}
		if (r->head.len > 65536)
			return READER_BAD;
	}
	return READER_MORE;
}

static enum reader_event feed_content(
	struct reader *r, const uint8_t *data, uint32_t len, uint32_t *used)
{
	r->content = data + *used;
	r->content_len = len - *used;
	if (r->state != READ_CLOSE && r->content_len > r->left)
		r->content_len = (uint32_t)r->left;
	*used += r->content_len;
	r->bytes += r->content_len;
	r->left -= r->state != READ_CLOSE ? r->content_len : 0;
	r->at += r->content_len;
	return READER_CONTENT;
}

/* One line of chunked framing. @return READER_CONTENT to go on */
static enum reader_event framing_line(struct reader *r)
{
	char *end;

	bytes_put(&r->line, "", 1);
	if (r->state == READ_SIZE) {
		r->left = strtoull((char *)r->line.data, &end, 16);
		if (end == (char *)r->line.data)
			return READER_BAD;
		r->state = r->left ? READ_CHUNK : READ_TRAILER;
	} else if (r->state == READ_CHUNK_END) {
		if (strcmp((char *)r->line.data, "\r\n") != 0)
			return READER_BAD;
		r->state = READ_SIZE;
	} else if (strcmp((char *)r->line.data, "\r\n") == 0) {
		return READER_DONE;
	}
	r->line.len = 0;
	return READER_CONTENT;
}

static enum reader_event feed_line(
	struct reader *r, const uint8_t *data, uint32_t len, uint32_t *used)
{
	while (*used < len) {
		uint8_t byte = data[(*used)++];

		bytes_put(&r->line, &byte, 1);
		r->bytes++;
		if (r->line.len > 1000)
			return READER_BAD;
		if (byte == '\n')
			return framing_line(r);
	}
	return READER_MORE;
}

enum reader_event reader_feed(struct reader *r, const uint8_t *data, uint32_t len, uint32_t *used)
{
	*used = 0;
	while (*used < len) {
		enum reader_event event;

		if (r->state == READ_HEAD)
			return feed_head(r, data, len, used);
		if (r->state == READ_LENGTH && r->left == 0)
			return READER_DONE;
		if (r->state == READ_LENGTH || r->state == READ_CLOSE ||
			(r->state == READ_CHUNK && r->left > 0))
			return feed_content(r, data, len, used);
		if (r->state == READ_CHUNK)
			r->state = READ_CHUNK_END;
		event = feed_line(r, data, len, used);
		if (event != READER_CONTENT)
			return event;
	}
	return r->state == READ_LENGTH && r->left == 0 ? READER_DONE : READER_MORE;
}

enum reader_event reader_content(struct reader *r, bool none, bool response)
{
	const char *length = reader_field(r, "Content-Length");
	const char *coding = reader_field(r, "Transfer-Encoding");

	if (none)
		return READER_DONE;
	r->left = length ? strtoull(length, NULL, 10) : 0;
	if (coding) {
		if (length || strncasecmp(coding, "chunked\r\n", 9) != 0)
			return READER_BAD;
		r->state = READ_SIZE;
	} else if (length || !response) {
		r->state = READ_LENGTH;
		if (r->left == 0)
			return READER_DONE;
	} else {
		r->state = READ_CLOSE;
	}
	return READER_MORE;
}

void reader_again(struct reader *r)
{
	r->head.len = r->line.len = 0;
	r->state = READ_HEAD;
	r->at = r->bytes = 0;
	r->left = 0;
}

bool reader_closed(const struct reader *r)
{
	return r->state == READ_CLOSE;
}
