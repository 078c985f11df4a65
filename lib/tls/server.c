/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server adds to the policy (policy.c): no early data; tickets are stateless (RFC 5077,
 * RFC 8446 §4.6.1), under keys that the dataplane sets.
 */
#include "lib/tls/server.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/tls/policy.h"

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *context)
{
	return -1;
}

static X509 *x509_read(OSSL_LIB_CTX *library, BIO *pem)
{
	X509 *cert = X509_new_ex(library, NULL);

	if (cert == NULL || PEM_read_bio_X509(pem, &cert, no_passphrase, NULL) != NULL)
		return cert;
	X509_free(cert);
	return NULL;
}

static bool chain_read(struct tls_cert *cert, OSSL_LIB_CTX *library, BIO *pem)
{
	X509 *next;

	cert->leaf = x509_read(library, pem);
	cert->chain = sk_X509_new_null();
	if (cert->leaf == NULL || cert->chain == NULL)
		return false;
	while ((next = x509_read(library, pem)) != NULL)
		if (sk_X509_push(cert->chain, next) == 0) {
			X509_free(next);
			return false;
		}
	ERR_clear_error(); /* the end of the file is one */
	return true;
}

const char *tls_cert_read(
	struct tls_cert *cert, OSSL_LIB_CTX *library, struct str cert_pem, struct str key_pem)
{
	BIO *pem = BIO_new_mem_buf(cert_pem.data, (int)cert_pem.len);
	BIO *key = BIO_new_mem_buf(key_pem.data, (int)key_pem.len);
	const char *problem = NULL;

	*cert = (struct tls_cert){ NULL };
	ERR_clear_error();
	if (pem == NULL || !chain_read(cert, library, pem)) {
		problem = "the certificate cannot be read";
	} else {
		if (key != NULL)
			cert->key = PEM_read_bio_PrivateKey_ex(
				key, NULL, no_passphrase, NULL, library, NULL);
		if (cert->key == NULL)
			problem = "the private key cannot be read";
		else if (X509_check_private_key(cert->leaf, cert->key) != 1)
			problem = "the private key is another certificate's";
	}
	BIO_free(pem);
	BIO_free(key);
	ERR_clear_error();
	return problem;
}

void tls_cert_free(struct tls_cert *cert)
{
	X509_free(cert->leaf);
	sk_X509_pop_free(cert->chain, X509_free);
	EVP_PKEY_free(cert->key);
}

static bool server_set_policy(SSL_CTX *ssl_ctx)
{
	SSL_CTX_set_options(ssl_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_max_early_data(ssl_ctx, 0);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_NONE, NULL);
	return tls_policy_set(ssl_ctx) && SSL_CTX_set_num_tickets(ssl_ctx, 1) == 1;
}

SSL_CTX *tls_server_context(OSSL_LIB_CTX *library)
{
	SSL_CTX *ssl_ctx = SSL_CTX_new_ex(library, NULL, TLS_server_method());

	if (ssl_ctx != NULL && server_set_policy(ssl_ctx))
		return ssl_ctx;
	SSL_CTX_free(ssl_ctx);
	return NULL;
}

bool tls_server_use(SSL_CTX *ssl_ctx, const struct tls_cert *cert)
{
	return SSL_CTX_use_cert_and_key(ssl_ctx, cert->leaf, cert->key, cert->chain, 1) == 1;
}
