/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker's contexts: a library context with algorithms fetched once, and an SSL_CTX for each
 * TLS listener. Certificates beyond a listener's first are put into the connection by the
 * certificate callback, so there is one context a listener and not one a certificate.
 *
 * The policy of protocols, ciphers and groups is lib/tls/policy.c's; tickets are keyed by
 * tls_tickets.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "dataplane/tls/tls_priv.h"

static const unsigned char alpn_http1[] = "\x08http/1.1";

/* HTTP/1.1 is all there is: who offers a list without it is told so (RFC 7301 §3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
	const unsigned char *offered, unsigned offered_length, void *context)
{
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_length, alpn_http1, sizeof(alpn_http1) - 1, offered,
		    offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int note_server_name(SSL *ssl, int *alert, void *context)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	if (tls_conn_set_server_name(SSL_get_app_data(ssl), name))
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int choose_certificate(SSL *ssl, void *context)
{
	const struct tls_listener *listener = context;
	const struct tls_conn *conn = SSL_get_app_data(ssl);
	const uint32_t number = tls_names_choose(listener, tls_server_name(conn));
	const struct tls_cert *cert = &listener->contexts->certs[number];

	if (number == listener->default_cert)
		return 1;
	/* The default may be of another kind of key, which would stay beside this one. */
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, cert->leaf, cert->key, cert->chain, 1);
}

/* Counts what a client may send for ever without saying anything. */
static void watch_message(int writing, int version, int type, const void *data, size_t length,
	SSL *ssl, void *context)
{
	if (!writing && type == SSL3_RT_HANDSHAKE)
		tls_conn_count_control(SSL_get_app_data(ssl));
}

static bool listener_init(
	struct tls_contexts *contexts, const struct snapshot *snapshot, uint32_t number)
{
	const struct snap_listener *record =
		SNAP_AT(snapshot, SNAP_LISTENERS, snap_listener, number);
	struct tls_listener *listener = &contexts->listeners[number];
	const struct tls_cert *cert;
	SSL_CTX *ssl_ctx;

	listener->contexts = contexts;
	listener->default_cert = SNAP_INDEX_AT(snapshot, SNAP_LISTENER_CERTS, record->certs.first);
	cert = &contexts->certs[listener->default_cert];
	ssl_ctx = tls_server_context(contexts->library);
	listener->ssl_ctx = ssl_ctx;
	if (ssl_ctx == NULL || !tls_names_fill(listener, snapshot, record) ||
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl_ctx, tls_ticket_callback) != 1)
		return false;
	listener->slot = record->slot;
	SSL_CTX_set_app_data(ssl_ctx, listener);
	SSL_CTX_set_alpn_select_cb(ssl_ctx, choose_protocol, NULL);
	SSL_CTX_set_tlsext_servername_callback(ssl_ctx, note_server_name);
	SSL_CTX_set_cert_cb(ssl_ctx, choose_certificate, listener);
	SSL_CTX_set_msg_callback(ssl_ctx, watch_message);
	return SSL_CTX_set_session_id_context(
		       ssl_ctx, (const uint8_t *)&record->slot, sizeof(record->slot)) == 1 &&
	       tls_server_use(ssl_ctx, cert);
}

static bool load_certs(struct tls_contexts *contexts, const struct snapshot *snapshot,
	const struct secrets *secrets, char *why, size_t why_bytes)
{
	char problem[128];

	if (secrets->count != contexts->cert_count) {
		snprintf(why, why_bytes, "%u certificates, but secrets for %u",
			contexts->cert_count, secrets->count);
		return false;
	}
	for (uint32_t i = 0; i < contexts->cert_count; i++) {
		struct str name =
			snap_str(snapshot, SNAP_AT(snapshot, SNAP_CERTS, snap_cert, i)->name);

		if (tls_cert_load(&contexts->certs[i], contexts->library, secrets, i, problem,
			    sizeof(problem)))
			continue;
		snprintf(why, why_bytes, "certificate \"%.*s\": %s", (int)name.len, name.data,
			problem);
		return false;
	}
	return true;
}

/* Of all bytes, as a fingerprint says nothing of the chain. */
static bool secrets_digest(const struct secrets *secrets, uint8_t *digest)
{
	const size_t header = sizeof(struct segment_header);
	const struct segment *segment = &secrets->segment;

	return segment->length >= header &&
	       EVP_Digest((const char *)segment->base + header, segment->length - header, digest,
		       NULL, EVP_sha256(), NULL) == 1;
}

/* The name of a peer's backend; one that no backend has does no harm. */
static struct str peer_backend(const struct snapshot *snapshot, const struct snap_peer *peer)
{
	const uint32_t backend = snap_named(snapshot, SNAP_BACKEND, peer->slot);

	if (backend == SNAP_NONE)
		return STR("");
	return snap_str(snapshot, SNAP_AT(snapshot, SNAP_BACKENDS, snap_backend, backend)->name);
}

static bool load_peers(
	struct tls_contexts *contexts, const struct snapshot *snapshot, char *why, size_t why_bytes)
{
	uint32_t count;
	const struct snap_peer *peers = snap_records(snapshot, SNAP_PEERS, &count);

