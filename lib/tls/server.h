/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS server is made of: a certificate with its chain and key, and the policy of protocols,
 * ciphers and groups. The dataplane serves with it; control judges a configuration with it, so that
 * what one of them takes the other takes.
 */
#ifndef SLUICE_LIB_TLS_SERVER_H
#define SLUICE_LIB_TLS_SERVER_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lib/base/str.h"

struct tls_cert {
	X509 *leaf;
	STACK_OF(X509) * chain; /* as in the file, without the leaf */
	EVP_PKEY *key;
};

/**
 * Read a chain and a key in PEM. The caller frees @p cert with tls_cert_free(), after an error,
 * too.
 * @return NULL, or what is wrong
 */
const char *tls_cert_read(
	struct tls_cert *cert, OSSL_LIB_CTX *library, struct str cert_pem, struct str key_pem);

void tls_cert_free(struct tls_cert *cert);

/** A server's context with the policy; no certificate yet. @return NULL with OpenSSL's error set */
SSL_CTX *tls_server_context(OSSL_LIB_CTX *library);

/** Serve with @p cert, replacing another one. @return false with OpenSSL's error set */
bool tls_server_use(SSL_CTX *ssl_ctx, const struct tls_cert *cert);

#endif
