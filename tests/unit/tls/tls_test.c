/* SPDX-License-Identifier: Apache-2.0 */
/* TLS termination against OpenSSL's client: versions, names, protocols, resumption, data, abuse. */
#include <errno.h>

#include "tests/unit/tls/tls_rig.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void set_version(struct pair *pair, int version)
{
	SSL_set_min_proto_version(pair->client, version);
	SSL_set_max_proto_version(pair->client, version);
}

static void assert_certificate(struct pair *pair, const char *expected)
{
	X509 *cert = SSL_get1_peer_certificate(pair->client);
	char name[64] = "";

	assert_non_null(cert);
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
	X509_free(cert);
	assert_string_equal(name, expected);
}

static void a_handshake_completes_in_each_version(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

		set_version(&pair, versions[i]);
		assert_int_equal(tls_state(pair.server), TLS_HANDSHAKE);
		assert_true(pair_handshake(&pair));
		assert_int_equal(SSL_version(pair.client), versions[i]);
		assert_false(tls_resumed(pair.server));
		assert_string_equal(tls_failure(pair.server), "");
		assert_int_equal(tls_server_name(pair.server).len, 0);
		pair_close(&pair);
	}
	rig_assert_no_leak();
}

static void old_versions_and_weak_ciphers_are_refused(void **state)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

	SSL_set_security_level(pair.client, 0);
	set_version(&pair, TLS1_1_VERSION);
	assert_false(pair_handshake(&pair));
	assert_int_equal(tls_state(pair.server), TLS_FAILED);
	pair_close(&pair);
	pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	set_version(&pair, TLS1_2_VERSION);
	assert_int_equal(
		SSL_set_cipher_list(pair.client, "AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256"), 1);
	assert_false(pair_handshake(&pair));
	assert_string_equal(tls_failure(pair.server), "no shared cipher");
	pair_close(&pair);
	rig_assert_no_leak();
}

