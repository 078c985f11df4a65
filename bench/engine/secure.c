/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of the clients: OpenSSL between two memory BIOs, whose other ends are the segments. Every
 * connection does a full handshake; nobody looks at the certificate, as it is the bench's own.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/engine/engine_priv.h"

#define RECORD_BYTES 16384

bool secure_init(struct engine *e)
{
	e->tls = SSL_CTX_new(TLS_client_method());
	return e->tls && SSL_CTX_set_min_proto_version(e->tls, TLS1_3_VERSION) &&
	       SSL_CTX_set1_groups_list(e->tls, "P-256:X25519");
}

void secure_fini(struct engine *e)
{
	for (uint32_t i = 0; e->clients && i < e->config.connections; i++)
		secure_close(&e->clients[i]);
	SSL_CTX_free(e->tls);
}

static void fail(struct engine *e, const char *what)
{
	char why[256];

	ERR_error_string_n(ERR_get_error(), why, sizeof(why));
	engine_fail(e, "TLS: %s: %s", what, why);
}

static void shake_hands(struct engine *e, struct client *c)
{
	int rc = SSL_do_handshake(c->ssl);

	if (rc == 1) {
		c->shaken = true;
		e->open++;
		e->stats.opened++;
	} else if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ) {
		fail(e, "no handshake");
	}
}

void secure_open(struct engine *e, struct client *c)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	c->ssl = SSL_new(e->tls);
	c->shaken = false;
	if (!in || !out || !c->ssl) {
		engine_fail(e, "no memory for TLS");
		return;
	}
	SSL_set_bio(c->ssl, in, out);
	SSL_set_tlsext_host_name(c->ssl, ENGINE_HOST);
	SSL_set_connect_state(c->ssl);
	shake_hands(e, c);
}

void secure_close(struct client *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
}

bool secure_pending(const struct client *c)
{
	return BIO_ctrl_pending(SSL_get_wbio(c->ssl)) > 0;
}

void secure_write(struct engine *e, struct client *c, const char *plain, uint32_t bytes)
{
	if (bytes && SSL_write(c->ssl, plain, (int)bytes) != (int)bytes)
		fail(e, "no record written");
}

uint32_t secure_send(struct client *c, char *out, uint32_t room)
{
	int n = BIO_read(SSL_get_wbio(c->ssl), out, (int)room);

	return n > 0 ? (uint32_t)n : 0;
}

void secure_take(struct engine *e, struct client *c, const char *data, uint32_t len, piece_fn fn)
{
	char plain[RECORD_BYTES];
	int n, why;

	BIO_write(SSL_get_rbio(c->ssl), data, (int)len);
	if (!c->shaken)
		shake_hands(e, c);
	if (!c->shaken)
		return;
	while ((n = SSL_read(c->ssl, plain, sizeof(plain))) > 0)
		fn(e, c, plain, (uint32_t)n);
	why = SSL_get_error(c->ssl, n);
	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN)
		fail(e, "no record read");
}
