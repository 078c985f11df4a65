/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of a bench's TLS listener, made at run time, see world.h. */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "bench/common/report.h"
#include "bench/common/world.h"

#define BOOT_ID 1

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

static struct str memory(BIO *bio)
{
	char *data = NULL;
	long n = BIO_get_mem_data(bio, &data);

	return (struct str){ data, (uint32_t)n };
}

void world_secrets(struct secrets *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	struct secrets_input input = { 0 };
	struct segment segment;
	X509 *x = self_signed(key);

	if (!x || PEM_write_bio_X509(cert_pem, x) != 1 ||
		PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
		progress("bench: no certificate");
		exit(1);
	}
	input.cert_pem = memory(cert_pem);
	input.key_pem = memory(key_pem);
	if (secrets_build(&input, 1, 1, BOOT_ID, &segment) || secrets_open(&segment, out)) {
		progress("bench: no memory for secrets");
		exit(1);
	}
	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(cert_pem);
	BIO_free(key_pem);
}