static void the_server_name_chooses_the_certificate(void **state)
{
	static const struct {
		uint32_t listener;
		const char *name, *certificate;
	} cases[] = {
		{ RIG_PUBLIC, NULL, "default" },
		{ RIG_PUBLIC, "default.example", "default" },
		{ RIG_PUBLIC, "shop.example", "shop" },
		{ RIG_PUBLIC, "SHOP.Example", "shop" },
		{ RIG_PUBLIC, "www.shop.example", "shop" }, /* exact before wildcard */
		{ RIG_PUBLIC, "api.shop.example", "wild" },
		{ RIG_PUBLIC, "a.wild.example", "wild" },
		{ RIG_PUBLIC, "b.a.wild.example", "default" }, /* a star is one label */
		{ RIG_PUBLIC, "wild.example", "default" },
		{ RIG_PUBLIC, "unknown.example", "default" },
		{ RIG_PUBLIC, "other.example", "default" }, /* another listener's */
		{ RIG_SECOND, "other.example", "other" },
		{ RIG_SECOND, "shop.example", "other" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned v = 0; v < 2; v++) {
			struct pair pair =
				pair_open(rig.contexts, cases[i].listener, cases[i].name);
			char lower[64] = "";

			set_version(&pair, versions[v]);
			assert_true(pair_handshake(&pair));
			assert_certificate(&pair, cases[i].certificate);
			for (unsigned c = 0; cases[i].name != NULL && cases[i].name[c]; c++)
				lower[c] = ascii_lower(cases[i].name[c]);
			assert_true(str_equal(tls_server_name(pair.server), str_of(lower)));
			pair_close(&pair);
		}
	rig_assert_no_leak();
}

static void only_http11_is_negotiated(void **state)
{
	static const struct {
		const char *offer;
		bool accepted;
		const char *chosen;
	} cases[] = {
		{ "", true, "" },
		{ "\x08http/1.1", true, "http/1.1" },
		{ "\x02h2\x08http/1.1", true, "http/1.1" },
		{ "\x08http/1.1\x02h2", true, "http/1.1" },
		{ "\x02h2", false, "" },
		{ "\x08http/1.0", false, "" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned v = 0; v < 2; v++) {
			struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, "shop.example");
			const unsigned char *chosen;
			unsigned length;

			set_version(&pair, versions[v]);
			if (cases[i].offer[0] != '\0')
				SSL_set_alpn_protos(pair.client,
					(const unsigned char *)cases[i].offer,
					(unsigned)strlen(cases[i].offer));
			assert_int_equal(pair_handshake(&pair), cases[i].accepted);
			SSL_get0_alpn_selected(pair.client, &chosen, &length);
			assert_int_equal(length, strlen(cases[i].chosen));
			assert_memory_equal(chosen != NULL ? (const char *)chosen : "",
				cases[i].chosen, length);
			if (!cases[i].accepted)
				assert_int_equal(tls_state(pair.server), TLS_FAILED);
			pair_close(&pair);
		}
	rig_assert_no_leak();
}

static SSL_SESSION *saved_session;

static int save_session(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION_free(saved_session);
	saved_session = session;
	return 1;
}

/* A connection that ends in order and leaves its ticket. */
static void get_ticket(struct tls_contexts *contexts, uint32_t listener, int version)
{
	struct pair pair = pair_open(contexts, listener, "shop.example");
	char byte;

	SSL_CTX_set_session_cache_mode(
		rig.client_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(rig.client_ctx, save_session);
	set_version(&pair, version);
	assert_true(pair_handshake(&pair));
	SSL_read(pair.client, &byte, 1); /* 1.3: the ticket is behind the handshake */
	assert_non_null(saved_session);
	tls_shutdown(pair.server);
	pair_pump(&pair);
	SSL_shutdown(pair.client);
	pair_close(&pair);
}

static bool resumes(struct tls_contexts *contexts, uint32_t listener, int version)
{
	struct pair pair = pair_open(contexts, listener, "shop.example");
	bool resumed;

	set_version(&pair, version);
	SSL_set_session(pair.client, saved_session);
	assert_true(pair_handshake(&pair));
	resumed = tls_resumed(pair.server);
	assert_int_equal(resumed, SSL_session_reused(pair.client));
	assert_true(str_equal(tls_server_name(pair.server), STR("shop.example")));
	pair_close(&pair);
	return resumed;
}

static void a_ticket_lives_through_one_change_of_its_secret(void **state)
{
	uint8_t secret[TLS_TICKET_SECRET_BYTES] = { 7 };

	for (unsigned v = 0; v < 2; v++) {
		get_ticket(rig.contexts, RIG_PUBLIC, versions[v]);
		secret[1]++;
		tls_tickets_rotate(&rig_tickets, secret);
		assert_true(resumes(rig.contexts, RIG_PUBLIC, versions[v]));
		get_ticket(rig.contexts, RIG_PUBLIC, versions[v]);
		for (unsigned i = 0; i < 2; i++) {
			secret[1]++;
			tls_tickets_rotate(&rig_tickets, secret);
		}
		assert_false(resumes(rig.contexts, RIG_PUBLIC, versions[v]));
	}
	SSL_SESSION_free(saved_session);
	saved_session = NULL;
}

static void a_ticket_resumes_on_any_worker_but_on_no_other_listener(void **state)
{
	struct tls_contexts *second = rig_contexts();

	for (unsigned v = 0; v < 2; v++) {
		get_ticket(rig.contexts, RIG_PUBLIC, versions[v]);
		assert_true(resumes(rig.contexts, RIG_PUBLIC, versions[v]));
		get_ticket(rig.contexts, RIG_PUBLIC, versions[v]);
		assert_true(resumes(second, RIG_PUBLIC, versions[v]));
		get_ticket(second, RIG_PUBLIC, versions[v]);
		assert_false(resumes(rig.contexts, RIG_SECOND, versions[v]));
	}
	SSL_SESSION_free(saved_session);
	saved_session = NULL;
	SSL_CTX_sess_set_new_cb(rig.client_ctx, NULL);
	SSL_CTX_set_session_cache_mode(rig.client_ctx, SSL_SESS_CACHE_OFF);
	tls_contexts_destroy(second);
	rig_assert_no_leak();
}

static void connections_outlive_their_contexts(void **state)
{
	struct tls_contexts *contexts = rig_contexts();
	struct pair open = pair_open(contexts, RIG_PUBLIC, "api.shop.example");
	struct pair young = pair_open(contexts, RIG_PUBLIC, "api.shop.example");
	char byte[8];

	assert_true(pair_handshake(&open));
	tls_contexts_destroy(contexts);
	assert_true(pair_handshake(&young));
	assert_certificate(&young, "wild");
	assert_int_equal(SSL_write(open.client, "ping", 4), 4);
	pair_pump(&open);
	assert_int_equal(pair_server_read(&open, byte, sizeof(byte)), 4);
	pair_close(&open);
	pair_close(&young);
	rig_assert_no_leak();
}

static void input_byte_by_byte_works(void **state)
{
	for (unsigned v = 0; v < 2; v++) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, "shop.example");
		char text[32];

		pair.step = 1;
		set_version(&pair, versions[v]);
		assert_true(pair_handshake(&pair));
		assert_int_equal(SSL_write(pair.client, "one byte at a time", 18), 18);
		pair_pump(&pair);
		assert_int_equal(pair_server_read(&pair, text, sizeof(text)), 18);
		assert_memory_equal(text, "one byte at a time", 18);
		pair_close(&pair);
	}
	rig_assert_no_leak();
}

