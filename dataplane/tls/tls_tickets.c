/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of session tickets (RFC 5077 §4). One secret for all workers, exchanged from time to time:
 * whoever learns one reads the sessions of a few hours and no more. The secret before is kept for
 * tickets that are out already. Each listener derives keys of its own from each secret, so that a
 * ticket opens no other, and derives them when the first ticket asks for them: contexts belong to
 * one worker.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "dataplane/tls/tls_priv.h"

static const struct tls_ticket_secret *secret_newest(const struct tls_tickets *tickets)
{
	return &tickets->secrets[atomic_load_explicit(&tickets->newest, memory_order_acquire) %
				 TLS_TICKET_SECRETS];
}

static const struct tls_ticket_secret *secret_before(const struct tls_tickets *tickets)
{
	return &tickets->secrets[(atomic_load_explicit(&tickets->newest, memory_order_acquire) +
					 TLS_TICKET_SECRETS - 1) %
				 TLS_TICKET_SECRETS];
}

void tls_tickets_rotate(struct tls_tickets *tickets, const uint8_t *secret)
{
	const uint32_t next = atomic_load_explicit(&tickets->newest, memory_order_relaxed) + 1;
	struct tls_ticket_secret *oldest = &tickets->secrets[next % TLS_TICKET_SECRETS];

	/* Not read any more since the rotation before. */
	oldest->epoch = next;
	memcpy(oldest->secret, secret, sizeof(oldest->secret));
	atomic_store_explicit(&tickets->newest, next, memory_order_release);
}

/* RFC 5869: 16 bytes that name the keys, then the keys. */
static bool keys_derive(struct tls_ticket_keys *keys, OSSL_LIB_CTX *library,
	const struct tls_ticket_secret *secret, uint32_t slot)
{
	char label[32], digest[] = "SHA256";
	const int label_bytes = snprintf(label, sizeof(label), "tls ticket %u", slot);
	EVP_KDF *kdf = EVP_KDF_fetch(library, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
			(void *)(uintptr_t)secret->secret, TLS_TICKET_SECRET_BYTES),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, (size_t)label_bytes),
		OSSL_PARAM_construct_end(),
	};

	keys->valid = context != NULL &&
		      EVP_KDF_derive(context, keys->bytes, sizeof(keys->bytes), parameters) == 1;
	keys->epoch = secret->epoch;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return keys->valid;
}

/* The listener's keys of a secret; those of the secret that is older than both make room. */
static struct tls_ticket_keys *keys_of(
	struct tls_listener *listener, const struct tls_ticket_secret *secret)
{
	struct tls_ticket_keys *keys = &listener->ticket_keys[secret->epoch % 2];

	if (keys->valid && keys->epoch == secret->epoch)
		return keys;
	OPENSSL_cleanse(keys->bytes, sizeof(keys->bytes));
	return keys_derive(keys, listener->contexts->library, secret, listener->slot) ? keys : NULL;
}

static bool keys_use(const struct tls_listener *listener, const struct tls_ticket_keys *keys,
	const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
			(void *)(uintptr_t)(keys->bytes + TLS_TICKET_NAME_BYTES), 32),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex2(cipher, listener->contexts->ticket_cipher,
		       keys->bytes + TLS_TICKET_NAME_BYTES + 32, iv, sealing, NULL) == 1 &&
	       EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int tls_ticket_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int sealing)
{
	struct tls_listener *listener = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct tls_tickets *tickets = listener->contexts->tickets;
	struct tls_ticket_keys *keys = keys_of(listener, secret_newest(tickets));

	if (sealing) {
		if (keys == NULL ||
			RAND_bytes_ex(listener->contexts->library, iv, EVP_MAX_IV_LENGTH, 0) != 1)
			return -1;
		memcpy(name, keys->bytes, TLS_TICKET_NAME_BYTES);
		return keys_use(listener, keys, iv, cipher, mac, 1) ? 1 : -1;
	}
	for (unsigned age = 0; age < 2; age++) {
		if (age == 1)
			keys = keys_of(listener, secret_before(tickets));
		if (keys != NULL && CRYPTO_memcmp(name, keys->bytes, TLS_TICKET_NAME_BYTES) == 0)
			/* 2: good, and worth a new one. */
			return !keys_use(listener, keys, iv, cipher, mac, 0) ? -1
			       : age == 0                                    ? 1
									     : 2;
	}
	return 0;
}
