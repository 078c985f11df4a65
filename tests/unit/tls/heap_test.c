/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection takes of the heap, counted by an allocator of OpenSSL's own: the start's
 * arithmetic rests on it (dataplane/plan.c). A connection's part is what is given back with it, so
 * that the client and the contexts in the same process do not count.
 */
#include <malloc.h>

#include "dataplane/tls/tls_priv.h"
#include "tests/unit/tls/tls_rig.h"

#define CHUNK_BYTES 8 /* of the C library, before each piece */
#define DATA_BYTES  100000

static size_t live;

static void *counted(void *p)
{
	if (p != NULL)
		live += malloc_usable_size(p) + CHUNK_BYTES;
	return p;
}

static void uncount(void *p)
{
	if (p != NULL)
		live -= malloc_usable_size(p) + CHUNK_BYTES;
}

static void *count_malloc(size_t bytes, const char *file, int line)
{
	return counted(malloc(bytes));
}

static void *count_realloc(void *p, size_t bytes, const char *file, int line)
{
	void *moved;

	uncount(p);
	moved = realloc(p, bytes);
	return counted(moved != NULL ? moved : p);
}

static void count_free(void *p, const char *file, int line)
{
	uncount(p);
	free(p);
}

/* The heap of the pair's server, which is closed with it. */
static size_t close_and_count(struct pair *pair)
{
	size_t before = live, own = sizeof(*pair->server) + pair->server->server_name_bytes + 1;

	tls_conn_destroy(pair->server);
	pair->server = NULL;
	before -= live;
	pair_close(pair);
	return before + own;
}

static void exchange_data(struct pair *pair)
{
	static char data[DATA_BYTES], got[DATA_BYTES];

	for (uint32_t sent = 0; sent < sizeof(data); sent += 10000) {
		assert_true(SSL_write(pair->client, data + sent, 10000) > 0);
		pair_pump(pair);
	}
	assert_int_equal(pair_server_read(pair, got, sizeof(got)), sizeof(data));
	assert_int_equal(
		tls_write(pair->server, rig_chain(data, sizeof(data), 1400), pair->now_ns), 0);
	pair_pump(pair);
}

static size_t measure(int version, bool with_data)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, "shop.example");

	SSL_set_max_proto_version(pair.client, version);
	assert_true(pair_handshake(&pair));
	if (with_data)
		exchange_data(&pair);
	return close_and_count(&pair);
}

/* The client's first flight is here and answered, its second one is not. */
static size_t measure_half_open(void)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, "shop.example");
	struct rte_mbuf *clear, *answer;
	char hello[4096];
	int bytes;

	SSL_do_handshake(pair.client);
	bytes = BIO_read(pair.from_client, hello, sizeof(hello));
	assert_true(bytes > 0);
	assert_int_equal(tls_input(pair.server, rig_chain(hello, (size_t)bytes, 1400), &clear),
		TLS_HANDSHAKE);
	answer = tls_output(pair.server);
	assert_non_null(answer);
	rte_pktmbuf_free(answer);
	return close_and_count(&pair);
}

static void a_connection_takes_what_the_start_reckons_with(void **state)
{
	const size_t open[] = { measure(TLS1_3_VERSION, false), measure(TLS1_3_VERSION, true),
		measure(TLS1_2_VERSION, false), measure(TLS1_2_VERSION, true) };
	const size_t half_open = measure_half_open();

	for (unsigned i = 0; i < sizeof(open) / sizeof(*open); i++) {
		print_message("open: %zu bytes\n", open[i]);
		assert_in_range(open[i], TLS_OPEN_HEAP_BYTES / 2, TLS_OPEN_HEAP_BYTES);
	}
	print_message("in its handshake: %zu bytes\n", half_open);
	assert_in_range(half_open, TLS_HANDSHAKE_HEAP_BYTES / 2, TLS_HANDSHAKE_HEAP_BYTES);
	rig_assert_no_leak();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_takes_what_the_start_reckons_with),
	};

	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
