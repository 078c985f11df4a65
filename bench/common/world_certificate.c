/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of a bench's TLS listener, made at run time, see world_priv.h. */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "bench/common/report.h"
#include "bench/common/world_priv.h"

static X509 *self_signed(EVP_PKEY *key)
{
	X509 *x = X509_new();

	if (!x || !key)
		return NULL;
	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
	X509_set_pubkey(x, key);
	return X509_sign(x, key, EVP_sha256()) > 0 ? x : NULL;
}

void world_certificate(char *cert, char *key)
{
	FILE *cert_pem = world_file("certificate", cert), *key_pem = world_file("key", key);
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *x = self_signed(pair);

	if (!x || PEM_write_X509(cert_pem, x) != 1 ||
		PEM_write_PrivateKey(key_pem, pair, NULL, NULL, 0, NULL, NULL) != 1 ||
		fflush(cert_pem) != 0 || fflush(key_pem) != 0) {
		progress("bench: no certificate");
		exit(1);
	}
	X509_free(x);
	EVP_PKEY_free(pair);
}
