/* SPDX-License-Identifier: Apache-2.0 */
/* TLS towards backends against OpenSSL's server: whom it trusts, names, resumption, data, ends. */
#include <errno.h>

#include "dataplane/tls/tls_priv.h"
#include "tests/unit/tls/tls_rig.h"

#define SLOTS 4

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* Certificates of this test. */
enum {
	AUTHORITY,
	STRANGER,
	GOOD,
	EXPIRED,
	EARLY,
	CLIENT_ONLY,
	ADDRESSED,
	COMMON_NAME,
	FORGED,
	KINDS
};

struct made {
	X509 *cert;
	EVP_PKEY *key;
};

static struct made made[KINDS];

struct wish {
	const char *common_name, *names, *purpose;
	int issuer; /* itself: signed by its own key */
	long from_s, to_s;
};

static const struct wish wishes[KINDS] = {
	[AUTHORITY] = { "authority", NULL, NULL, AUTHORITY, -3600, 86400 },
	[STRANGER] = { "stranger", NULL, NULL, STRANGER, -3600, 86400 },
	[GOOD] = { "x", "DNS:orders.internal", "serverAuth", AUTHORITY, -3600, 86400 },
	[EXPIRED] = { "x", "DNS:orders.internal", NULL, AUTHORITY, -7200, -3600 },
	[EARLY] = { "x", "DNS:orders.internal", NULL, AUTHORITY, 3600, 7200 },
	[CLIENT_ONLY] = { "x", "DNS:orders.internal", "clientAuth", AUTHORITY, -3600, 86400 },
	[ADDRESSED] = { "x", "IP:10.0.0.21,IP:2001:db8::21", NULL, AUTHORITY, -3600, 86400 },
	[COMMON_NAME] = { "orders.internal", NULL, NULL, AUTHORITY, -3600, 86400 },
	[FORGED] = { "x", "DNS:orders.internal", NULL, STRANGER, -3600, 86400 },
};

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void make(int kind)
{
	const struct wish *wish = &wishes[kind];
	struct made *out = &made[kind];
	X509_NAME *name;

	out->key = EVP_EC_gen("P-256");
	out->cert = X509_new();
	name = X509_get_subject_name(out->cert);
	X509_set_version(out->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(out->cert), kind + 1);
	X509_gmtime_adj(X509_getm_notBefore(out->cert), wish->from_s);
	X509_gmtime_adj(X509_getm_notAfter(out->cert), wish->to_s);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)wish->common_name, -1, -1, 0);
	X509_set_issuer_name(out->cert, X509_get_subject_name(made[wish->issuer].cert));
	X509_set_pubkey(out->cert, out->key);
	if (wish->issuer == kind)
		extend(out->cert, NID_basic_constraints, "critical,CA:TRUE");
	if (wish->names != NULL)
		extend(out->cert, NID_subject_alt_name, wish->names);
	if (wish->purpose != NULL)
		extend(out->cert, NID_ext_key_usage, wish->purpose);
	assert_true(X509_sign(out->cert, made[wish->issuer].key, EVP_sha256()) > 0);
}

static int begin(void **state)
{
	if (rig_begin(state) != 0)
		return -1;
	for (int kind = 0; kind < KINDS; kind++)
		make(kind);
	return 0;
}

static int end(void **state)
{
	for (int kind = 0; kind < KINDS; kind++) {
		X509_free(made[kind].cert);
		EVP_PKEY_free(made[kind].key);
	}
	return rig_end(state);
}

/* Contexts in which the first backend has TLS and the second has not. */
static struct tls_contexts *peers(const char *server_name, int authority, int client)
{
	struct tls_contexts *contexts = rig_contexts();
	struct tls_cert cert = { NULL };
	struct tls_peer_config config = { .server_name = {
						  server_name, (uint32_t)strlen(server_name) } };
	BIO *pem = BIO_new(BIO_s_mem());
	char *text;

