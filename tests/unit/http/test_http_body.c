/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies: lengths, chunks and trailers, cut at every place and fed byte by byte; where the body
 * ends must not depend on how it came.
 */
#include "tests/unit/http/http_test.h"

#define B16(b) b b b b b b b b b b b b b b b b

struct row {
	const char *why;
	struct str in;
	enum http1_verdict verdict;
	enum reason reason;
	uint32_t behind; /* bytes at the end that are no longer of the body, for HTTP1_DONE */
};

#define DONE(why, bytes, next)                                                                     \
	{                                                                                          \
		why, STR(bytes next), HTTP1_DONE, REASON_PROXIED, sizeof(next) - 1                 \
	}
#define MORE(why, bytes)                                                                           \
	{                                                                                          \
		why, STR(bytes), HTTP1_MORE, REASON_PROXIED, 0                                     \
	}
#define BAD(why, reason, bytes)                                                                    \
	{                                                                                          \
		why, STR(bytes), HTTP1_BAD, REASON_##reason, 0                                     \
	}

/* clang-format off */
static const struct row chunked[] = {
	DONE("no chunk", "0\r\n\r\n", ""),
	DONE("one chunk", "5\r\nhello\r\n0\r\n\r\n", ""),
	DONE("next message", "5\r\nhello\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n"),
	DONE("three chunks", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", ""),
	DONE("hex digits", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", ""),
	DONE("leading zeros", "0005\r\nhello\r\n0000000000000000\r\n\r\n", ""),
	DONE("data that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", ""),
	DONE("any data", "4\r\n\0\r\n\xff\r\n0\r\n\r\n", ""),
	DONE("extension", "1;a\r\nx\r\n0;b=c\r\n\r\n", ""),
	DONE("extension, quoted", "1;a=\"b;\\\"\\\\ c\xe9\"\r\nx\r\n0\r\n\r\n", ""),
	DONE("extension, spaces", "1; a = b \t;c\r\nx\r\n0\r\n\r\n", ""),
	DONE("extension, empty", "1;\r\nx\r\n0\r\n\r\n", ""),
	DONE("extension of 256 bytes",
		"1;" B16("0123456789abcde") "0123456789abcde" "\r\nx\r\n0\r\n\r\n", ""),
	DONE("trailer", "0\r\nX-Sum: 1\r\n\r\n", "next"),
	DONE("trailers", "0\r\nA: 1\r\nB:\r\nC: \t\xff \r\n\r\n", ""),
	DONE("trailer that only begins like a known name",
		"0\r\nHosts: a\r\nSluice: b\r\nT: c\r\n\r\n", ""),
	DONE("trailer that only ends like a known name", "0\r\nX-Host: a\r\nX-Sluice-Plan: b\r\n\r\n", ""),
	DONE("trailer with a long name", "0\r\n" B16(B16("ab")) ": x\r\n\r\n", ""),

	MORE("nothing", ""),
	MORE("digit", "5"),
	MORE("size and CR", "5\r"),
	MORE("size", "5\r\n"),
	MORE("half of the data", "5\r\nhel"),
	MORE("data", "5\r\nhello"),
	MORE("data and CR", "5\r\nhello\r"),
	MORE("chunk", "5\r\nhello\r\n"),
	MORE("last chunk", "0\r\n"),
	MORE("within a trailer", "0\r\nA"),
	MORE("behind a trailer", "0\r\nA: b\r\n"),
	MORE("CR of the last line", "0\r\n\r"),
	MORE("size of 2^63-1", "7fffffffffffffff\r\nx"),

	BAD("no size", CHUNK_SIZE, "\r\n"),
	BAD("extension without size", CHUNK_SIZE, ";a\r\n"),
	BAD("letter", CHUNK_SIZE, "g\r\n"),
	BAD("prefix", CHUNK_SIZE, "0x5\r\nhello\r\n"),
	BAD("plus", CHUNK_SIZE, "+5\r\nhello\r\n"),
	BAD("minus", CHUNK_SIZE, "-1\r\n"),
	BAD("space before the size", CHUNK_SIZE, " 5\r\nhello\r\n"),
	BAD("space behind the size", CHUNK_SIZE, "5 \r\nhello\r\n"),
	BAD("space before the extension", CHUNK_SIZE, "5 ;a\r\nhello\r\n"),
	BAD("tab behind the size", CHUNK_SIZE, "5\t\r\nhello\r\n"),
	BAD("underscore", CHUNK_SIZE, "1_0\r\n"),
	BAD("comma", CHUNK_SIZE, "5,5\r\n"),
	BAD("LF behind the size", CHUNK_SIZE, "5\nhello\r\n"),
	BAD("NUL behind the size", CHUNK_SIZE, "5\0\r\n"),
	BAD("size of 2^63", CHUNK_SIZE, "8000000000000000\r\n"),
	BAD("size of 2^64-1", CHUNK_SIZE, "ffffffffffffffff\r\n"),
	BAD("size that wraps to 5", CHUNK_SIZE, "10000000000000005\r\nhello\r\n"),
	BAD("17 digits", CHUNK_SIZE, "00000000000000005\r\nhello\r\n"),
	BAD("CR without LF behind the size", CHUNK_FRAMING, "5\rhello\r\n"),
	BAD("CR CR LF behind the size", CHUNK_FRAMING, "5\r\r\nhello\r\n"),
	BAD("data longer than said", CHUNK_FRAMING, "4\r\nhello\r\n"),
	BAD("data shorter than said", CHUNK_FRAMING, "6\r\nhello\r\n0\r\n\r\n"),
	BAD("LF behind the data", CHUNK_FRAMING, "5\r\nhello\n0\r\n\r\n"),
	BAD("CR behind the data", CHUNK_FRAMING, "5\r\nhello\r0\r\n\r\n"),
	BAD("nothing behind the data", CHUNK_FRAMING, "5\r\nhello0\r\n\r\n"),
	BAD("space behind the data", CHUNK_FRAMING, "5\r\nhello \r\n0\r\n\r\n"),
	BAD("LF ends an extension", CHUNK_FRAMING, "5;a\nhello\r\n"),
	BAD("CR in an extension", CHUNK_FRAMING, "5;a\rb\r\n"),
	BAD("NUL in an extension", CHUNK_FRAMING, "5;a\0\r\n"),
	BAD("open quote in an extension", CHUNK_FRAMING, "5;a=\"b\r\nhello\r\n"),
	BAD("LF in a quote", CHUNK_FRAMING, "5;a=\"\n\"\r\n"),
	BAD("escaped CR in a quote", CHUNK_FRAMING, "5;a=\"\\\r\n\"\r\n"),
	BAD("separator in an extension", CHUNK_FRAMING, "5;a(b\r\n"),
	BAD("obs-text in an extension", CHUNK_FRAMING, "5;\xa0\r\n"),
	BAD("extension of 257 bytes", CHUNK_EXTENSION, "1;" B16("0123456789abcdef") "\r\n"),
	BAD("extension without end", CHUNK_EXTENSION, "1;" B16(B16("0123"))),
	BAD("quoted extension without end", CHUNK_EXTENSION, "1;\"" B16(B16("\\\"\\\""))),

	BAD("trailer without name", TRAILER_INVALID, "0\r\n: a\r\n\r\n"),
	BAD("trailer without colon", TRAILER_INVALID, "0\r\nA\r\n\r\n"),
	BAD("space before a trailer's colon", TRAILER_INVALID, "0\r\nA : b\r\n\r\n"),
	BAD("folded trailer", TRAILER_INVALID, "0\r\nA: b\r\n c\r\n\r\n"),
	BAD("space before a trailer", TRAILER_INVALID, "0\r\n A: b\r\n\r\n"),
	BAD("LF ends a trailer", TRAILER_INVALID, "0\r\nA: b\n\r\n"),
	BAD("CR in a trailer", TRAILER_INVALID, "0\r\nA: b\rc\r\n\r\n"),
	BAD("NUL in a trailer", TRAILER_INVALID, "0\r\nA: \0\r\n\r\n"),
	BAD("control byte in a trailer", TRAILER_INVALID, "0\r\nA: \x1b\r\n\r\n"),
	BAD("LF ends the trailers", TRAILER_INVALID, "0\r\n\n"),
	BAD("CR ends the trailers", TRAILER_INVALID, "0\r\n\rX"),
	BAD("trailers without end", TRAILER_INVALID, "0\r\nA: " B16(B16("0123456789abcdef"))),
	BAD("Host", TRAILER_INVALID, "0\r\nHost: a\r\n\r\n"),
	BAD("Authorization", TRAILER_INVALID, "0\r\nA: b\r\nauthorization: a\r\n\r\n"),
	BAD("Content-Length", TRAILER_INVALID, "0\r\nCONTENT-LENGTH: 5\r\n\r\n"),
	BAD("Transfer-Encoding", TRAILER_INVALID, "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD("alias of Transfer-Encoding", TRAILER_INVALID, "0\r\ntransfer_encoding: chunked\r\n\r\n"),
	BAD("TE", TRAILER_INVALID, "0\r\nTE: a\r\n\r\n"),
	BAD("Connection", TRAILER_INVALID, "0\r\nConnection: close\r\n\r\n"),
	BAD("Cookie", TRAILER_INVALID, "0\r\nCookie: a\r\n\r\n"),
	BAD("X-Forwarded-For", TRAILER_INVALID, "0\r\nX-Forwarded-For: a\r\n\r\n"),
	BAD("Sluice-Consumer", TRAILER_INVALID, "0\r\nSluice-Consumer: a\r\n\r\n"),
	BAD("Sluice- and nothing", TRAILER_INVALID, "0\r\nsluice-: a\r\n\r\n"),
	BAD("alias of Sluice-", TRAILER_INVALID, "0\r\nSLUICE_PLAN: a\r\n\r\n"),
	BAD("long Sluice- name", TRAILER_INVALID, "0\r\nSluice-" B16(B16("ab")) ": a\r\n\r\n"),
};
/* clang-format on */

static char *region;
static struct http1_head head;

static void begin(
	struct http1_body *body, enum http1_framing framing, uint64_t length, bool request)
{
	memset(&head, 0, sizeof(head));
	head.framing = framing;
	head.content_length = length;
	http1_body_begin(body, &head, request);
}

/* Feeds two parts, each against the guard page. */
static void feed_cut(const struct row *row, uint32_t cut, bool request)
{
	struct str parts[2] = { { row->in.data, cut }, { row->in.data + cut, row->in.len - cut } };
	enum reason reason = REASON_PROXIED, expected = row->reason;
	enum http1_verdict verdict = HTTP1_MORE;
	struct http1_body body;
	size_t used, total = 0;

	if (row->verdict == HTTP1_BAD && !request)
		expected = REASON_BACKEND_INVALID;
	begin(&body, HTTP1_BODY_CHUNKED, 0, request);
	for (unsigned i = 0; i < 2 && verdict == HTTP1_MORE; i++) {
		verdict = http1_body_feed(
			&body, at_end(region, parts[i], 0), parts[i].len, &used, &reason);
		assert_in_range(used, 0, parts[i].len);
		total += used;
	}
	if (verdict != row->verdict || reason != expected)
		fail_msg("%s, cut at %u: verdict %d reason %d", row->why, cut, verdict, reason);
	if (verdict == HTTP1_DONE)
		assert_int_equal(total, row->in.len - row->behind);
	if (verdict == HTTP1_MORE)
		assert_int_equal(total, row->in.len);
	/* It stays so. */
	reason = REASON_PROXIED;
	if (verdict != HTTP1_MORE) {
		assert_int_equal(http1_body_feed(&body, "0\r\n\r\n", 5, &used, &reason), verdict);
		assert_int_equal(used, 0);
		assert_int_equal(reason, expected);
	}
}

static void feed_bytes(const struct row *row)
{
	enum reason reason = REASON_PROXIED;
	enum http1_verdict verdict = HTTP1_MORE;
	struct http1_body body;
	size_t used, at = 0;

	begin(&body, HTTP1_BODY_CHUNKED, 0, true);
	while (at < row->in.len && verdict == HTTP1_MORE) {
		struct str byte = { row->in.data + at, 1 };

		verdict = http1_body_feed(&body, at_end(region, byte, 0), 1, &used, &reason);
		assert_int_equal(used, 1);
		at += used;
	}
	assert_int_equal(verdict, row->verdict);
	assert_int_equal(reason, row->reason);
	if (verdict == HTTP1_DONE)
		assert_int_equal(at, row->in.len - row->behind);
}

static void chunked_bodies_are_judged_however_they_are_cut(void **state)
{
	for (size_t i = 0; i < sizeof(chunked) / sizeof(chunked[0]); i++) {
		for (uint32_t cut = 0; cut <= chunked[i].in.len; cut++) {
			feed_cut(&chunked[i], cut, true);
			feed_cut(&chunked[i], cut, false);
		}
		feed_bytes(&chunked[i]);
	}
}

static void every_recognised_name_is_refused_in_trailers(void **state)
{
	static const char *const names[] = { "Host", "Connection", "Content-Length",
		"Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect", "Keep-Alive",
		"Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "Authorization",
		"Cookie", "Via", "Date", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto",
		"X-Forwarded-Host", "Sluice-X" };

	assert_int_equal(sizeof(names) / sizeof(names[0]), HTTP1_FIELD_COUNT - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[64];
		struct http1_body body;
		enum reason reason;
		size_t used;
		int len = snprintf(text, sizeof(text), "0\r\n%s: x\r\n\r\n", names[i]);

		begin(&body, HTTP1_BODY_CHUNKED, 0, true);
		assert_int_equal(
			http1_body_feed(&body, text, (size_t)len, &used, &reason), HTTP1_BAD);
		assert_int_equal(reason, REASON_TRAILER_INVALID);
	}
}

/* 4,096 bytes of trailer lines with the empty line, and one more; extensions do not count. */
static void trailers_have_a_bound(void **state)
{
	static const char start[] = "0;extension\r\nA: ";
	static char text[sizeof(start) + HTTP1_MAX_TRAILER_BYTES + 1];
	size_t framing = sizeof("0;extension\r\n") - 1;
	struct http1_body body;
	enum reason reason;
	size_t used;

	for (size_t over = 0; over <= 1; over++) {
		size_t len = framing + HTTP1_MAX_TRAILER_BYTES + over;

		memset(text, 'x', sizeof(text));
		memcpy(text, start, sizeof(start) - 1);
		memcpy(text + len - 4, "\r\n\r\n", 4);
		begin(&body, HTTP1_BODY_CHUNKED, 0, true);
		assert_int_equal(http1_body_feed(&body, text, len, &used, &reason),
			over ? HTTP1_BAD : HTTP1_DONE);
		assert_int_equal(used, len);
	}
}

/* What a caller does who takes the chunks off for a client of HTTP/1.0. */
static void content_is_told_from_framing(void **state)
{
	static const char text[] = "5\r\nhello\r\n3;a=b\r\n\r\n0\r\n0\r\nX: y\r\n\r\n";

	for (size_t step = 1; step < sizeof(text); step++) {
		struct http1_body body;
		enum reason reason;
		char content[sizeof(text)];
		size_t used, at = 0, len = 0;

		begin(&body, HTTP1_BODY_CHUNKED, 0, false);
		while (at < sizeof(text) - 1) {
			uint64_t ahead = http1_body_content_ahead(&body);
			size_t piece = sizeof(text) - 1 - at;

			if (ahead == 0)
				piece = 1;
			else if (piece > ahead)
				piece = (size_t)ahead;
			if (piece > step)
				piece = step;
			if (ahead != 0) {
				memcpy(content + len, text + at, piece);
				len += piece;
			}
			http1_body_feed(&body, text + at, piece, &used, &reason);
			assert_int_equal(used, piece);
			at += used;
		}
		assert_int_equal(len, 8);
		assert_memory_equal(content, "hello\r\n0", len);
		assert_int_equal(http1_body_content_ahead(&body), 0);
	}
}

static void content_of_other_framings_is_all_that_is_left(void **state)
{
	struct http1_body body;

	begin(&body, HTTP1_BODY_LENGTH, 7, false);
	assert_int_equal(http1_body_content_ahead(&body), 7);
	begin(&body, HTTP1_BODY_NONE, 7, false);
	assert_int_equal(http1_body_content_ahead(&body), 0);
	begin(&body, HTTP1_BODY_UNTIL_CLOSE, 0, false);
	assert_int_equal(http1_body_content_ahead(&body), UINT64_MAX);
}

static void length_counts_down(void **state)
{
	struct http1_body body;
	enum reason reason;
	size_t used;

	begin(&body, HTTP1_BODY_LENGTH, 10, true);
	assert_int_equal(http1_body_feed(&body, "012345", 6, &used, &reason), HTTP1_MORE);
	assert_int_equal(used, 6);
	assert_int_equal(body.left, 4);
	assert_int_equal(http1_body_feed(&body, "", 0, &used, &reason), HTTP1_MORE);
	assert_int_equal(used, 0);
	assert_int_equal(http1_body_feed(&body, "6789GET", 7, &used, &reason), HTTP1_DONE);
	assert_int_equal(used, 4);
	assert_int_equal(http1_body_feed(&body, "GET", 3, &used, &reason), HTTP1_DONE);
	assert_int_equal(used, 0);
	assert_false(http1_body_ends_at_close(&body));
}

static void no_body_is_done_at_once(void **state)
{
	struct http1_body body;
	enum reason reason;
	size_t used;

	begin(&body, HTTP1_BODY_NONE, 7, false);
	assert_int_equal(http1_body_feed(&body, "HTTP", 4, &used, &reason), HTTP1_DONE);
	assert_int_equal(used, 0);
	begin(&body, HTTP1_BODY_LENGTH, 0, true);
	assert_int_equal(http1_body_feed(&body, NULL, 0, &used, &reason), HTTP1_DONE);
	assert_int_equal(used, 0);
}

static void body_until_close_never_ends_by_itself(void **state)
{
	struct http1_body body;
	enum reason reason;
	size_t used;

	begin(&body, HTTP1_BODY_UNTIL_CLOSE, 0, false);
	assert_int_equal(http1_body_feed(&body, "0\r\n\r\n", 5, &used, &reason), HTTP1_MORE);
	assert_int_equal(used, 5);
	assert_true(http1_body_ends_at_close(&body));
}

static void the_longest_length_does_not_wrap(void **state)
{
	struct http1_body body;
	enum reason reason;
	size_t used;

	begin(&body, HTTP1_BODY_LENGTH, INT64_MAX, true);
	assert_int_equal(http1_body_feed(&body, "x", 1, &used, &reason), HTTP1_MORE);
	assert_int_equal(body.left, (uint64_t)INT64_MAX - 1);
}

static int open_region(void **state)
{
	region = guarded_new();
	return 0;
}

static int close_region(void **state)
{
	guarded_free(region);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunked_bodies_are_judged_however_they_are_cut),
		cmocka_unit_test(every_recognised_name_is_refused_in_trailers),
		cmocka_unit_test(trailers_have_a_bound),
		cmocka_unit_test(content_is_told_from_framing),
		cmocka_unit_test(content_of_other_framings_is_all_that_is_left),
		cmocka_unit_test(length_counts_down),
		cmocka_unit_test(no_body_is_done_at_once),
		cmocka_unit_test(body_until_close_never_ends_by_itself),
		cmocka_unit_test(the_longest_length_does_not_wrap),
	};

	printf("%zu chunked bodies\n", sizeof(chunked) / sizeof(chunked[0]));
	return cmocka_run_group_tests(tests, open_region, close_region);
}
