/* SPDX-License-Identifier: Apache-2.0 */
/* Heads in received bytes: found wherever the packets were cut, and what follows them is left
 * alone. */
#include "dataplane/proxy/stream.h"

#include "tests/unit/proxy/proxy_rig.h"

#define HEADS 4

static const struct http1_limits limits = { HTTP1_MAX_HEAD_BYTES, 8192, 100 };
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
	return slab_init(&heads, STREAM_GATHER_BYTES, HEADS);
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
	assert_int_equal(stream_parse(&s, &heads, parse_request, &p), STREAM_HEAD);
	assert_null(s.gather);
	assert_int_equal(heads.used, 0);
	assert_ptr_equal(p.head.message.method.data, rte_pktmbuf_mtod(s.chain.head, char *));
	stream_consume_head(&s, &heads, p.head.head_bytes);
	assert_int_equal(stream_bytes(&s), 0);
	stream_free(&s, &heads);
}

/* Three pieces, from each of @p at to the next. */
static void check_cut(const char *all, const size_t *at, const char *rest)
{
	enum stream_verdict verdict = STREAM_MORE;
	struct stream s = { 0 };
	static struct parse p;

	for (unsigned i = 0; i < 3; i++) {
		put(&s, all + at[i], at[i + 1] - at[i]);
		if (verdict != STREAM_HEAD)
			verdict = stream_parse(&s, &heads, parse_request, &p);
	}
	assert_int_equal(verdict, STREAM_HEAD);
	stream_forget_head(&s, &heads);
	assert_int_equal(heads.used, 0);
	assert_int_equal(stream_parse_again(&s, &heads, parse_request, &p), STREAM_HEAD);
	assert_int_equal(p.head.message.path.len, 2);
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
		assert_int_equal(stream_parse(&s, &heads, parse_request, &p), STREAM_MORE);
		assert_int_equal(p.seen, i);
		assert_int_equal(stream_bytes(&s), i + 1);
		/* Asked again without new bytes the parser is not called. */
		p.seen = 9999;
		assert_int_equal(stream_parse(&s, &heads, parse_request, &p), STREAM_MORE);
		assert_int_equal(p.seen, 9999);
	}
	put(&s, "\n", 1);
	assert_int_equal(stream_parse(&s, &heads, parse_request, &p), STREAM_HEAD);
	stream_consume_head(&s, &heads, p.head.head_bytes);
	stream_free(&s, &heads);
}

/* A head of @p n bytes, the last four an empty line. */
static void fill_head(char *head, size_t n)
{
	static const char start[] = "GET /a HTTP/1.1\r\nHost: a.test\r\nX: ";

	memset(head, 'x', n);
	memcpy(head, start, sizeof(start) - 1);
	memcpy(head + n - 4, "\r\n\r\n", 4);
}

static void a_head_in_tiny_pieces_takes_the_room_of_its_bytes(void **state)
{
	static char head[16000];
	struct stream s = { 0 };
	static struct parse p;

	fill_head(head, sizeof(head));
	for (size_t i = 0; i < sizeof(head); i++) {
		put(&s, head + i, 1);
		assert_int_equal(stream_parse(&s, &heads, parse_request, &p),
			i + 1 < sizeof(head) ? STREAM_MORE : STREAM_HEAD);
		assert_true(s.chain.mbufs <= 1 + s.chain.bytes / 1024);
		/* Nothing but its mbufs is held while it is not complete. */
		assert_int_equal(heads.used, i + 1 == sizeof(head));
	}
	stream_consume_head(&s, &heads, p.head.head_bytes);
	assert_int_equal(stream_bytes(&s), 0);
	stream_free(&s, &heads);
}

static void a_long_head_is_copied_a_few_times_at_most(void **state)
{
	static char head[60000];
	struct stream s = { 0 };
	static struct parse p;
	size_t looks = 0, last = SIZE_MAX;

	fill_head(head, sizeof(head));
	for (size_t i = 0; i < sizeof(head); i += 100) {
		put(&s, head + i, 100);
		p.seen = last;
		stream_parse(&s, &heads, parse_request, &p);
		looks += p.seen != last && p.seen > 2048;
		last = p.seen;
	}
	assert_in_range(looks, 2, 20);
	assert_int_equal(p.head.head_bytes, sizeof(head));
	stream_free(&s, &heads);
}

static void a_head_of_nearly_64_kib_ends_in_a_large_packet(void **state)
{
	static char all[HTTP1_MAX_HEAD_BYTES + 8000];
	struct rte_mempool *jumbo = rte_pktmbuf_pool_create(
		"jumbo", 15, 0, 0, RTE_PKTMBUF_HEADROOM + 9000, SOCKET_ID_ANY);
	const size_t head_bytes = HTTP1_MAX_HEAD_BYTES - 10;
	enum stream_verdict verdict = STREAM_MORE;
	struct stream s = { 0 };
	static struct parse p;

	assert_non_null(jumbo);
	fill_head(all, head_bytes);
	for (size_t at = 0; at < sizeof(all); at += 8960) {
		uint16_t n = (uint16_t)RTE_MIN((size_t)8960, sizeof(all) - at);
		struct rte_mbuf *m = rte_pktmbuf_alloc(jumbo);

		memcpy(rte_pktmbuf_append(m, n), all + at, n);
		chain_put(&s.chain, m);
		if (verdict == STREAM_MORE)
			verdict = stream_parse(&s, &heads, parse_request, &p);
	}
	assert_int_equal(verdict, STREAM_HEAD);
	assert_int_equal(p.head.head_bytes, head_bytes);
	stream_consume_head(&s, &heads, p.head.head_bytes);
	assert_int_equal(stream_bytes(&s), sizeof(all) - head_bytes);
	stream_free(&s, &heads);
	rte_mempool_free(jumbo);
}

static void without_a_buffer_it_says_so(void **state)
{
	struct stream s[HEADS + 1] = { 0 };
	static struct parse p;
	static char head[4000];

	fill_head(head, sizeof(head));
	for (unsigned i = 0; i <= HEADS; i++) {
		put(&s[i], head, 2000);
		assert_int_equal(stream_parse(&s[i], &heads, parse_request, &p), STREAM_MORE);
		put(&s[i], head + 2000, 2000);
		assert_int_equal(stream_parse(&s[i], &heads, parse_request, &p),
			i < HEADS ? STREAM_HEAD : STREAM_NO_MEMORY);
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
		cmocka_unit_test_setup_teardown(
			a_head_in_tiny_pieces_takes_the_room_of_its_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_long_head_is_copied_a_few_times_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_head_of_nearly_64_kib_ends_in_a_large_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_buffer_it_says_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}
