/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classifiers against each other: the table is the oracle, and the table itself is held to the
 * grammars spelled out below. Then whole heads, mutated at random, parsed with each.
 */
#include "tests/unit/http/h1/http_test.h"

#define ROUNDS 20000

static char *region;
static struct http1_scan oracle, other;
static struct outcome expected, found;

static bool byte_in(unsigned byte, const char *set)
{
	return byte != 0 && strchr(set, (int)byte) != NULL;
}

static bool is_alnum(unsigned byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

/* Else the others below would compare the table with itself. */
static void this_architecture_has_its_vectors(void **state)
{
#if defined(__x86_64__)
	assert_true(http1_scan_choose(HTTP1_SSE));
#elif defined(__aarch64__)
	assert_true(http1_scan_choose(HTTP1_NEON));
#endif
}

static void every_byte_is_classified_as_the_rfcs_say(void **state)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		char block[64];
		bool ctl = (byte < 0x20 && byte != '\t') || byte == 0x7f;
		bool token = is_alnum(byte) || byte_in(byte, "!#$%&'*+-.^_`|~");
		bool target = is_alnum(byte) || byte_in(byte, "-._~:/?[]@!$&'()*+,;=%");

		memset(block, (int)byte, sizeof(block));
		for (enum http1_isa isa = HTTP1_SCALAR; isa < HTTP1_ISA_COUNT; isa++) {
			if (!http1_scan_choose(isa))
				continue;
			http1_scan(&other, block, sizeof(block), 0);
			assert_int_equal(other.word[0][HTTP1_CTL], ctl ? UINT64_MAX : 0);
			assert_int_equal(other.word[0][HTTP1_CR], byte == '\r' ? UINT64_MAX : 0);
			assert_int_equal(other.word[0][HTTP1_LF], byte == '\n' ? UINT64_MAX : 0);
			assert_int_equal(other.word[0][HTTP1_NOT_TOKEN], token ? 0 : UINT64_MAX);
			assert_int_equal(other.word[0][HTTP1_NOT_TARGET], target ? 0 : UINT64_MAX);
		}
	}
}

static void assert_same_scan(size_t len, size_t from)
{
	assert_int_equal(oracle.end, other.end);
	assert_int_equal(oracle.bad, other.bad);
	assert_int_equal(oracle.bytes, other.bytes);
	for (size_t w = from / 64; w * 64 < oracle.bytes; w++)
		assert_memory_equal(oracle.word[w], other.word[w], sizeof(other.word[w]));
}

/* Each byte comes in each place of a block, at each distance from a block's boundary in memory. */
static void any_bytes_at_any_alignment_classify_alike(void **state)
{
	uint64_t seed = 3;

	for (unsigned round = 0; round < 100 * 64; round++) {
		char bytes[256];
		const char *at;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(random_next(&seed) >> 8);
		at = at_end(region, (struct str){ bytes, sizeof(bytes) }, round % 64);
		http1_scan_choose(HTTP1_SCALAR);
		http1_scan(&oracle, at, sizeof(bytes), 0);
		for (enum http1_isa isa = HTTP1_SCALAR + 1; isa < HTTP1_ISA_COUNT; isa++) {
			if (!http1_scan_choose(isa))
				continue;
			http1_scan(&other, at, sizeof(bytes), 0);
			assert_same_scan(sizeof(bytes), 0);
		}
	}
}

static void random_bytes_scan_alike(void **state)
{
	uint64_t seed = 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		char bytes[700];
		struct str in = { bytes, random_next(&seed) % sizeof(bytes) };
		size_t from = in.len != 0 ? random_next(&seed) % in.len : 0;
		const char *at;

		/* Mostly good bytes, else every scan would stop at once. */
		for (uint32_t i = 0; i < in.len; i++) {
			uint32_t r = random_next(&seed);

			bytes[i] = (char)(r % 256 == 0 ? r >> 8 & 0xff : 0x20 + (r >> 8) % 0x5f);
			if (r % 64 == 1 && i > 0)
				memcpy(&bytes[i - 1], "\r\n", 2);
		}
		at = at_end(region, in, 0);
		http1_scan_choose(HTTP1_SCALAR);
		http1_scan(&oracle, at, in.len, from);
		for (enum http1_isa isa = HTTP1_SCALAR + 1; isa < HTTP1_ISA_COUNT; isa++) {
			if (!http1_scan_choose(isa))
				continue;
			http1_scan(&other, at, in.len, from);
			assert_same_scan(in.len, from);
		}
	}
}

static const char get[] =
	"GET /v1/orders/12345?expand=lines&page=2 HTTP/1.1\r\nHost: api.shop.example\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\n"
	"X-API-Key: ak_live_0123456789abcdef\r\nConnection: keep-alive\r\n\r\n";
static const char post[] = "POST http://a:80/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
			   "Connection: x, upgrade\r\nX: y\r\nUpgrade: websocket\r\n\r\n";
