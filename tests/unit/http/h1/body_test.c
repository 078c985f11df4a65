/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies: lengths, chunks and trailers, cut at every place and fed byte by byte; where the body
 * ends must not depend on how it came.
 */
#include "tests/unit/http/h1/http_test.h"

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
	DONE("trailers that are not forwarded", "0\r\nHost: a\r\nauthorization: a\r\nSluice-Plan: x\r\n\r\n", ""),
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
};
/* clang-format on */

static char *region;
static struct http1_head head;

static void begin(
	struct http1_body *body, enum http1_framing framing, uint64_t length, bool request)
{
	memset(&head, 0, sizeof(head));
	head.framing = framing;
	head.message.content_length = length;
	http1_body_begin(body, &head, request);
}

/* As a caller does: the body byte by byte, a trailer section as far as it has come. */
struct reader {
	const struct row *row;
	struct http1_body body;
	bool request, trailers;
	size_t at;
	enum reason reason;
};

static enum http1_verdict read_to(struct reader *r, size_t have)
{
	struct str part = { r->row->in.data + r->at, (uint32_t)(have - r->at) };
	enum http1_verdict verdict = HTTP1_MORE;
	size_t used;

	if (!r->trailers) {
		verdict = http1_body_feed(
			&r->body, at_end(region, part, 0), part.len, &used, &r->reason);
		assert_in_range(used, 0, part.len);
		r->at += used;
		r->trailers = verdict == HTTP1_TRAILERS;
		if (verdict == HTTP1_MORE)
			assert_int_equal(used, part.len);
	}
	if (!r->trailers)
		return verdict;
	part = (struct str){ r->row->in.data + r->at, (uint32_t)(have - r->at) };
	verdict = http1_parse_trailers(at_end(region, part, 0), part.len, 0, &head);
	if (verdict == HTTP1_DONE)
		r->at += head.head_bytes;
	if (verdict == HTTP1_BAD)
		r->reason = r->request ? REASON_TRAILER_INVALID : REASON_BACKEND_INVALID;
	return verdict;
}

static void check_read(const struct reader *r, enum http1_verdict verdict, uint32_t cut)
{
	const struct row *row = r->row;
	enum reason expected = row->reason;

	if (row->verdict == HTTP1_BAD && !r->request)
		expected = REASON_BACKEND_INVALID;
	if (verdict != row->verdict || r->reason != expected)
		fail_msg("%s, cut at %u: verdict %d reason %d", row->why, cut, verdict, r->reason);
	if (verdict == HTTP1_DONE)
		assert_int_equal(r->at, row->in.len - row->behind);
}

/* Feeds two parts, each against the guard page. */
static void feed_cut(const struct row *row, uint32_t cut, bool request)
{
	struct reader r = { .row = row, .request = request };
	enum http1_verdict verdict;
	enum reason reason = REASON_PROXIED;
	size_t used;

	begin(&r.body, HTTP1_BODY_CHUNKED, 0, request);
	verdict = read_to(&r, cut);
	if (verdict == HTTP1_MORE)
		verdict = read_to(&r, row->in.len);
	check_read(&r, verdict, cut);
	/* It stays so. */
	if (verdict != HTTP1_MORE && !r.trailers) {
		assert_int_equal(http1_body_feed(&r.body, "0\r\n\r\n", 5, &used, &reason), verdict);
		assert_int_equal(used, 0);
		assert_int_equal(reason, r.reason);
	}
}

static void feed_bytes(const struct row *row)
{
	struct reader r = { .row = row, .request = true };
	enum http1_verdict verdict = HTTP1_MORE;

	begin(&r.body, HTTP1_BODY_CHUNKED, 0, true);
	for (size_t have = 1; have <= row->in.len && verdict == HTTP1_MORE; have++)
		verdict = read_to(&r, have);
	check_read(&r, verdict, 0);
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

static void trailers_that_could_mislead_are_not_written(void **state)
{
	static const char *const names[] = { "Host", "Connection", "Content-Length",
		"Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect", "Keep-Alive",
		"Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "Authorization",
		"Cookie", "Via", "Date", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto",
		"X-Forwarded-Host", "Max-Forwards", "X-Real-IP", "X-Original-URL", "Sluice-X",
		"transfer_encoding", "Sluice_Plan", "X_Forwarded_For", "Set-Cookie", "Content-Type",
		"WWW-Authenticate", "Cache-Control", "Content-Encoding", "Location", "X-API-Key",
		"x_api_key" };
	const struct str strip[] = { STR("X-API-Key") };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		static struct http1_head trailers;
		char text[128], out[128];
		struct http1_writer w = { out, sizeof(out), 0 };
		int len = snprintf(text, sizeof(text), "A: 1\r\n%s: x\r\nB:2\r\n\r\n", names[i]);

		assert_int_equal(http1_parse_trailers(text, (size_t)len, 0, &trailers), HTTP1_DONE);
		assert_int_equal(trailers.head_bytes, len);
		http1_write_trailers(&w, &trailers.message, strip, 1);
		assert_true(http1_writer_ok(&w));
		if (!str_equal((struct str){ out, w.len }, STR("A: 1\r\nB: 2\r\n\r\n")))
			fail_msg("%s: %.*s", names[i], (int)w.len, out);
	}
}

/* 4,096 bytes of trailer lines with the empty line, and one more. */
static void trailers_have_a_bound(void **state)
{
	static char text[HTTP1_MAX_TRAILER_BYTES + 1];

	for (size_t over = 0; over <= 1; over++) {
		size_t len = HTTP1_MAX_TRAILER_BYTES + over;

		memset(text, 'x', sizeof(text));
		memcpy(text, "A: ", 3);
		memcpy(text + len - 4, "\r\n\r\n", 4);
		assert_int_equal(
			http1_parse_trailers(text, len, 0, &head), over ? HTTP1_BAD : HTTP1_DONE);
		assert_int_equal(http1_parse_trailers(text, len - 1, 0, &head),
			over ? HTTP1_BAD : HTTP1_MORE);
	}
}

/* As a caller takes the chunks off for a client of HTTP/1.0. */
static void content_is_told_from_framing(void **state)
{
	static const char text[] = "5\r\nhello\r\n3;a=b\r\n\r\n0\r\n0\r\n\r\n";

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
		cmocka_unit_test(trailers_that_could_mislead_are_not_written),
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