#define MEGABYTE (1024 * 1024)

static uint8_t *random_bytes(size_t n)
{
	uint8_t *bytes = malloc(n);
	uint64_t seed = 3;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)fixture_random(&seed);
	return bytes;
}

static void client_sends(struct pair *pair, const uint8_t *data, uint8_t *room)
{
	size_t got = 0;

	for (size_t at = 0; at < MEGABYTE;) {
		int n = SSL_write(pair->client, data + at,
			50000 < MEGABYTE - at ? 50000 : (int)(MEGABYTE - at));

		assert_true(n > 0);
		at += (size_t)n;
		pair_pump(pair);
		got += pair_server_read(pair, room + got, MEGABYTE - got);
	}
	assert_int_equal(got, MEGABYTE);
	assert_memory_equal(room, data, MEGABYTE);
}

static void server_sends(struct pair *pair, const uint8_t *data, uint8_t *room)
{
	uint64_t seed = 8;
	size_t got = 0;

	for (size_t at = 0; at < MEGABYTE;) {
		size_t n = 1 + fixture_random(&seed) % 60000;
		int read;

		n = n < MEGABYTE - at ? n : MEGABYTE - at;
		assert_int_equal(tls_write(pair->server,
					 rig_chain(data + at, n, 1 + fixture_random(&seed) % 1900),
					 pair->now_ns),
			0);
		at += n;
		pair_pump(pair);
		while ((read = SSL_read(pair->client, room + got, (int)(MEGABYTE - got))) > 0)
			got += (size_t)read;
	}
	assert_int_equal(got, MEGABYTE);
	assert_memory_equal(room, data, MEGABYTE);
}

static void a_mebibyte_goes_both_ways(void **state)
{
	uint8_t *data = random_bytes(MEGABYTE), *room = malloc(MEGABYTE);

	for (unsigned v = 0; v < 2; v++) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

		set_version(&pair, versions[v]);
		assert_true(pair_handshake(&pair));
		client_sends(&pair, data, room);
		server_sends(&pair, data, room);
		pair_close(&pair);
	}
	free(data);
	free(room);
	rig_assert_no_leak();
}

static void send_and_watch(struct pair *pair, uint32_t bytes)
{
	uint8_t *data = calloc(1, bytes);
	char sink[4096];

	pair->longest_record = 0;
	pair->records_seen = 0;
	assert_int_equal(tls_write(pair->server, rig_chain(data, bytes, 1448), pair->now_ns), 0);
	pair_pump(pair);
	while (SSL_read(pair->client, sink, sizeof(sink)) > 0)
		;
	free(data);
}

static void records_begin_small_and_grow(void **state)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

	assert_true(pair_handshake(&pair));
	send_and_watch(&pair, 65536);
	assert_in_range(pair.longest_record, 1300, 1400);
	assert_int_equal(pair.records_seen, (65536 + 1369) / 1370);
	send_and_watch(&pair, 65536);
	assert_in_range(pair.longest_record, 16384, 16384 + 64);
	assert_int_equal(pair.records_seen, 4);
	pair.now_ns += 999999999;
	send_and_watch(&pair, 65536);
	assert_int_equal(pair.records_seen, 4);
	pair.now_ns += 1000000000;
	send_and_watch(&pair, 65536);
	assert_in_range(pair.longest_record, 1300, 1400);
	send_and_watch(&pair, 300);
	assert_int_equal(pair.records_seen, 1);
	pair_close(&pair);
	rig_assert_no_leak();
}

