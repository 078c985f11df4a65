/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS client over memory, by OpenSSL: the other end of the gateway's own use of it. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/wire/peers.h"

struct peer_tls {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out;
	SSL_SESSION *session; /* latest ticket */
	bool open, closed;
	char failure[128];
};

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct peer_tls *t = SSL_get_app_data(ssl);

	SSL_SESSION_free(t->session);
	t->session = session;
	return 1;
}

/* Versions are written 12 and 13; 0 lets both sides choose. */
struct peer_tls *peer_tls_new(const char *server_name, int version, const struct peer_tls *resume)
{
	struct peer_tls *t = wire_alloc(sizeof(*t));
	int wire_version = version == 12 ? TLS1_2_VERSION : version == 13 ? TLS1_3_VERSION : 0;

	t->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(t->context, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(t->context, keep_session);
	SSL_CTX_set_min_proto_version(t->context, wire_version);
	SSL_CTX_set_max_proto_version(t->context, wire_version);
	t->ssl = SSL_new(t->context);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_app_data(t->ssl, t);
	SSL_set_connect_state(t->ssl);
	if (server_name)
		SSL_set_tlsext_host_name(t->ssl, server_name);
	if (resume && resume->session)
		SSL_set_session(t->ssl, resume->session);
	return t;
}

void peer_tls_free(struct peer_tls *t)
{
	SSL_free(t->ssl);
	SSL_SESSION_free(t->session);
	SSL_CTX_free(t->context);
}

static void drain(struct peer_tls *t, struct bytes *out)
{
	char buf[4096];
	int n;

	while ((n = BIO_read(t->out, buf, sizeof(buf))) > 0)
		bytes_put(out, buf, (uint32_t)n);
}

static void note_failure(struct peer_tls *t, int rc)
{
	int error = SSL_get_error(t->ssl, rc);

	if (error == SSL_ERROR_ZERO_RETURN)
		t->closed = true;
	else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		ERR_error_string_n(ERR_get_error(), t->failure, sizeof(t->failure));
	ERR_clear_error();
}

void peer_tls_input(struct peer_tls *t, const uint8_t *data, uint32_t len, struct bytes *clear,
	struct bytes *out)
{
	char buf[16384];
	int rc = 1;

	if (len)
		BIO_write(t->in, data, (int)len);
	if (!t->open) {
		rc = SSL_do_handshake(t->ssl);
		t->open = rc == 1;
		if (rc != 1)
			note_failure(t, rc);
	}
	while (t->open && (rc = SSL_read(t->ssl, buf, sizeof(buf))) > 0)
		bytes_put(clear, buf, (uint32_t)rc);
	if (t->open && rc <= 0)
		note_failure(t, rc);
	drain(t, out);
}

void peer_tls_write(struct peer_tls *t, const void *data, uint32_t len, struct bytes *out)
{
	if (!t->open)
		wire_fail("TLS is not open: %s", peer_tls_state(t));
	if (SSL_write(t->ssl, data, (int)len) != (int)len)
		wire_fail("TLS does not take the data");
	drain(t, out);
}

bool peer_tls_open(const struct peer_tls *t)
{
	return t->open;
}

const char *peer_tls_state(const struct peer_tls *t)
{
	if (t->failure[0])
		return wire_text("failed: %s", t->failure);
	if (!t->open)
		return "in its handshake";
	X509 *cert = SSL_get0_peer_certificate(t->ssl);
	char subject[128] = "";

	if (cert)
		X509_NAME_oneline(X509_get_subject_name(cert), subject, sizeof(subject));
	return wire_text("%s %s%s%s %s", SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl),
		SSL_session_reused(t->ssl) ? " resumed" : "", t->closed ? " closed" : "", subject);
}
