/* SPDX-License-Identifier: Apache-2.0 */
/* The peer has to prove itself: chain, dates, purpose (RFC 5280 §6), and the name that each connection
 * sets (RFC 9525). Only subjectAltName counts, and "*" stands for a whole label. */
#include "lib/tls/client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/tls/policy.h"

SSL_CTX *tls_client_context(OSSL_LIB_CTX *library)
{
	static const unsigned char http1[] = "\x08http/1.1";
	SSL_CTX *ssl_ctx = SSL_CTX_new_ex(library, NULL, TLS_client_method());

	if (ssl_ctx == NULL || !tls_policy_set(ssl_ctx) ||
		SSL_CTX_set_alpn_protos(ssl_ctx, http1, sizeof(http1) - 1) != 0) {
		SSL_CTX_free(ssl_ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl_ctx), X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ssl_ctx),
		X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return ssl_ctx;
}

/* @return false at the end of the file or at what cannot be read: OpenSSL's error says which */
static bool client_trust_next(X509_STORE *store, OSSL_LIB_CTX *library, BIO *pem)
{
	X509 *cert = X509_new_ex(library, NULL);
	const bool read = cert != NULL && PEM_read_bio_X509(pem, &cert, NULL, NULL) != NULL;
	const bool kept = read && X509_STORE_add_cert(store, cert) == 1;

	X509_free(cert);
	return kept;
}

const char *tls_client_trust(SSL_CTX *ssl_ctx, OSSL_LIB_CTX *library, struct str ca_pem)
{
	BIO *pem = BIO_new_mem_buf(ca_pem.data, (int)ca_pem.len);
	const char *problem = NULL;
	unsigned long error;
	uint32_t count = 0;

	ERR_clear_error();
	while (pem != NULL && client_trust_next(SSL_CTX_get_cert_store(ssl_ctx), library, pem))
		count++;
	error = ERR_peek_last_error();
	if (pem == NULL)
		problem = "out of memory";
	else if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		problem = "a certificate cannot be read";
	else if (count == 0)
		problem = "no certificate in PEM";
	BIO_free(pem);
	ERR_clear_error();
	return problem;
}
