/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-signed certificates for TLS scripts, made at run time, so that no key lies in the tree. One
 * is made for each name and kept for the whole run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/wire/base.h"
#include "tests/wire/certificate.h"

#define CERTIFICATES 16
#define YEAR_S       (365L * 24 * 3600)

static struct {
	char name[64];
	struct certificate made;
} kept[CERTIFICATES];
static unsigned kept_count;

/* A file without a name: nothing is left of it. @return its path */
static char *bio_file(BIO *bio)
{
	int fd = memfd_create("certificate", MFD_CLOEXEC);
	char *data, *path = NULL;
	long len = BIO_get_mem_data(bio, &data);

	if (fd < 0 || fchmod(fd, 0600) < 0 || write(fd, data, (size_t)len) != len ||
		asprintf(&path, "/proc/self/fd/%d", fd) < 0)
		wire_fail("no file for a certificate");
	BIO_free(bio);
	return path;
}

static void add_names(X509 *x, const char *dns_names)
{
	struct bytes value = { 0 };
	X509_EXTENSION *extension;
	const char *p = dns_names;

	while (*p) {
		size_t n = strcspn(p, ",");

		bytes_put(&value, "DNS:", 4);
		bytes_put(&value, p, (uint32_t)n);
		p += n + (p[n] == ',');
		if (*p)
			bytes_put(&value, ",", 1);
	}
	bytes_put(&value, "", 1);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, (char *)value.data);
	if (!extension)
		wire_fail("certificate names not understood: %s", dns_names);
	X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
}

static void make(const char *name, const char *dns_names, struct certificate *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), kept_count + 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -YEAR_S);
	X509_gmtime_adj(X509_getm_notAfter(x), 10 * YEAR_S);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	add_names(x, dns_names);
	X509_sign(x, key, EVP_sha256());
	PEM_write_bio_X509(cert_bio, x);
	PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
	out->cert_path = bio_file(cert_bio);
	out->key_path = bio_file(key_bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

const struct certificate *certificate_get(const char *name, const char *dns_names)
{
	char *key = wire_text("%s %s", name, dns_names);

	for (unsigned i = 0; i < kept_count; i++)
		if (strcmp(kept[i].name, key) == 0)
			return &kept[i].made;
	if (kept_count == CERTIFICATES || strlen(key) >= sizeof(kept[0].name))
		wire_fail("too many certificates, or a name that is too long");
	memcpy(kept[kept_count].name, key, strlen(key) + 1);
	make(name, dns_names, &kept[kept_count].made);
	return &kept[kept_count++].made;
}
