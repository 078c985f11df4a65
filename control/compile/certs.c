/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates with OpenSSL. Everything that would make a handshake fail later is found here, where
 * an operator reads it: a key of another certificate, an encrypted key, a chain that ends early,
 * dates.
 */
#include "control/compile/certs_judge.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"

#define PEM_BYTES_MAX (1 << 20)
#define SOON_S        (14 * 86400) /* an expiry that is worth a warning */

/* A key with a passphrase is refused, not asked for. */
static int no_passphrase(char *buf, int size, int writing, void *asked)
{
	*(bool *)asked = true;
	return -1;
}

static void add_name(struct cert *cert, const unsigned char *data, int len)
{
	char **names = reallocarray(cert->names, cert->name_count + 1, sizeof(*names));
	char *name = names && len > 0 ? strndup((const char *)data, (size_t)len) : NULL;

	if (names)
		cert->names = names;
	if (!name)
		return;
	for (char *p = name; *p; p++)
		*p = ascii_lower(*p);
	cert->names[cert->name_count++] = name;
}

/* Is it a name that may go on: what a client can ask for by SNI? */
static bool is_dns_name(const unsigned char *data, int len)
{
	for (int i = 0; i < len; i++)
		if (data[i] <= ' ' || data[i] >= 0x7f)
			return false;
	return len > 0 && len < 254;
}

static void read_names(X509 *x509, struct cert *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;

		const unsigned char *data = ASN1_STRING_get0_data(name->d.dNSName);
		int len = ASN1_STRING_length(name->d.dNSName);

		if (is_dns_name(data, len))
			add_name(cert, data, len);
	}
	GENERAL_NAMES_free(names);
}

static void check_dates(
	const struct cfg_certificate *setting, X509 *x509, struct mistakes *mistakes)
{
	time_t soon = time(NULL) + SOON_S;

	if (X509_cmp_current_time(X509_get0_notBefore(x509)) > 0)
		mistake_warn(mistakes, setting->certificate.at,
			"certificate '%.*s' is not valid yet", (int)setting->name.text.len,
			setting->name.text.data);
	if (X509_cmp_current_time(X509_get0_notAfter(x509)) < 0)
		mistake_warn(mistakes, setting->certificate.at, "certificate '%.*s' has expired",
			(int)setting->name.text.len, setting->name.text.data);
	else if (X509_cmp_time(X509_get0_notAfter(x509), &soon) < 0)
		mistake_warn(mistakes, setting->certificate.at,
			"certificate '%.*s' expires within 14 days", (int)setting->name.text.len,
			setting->name.text.data);
}

static X509 *parse_chain(
	const struct cfg_certificate *setting, const struct cert *cert, struct mistakes *mistakes)
{
	BIO *bio = BIO_new_mem_buf(cert->cert_pem, (int)cert->cert_len);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	X509 *next = leaf;

	if (!leaf)
		mistake_add(mistakes, setting->certificate.at, "'%.*s' holds no certificate in PEM",
			(int)setting->certificate.text.len, setting->certificate.text.data);
	while (next) {
		next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		X509_free(next);
	}

	unsigned long error = ERR_peek_last_error();

	if (leaf && !(ERR_GET_LIB(error) == ERR_LIB_PEM &&
			    ERR_GET_REASON(error) == PEM_R_NO_START_LINE))
		mistake_add(mistakes, setting->certificate.at,
			"'%.*s': the chain after the first certificate is damaged",
			(int)setting->certificate.text.len, setting->certificate.text.data);
	ERR_clear_error();
	BIO_free(bio);
	return leaf;
}

static void check_key(const struct cfg_certificate *setting, const struct cert *cert, X509 *leaf,
	struct mistakes *mistakes)
{
	bool encrypted = false;
	BIO *bio = BIO_new_mem_buf(cert->key_pem, (int)cert->key_len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted) : NULL;

	if (encrypted)
		mistake_add(mistakes, setting->key.at,
			"the key in '%.*s' is encrypted; Sluice starts unattended and needs it in clear",
			(int)setting->key.text.len, setting->key.text.data);
	else if (!key)
		mistake_add(mistakes, setting->key.at, "'%.*s' holds no private key in PEM",
			(int)setting->key.text.len, setting->key.text.data);
	else if (leaf && X509_check_private_key(leaf, key) != 1)
		mistake_add(mistakes, setting->key.at,
			"the key in '%.*s' does not belong to the certificate in '%.*s'",
			(int)setting->key.text.len, setting->key.text.data,
			(int)setting->certificate.text.len, setting->certificate.text.data);
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
}

