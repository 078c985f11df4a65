/* SPDX-License-Identifier: Apache-2.0 */
/* The rig's making; see tls_rig.h. */
#include "tests/unit/tls/tls_rig.h"

#define MBUFS 8191

struct rig rig;
const char *const rig_common_names[RIG_CERTS] = { "default", "shop", "wild", "other" };

struct tls_tickets rig_tickets;
static const char *const dns_names[RIG_CERTS][3] = {
	{ "default.example", NULL },
	{ "shop.example", "www.shop.example", NULL },
	{ "*.shop.example", "*.wild.example", NULL },
	{ "other.example", NULL },
};

struct pem {
	char *cert, *key;
	uint32_t cert_length, key_length;
	uint8_t fingerprint[32];
};

static char *bio_text(BIO *bio, uint32_t *length)
{
	char *data, *copy;
	long n = BIO_get_mem_data(bio, &data);

	copy = malloc((size_t)n);
	memcpy(copy, data, (size_t)n);
	*length = (uint32_t)n;
	BIO_free(bio);
	return copy;
}

/* Self-signed; the default is RSA, so that choosing another must take it out. */
static struct pem make_certificate(const char *common_name, bool rsa)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	struct pem pem;
	unsigned n;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	X509_digest(cert, EVP_sha256(), pem.fingerprint, &n);
	PEM_write_bio_X509(cert_bio, cert);
	PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
	pem.cert = bio_text(cert_bio, &pem.cert_length);
	pem.key = bio_text(key_bio, &pem.key_length);
	X509_free(cert);
	EVP_PKEY_free(key);
	return pem;
}

static void make_secrets(struct pem *pems)
{
	struct secrets_input inputs[RIG_CERTS];
	struct segment segment;

	for (unsigned i = 0; i < RIG_CERTS; i++) {
		pems[i] = make_certificate(rig_common_names[i], i == RIG_DEFAULT);
		inputs[i].cert_pem = (struct str){ pems[i].cert, pems[i].cert_length };
		inputs[i].key_pem = (struct str){ pems[i].key, pems[i].key_length };
		memcpy(inputs[i].fingerprint, pems[i].fingerprint, 32);
	}
	assert_int_equal(secrets_build(inputs, RIG_CERTS, 1, 1, &segment), 0);
	assert_int_equal(secrets_open(&segment, &rig.secrets), 0);
	for (unsigned i = 0; i < RIG_CERTS; i++) {
		free(pems[i].cert);
		free(pems[i].key);
	}
}

static void make_snapshot(const struct pem *pems)
{
	struct fixture f = fixture_begin();
	uint32_t index;

	for (uint32_t i = 0; i < RIG_CERTS; i++) {
		struct snap_cert cert = { .name = fixture_text(
						  &f, SNAP_KIND_GATEWAY, rig_common_names[i]) };

		memcpy(cert.fingerprint, pems[i].fingerprint, 32);
		cert.names.first = fixture_count(&f, SNAP_CERT_NAMES);
		for (const char *const *name = dns_names[i]; *name != NULL; name++) {
			struct snap_text text = fixture_text(&f, SNAP_KIND_GATEWAY, *name);

			snapshot_builder_add(f.b, SNAP_CERT_NAMES, &text);
			cert.names.count++;
		}
		snapshot_builder_add(f.b, SNAP_CERTS, &cert);
	}
	for (index = 0; index < RIG_CERTS; index++)
		snapshot_builder_add(f.b, SNAP_LISTENER_CERTS, &index);
	fixture_listener(&f, "public", (struct snap_range){ 0, 3 });
	fixture_listener(&f, "second", (struct snap_range){ 3, 1 });
	fixture_listener(&f, "clear", (struct snap_range){ 0, 0 });
	fixture_open(&f, 1, &rig.snapshot);
}

struct tls_contexts *rig_contexts(void)
{
	const struct tls_config config = { rig.pool, &rig_tickets };
	char why[200] = "";
	struct tls_contexts *contexts =
		tls_contexts_create(&config, &rig.snapshot, &rig.secrets, why, sizeof(why));

	if (contexts == NULL)
		fail_msg("%s", why);
	return contexts;
}

int rig_begin(void **state)
{
	struct pem pems[RIG_CERTS];

	if (eal_begin(state) != 0)
		return -1;
	make_secrets(pems);
	make_snapshot(pems);
	rig.pool = rte_pktmbuf_pool_create(
		"tls", MBUFS, 0, 64, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	rig.client_ctx = SSL_CTX_new(TLS_client_method());
	if (rig.pool == NULL || rig.client_ctx == NULL)
		return -1;
	SSL_CTX_set_session_cache_mode(rig.client_ctx, SSL_SESS_CACHE_OFF);
	rig.contexts = rig_contexts();
	rig.free_at_start = rte_mempool_avail_count(rig.pool);
	return 0;
}

int rig_end(void **state)
{
	tls_contexts_destroy(rig.contexts);
	SSL_CTX_free(rig.client_ctx);
	snapshot_close(&rig.snapshot);
	secrets_close(&rig.secrets);
	rte_mempool_free(rig.pool);
	return eal_end(state);
}

void rig_assert_no_leak(void)
{
	assert_int_equal(rte_mempool_avail_count(rig.pool), rig.free_at_start);
}

struct rte_mbuf *rig_chain(const void *data, size_t length, uint32_t segment)
{
	struct rte_mbuf *head = NULL, *tail = NULL;
	const uint8_t *from = data;

	while (length > 0) {
		uint32_t part = length < segment ? (uint32_t)length : segment;
		struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), from, part);
		from += part;
		length -= part;
		if (head == NULL) {
			head = m;
		} else {
			tail->next = m;
			head->nb_segs++;
			head->pkt_len += part;
		}
		tail = m;
	}
	return head;
}

