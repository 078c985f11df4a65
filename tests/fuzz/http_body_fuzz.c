/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies from anybody: where a body ends and why one is refused must not depend on how it is cut; a
 * good chunked body is one that a plain reader, written the slow way below, reads to the same end.
 *
 * First input byte: bit 0 tells a response, bits 1 and 2 the framing, and the rest seeds the cuts;
 * the second is the length for BODY_LENGTH.
 */
#include <stdlib.h>

#include "dataplane/http/h1/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	enum http1_verdict verdict;
	enum reason reason;
	size_t used;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Feeds in pieces of a size that @p seed makes; 0 is all at once. */
static struct result feed(
	const struct http1_head *head, bool request, const char *data, size_t len, unsigned seed)
{
	struct result result = { HTTP1_MORE, REASON_PROXIED, 0 };
	struct http1_body body;
	size_t used;

	http1_body_begin(&body, head, request);
	require(http1_body_ends_at_close(&body) == (head->framing == HTTP1_BODY_UNTIL_CLOSE));
	do {
		size_t left = len - result.used;
		size_t piece = seed == 0 ? left : seed % 13 + 1;

		seed = seed == 0 ? 0 : seed * 31 + 7;
		if (piece > left)
			piece = left;
		result.verdict =
			http1_body_feed(&body, data + result.used, piece, &used, &result.reason);
		require(used <= piece && (result.verdict != HTTP1_MORE || used == piece));
		result.used += used;
	} while (result.verdict == HTTP1_MORE && result.used < len);
	return result;
}

/* The content of a good chunked body, read the way of a caller who takes the chunks off: as many
 * bytes as lie ahead are content, none of them may end the body. */
static uint64_t content_bytes(const struct http1_head *head, const char *data, size_t len)
{
	struct http1_body body;
	enum reason reason;
	uint64_t total = 0;
	size_t used;

	http1_body_begin(&body, head, true);
	for (size_t at = 0; at < len; at += used) {
		uint64_t ahead = http1_body_content_ahead(&body);
		size_t piece = ahead == 0 ? 1 : (size_t)ahead;
		enum http1_verdict verdict;

		require(piece <= len - at);
		verdict = http1_body_feed(&body, data + at, piece, &used, &reason);
		require(used == piece && verdict == (at + used == len ? HTTP1_DONE : HTTP1_MORE));
		total += ahead;
	}
	return total;
}

/* Where a line ends, behind its CRLF; NULL if it does not. */
static const char *line_end(const char *at, const char *end)
{
	for (; at + 1 < end; at++)
		if (at[0] == '\r' && at[1] == '\n')
			return at + 2;
	return NULL;
}

/* Reads as a lenient recipient would: size by strtoull, lines to CRLF. NULL if it does not end. */
static const char *chunked_end(const char *at, const char *end, uint64_t *content)
{
	*content = 0;
	for (;;) {
		const char *next = line_end(at, end);
		char digits[32] = { 0 };
		uint64_t left;

		if (next == NULL)
			return NULL;
		memcpy(digits, at, (size_t)(next - at) < 31 ? (size_t)(next - at) : 31);
		left = strtoull(digits, NULL, 16);
		at = next;
		if (left == 0)
			break;
		if (left > (uint64_t)(end - at) || (uint64_t)(end - at) - left < 2)
			return NULL;
		at += left + 2;
		*content += left;
	}
	for (;;) {
		const char *next = line_end(at, end);

		if (next == NULL || next == at + 2)
			return next;
		at = next;
	}
}

/* A trailer section: the same however much of it is there, and its end is the plain reader's. */
static void read_trailers(const char *text, size_t size, size_t at, unsigned seed)
{
	static struct http1_head all, part;
	static char out[2 * HTTP1_MAX_TRAILER_BYTES];
	const struct str strip[] = { STR("key") };
	struct http1_writer w = { out, sizeof(out), 0 };
	const size_t len = size - at, cut = len * seed / 256;
	enum http1_verdict verdict = http1_parse_trailers(text + at, len, 0, &all), early;
	uint64_t content;

	early = http1_parse_trailers(text + at, cut, 0, &part);
	require(early == HTTP1_MORE || early == verdict);
	if (verdict != HTTP1_DONE)
		return;
	require(chunked_end(text, text + size, &content) == text + at + all.head_bytes);
	http1_write_trailers(&w, &all.message, strip, 1);
	require(http1_writer_ok(&w));
	if (w.len == 2)
		return;
	require(http1_parse_trailers(out, w.len, 0, &part) == HTTP1_DONE);
	require(part.head_bytes == w.len);
	for (uint32_t i = 0; i < part.message.field_count; i++)
		require(part.message.fields[i].id == HTTP_FIELD_OTHER &&
			!(part.message.fields[i].flags & HTTP_IS_HOP));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http1_head head;
	const char *text = (const char *)data + 2;
	struct result whole, pieces;
	uint64_t content;
	bool request;

	if (size < 2)
		return 0;
	size -= 2;
	request = (data[0] & 1) == 0;
	head.framing = data[0] >> 1 & 3;
	head.message.content_length = data[1];
	whole = feed(&head, request, text, size, 0);
	pieces = feed(&head, request, text, size, (data[0] >> 3) + 1u);
	require(whole.verdict == pieces.verdict && whole.reason == pieces.reason);
	require(whole.used == pieces.used);
	pieces = feed(&head, request, text, size, 13 * 31);
	require(whole.verdict == pieces.verdict && whole.used == pieces.used);

	switch (head.framing) {
	case HTTP1_BODY_NONE:
		require(whole.verdict == HTTP1_DONE && whole.used == 0);
		break;
	case HTTP1_BODY_LENGTH:
		require(whole.used == (size < data[1] ? size : data[1]));
		require((whole.verdict == HTTP1_DONE) == (size >= data[1]));
		break;
	case HTTP1_BODY_CHUNKED:
		if (whole.verdict == HTTP1_DONE) {
			require(chunked_end(text, text + size, &content) == text + whole.used);
			require(content_bytes(&head, text, whole.used) == content);
		}
		if (whole.verdict == HTTP1_TRAILERS)
			read_trailers(text, size, whole.used, data[1]);
		if (whole.verdict == HTTP1_BAD)
			require(request ? whole.reason >= REASON_CHUNK_SIZE &&
						  whole.reason <= REASON_TRAILER_INVALID
					: whole.reason == REASON_BACKEND_INVALID);
		break;
	default:
		require(whole.verdict == HTTP1_MORE && whole.used == size);
		break;
	}
	return 0;
}
