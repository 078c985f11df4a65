/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: read from PEM, and chosen by the name the client asks for (RFC 6066 §3). */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "dataplane/tls/tls_priv.h"

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *context)
{
	return -1;
}

static BIO *pem_open(const struct secrets *secrets, uint64_t offset, uint32_t length)
{
	return BIO_new_mem_buf((const uint8_t *)secrets->segment.base + offset, (int)length);
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

bool tls_cert_load(struct tls_cert *cert, OSSL_LIB_CTX *library, const struct secrets *secrets,
	uint32_t index, char *why, size_t why_bytes)
{
	const struct secrets_entry *entry = &secrets->entries[index];
	BIO *pem = pem_open(secrets, entry->cert_offset, entry->cert_length);
	BIO *key = pem_open(secrets, entry->key_offset, entry->key_length);
	const char *problem = NULL;

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
	if (problem != NULL)
		snprintf(why, why_bytes, "%s", problem);
	return problem == NULL;
}

void tls_cert_free(struct tls_cert *cert)
{
	X509_free(cert->leaf);
	sk_X509_pop_free(cert->chain, X509_free);
	EVP_PKEY_free(cert->key);
}

static int text_compare(struct str a, struct str b)
{
	const uint32_t shorter = a.len < b.len ? a.len : b.len;
	const int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* By name; exact before wildcard, then in the listener's order of certificates. */
static int name_compare(const void *left, const void *right)
{
	const struct tls_name *a = left, *b = right;
	int order = text_compare(a->name, b->name);

	if (order == 0)
		order = a->wildcard - b->wildcard;
	return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static const struct tls_name *name_find(
	const struct tls_listener *listener, struct str name, bool wildcard)
{
	uint32_t low = 0, high = listener->name_count;

	/* The first that is not before what is looked for. */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct tls_name *at = &listener->names[middle];
		const int order = text_compare(at->name, name);

		if (order < 0 || (order == 0 && at->wildcard < wildcard))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == listener->name_count || !str_equal(listener->names[low].name, name) ||
		listener->names[low].wildcard != wildcard)
		return NULL;
	return &listener->names[low];
}

uint32_t tls_names_choose(const struct tls_listener *listener, struct str server_name)
{
	const struct tls_name *found = name_find(listener, server_name, false);
	const char *dot =
		server_name.len > 0 ? memchr(server_name.data, '.', server_name.len) : NULL;

	/* "*" stands for one label (RFC 6125 §6.4.3). */
	if (found == NULL && dot != NULL && dot != server_name.data) {
		const uint32_t label = (uint32_t)(dot - server_name.data) + 1;

		found = name_find(listener, (struct str){ dot + 1, server_name.len - label }, true);
	}
	return found != NULL ? found->cert : listener->default_cert;
}

/* Room for a listener's names and their text: a connection may need them when the snapshot is gone. */
static bool names_alloc(struct tls_listener *listener, const struct snapshot *snapshot,
	const struct snap_listener *record)
{
	size_t count = 1, bytes = 1;

	for (uint32_t i = 0; i < record->certs.count; i++) {
		const uint32_t cert =
			SNAP_INDEX_AT(snapshot, SNAP_LISTENER_CERTS, record->certs.first + i);
		const struct snap_range names =
			SNAP_AT(snapshot, SNAP_CERTS, snap_cert, cert)->names;

		count += names.count;
		for (uint32_t n = names.first; n < names.first + names.count; n++)
			bytes += SNAP_AT(snapshot, SNAP_CERT_NAMES, snap_text, n)->length;
	}
	listener->names = calloc(count, sizeof(*listener->names));
	listener->text = malloc(bytes);
	return listener->names != NULL && listener->text != NULL;
}

bool tls_names_fill(struct tls_listener *listener, const struct snapshot *snapshot,
	const struct snap_listener *record)
{
	char *text;

	if (!names_alloc(listener, snapshot, record))
		return false;
	text = listener->text;
	for (uint32_t i = 0; i < record->certs.count; i++) {
		const uint32_t cert =
			SNAP_INDEX_AT(snapshot, SNAP_LISTENER_CERTS, record->certs.first + i);
		const struct snap_range names =
			SNAP_AT(snapshot, SNAP_CERTS, snap_cert, cert)->names;

		for (uint32_t n = names.first; n < names.first + names.count; n++) {
			struct str name = snap_str(
				snapshot, *SNAP_AT(snapshot, SNAP_CERT_NAMES, snap_text, n));
			const bool wildcard = str_starts(name, STR("*."));

			if (wildcard)
				name = (struct str){ name.data + 2, name.len - 2 };
			memcpy(text, name.data, name.len);
			name.data = text;
			text += name.len;
			listener->names[listener->name_count++] =
				(struct tls_name){ name, wildcard, i, cert };
		}
	}
	qsort(listener->names, listener->name_count, sizeof(*listener->names), name_compare);
	return true;
}
