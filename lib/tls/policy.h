/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS may be, towards clients and towards backends. */
#ifndef SLUICE_LIB_TLS_POLICY_H
#define SLUICE_LIB_TLS_POLICY_H

#include <stdbool.h>

#include <openssl/ssl.h>

/** Set protocols, ciphers, groups, and what is refused. @return false with OpenSSL's error set */
bool tls_policy_set(SSL_CTX *ssl_ctx);

#endif