static enum tls_state feed(struct pair *pair, const void *data, size_t length)
{
	struct rte_mbuf *plain;

	pair->state = tls_input(pair->server, rig_chain(data, length, 1400), &plain);
	assert_null(plain);
	return pair->state;
}

/* The alert's description, as sent in the clear. */
static int alert_of(struct pair *pair)
{
	struct rte_mbuf *out = tls_output(pair->server);
	const uint8_t *bytes;
	int alert = -1;

	if (out == NULL)
		return -1;
	bytes = rte_pktmbuf_mtod(out, const uint8_t *);
	if (out->pkt_len == 7 && bytes[0] == SSL3_RT_ALERT)
		alert = bytes[6];
	rte_pktmbuf_free(out);
	return alert;
}

static void what_is_not_tls_fails_and_bad_tls_gets_an_alert(void **state)
{
	static const uint8_t garbage[] = "\x99\x88\x77 not a record of any kind, whatever follows";
	static const uint8_t bad_hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";
	static const uint8_t too_long[] = "\x16\x03\x01\xff\xff\x01";
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

	/* Whoever does not speak TLS would not understand an alert: OpenSSL sends none. */
	assert_int_equal(feed(&pair, garbage, sizeof(garbage)), TLS_FAILED);
	assert_int_equal(alert_of(&pair), -1);
	assert_true(tls_failure(pair.server)[0] != '\0');
	assert_int_equal(feed(&pair, garbage, sizeof(garbage)), TLS_FAILED);
	pair_close(&pair);
	pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	assert_int_equal(feed(&pair, bad_hello, 10), TLS_FAILED);
	assert_int_equal(alert_of(&pair), SSL_AD_DECODE_ERROR);
	pair_close(&pair);
	pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	assert_int_equal(feed(&pair, too_long, 6), TLS_FAILED);
	assert_int_equal(alert_of(&pair), SSL_AD_RECORD_OVERFLOW);
	pair_close(&pair);
	pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	assert_int_equal(feed(&pair, "GET / HTTP/1.1\r\n", 16), TLS_FAILED);
	assert_string_equal(tls_failure(pair.server), "http request");
	pair_close(&pair);
	rig_assert_no_leak();
}

static void random_bytes_never_open_a_connection(void **state)
{
	uint64_t seed = 77;

	for (unsigned round = 0; round < 500; round++) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

		for (unsigned i = 0; i < 20; i++) {
			uint8_t bytes[300];
			uint32_t n = 1 + (uint32_t)(fixture_random(&seed) % sizeof(bytes));

			for (uint32_t b = 0; b < n; b++)
				bytes[b] = (uint8_t)fixture_random(&seed);
			if (i == 0 && round % 2 == 0)
				memcpy(bytes, "\x16\x03\x01\x00\x80\x01\x00\x00", 8 < n ? 8 : n);
			assert_int_not_equal(feed(&pair, bytes, n), TLS_OPEN);
		}
		pair_close(&pair);
	}
	rig_assert_no_leak();
}

static void changed_ciphertext_is_refused(void **state)
{
	for (unsigned v = 0; v < 2; v++) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
		uint8_t bytes[256];
		int n;

		set_version(&pair, versions[v]);
		assert_true(pair_handshake(&pair));
		SSL_write(pair.client, "secret", 6);
		n = BIO_read(pair.from_client, bytes, sizeof(bytes));
		bytes[n - 1] ^= 1;
		assert_int_equal(feed(&pair, bytes, (size_t)n), TLS_FAILED);
		assert_string_equal(
			tls_failure(pair.server), "decryption failed or bad record mac");
		assert_int_equal(tls_write(pair.server, rig_chain("x", 1, 1), 0), -EPIPE);
		pair_close(&pair);
	}
	rig_assert_no_leak();
}