	if (client >= 0) {
		cert = (struct tls_cert){ made[client].cert, NULL, made[client].key };
		config.cert = &cert;
	}
	PEM_write_bio_X509(pem, made[authority].cert);
	config.ca_pem.len = (uint32_t)BIO_get_mem_data(pem, &text);
	config.ca_pem.data = text;
	assert_true(tls_peers_alloc(contexts, 2, SLOTS));
	assert_null(tls_peer_use(contexts, 0, &config));
	BIO_free(pem);
	return contexts;
}

static SSL_CTX *server(int kind)
{
	SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(
		SSL_CTX_use_cert_and_key(ssl_ctx, made[kind].cert, made[kind].key, NULL, 1), 1);
	SSL_CTX_set_session_id_context(ssl_ctx, (const unsigned char *)"t", 1);
	return ssl_ctx;
}

/* Both ends of a connection. */
struct ends {
	struct tls_conn *conn;
	SSL *backend;
	BIO *in, *out;
	struct rte_mbuf *received;
};

static struct ends ends_open(
	struct tls_contexts *contexts, SSL_CTX *backend, uint32_t slot, struct ip_addr addr)
{
	struct ends e = { .conn = tls_conn_connect(contexts, 0, slot, &addr) };

	assert_non_null(e.conn);
	e.backend = SSL_new(backend);
	e.in = BIO_new(BIO_s_mem());
	e.out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(e.in, -1);
	SSL_set_bio(e.backend, e.in, e.out);
	SSL_set_accept_state(e.backend);
	return e;
}

static void ends_close(struct ends *e)
{
	tls_conn_destroy(e->conn);
	SSL_free(e->backend);
	rte_pktmbuf_free(e->received);
	ERR_clear_error();
}

static bool ends_send(struct ends *e)
{
	struct rte_mbuf *chain = tls_output(e->conn);

	for (struct rte_mbuf *m = chain; m != NULL; m = m->next)
		assert_int_equal(
			BIO_write(e->in, rte_pktmbuf_mtod(m, void *), m->data_len), m->data_len);
	rte_pktmbuf_free(chain);
	return chain != NULL;
}

static bool ends_receive(struct ends *e)
{
	uint8_t bytes[1400];
	bool moved = false;
	int n;

	while ((n = BIO_read(e->out, bytes, sizeof(bytes))) > 0) {
		struct rte_mbuf *plain;

		tls_input(e->conn, rig_chain(bytes, (size_t)n, 1400), &plain);
		if (plain != NULL && e->received != NULL)
			assert_int_equal(rte_pktmbuf_chain(e->received, plain), 0);
		else if (plain != NULL)
			e->received = plain;
		moved = true;
	}
	return moved;
}

static enum tls_state ends_pump(struct ends *e)
{
	for (bool moved = true; moved;) {
		moved = ends_send(e);
		if (!SSL_is_init_finished(e->backend))
			SSL_do_handshake(e->backend);
		moved |= ends_receive(e);
	}
	ERR_clear_error();
	return tls_state(e->conn);
}

static const struct ip_addr v4_21 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 21 } };
static const struct ip_addr v4_22 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 22 } };
static const struct ip_addr v6_21 = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x21 } };

