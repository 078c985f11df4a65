/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP tests share: input against guard pages, parsing in pieces, comparing of heads. */
#ifndef SLUICE_TESTS_UNIT_HTTP_H1_HTTP_TEST_H
#define SLUICE_TESTS_UNIT_HTTP_H1_HTTP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/http/h1/http1.h"
#include "dataplane/http/h1/scan.h"

#define GUARDED_BYTES (2 * 65536)

static const struct http1_limits test_limits = {
	.head_bytes = 2048, .target_bytes = 256, .fields = 16
};

/* A region with an unreadable page on either side. */
static inline char *guarded_new(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *map =
		mmap(NULL, GUARDED_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + page, GUARDED_BYTES, PROT_READ | PROT_WRITE) != 0)
		abort();
	return map + page;
}

static inline void guarded_free(char *region)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(region - page, GUARDED_BYTES + 2 * page);
}

/* Copies so that @p slack bytes lie between the input's end and the guard page. */
static inline const char *at_end(char *region, struct str in, size_t slack)
{
	char *at = region + GUARDED_BYTES - slack - in.len;

	if (in.len != 0)
		memcpy(at, in.data, in.len);
	return at;
}

struct outcome {
	enum http1_verdict verdict;
	enum reason reason; /* for HTTP1_BAD */
	const char *base;   /* what the head's str are relative to */
	struct http1_head head;
};

enum kind { REQUEST, RESPONSE };

/* So that no call finds what an earlier one left on the stack. */
static __attribute__((noinline, unused)) void stack_dirty(void)
{
	char bytes[65536];

	memset(bytes, 0x5a, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

static inline void parse_once(enum kind kind, const char *data, size_t len, size_t seen,
	const struct http1_limits *limits, struct outcome *out)
{
	memset(&out->head, 0xa5, sizeof(out->head));
	out->reason = REASON_COUNT;
	out->base = data;
	stack_dirty();
	if (kind == REQUEST)
		out->verdict =
			http1_parse_request(data, len, seen, limits, &out->head, &out->reason);
	else
		out->verdict = http1_parse_response(
			data, len, seen, limits, HTTP_GET, &out->head, &out->reason);
	if (out->verdict != HTTP1_BAD)
		out->reason = REASON_PROXIED;
}

static inline bool str_same(struct str a, const char *base_a, struct str b, const char *base_b)
{
	if (!str_equal(a, b) || (a.data == NULL) != (b.data == NULL))
		return false;
	/* A path that the target lacks is outside of the input. */
	return a.data == NULL || a.len == 1 || a.data - base_a == b.data - base_b;
}

/* The same head, but for where in memory the input was. */
static inline bool outcome_same(const struct outcome *a, const struct outcome *b)
{
	const struct http1_head *x = &a->head, *y = &b->head;

	if (a->verdict != b->verdict || a->reason != b->reason)
		return false;
	if (a->verdict != HTTP1_DONE)
		return true;
	if (!str_same(x->message.method, a->base, y->message.method, b->base) ||
		!str_same(x->target, a->base, y->target, b->base) ||
		!str_same(x->message.path, a->base, y->message.path, b->base) ||
		!str_same(x->message.query, a->base, y->message.query, b->base) ||
		!str_same(x->message.host, a->base, y->message.host, b->base) ||
		!str_same(x->message.authority, a->base, y->message.authority, b->base) ||
		!str_same(x->phrase, a->base, y->phrase, b->base))
		return false;
	if (x->message.method_id != y->message.method_id || x->absolute_form != y->absolute_form ||
		x->message.expect_continue != y->message.expect_continue ||
		x->message.status != y->message.status || x->version_minor != y->version_minor ||
		x->keep_alive != y->keep_alive || x->framing != y->framing ||
		x->message.content_length != y->message.content_length ||
		x->head_bytes != y->head_bytes || x->message.field_count != y->message.field_count)
		return false;
	for (uint32_t i = 0; i < x->message.field_count; i++) {
		const struct http_field *f = &x->message.fields[i], *g = &y->message.fields[i];

		if (!str_same(http_field_name(f), a->base, http_field_name(g), b->base) ||
			!str_same(http_field_value(f), a->base, http_field_value(g), b->base) ||
			f->id != g->id || f->flags != g->flags)
			return false;
	}
	return true;
}

/* A generator that gives the same numbers everywhere. */
static inline uint32_t random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

#endif