/* @param mode  filled with the file's, when it could be read */
static char *read_setting(struct config *config, const struct cfg_value *path, const char *what,
	size_t *len, mode_t *mode, struct mistakes *mistakes)
{
	const char *name = path->valid ? config_path(config, path->text) : NULL;
	struct file_text text;
	char why[FILE_WHY_BYTES];

	if (!name)
		return NULL;
	if (file_read(name, PEM_BYTES_MAX, &text, why) == 0) {
		*len = text.len;
		*mode = text.mode;
		return text.data;
	}
	mistake_add(mistakes, path->at, "%s '%.*s' cannot be read: %s", what, (int)path->text.len,
		path->text.data, why);
	return NULL;
}

/* @return false when there is no judging it further: the diagnostics say why */
static bool load_leaf(
	const struct cfg_certificate *setting, struct mistakes *mistakes, struct cert *out)
{
	unsigned bytes = sizeof(out->fingerprint);
	uint32_t errors = mistakes->errors;
	X509 *leaf = out->cert_pem ? parse_chain(setting, out, mistakes) : NULL;

	if (out->key_pem)
		check_key(setting, out, leaf, mistakes);
	if (!leaf)
		return false;
	check_dates(setting, leaf, mistakes);
	read_names(leaf, out);
	if (out->name_count == 0 && out->served)
		mistake_warn(mistakes, setting->certificate.at,
			"certificate '%.*s' names no host in its subjectAltName",
			(int)setting->name.text.len, setting->name.text.data);
	if (X509_digest(leaf, EVP_sha256(), out->fingerprint, &bytes) != 1)
		mistake_add(mistakes, setting->certificate.at, "no SHA-256 of the certificate");
	X509_free(leaf);
	return out->key_pem && mistakes->errors == errors;
}

static void load(struct config *config, const struct cfg_certificate *setting,
	struct certs_judge *judge, struct mistakes *mistakes, struct cert *out)
{
	mode_t mode = 0;

	out->cert_pem = read_setting(
		config, &setting->certificate, "certificate", &out->cert_len, &mode, mistakes);
	out->key_pem = read_setting(config, &setting->key, "key", &out->key_len, &mode, mistakes);
	if (!load_leaf(setting, mistakes, out))
		return;
	if (mode & (S_IROTH | S_IWOTH))
		mistake_warn(mistakes, setting->key.at,
			"key '%.*s' can be read or written by every user of this machine (mode %03o)",
			(int)setting->key.text.len, setting->key.text.data, mode & 0777);
	certs_judge(judge, setting, out, mistakes);
}

/* What is used by nothing is judged like a server's. */
static void note_use(const struct cfg_root *root, uint32_t number, struct cert *out)
{
	bool served = false;

	for (uint32_t b = 0; b < root->backends.count; b++) {
		const struct cfg_value *ref =
			&CFG_ITEM(root->backends, struct cfg_backend, b)->tls.certificate;

		out->shown |= ref->set && ref->valid && ref->number == number;
	}
	for (uint32_t l = 0; l < root->listeners.count; l++) {
		const struct cfg_list *refs =
			&CFG_ITEM(root->listeners, struct cfg_listener, l)->tls.certificates;

		for (uint32_t i = 0; i < refs->count; i++) {
			const struct cfg_value *ref = CFG_ITEM(*refs, struct cfg_value, i);

			served |= ref->valid && ref->number == number;
		}
	}
	out->served = served || !out->shown;
}

void certs_load(struct config *config, struct mistakes *mistakes, struct certs *out)
{
	const struct cfg_list *settings = &config->root.certificates;
	struct certs_judge *judge = NULL;

	*out = (struct certs){ .list = calloc(settings->count + 1, sizeof(*out->list)) };
	if (out->list && settings->count && !config->without_files)
		judge = certs_judge_new();
	if (!out->list || (settings->count && !config->without_files && !judge)) {
		mistake_add(mistakes, settings->at, "out of memory");
		return;
	}
	out->count = settings->count;
	for (uint32_t i = 0; i < settings->count && judge; i++) {
		note_use(&config->root, i, &out->list[i]);
		load(config, CFG_ITEM(*settings, struct cfg_certificate, i), judge, mistakes,
			&out->list[i]);
	}
	if (judge)
		certs_judge_hosts(config, out, mistakes);
	certs_judge_free(judge);
}

void certs_free(struct certs *certs)
{
	for (uint32_t i = 0; i < certs->count; i++) {
		struct cert *cert = &certs->list[i];

		if (cert->key_pem)
			OPENSSL_cleanse(cert->key_pem, cert->key_len);
		free(cert->key_pem);
		free(cert->cert_pem);
		for (uint32_t j = 0; j < cert->name_count; j++)
			free(cert->names[j]);
		free(cert->names);
	}
	free(certs->list);
	*certs = (struct certs){ 0 };
}