static void a_backend_must_prove_itself(void **state)
{
	static const struct {
		const char *name;
		int shown;
		const struct ip_addr *addr;
		const char *failure; /* empty: none */
	} cases[] = {
		{ "orders.internal", GOOD, &v4_21, "" },
		{ "ORDERS.internal", GOOD, &v4_21, "" },
		{ "other.internal", GOOD, &v4_21, "hostname mismatch" },
		{ "orders.internal", COMMON_NAME, &v4_21, "hostname mismatch" },
		{ "orders.internal", EXPIRED, &v4_21, "certificate has expired" },
		{ "orders.internal", EARLY, &v4_21, "certificate is not yet valid" },
		{ "orders.internal", CLIENT_ONLY, &v4_21, "unsuitable certificate purpose" },
		{ "orders.internal", FORGED, &v4_21, "unable to get local issuer certificate" },
		{ "", ADDRESSED, &v4_21, "" },
		{ "", ADDRESSED, &v6_21, "" },
		{ "", ADDRESSED, &v4_22, "IP address mismatch" },
		{ "", GOOD, &v4_21, "IP address mismatch" },
	};

	for (unsigned i = 0; i < RTE_DIM(cases) * 2; i++) {
		const unsigned at = i / 2;
		const bool good = cases[at].failure[0] == '\0';
		struct tls_contexts *contexts = peers(cases[at].name, AUTHORITY, -1);
		SSL_CTX *backend = server(cases[at].shown);
		struct ends e = ends_open(contexts, backend, 0, *cases[at].addr);

		SSL_set_max_proto_version(e.backend, versions[i % 2]);
		assert_int_equal(ends_pump(&e), good ? TLS_OPEN : TLS_FAILED);
		assert_string_equal(tls_failure(e.conn), cases[at].failure);
		ends_close(&e);
		SSL_CTX_free(backend);
		tls_contexts_destroy(contexts);
	}
	rig_assert_no_leak();
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
	const unsigned char *offered, unsigned offered_length, void *context)
{
	assert_int_equal(offered_length, 9);
	assert_memory_equal(offered, "\x08http/1.1", 9);
	*out = offered + 1;
	*out_length = 8;
	return SSL_TLSEXT_ERR_OK;
}

static void it_names_the_server_and_the_protocol(void **state)
{
	SSL_CTX *backend = server(GOOD);
	struct tls_contexts *contexts = peers("orders.internal", AUTHORITY, -1);
	struct ends e = ends_open(contexts, backend, 0, v4_21);

	SSL_CTX_set_alpn_select_cb(backend, choose_protocol, NULL);
	assert_int_equal(ends_pump(&e), TLS_OPEN);
	assert_string_equal(
		SSL_get_servername(e.backend, TLSEXT_NAMETYPE_host_name), "orders.internal");
	ends_close(&e);
	tls_contexts_destroy(contexts);
	SSL_CTX_free(backend);

	backend = server(ADDRESSED);
	contexts = peers("", AUTHORITY, -1);
	e = ends_open(contexts, backend, 0, v4_21);
	assert_int_equal(ends_pump(&e), TLS_OPEN);
	assert_null(SSL_get_servername(e.backend, TLSEXT_NAMETYPE_host_name));
	ends_close(&e);
	tls_contexts_destroy(contexts);
	SSL_CTX_free(backend);
	rig_assert_no_leak();
}

static bool resumes(struct tls_contexts *contexts, SSL_CTX *backend, uint32_t slot)
{
	struct ends e = ends_open(contexts, backend, slot, v4_21);
	bool resumed;

	assert_int_equal(ends_pump(&e), TLS_OPEN);
	resumed = tls_resumed(e.conn);
	assert_int_equal(SSL_session_reused(e.backend), resumed);
	ends_close(&e);
	return resumed;
}

static void an_endpoints_session_is_resumed(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		SSL_CTX *backend = server(GOOD);
		struct tls_contexts *contexts = peers("orders.internal", AUTHORITY, -1);
		struct tls_contexts *other = peers("orders.internal", AUTHORITY, -1);

		SSL_CTX_set_max_proto_version(backend, versions[i]);
		assert_false(resumes(contexts, backend, 1));
		assert_true(resumes(contexts, backend, 1));
		assert_true(resumes(contexts, backend, 1));
		assert_false(resumes(contexts, backend, 2)); /* another endpoint */
		assert_false(resumes(other, backend, 1));    /* another generation */
		SSL_CTX_free(backend);
		tls_contexts_destroy(contexts);
		tls_contexts_destroy(other);
	}
	rig_assert_no_leak();
}