static void close_notify_ends_one_direction(void **state)
{
	for (unsigned v = 0; v < 2; v++) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
		char text[16];

		set_version(&pair, versions[v]);
		assert_true(pair_handshake(&pair));
		SSL_write(pair.client, "last words", 10);
		SSL_shutdown(pair.client);
		pair_pump(&pair);
		assert_int_equal(tls_state(pair.server), TLS_CLOSED);
		assert_int_equal(pair_server_read(&pair, text, sizeof(text)), 10);
		assert_int_equal(tls_write(pair.server, rig_chain("answer", 6, 6), 0), 0);
		tls_shutdown(pair.server);
		assert_int_equal(tls_write(pair.server, rig_chain("more", 4, 4), 0), -EPIPE);
		pair_pump(&pair);
		assert_int_equal(SSL_read(pair.client, text, sizeof(text)), 6);
		assert_true(SSL_read(pair.client, text, sizeof(text)) <= 0);
		assert_true(SSL_get_shutdown(pair.client) & SSL_RECEIVED_SHUTDOWN);
		pair_close(&pair);
	}
	rig_assert_no_leak();
}

static void a_half_open_connection_gives_all_back(void **state)
{
	for (uint32_t cut = 1; cut < 300; cut += 13) {
		struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, "shop.example");
		uint8_t hello[512];

		SSL_do_handshake(pair.client);
		BIO_read(pair.from_client, hello, sizeof(hello));
		feed(&pair, hello, cut);
		assert_int_equal(tls_write(pair.server, rig_chain("x", 1, 1), 0), -EPIPE);
		tls_shutdown(pair.server);
		pair_close(&pair);
	}
	rig_assert_no_leak();
}

static void single_bytes_pin_few_mbufs(void **state)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	static const uint8_t header[] = { 0x16, 0x03, 0x01, 0x40, 0x00 };

	feed(&pair, header, sizeof(header));
	for (unsigned i = 0; i < 16000; i++)
		assert_int_equal(feed(&pair, "\x01", 1), TLS_HANDSHAKE);
	assert_true(rig.free_at_start - rte_mempool_avail_count(rig.pool) < 12);
	pair_close(&pair);
	rig_assert_no_leak();
}

static void a_flood_of_key_updates_ends_the_connection(void **state)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	unsigned updates = 0;
	char byte;

	assert_true(pair_handshake(&pair));
	while (updates < 100 && tls_state(pair.server) == TLS_OPEN) {
		assert_int_equal(SSL_key_update(pair.client, SSL_KEY_UPDATE_REQUESTED), 1);
		SSL_do_handshake(pair.client);
		pair_pump(&pair);
		updates++;
	}
	assert_in_range(updates, 20, 40);
	assert_int_equal(tls_state(pair.server), TLS_FAILED);
	assert_non_null(strstr(tls_failure(pair.server), "too many"));
	/* The client is told: its end is no truncation. */
	SSL_read(pair.client, &byte, 1);
	assert_true(SSL_get_shutdown(pair.client) & SSL_RECEIVED_SHUTDOWN);
	pair_close(&pair);
	rig_assert_no_leak();
}

static void a_key_update_now_and_then_is_fine(void **state)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	uint8_t *data = random_bytes(65536), *room = malloc(65536);

	assert_true(pair_handshake(&pair));
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(SSL_write(pair.client, data, 65536), 65536);
		pair_pump(&pair);
		assert_int_equal(pair_server_read(&pair, room, 65536), 65536);
		SSL_key_update(pair.client, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(pair.client);
		pair_pump(&pair);
		assert_int_equal(tls_state(pair.server), TLS_OPEN);
	}
	free(data);
	free(room);
	pair_close(&pair);
	rig_assert_no_leak();
}

static void renegotiation_is_refused(void **state)
{
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);

	set_version(&pair, TLS1_2_VERSION);
	assert_true(pair_handshake(&pair));
	SSL_renegotiate(pair.client);
	SSL_do_handshake(pair.client);
	pair_pump(&pair);
	assert_false(SSL_is_init_finished(pair.client) && SSL_num_renegotiations(pair.client) > 1);
	pair_close(&pair);
	rig_assert_no_leak();
}