struct pair pair_open(struct tls_contexts *contexts, uint32_t listener, const char *server_name)
{
	struct pair pair = { .step = 1400, .now_ns = 1000000000 };

	pair.server = tls_conn_create(contexts, listener);
	assert_non_null(pair.server);
	pair.client = SSL_new(rig.client_ctx);
	pair.to_client = BIO_new(BIO_s_mem());
	pair.from_client = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(pair.to_client, -1);
	SSL_set_bio(pair.client, pair.to_client, pair.from_client);
	SSL_set_connect_state(pair.client);
	if (server_name != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(pair.client, server_name), 1);
	return pair;
}

void pair_close(struct pair *pair)
{
	tls_conn_destroy(pair->server);
	SSL_free(pair->client);
	rte_pktmbuf_free(pair->received);
	ERR_clear_error();
}

static void keep_received(struct pair *pair, struct rte_mbuf *chain)
{
	uint32_t segments = 0, bytes = 0;

	for (struct rte_mbuf *m = chain; m != NULL; m = m->next) {
		segments++;
		bytes += m->data_len;
		assert_true(m->data_len > 0);
	}
	if (chain == NULL)
		return;
	assert_int_equal(chain->nb_segs, segments);
	assert_int_equal(chain->pkt_len, bytes);
	if (pair->received == NULL)
		pair->received = chain;
	else
		assert_int_equal(rte_pktmbuf_chain(pair->received, chain), 0);
}

/* Look at the records on their way; the server's chains begin and end with whole records here. */
static void watch_records(struct pair *pair, const uint8_t *data, uint32_t length)
{
	for (uint32_t at = 0; at + 5 <= length;) {
		uint32_t record = (uint32_t)data[at + 3] << 8 | data[at + 4];

		pair->records_seen++;
		if (record > pair->longest_record)
			pair->longest_record = record;
		at += 5 + record;
	}
}

static bool server_to_client(struct pair *pair)
{
	struct rte_mbuf *chain = tls_output(pair->server);
	uint8_t *flat;
	uint32_t at = 0, length;

	if (chain == NULL)
		return false;
	length = chain->pkt_len;
	flat = malloc(length);
	for (struct rte_mbuf *m = chain; m != NULL; m = m->next) {
		assert_true(m->data_len > 0 && m->data_off >= RTE_PKTMBUF_HEADROOM);
		memcpy(flat + at, rte_pktmbuf_mtod(m, void *), m->data_len);
		at += m->data_len;
	}
	assert_int_equal(at, length);
	watch_records(pair, flat, length);
	assert_int_equal(BIO_write(pair->to_client, flat, (int)length), length);
	free(flat);
	rte_pktmbuf_free(chain);
	return true;
}

static bool client_to_server(struct pair *pair)
{
	uint8_t buf[4096];
	uint32_t room = pair->step < sizeof(buf) ? pair->step : sizeof(buf);
	bool moved = false;
	int n;

	while ((n = BIO_read(pair->from_client, buf, (int)room)) > 0) {
		struct rte_mbuf *plain;

		pair->state = tls_input(pair->server, rig_chain(buf, (size_t)n, 1400), &plain);
		keep_received(pair, plain);
		moved = true;
	}
	return moved;
}

void pair_pump(struct pair *pair)
{
	bool moved = true;

	for (unsigned turn = 0; moved && turn < 1000; turn++) {
		moved = server_to_client(pair);
		if (!SSL_is_init_finished(pair->client))
			SSL_do_handshake(pair->client);
		moved |= client_to_server(pair);
	}
	ERR_clear_error();
}

bool pair_handshake(struct pair *pair)
{
	pair_pump(pair);
	return SSL_is_init_finished(pair->client) && tls_state(pair->server) == TLS_OPEN;
}

size_t pair_server_read(struct pair *pair, void *out, size_t room)
{
	size_t n = 0;

	for (struct rte_mbuf *m = pair->received; m != NULL; m = m->next) {
		assert_true(n + m->data_len <= room);
		memcpy((char *)out + n, rte_pktmbuf_mtod(m, void *), m->data_len);
		n += m->data_len;
	}
	rte_pktmbuf_free(pair->received);
	pair->received = NULL;
	return n;
}
