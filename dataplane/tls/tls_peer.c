/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards backends: a context for each backend that has it, and the session that each endpoint gave
 * last. A session was verified under its context's authorities, so that it lives and dies with these
 * contexts: after an apply the first connection to an endpoint is verified from the start.
 */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "dataplane/tls/tls_priv.h"
#include "lib/tls/client.h"

/* Keep the newest: one for each endpoint, so that what endpoints can make a worker hold is bounded.
 * TLS 1.3's come after the handshake, in any number (RFC 8446 §4.6.1). */
static int peer_keep_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_conn *conn = SSL_get_app_data(ssl);
	struct tls_session *kept = &conn->contexts->sessions[conn->slot];

	SSL_SESSION_free(kept->session);
	*kept = (struct tls_session){ session, conn->addr, conn->peer };
	return 1;
}

static void peer_watch_message(int writing, int version, int type, const void *data, size_t length,
	SSL *ssl, void *context)
{
	if (!writing && type == SSL3_RT_HANDSHAKE)
		tls_conn_count_control(SSL_get_app_data(ssl));
}

bool tls_peers_alloc(struct tls_contexts *contexts, uint32_t peers, uint32_t slots)
{
	contexts->peers = calloc((size_t)peers + 1, sizeof(*contexts->peers));
	contexts->sessions = calloc((size_t)slots + 1, sizeof(*contexts->sessions));
	if (contexts->peers == NULL || contexts->sessions == NULL)
		return false;
	contexts->peer_count = peers;
	contexts->session_count = slots;
	return true;
}

/* What a peer before this one made of the same text, which a snapshot holds once: a system's list of
 * authorities takes milliseconds and half a megabyte. @return NULL: nothing yet */
static X509_STORE *peers_store(const struct tls_contexts *contexts, uint32_t before, struct str pem)
{
	for (uint32_t i = 0; i < before; i++) {
		const struct tls_peer *peer = &contexts->peers[i];

		if (peer->ca_pem.data == pem.data && peer->ca_pem.len == pem.len)
			return SSL_CTX_get_cert_store(peer->ssl_ctx);
	}
	return NULL;
}

const char *tls_peer_use(
	struct tls_contexts *contexts, uint32_t number, const struct tls_peer_config *config)
{
	X509_STORE *store = peers_store(contexts, number, config->ca_pem);
	struct tls_peer *peer = &contexts->peers[number];
	SSL_CTX *ssl_ctx = tls_client_context(contexts->library);
	const struct tls_cert *cert = config->cert;

	peer->ssl_ctx = ssl_ctx;
	peer->ca_pem = config->ca_pem;
	if (config->server_name.len > 0)
		peer->server_name = strndup(config->server_name.data, config->server_name.len);
	if (ssl_ctx == NULL || (config->server_name.len > 0 && peer->server_name == NULL))
		return "out of memory";
	SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl_ctx, peer_keep_session);
	SSL_CTX_set_msg_callback(ssl_ctx, peer_watch_message);
	if (cert != NULL &&
		SSL_CTX_use_cert_and_key(ssl_ctx, cert->leaf, cert->key, cert->chain, 1) != 1)
		return "the client certificate cannot be used";
	if (store == NULL)
		return tls_client_trust(ssl_ctx, contexts->library, config->ca_pem);
	SSL_CTX_set1_cert_store(ssl_ctx, store);
	return NULL;
}

/* Whom the certificate has to name. A literal address is no server name (RFC 6066 §3). */
static bool peer_expect(SSL *ssl, const struct tls_peer *peer, const struct ip_addr *addr)
{
	const bool v4 = ip_is_v4(addr);

	if (peer->server_name == NULL)
		return X509_VERIFY_PARAM_set1_ip(
			       SSL_get0_param(ssl), addr->bytes + (v4 ? 12 : 0), v4 ? 4 : 16) == 1;
	return SSL_set_tlsext_host_name(ssl, peer->server_name) == 1 &&
	       SSL_set1_host(ssl, peer->server_name) == 1;
}

/* A resumed session is not verified again: it has to be one of this endpoint under these rules. */
static void peer_resume(struct tls_conn *conn)
{
	struct tls_session *kept = &conn->contexts->sessions[conn->slot];

	if (kept->session == NULL)
		return;
	if (kept->peer == conn->peer && ip_equal(&kept->addr, &conn->addr)) {
		SSL_set_session(conn->ssl, kept->session);
		if (SSL_SESSION_get_protocol_version(kept->session) < TLS1_3_VERSION)
			return;
	}
	/* A ticket shown twice links the connections (RFC 8446 appendix C.4). */
	SSL_SESSION_free(kept->session);
	kept->session = NULL;
}

struct tls_conn *tls_conn_connect(
	struct tls_contexts *contexts, uint32_t number, uint32_t slot, const struct ip_addr *addr)
{
	const struct tls_peer *peer =
		number < contexts->peer_count ? &contexts->peers[number] : NULL;
	struct tls_conn *conn;

	if (peer == NULL || peer->ssl_ctx == NULL || slot >= contexts->session_count)
		return NULL;
	conn = tls_conn_alloc(contexts, peer->ssl_ctx);
	if (conn == NULL)
		return NULL;
	conn->client = true;
	conn->slot = slot;
	conn->peer = number;
	conn->addr = *addr;
	if (!peer_expect(conn->ssl, peer, addr)) {
		tls_conn_destroy(conn);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_connect_state(conn->ssl);
	peer_resume(conn);
	tls_conn_handshake(conn);
	return conn;
}

void tls_peers_free(struct tls_contexts *contexts)
{
	for (uint32_t i = 0; contexts->sessions != NULL && i < contexts->session_count; i++)
		SSL_SESSION_free(contexts->sessions[i].session);
	for (uint32_t i = 0; contexts->peers != NULL && i < contexts->peer_count; i++) {
		SSL_CTX_free(contexts->peers[i].ssl_ctx);
		free(contexts->peers[i].server_name);
	}
	free(contexts->sessions);
	free(contexts->peers);
}