static void a_client_certificate_is_shown_if_there_is_one(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		SSL_CTX *backend = server(GOOD);
		struct tls_contexts *contexts =
			peers("orders.internal", AUTHORITY, i == 0 ? CLIENT_ONLY : -1);
		struct ends e;

		SSL_CTX_set_verify(
			backend, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(backend), made[AUTHORITY].cert);
		SSL_CTX_set_max_proto_version(backend, TLS1_2_VERSION);
		e = ends_open(contexts, backend, 0, v4_21);
		assert_int_equal(ends_pump(&e), i == 0 ? TLS_OPEN : TLS_FAILED);
		ends_close(&e);
		SSL_CTX_free(backend);
		tls_contexts_destroy(contexts);
	}
	rig_assert_no_leak();
}

static void data_goes_both_ways_and_ends(void **state)
{
	SSL_CTX *backend = server(GOOD);
	struct tls_contexts *contexts = peers("orders.internal", AUTHORITY, -1);
	struct ends e = ends_open(contexts, backend, 0, v4_21);
	char bytes[16];

	assert_int_equal(tls_write(e.conn, rig_chain("early", 5, 5), 1), -EPIPE);
	assert_int_equal(ends_pump(&e), TLS_OPEN);
	assert_null(e.received); /* tickets are no content */
	assert_int_equal(tls_write(e.conn, rig_chain("ask", 3, 3), 1), 0);
	ends_pump(&e);
	assert_int_equal(SSL_read(e.backend, bytes, sizeof(bytes)), 3);
	assert_memory_equal(bytes, "ask", 3);
	assert_int_equal(SSL_write(e.backend, "answer", 6), 6);
	assert_int_equal(ends_pump(&e), TLS_OPEN);
	assert_int_equal(e.received->pkt_len, 6);
	SSL_shutdown(e.backend);
	assert_int_equal(ends_pump(&e), TLS_CLOSED);
	ends_close(&e);
	SSL_CTX_free(backend);
	tls_contexts_destroy(contexts);
	rig_assert_no_leak();
}

static void a_backend_without_tls_is_none(void **state)
{
	struct tls_contexts *contexts = peers("orders.internal", AUTHORITY, -1);
	struct tls_conn *conn = tls_conn_connect(contexts, 0, 0, &v4_21);
	struct rte_mbuf *plain;

	assert_null(tls_conn_connect(contexts, 1, 0, &v4_21));
	assert_null(tls_conn_connect(contexts, 2, 0, &v4_21));
	assert_null(tls_conn_connect(contexts, 0, SLOTS, &v4_21));
	assert_int_equal(
		tls_input(conn, rig_chain("HTTP/1.1 400 Bad\r\n", 18, 18), &plain), TLS_FAILED);
	assert_false(tls_clear_http(conn));
	assert_string_not_equal(tls_failure(conn), "");
	tls_conn_destroy(conn);
	tls_contexts_destroy(contexts);
	rig_assert_no_leak();
}

static void a_file_without_certificates_is_refused(void **state)
{
	struct tls_contexts *contexts = rig_contexts();
	const struct tls_peer_config none = { .ca_pem = STR("nothing\n") };
	const struct tls_peer_config broken = {
		.ca_pem = STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	};

	assert_true(tls_peers_alloc(contexts, 2, SLOTS));
	assert_string_equal(tls_peer_use(contexts, 0, &none), "no certificate in PEM");
	assert_string_equal(tls_peer_use(contexts, 1, &broken), "a certificate cannot be read");
	tls_contexts_destroy(contexts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backend_must_prove_itself),
		cmocka_unit_test(it_names_the_server_and_the_protocol),
		cmocka_unit_test(an_endpoints_session_is_resumed),
		cmocka_unit_test(a_client_certificate_is_shown_if_there_is_one),
		cmocka_unit_test(data_goes_both_ways_and_ends),
		cmocka_unit_test(a_backend_without_tls_is_none),
		cmocka_unit_test(a_file_without_certificates_is_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