/* Hold every mbuf but a few. */
static unsigned starve(struct rte_mbuf **held, unsigned left)
{
	unsigned n = 0;

	while (rte_mempool_avail_count(rig.pool) > left)
		held[n++] = rte_pktmbuf_alloc(rig.pool);
	return n;
}

static void an_empty_pool_fails_the_connection_alone(void **state)
{
	struct rte_mbuf **held = calloc(rig.free_at_start, sizeof(struct rte_mbuf *));
	struct pair pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	struct rte_mbuf *chain;
	uint8_t *data = random_bytes(4000);
	unsigned n;

	assert_true(pair_handshake(&pair));
	chain = rig_chain(data, 4000, 1900);
	n = starve(held, 1);
	assert_int_equal(tls_write(pair.server, chain, 0), -ENOMEM);
	assert_int_equal(tls_state(pair.server), TLS_FAILED);
	assert_string_equal(tls_failure(pair.server), "out of mbufs");
	rte_pktmbuf_free_bulk(held, n);
	pair_close(&pair);
	pair = pair_open(rig.contexts, RIG_PUBLIC, NULL);
	assert_true(pair_handshake(&pair));
	SSL_write(pair.client, data, 4000);
	{
		uint8_t record[4096];
		int length = BIO_read(pair.from_client, record, sizeof(record));

		chain = rig_chain(record, (size_t)length, 1900);
		n = starve(held, 0);
		assert_int_equal(tls_input(pair.server, chain, &chain), TLS_FAILED);
		assert_null(chain);
	}
	rte_pktmbuf_free_bulk(held, n);
	pair_close(&pair);
	free(held);
	free(data);
	rig_assert_no_leak();
}

static void listeners_without_tls_make_no_connection(void **state)
{
	assert_null(tls_conn_create(rig.contexts, RIG_CLEAR));
	assert_null(tls_conn_create(rig.contexts, 99));
}

static void bad_secrets_are_told_with_the_certificate(void **state)
{
	const struct tls_config config = { rig.pool, &rig_tickets };
	struct secrets_input inputs[RIG_CERTS] = { 0 };
	struct secrets secrets;
	struct segment segment;
	char why[200];

	for (unsigned i = 0; i < RIG_CERTS; i++) {
		inputs[i].cert_pem = STR("-----BEGIN CERTIFICATE-----\nAAAA\n");
		inputs[i].key_pem = STR("nothing");
	}
	assert_int_equal(secrets_build(inputs, RIG_CERTS, 1, 1, &segment), 0);
	assert_int_equal(secrets_open(&segment, &secrets), 0);
	assert_null(tls_contexts_create(&config, &rig.snapshot, &secrets, why, sizeof(why)));
	assert_string_equal(why, "certificate \"default\": the certificate cannot be read");
	secrets_close(&secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_completes_in_each_version),
		cmocka_unit_test(old_versions_and_weak_ciphers_are_refused),
		cmocka_unit_test(the_server_name_chooses_the_certificate),
		cmocka_unit_test(only_http11_is_negotiated),
		cmocka_unit_test(a_ticket_resumes_on_any_worker_but_on_no_other_listener),
		cmocka_unit_test(a_ticket_lives_through_one_change_of_its_secret),
		cmocka_unit_test(connections_outlive_their_contexts),
		cmocka_unit_test(input_byte_by_byte_works),
		cmocka_unit_test(a_mebibyte_goes_both_ways),
		cmocka_unit_test(records_begin_small_and_grow),
		cmocka_unit_test(what_is_not_tls_fails_and_bad_tls_gets_an_alert),
		cmocka_unit_test(random_bytes_never_open_a_connection),
		cmocka_unit_test(changed_ciphertext_is_refused),
		cmocka_unit_test(close_notify_ends_one_direction),
		cmocka_unit_test(a_half_open_connection_gives_all_back),
		cmocka_unit_test(single_bytes_pin_few_mbufs),
		cmocka_unit_test(a_flood_of_key_updates_ends_the_connection),
		cmocka_unit_test(a_key_update_now_and_then_is_fine),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(an_empty_pool_fails_the_connection_alone),
		cmocka_unit_test(listeners_without_tls_make_no_connection),
		cmocka_unit_test(bad_secrets_are_told_with_the_certificate),
	};

	return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