	if (count == 0)
		return true;
	if (!tls_peers_alloc(contexts, count, snap_settings(snapshot)->endpoint_capacity))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct tls_peer_config config = {
			.ca_pem = snap_str(snapshot, peers[i].ca),
			.server_name = snap_str(snapshot, peers[i].server_name),
			.cert = peers[i].cert == SNAP_NONE ? NULL : &contexts->certs[peers[i].cert],
		};
		const char *problem = tls_peer_use(contexts, i, &config);
		struct str name;

		if (problem == NULL)
			continue;
		name = peer_backend(snapshot, &peers[i]);
		snprintf(why, why_bytes, "backend \"%.*s\": TLS: %s", (int)name.len, name.data,
			problem);
		return false;
	}
	return true;
}

static struct tls_contexts *contexts_alloc(
	const struct tls_config *config, const struct snapshot *snapshot)
{
	struct tls_contexts *contexts = calloc(1, sizeof(*contexts));

	if (contexts == NULL)
		return NULL;
	contexts->holders = 1;
	contexts->pool = config->pool;
	contexts->listener_count = snapshot->sections[SNAP_LISTENERS].count;
	contexts->cert_count = snapshot->sections[SNAP_CERTS].count;
	contexts->tickets = config->tickets;
	contexts->library = OSSL_LIB_CTX_new();
	if (contexts->library != NULL)
		contexts->ticket_cipher = EVP_CIPHER_fetch(contexts->library, "AES-256-CBC", NULL);
	contexts->bio_method = tls_bio_method();
	contexts->listeners =
		calloc((size_t)contexts->listener_count + 1, sizeof(*contexts->listeners));
	contexts->certs = calloc((size_t)contexts->cert_count + 1, sizeof(*contexts->certs));
	if (contexts->ticket_cipher != NULL && contexts->bio_method != NULL &&
		contexts->listeners != NULL && contexts->certs != NULL)
		return contexts;
	tls_contexts_release(contexts);
	return NULL;
}

struct tls_contexts *tls_contexts_create(const struct tls_config *config,
	const struct snapshot *snapshot, const struct secrets *secrets, char *why, size_t why_bytes)
{
	struct tls_contexts *contexts = contexts_alloc(config, snapshot);

	snprintf(why, why_bytes, "out of memory for TLS");
	if (contexts == NULL)
		return NULL;
	if (!secrets_digest(secrets, contexts->secrets_digest) ||
		!load_certs(contexts, snapshot, secrets, why, why_bytes) ||
		!load_peers(contexts, snapshot, why, why_bytes))
		goto fail;
	for (uint32_t i = 0; i < contexts->listener_count; i++) {
		const struct snap_listener *record =
			SNAP_AT(snapshot, SNAP_LISTENERS, snap_listener, i);
		struct str name = snap_str(snapshot, record->name);
		const char *reason;

		if (!record->tls || listener_init(contexts, snapshot, i))
			continue;
		reason = ERR_reason_error_string(ERR_peek_last_error());
		snprintf(why, why_bytes, "listener \"%.*s\": TLS: %s", (int)name.len, name.data,
			reason != NULL ? reason : "out of memory");
		ERR_clear_error();
		goto fail;
	}
	return contexts;
fail:
	tls_contexts_release(contexts);
	return NULL;
}

void tls_contexts_destroy(struct tls_contexts *contexts)
{
	if (contexts != NULL)
		tls_contexts_release(contexts);
}

struct tls_contexts *tls_contexts_hold(struct tls_contexts *contexts)
{
	atomic_fetch_add_explicit(&contexts->holders, 1, memory_order_relaxed);
	return contexts;
}

bool tls_contexts_match(const struct tls_contexts *contexts, const struct secrets *secrets)
{
	uint8_t digest[sizeof(contexts->secrets_digest)];

	return secrets_digest(secrets, digest) &&
	       memcmp(digest, contexts->secrets_digest, sizeof(digest)) == 0;
}

void tls_contexts_release(struct tls_contexts *contexts)
{
	if (atomic_fetch_sub_explicit(&contexts->holders, 1, memory_order_acq_rel) > 1)
		return;
	for (uint32_t i = 0; contexts->listeners != NULL && i < contexts->listener_count; i++) {
		SSL_CTX_free(contexts->listeners[i].ssl_ctx);
		OPENSSL_cleanse(contexts->listeners[i].ticket_keys,
			sizeof(contexts->listeners[i].ticket_keys));
		free(contexts->listeners[i].names);
		free(contexts->listeners[i].text);
	}
	for (uint32_t i = 0; contexts->certs != NULL && i < contexts->cert_count; i++)
		tls_cert_free(&contexts->certs[i]);
	tls_peers_free(contexts);
	free(contexts->listeners);
	free(contexts->certs);
	BIO_meth_free(contexts->bio_method);
	EVP_CIPHER_free(contexts->ticket_cipher);
	OSSL_LIB_CTX_free(contexts->library);
	free(contexts);
}