static const char put[] = "PUT / HTTP/1.0\r\nContent-Length: 77\r\nExpect: 100-continue\r\n"
			  "Te: a\r\n\r\nbody\r\n\r\n";
static const char found_it[] = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 1024\r\n"
			       "Connection: close\r\n\r\n";
static const char found_nothing[] = "HTTP/1.1 404\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
static const char *const heads[] = { get, post, put, found_it, found_nothing };

static uint32_t mutate(uint64_t *seed, char *bytes, uint32_t len, uint32_t room)
{
	static const char odd[] = "\r\n\0 \t:,\x7f\x80_-";
	uint32_t times = random_next(seed) % 4;

	if (random_next(seed) % 8 == 0)
		len = random_next(seed) % len;
	while (times-- != 0 && len > 1 && len + 1 < room) {
		uint32_t at = random_next(seed) % len;

		switch (random_next(seed) % 4) {
		case 0:
			bytes[at] = odd[random_next(seed) % (sizeof(odd) - 1)];
			break;
		case 1:
			memmove(bytes + at, bytes + at + 1, len - at - 1);
			len--;
			break;
		case 2:
			memmove(bytes + at + 1, bytes + at, len - at);
			bytes[at] = odd[random_next(seed) % (sizeof(odd) - 1)];
			len++;
			break;
		default:
			bytes[at] = (char)random_next(seed);
			break;
		}
	}
	return len;
}

static void mutated_heads_parse_alike(void **state)
{
	uint64_t seed = 2;
	unsigned verdicts[3] = { 0 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		char bytes[512];
		const char *base = heads[round % (sizeof(heads) / sizeof(heads[0]))];
		enum kind kind = base[0] == 'H' ? RESPONSE : REQUEST;
		struct str in = { bytes, (uint32_t)strlen(base) };
		const char *at;
		size_t cut;

		memcpy(bytes, base, in.len);
		in.len = mutate(&seed, bytes, in.len, sizeof(bytes));
		at = at_end(region, in, random_next(&seed) % 3);
		http1_scan_choose(HTTP1_SCALAR);
		parse_once(kind, at, in.len, 0, &test_limits, &expected);
		verdicts[expected.verdict]++;
		cut = in.len != 0 ? random_next(&seed) % in.len : 0;
		for (enum http1_isa isa = HTTP1_SCALAR + 1; isa < HTTP1_ISA_COUNT; isa++) {
			if (!http1_scan_choose(isa))
				continue;
			parse_once(kind, at, in.len, 0, &test_limits, &found);
			assert_true(outcome_same(&expected, &found));
			parse_once(kind, at, cut, 0, &test_limits, &found);
			if (found.verdict == HTTP1_MORE)
				parse_once(kind, at, in.len, cut, &test_limits, &found);
			assert_true(outcome_same(&expected, &found));
		}
	}
	/* The mutations are of use only while they lead everywhere. */
	for (unsigned v = 0; v < 3; v++)
		assert_in_range(verdicts[v], ROUNDS / 40, ROUNDS);
}

/* The longest head there can be, and one byte beyond. */
static void the_largest_head_fits(void **state)
{
	const struct http1_limits limits = { 1 << 20, 1 << 20, 1000 };
	static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";

	for (enum http1_isa isa = HTTP1_SCALAR; isa < HTTP1_ISA_COUNT; isa++) {
		char *at = region + GUARDED_BYTES - HTTP1_MAX_HEAD_BYTES;

		if (!http1_scan_choose(isa))
			continue;
		memset(at, 'x', HTTP1_MAX_HEAD_BYTES);
		memcpy(at, start, sizeof(start) - 1);
		memcpy(at + HTTP1_MAX_HEAD_BYTES - 4, "\r\n\r\n", 4);
		parse_once(REQUEST, at, HTTP1_MAX_HEAD_BYTES, 0, &limits, &found);
		assert_int_equal(found.verdict, HTTP1_DONE);
		assert_int_equal(found.head.head_bytes, HTTP1_MAX_HEAD_BYTES);
		parse_once(REQUEST, at, HTTP1_MAX_HEAD_BYTES, HTTP1_MAX_HEAD_BYTES - 1, &limits,
			&found);
		assert_int_equal(found.verdict, HTTP1_DONE);
		at[HTTP1_MAX_HEAD_BYTES - 1] = 'x';
		at[HTTP1_MAX_HEAD_BYTES - 2] = 'x';
		parse_once(REQUEST, at, HTTP1_MAX_HEAD_BYTES, 0, &limits, &found);
		assert_int_equal(found.reason, REASON_HEAD_TOO_LARGE);
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
		cmocka_unit_test(this_architecture_has_its_vectors),
		cmocka_unit_test(every_byte_is_classified_as_the_rfcs_say),
		cmocka_unit_test(any_bytes_at_any_alignment_classify_alike),
		cmocka_unit_test(random_bytes_scan_alike),
		cmocka_unit_test(mutated_heads_parse_alike),
		cmocka_unit_test(the_largest_head_fits),
	};

	return cmocka_run_group_tests(tests, open_region, close_region);
}
