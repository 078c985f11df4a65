/* SPDX-License-Identifier: Apache-2.0 */
/* Heads in received bytes: found wherever the packets were cut, and what follows them is left alone. */
#include "dataplane/proxy/stream.h"

#include "tests/unit/proxy/proxy_rig.h"

#define HEADS 4

static const struct http1_limits limits = { 16384, 8192, 100 };
static struct slab heads;

struct parse {
	struct http1_head head;
	enum reason reason;
	size_t seen; /* of the latest call */
};

static enum http1_verdict parse_request(const char *data, size_t len, size_t seen, void *ctx)
{
	struct parse *p = ctx;

	assert_true(seen < len);
	p->seen = seen;
	return http1_parse_request(data, len, seen, &limits, &p->head, &p->reason);
}

static int setup(void **state)
{
	return slab_init(&heads, STREAM_GATHER_BYTES(HTTP1_MAX_HEAD_BYTES), HEADS);
}

static int teardown(void **state)
{
	int leaked = heads.used != 0;

	slab_fini(&heads);
	return leaked ? -1 : rig_teardown(state);
}

static void put(struct stream *s, const char *data, size_t len)
{
	chain_put(&s->chain, rig_mbuf(data, (uint16_t)len));
}

/* The rest of the stream, in one piece. */
static void check_rest(struct stream *s, const char *rest)
{
	struct rte_mbuf *m;
	char back[256];

	assert_int_equal(stream_bytes(s), strlen(rest));
	if (!*rest)
		return;
	m = chain_take(&s->chain, (uint32_t)strlen(rest), rig_pool);
	assert_non_null(m);
	assert_memory_equal(
		rte_pktmbuf_read(m, 0, (uint32_t)strlen(rest), back), rest, strlen(rest));
	rte_pktmbuf_free(m);
}

static const char request[] = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n";

static void a_head_in_one_packet_is_not_copied(void **state)
{
	struct stream s = { 0 };
	static struct parse p;

	put(&s, request, sizeof(request) - 1);
	assert_int_equal(stream_parse(&s, &heads, parse_request, &p), HTTP1_DONE);
	assert_null(s.gather);
	assert_int_equal(heads.used, 0);
	assert_ptr_equal(p.head.method.data, rte_pktmbuf_mtod(s.chain.head, char *));
	stream_consume_head(&s, &heads, p.head.head_bytes);
	assert_int_equal(stream_bytes(&s), 0);
	stream_free(&s, &heads);
}

/* Three pieces, from each of @p at to the next. */
static void check_cut(const char *all, const size_t *at, const char *rest)
{
	enum http1_verdict verdict = HTTP1_MORE;
	struct stream s = { 0 };
	static struct parse p;

	for (unsigned i = 0; i < 3; i++) {
		put(&s, all + at[i], at[i + 1] - at[i]);
		if (verdict != HTTP1_DONE)
			verdict = stream_parse(&s, &heads, parse_request, &p);
	}
	assert_int_equal(verdict, HTTP1_DONE);
	assert_int_equal(stream_parse_again(&s, parse_request, &p), HTTP1_DONE);
	assert_int_equal(p.head.path.len, 2);
	stream_consume_head(&s, &heads, p.head.head_bytes);
	assert_int_equal(heads.used, 0);
	check_rest(&s, rest);
	stream_free(&s, &heads);
}

static void a_head_cut_anywhere_is_found_and_the_rest_stays(void **state)
{
	static const char rest[] = "body and more";
	char all[128];
	size_t n = sizeof(request) - 1 + sizeof(rest) - 1;

	memcpy(all, request, sizeof(request) - 1);
	memcpy(all + sizeof(request) - 1, rest, sizeof(rest) - 1);
	for (size_t cut = 1; cut < n; cut++)
		for (size_t second = cut + 1; second <= n; second += 7)
			check_cut(all, (size_t[]){ 0, cut, second, n }, rest);
}

static void bytes_are_looked_at_once(void **state)
{
	struct stream s = { 0 };
	static struct parse p;

	for (size_t i = 0; i + 1 < sizeof(request) - 1; i++) {
		put(&s, request + i, 1);
		assert_int_equal(stream_parse(&s, &heads, parse_request, &p), HTTP1_MORE);
		assert_int_equal(p.seen, i);
		assert_int_equal(stream_bytes(&s), i + 1);
		/* Asked again without new bytes the parser is not called. */
		p.seen = 9999;
		assert_int_equal(stream_parse(&s, &heads, parse_request, &p), HTTP1_MORE);
		assert_int_equal(p.seen, 9999);
	}
	put(&s, "\n", 1);
	assert_int_equal(stream_parse(&s, &heads, parse_request, &p), HTTP1_DONE);
	stream_consume_head(&s, &heads, p.head.head_bytes);
	stream_free(&s, &heads);
}

static void without_a_buffer_it_says_so(void **state)
{
	struct stream s[HEADS + 1] = { 0 };
	static struct parse p;

	for (unsigned i = 0; i <= HEADS; i++) {
		put(&s[i], request, 5);
		assert_int_equal(stream_parse(&s[i], &heads, parse_request, &p), HTTP1_MORE);
		put(&s[i], request + 5, 5);
		assert_int_equal(stream_parse(&s[i], &heads, parse_request, &p),
			i < HEADS ? HTTP1_MORE : STREAM_NO_MEMORY);
	}
	for (unsigned i = 0; i <= HEADS; i++)
		stream_free(&s[i], &heads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_head_in_one_packet_is_not_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_head_cut_anywhere_is_found_and_the_rest_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_are_looked_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_buffer_it_says_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}
