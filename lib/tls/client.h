/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS client is made of that trusts the certificates of one file and no others. The dataplane
 * connects to backends with it; control judges a configuration with it.
 */
#ifndef SLUICE_LIB_TLS_CLIENT_H
#define SLUICE_LIB_TLS_CLIENT_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lib/base/str.h"

/** A client's context with the policy, which verifies its peer and trusts nothing yet. @return NULL
 *  with OpenSSL's error set */
SSL_CTX *tls_client_context(OSSL_LIB_CTX *library);

/**
 * Trust every certificate of a file in PEM. The peer's chain may end at any of them, an authority's in
 * the middle of a chain or the peer's own among them.
 * @return NULL, or what is wrong
 */
const char *tls_client_trust(SSL_CTX *ssl_ctx, OSSL_LIB_CTX *library, struct str ca_pem);

#endif
