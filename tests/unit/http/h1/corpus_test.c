/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The corpora: every row gets its verdict and reason, with every classifier, at every distance from
 * an unreadable page, and however the bytes are cut into calls.
 */
#include "tests/unit/http/h1/http_test.h"

struct row {
	const char *why;
	struct str in;
	enum kind kind;
	enum http1_verdict verdict;
	enum reason reason;
};

#define DONE(why, bytes)        { why, STR(bytes), REQUEST, HTTP1_DONE, REASON_PROXIED },
#define MORE(why, bytes)        { why, STR(bytes), REQUEST, HTTP1_MORE, REASON_PROXIED },
#define BAD(why, reason, bytes) { why, STR(bytes), REQUEST, HTTP1_BAD, REASON_##reason },
static const struct row requests[] = {
#include "tests/unit/http/h1/request_corpus.def"
};
#undef DONE
#undef MORE
#undef BAD

#define DONE(why, bytes) { why, STR(bytes), RESPONSE, HTTP1_DONE, REASON_PROXIED },
#define MORE(why, bytes) { why, STR(bytes), RESPONSE, HTTP1_MORE, REASON_PROXIED },
#define BAD(why, bytes)  { why, STR(bytes), RESPONSE, HTTP1_BAD, REASON_BACKEND_INVALID },
#define BAD_FRAMING(why, reason, bytes)                                                            \
	{ why, STR(bytes), RESPONSE, HTTP1_BAD, REASON_BACKEND_##reason },
static const struct row responses[] = {
#include "tests/unit/http/h1/response_corpus.def"
};

static char *region;
static struct outcome whole, now;

static void check(const struct row *row, const struct outcome *out, const char *how, size_t where)
{
	if (out->verdict != row->verdict || out->reason != row->reason)
		fail_msg("%s (%s %zu): verdict %d reason %d, not %d and %d", row->why, how, where,
			out->verdict, out->reason, row->verdict, row->reason);
}

static void check_places(const struct row *row)
{
	for (size_t slack = 0; slack <= 64; slack++) {
		parse_once(row->kind, at_end(region, row->in, slack), row->in.len, 0, &test_limits,
			&now);
		check(row, &now, "bytes to the page's end:", slack);
		assert_true(outcome_same(&whole, &now));
	}
	memcpy(region, row->in.data, row->in.len);
	parse_once(row->kind, region, row->in.len, 0, &test_limits, &now);
	check(row, &now, "at a page's start", 0);
}

/* Cut once: what the first part says must not be taken back by both together. */
static void check_cuts(const struct row *row)
{
	for (uint32_t cut = 0; cut <= row->in.len; cut++) {
		struct str part = { row->in.data, cut };

		parse_once(row->kind, at_end(region, part, 0), cut, 0, &test_limits, &now);
		if (now.verdict == HTTP1_BAD) {
			check(row, &now, "cut at", cut);
			continue;
		}
		if (now.verdict == HTTP1_DONE) {
			assert_true(outcome_same(&whole, &now));
			continue;
		}
		if (row->verdict == HTTP1_DONE)
			assert_true(cut < whole.head.head_bytes);
		parse_once(row->kind, at_end(region, row->in, 0), row->in.len, cut, &test_limits,
			&now);
		check(row, &now, "gone on after", cut);
		assert_true(outcome_same(&whole, &now));
	}
}

/* Byte by byte and in steps. */
static void check_steps(const struct row *row)
{
	for (uint32_t step = 1; step <= 67; step += 11) {
		uint32_t seen = 0, len = 0;

		do {
			struct str part = { row->in.data, 0 };

			len = len + step < row->in.len ? len + step : row->in.len;
			part.len = len;
			parse_once(
				row->kind, at_end(region, part, 0), len, seen, &test_limits, &now);
			seen = len;
		} while (now.verdict == HTTP1_MORE && len < row->in.len);
		check(row, &now, "in steps of", step);
		assert_true(outcome_same(&whole, &now));
	}
}

static void check_row(const struct row *row)
{
	parse_once(row->kind, row->in.data, row->in.len, 0, &test_limits, &whole);
	check(row, &whole, "whole", 0);
	check_places(row);
	check_cuts(row);
	check_steps(row);
}

static void corpus_by_every_classifier(void **state)
{
	for (enum http1_isa isa = HTTP1_SCALAR; isa < HTTP1_ISA_COUNT; isa++) {
		if (!http1_scan_choose(isa))
			continue;
		for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
			check_row(&requests[i]);
		for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
			check_row(&responses[i]);
	}
}

/* Nothing that a request may say makes a bad one good again: each row with a byte more in front. */
static void garbage_before_a_request_is_refused(void **state)
{
	static const char garbage[] = "\0\n \t:;\x7f\x80";

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (size_t g = 0; g < sizeof(garbage) - 1; g++) {
			char bytes[8192];

			bytes[0] = garbage[g];
			memcpy(bytes + 1, requests[i].in.data, requests[i].in.len);
			parse_once(REQUEST, bytes, requests[i].in.len + 1, 0, &test_limits, &now);
			assert_int_not_equal(now.verdict, HTTP1_DONE);
		}
	}
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
		cmocka_unit_test(corpus_by_every_classifier),
		cmocka_unit_test(garbage_before_a_request_is_refused),
	};

	printf("%zu requests, %zu responses\n", sizeof(requests) / sizeof(requests[0]),
		sizeof(responses) / sizeof(responses[0]));
	return cmocka_run_group_tests(tests, open_region, close_region);
}
