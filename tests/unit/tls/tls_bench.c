/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS costs here: cycles of tls_input and tls_write, of a whole handshake beside OpenSSL's own in
 * memory, and the memory of an idle connection. `meson test --benchmark tls`.
 */
#include <malloc.h>
#include <stdio.h>
#include <x86intrin.h>

#include "tests/unit/tls/tls_rig.h"

#define ROUNDS 2000
#define IDLE   500

static uint64_t measure_input(struct pair *pair, uint32_t bytes)
{
	uint8_t data[4096] = { 0 }, record[4096];
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rte_mbuf *chain, *plain;
		uint64_t start;
		int n;

		SSL_write(pair->client, data, (int)bytes);
		n = BIO_read(pair->from_client, record, sizeof(record));
		chain = rig_chain(record, (size_t)n, 1448);
		start = __rdtsc();
		tls_input(pair->server, chain, &plain);
		start = __rdtsc() - start;
		best = start < best ? start : best;
		rte_pktmbuf_free(plain);
	}
	return best;
}

static uint64_t measure_write(struct pair *pair, uint32_t bytes)
{
	uint8_t data[16384] = { 0 }, sink[16384];
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rte_mbuf *chain = rig_chain(data, bytes, 1448);
		uint64_t start = __rdtsc();

		tls_write(pair->server, chain, pair->now_ns);
		start = __rdtsc() - start;
		best = start < best ? start : best;
		pair_pump(pair);
		while (SSL_read(pair->client, sink, sizeof(sink)) > 0)
			;
	}
	return best;
}

/* Our side's cycles of a full handshake on @p listener. */
static uint64_t measure_handshake(uint32_t listener)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 200; i++) {
		struct pair pair = { 0 };
		uint64_t start = __rdtsc(), cycles;

		pair = pair_open(rig.contexts, listener, NULL);
		cycles = __rdtsc() - start;
		while (!SSL_is_init_finished(pair.client) || tls_state(pair.server) != TLS_OPEN) {
			struct rte_mbuf *out, *plain;
			uint8_t flight[8192];
			int n;

			SSL_do_handshake(pair.client);
			n = BIO_read(pair.from_client, flight, sizeof(flight));
			out = n > 0 ? rig_chain(flight, (size_t)n, 1448) : NULL;
			start = __rdtsc();
			tls_input(pair.server, out, &plain);
			out = tls_output(pair.server);
			cycles += __rdtsc() - start;
			for (struct rte_mbuf *m = out; m != NULL; m = m->next)
				BIO_write(pair.to_client, rte_pktmbuf_mtod(m, void *), m->data_len);
			rte_pktmbuf_free(out);
		}
		best = cycles < best ? cycles : best;
		pair_close(&pair);
	}
	return best;
}

/* The same by OpenSSL alone, over its memory BIOs, with the same certificate. */
static uint64_t measure_openssl(void)
{
	const struct secrets_entry *entry = &rig.secrets.entries[RIG_OTHER];
	const uint8_t *base = rig.secrets.segment.base;
	BIO *cert = BIO_new_mem_buf(base + entry->cert_offset, (int)entry->cert_length);
	BIO *key = BIO_new_mem_buf(base + entry->key_offset, (int)entry->key_length);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	X509 *x509 = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	uint64_t best = UINT64_MAX;

	SSL_CTX_use_certificate(ctx, x509);
	SSL_CTX_use_PrivateKey(ctx, pkey);
	SSL_CTX_set_num_tickets(ctx, 1);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t start = __rdtsc(), cycles;
		SSL *server = SSL_new(ctx), *client = SSL_new(rig.client_ctx);
		BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

		BIO_up_ref(up);
		BIO_up_ref(down);
		SSL_set_bio(server, up, down);
		SSL_set_accept_state(server);
		cycles = __rdtsc() - start;
		SSL_set_bio(client, down, up);
		SSL_set_connect_state(client);
		while (!SSL_is_init_finished(client) || !SSL_is_init_finished(server)) {
			SSL_do_handshake(client);
			start = __rdtsc();
			SSL_do_handshake(server);
			cycles += __rdtsc() - start;
		}
		best = cycles < best ? cycles : best;
		SSL_free(server);
		SSL_free(client);
	}
	SSL_CTX_free(ctx);
	X509_free(x509);
	EVP_PKEY_free(pkey);
	BIO_free(cert);
	BIO_free(key);
	return best;
}

static void measure_idle(void)
{
	struct pair *pairs = calloc(IDLE, sizeof(*pairs));
	size_t before, after;
	char byte;

	for (unsigned i = 0; i < IDLE; i++)
		pairs[i] = pair_open(rig.contexts, RIG_SECOND, NULL);
	for (unsigned i = 0; i < IDLE; i++) {
		pair_handshake(&pairs[i]);
		SSL_write(pairs[i].client, "x", 1);
		pair_pump(&pairs[i]);
		tls_write(pairs[i].server, rig_chain("y", 1, 1), 0);
		pair_pump(&pairs[i]);
		SSL_read(pairs[i].client, &byte, 1);
		rte_pktmbuf_free(pairs[i].received);
		pairs[i].received = NULL;
	}
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < IDLE; i++) {
		tls_conn_destroy(pairs[i].server);
		pairs[i].server = NULL;
	}
	after = mallinfo2().uordblks;
	printf("idle connection: %zu bytes\n", (before - after) / IDLE);
	for (unsigned i = 0; i < IDLE; i++)
		SSL_free(pairs[i].client);
	free(pairs);
}

int main(void)
{
	static const uint32_t sizes[] = { 400, 1300 };
	struct pair pair;
	uint64_t start;

	if (rig_begin(NULL) != 0)
		return 1;
	pair = pair_open(rig.contexts, RIG_SECOND, NULL);
	pair_handshake(&pair);
	for (unsigned i = 0; i < 2; i++)
		printf("tls_input %5u bytes: %llu cycles\n", sizes[i],
			(unsigned long long)measure_input(&pair, sizes[i]));
	for (unsigned i = 0; i < 2; i++)
		printf("tls_write %5u bytes: %llu cycles\n", sizes[i],
			(unsigned long long)measure_write(&pair, sizes[i]));
	printf("tls_write 16384 bytes: %llu cycles\n",
		(unsigned long long)measure_write(&pair, 16384));
	pair_close(&pair);
	printf("handshake, TLS 1.3, P-256: %llu cycles\n",
		(unsigned long long)measure_handshake(RIG_SECOND));
	printf("the same by OpenSSL alone:   %llu cycles\n", (unsigned long long)measure_openssl());
	measure_idle();
	start = __rdtsc();
	tls_contexts_destroy(rig_contexts());
	printf("contexts made and gone: %llu cycles\n", (unsigned long long)(__rdtsc() - start));
	return rig_end(NULL) < 0;
}
