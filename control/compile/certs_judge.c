/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context is made by the code that the dataplane makes its contexts with, in a library context
 * like its own, so that what OpenSSL refuses there (a key of 1,024 bits, a signature with SHA-1 in
 * the chain) is refused here. What it takes may still be of no use: a client offers signature
 * algorithms, and for a key on secp256k1 or a DSA key there is none. Only a handshake tells.
 */
#include "control/compile/certs_judge.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "lib/tls/server.h"

#define HANDSHAKE_TURNS 16
#define NAME_BYTES      128

struct certs_judge {
	OSSL_LIB_CTX *library;
	SSL_CTX *client;
	X509_STORE *trusted; /* the machine's roots */
	bool has_roots;
};

/* Has this machine any roots that a chain could end at? */
static bool judge_has_roots(void)
{
	DIR *folder = opendir(X509_get_default_cert_dir());
	const struct dirent *entry = NULL;

	while (folder && (entry = readdir(folder)) && entry->d_name[0] == '.')
		;
	if (folder)
		closedir(folder);
	return entry != NULL;
}

struct certs_judge *certs_judge_new(void)
{
	struct certs_judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->library = OSSL_LIB_CTX_new();
	judge->client = SSL_CTX_new_ex(judge->library, NULL, TLS_client_method());
	judge->trusted = X509_STORE_new();
	judge->has_roots = judge_has_roots();
	if (judge->library && judge->client && judge->trusted) {
		X509_STORE_set_default_paths(judge->trusted);
		ERR_clear_error();
		return judge;
	}
	certs_judge_free(judge);
	return NULL;
}

void certs_judge_free(struct certs_judge *judge)
{
	if (!judge)
		return;
	X509_STORE_free(judge->trusted);
	SSL_CTX_free(judge->client);
	OSSL_LIB_CTX_free(judge->library);
	free(judge);
}

/* OpenSSL's reason in words that say what to change. */
static const char *judge_reason(void)
{
	static const struct {
		int reason;
		const char *text;
	} known[] = {
		{ SSL_R_EE_KEY_TOO_SMALL, "its key is too small (RSA needs 2,048 bits)" },
		{ SSL_R_CA_KEY_TOO_SMALL,
			"a key in its chain is too small (RSA needs 2,048 bits)" },
		{ SSL_R_CA_MD_TOO_WEAK,
			"a certificate of its chain is signed with a digest that is too weak (SHA-1 or MD5)" },
		/* A server without a certificate for TLS 1.3 does not speak it. */
		{ SSL_R_UNSUPPORTED_PROTOCOL,
			"TLS has no signature algorithm for its kind of key" },
		{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
			"TLS has no signature algorithm for its kind of key" },
		{ SSL_R_UNKNOWN_CERTIFICATE_TYPE, "TLS has no use for its kind of key" },
	};
	unsigned long error = ERR_peek_error();
	const char *text = ERR_reason_error_string(error);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == known[i].reason)
			return known[i].text;
	return text ? text : "out of memory";
}

static void judge_shake(SSL *server, SSL *client, bool *done)
{
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (unsigned i = 0; i < HANDSHAKE_TURNS && !*done; i++) {
		int c = SSL_do_handshake(client), s;

		/* The server's reason is the one that is asked for. */
		ERR_clear_error();
		s = SSL_do_handshake(server);
		*done = c == 1 && s == 1;
		if (s != 1 && SSL_get_error(server, s) != SSL_ERROR_WANT_READ)
			return;
	}
}

/* A handshake of one version, in memory. @return whether it was completed; if not, the error is
 * set */
static bool judge_handshake(struct certs_judge *judge, SSL_CTX *server_ctx, int version)
{
	SSL *server = SSL_new(server_ctx), *client = SSL_new(judge->client);
	BIO *left = NULL, *right = NULL;
	bool done = false;

	if (server && client && BIO_new_bio_pair(&left, 0, &right, 0) == 1) {
		SSL_set_bio(server, left, left);
		SSL_set_bio(client, right, right);
		if (SSL_set_min_proto_version(client, version) == 1 &&
			SSL_set_max_proto_version(client, version) == 1)
			judge_shake(server, client, &done);
	}
	SSL_free(server);
	SSL_free(client);
	return done;
}

static void judge_use(struct certs_judge *judge, const struct cfg_certificate *setting,
	const struct tls_cert *cert, struct mistakes *mistakes)
{
	SSL_CTX *ctx = tls_server_context(judge->library);
	int len = (int)setting->name.text.len;
	const char *name = setting->name.text.data;

	if (!ctx || !tls_server_use(ctx, cert)) {
		mistake_add(mistakes, setting->certificate.at,
			"certificate '%.*s' cannot be served: %s", len, name, judge_reason());
	} else if (!judge_handshake(judge, ctx, TLS1_3_VERSION)) {
		const char *reason = judge_reason();

		if (!judge_handshake(judge, ctx, TLS1_2_VERSION))
			mistake_add(mistakes, setting->certificate.at,
				"certificate '%.*s' cannot be used in any handshake: %s", len, name,
				reason);
		else
			mistake_warn(mistakes, setting->certificate.at,
				"certificate '%.*s' cannot be used with TLS 1.3", len, name);
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
}

/* Certificate @p i of the file, from 0. */
static X509 *judge_at(const struct tls_cert *cert, int i)
{
	return i == 0 ? cert->leaf : sk_X509_value(cert->chain, i - 1);
}

static bool judge_issued(X509 *issuer, X509 *subject)
{
	return X509_check_issued(issuer, subject) == X509_V_OK &&
	       X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

/* Is the one that issued @p last among them? */
static bool judge_is_rooted(struct certs_judge *judge, X509 *last)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *issuer = NULL;
	bool found = false;

	if (ctx && X509_STORE_CTX_init(ctx, judge->trusted, last, NULL) == 1)
		found = X509_STORE_CTX_get1_issuer(&issuer, ctx, last) == 1;
	X509_free(issuer);
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return found;
}

/* Without roots only a server's certificate by itself is worth a word. */
static void judge_end(struct certs_judge *judge, const struct cfg_certificate *setting, X509 *last,
	bool alone, struct mistakes *mistakes)
{
	char name[NAME_BYTES];

	if (judge_issued(last, last) || (!alone && !judge->has_roots) ||
		judge_is_rooted(judge, last))
		return;
	X509_NAME_oneline(X509_get_issuer_name(last), name, sizeof(name));
	mistake_warn(mistakes, setting->certificate.at,
		"the chain in '%.*s' may be cut short: '%s', which issued its last certificate, is neither in it "
		"nor among this machine's roots",
		(int)setting->certificate.text.len, setting->certificate.text.data, name);
}

/* The order of RFC 8446 §4.4.2: each certificate certifies the one before it. Where it is to end is known of
 * those that are served. */
static void judge_chain(struct certs_judge *judge, const struct cfg_certificate *setting,
	const struct tls_cert *cert, bool served, struct mistakes *mistakes)
{
	int count = 1 + sk_X509_num(cert->chain), len = (int)setting->certificate.text.len;
	const char *file = setting->certificate.text.data;

	for (int i = 0; i + 1 < count; i++) {
		int issuer = 0;

		if (X509_cmp_current_time(X509_get0_notAfter(judge_at(cert, i + 1))) < 0)
			mistake_warn(mistakes, setting->certificate.at,
				"certificate %d of '%.*s' has expired", i + 2, len, file);
		if (judge_issued(judge_at(cert, i + 1), judge_at(cert, i)))
			continue;
		while (issuer < count &&
			(issuer == i || !judge_issued(judge_at(cert, issuer), judge_at(cert, i))))
			issuer++;
		if (issuer < count)
			mistake_warn(mistakes, setting->certificate.at,
				"the chain in '%.*s' is out of order: certificate %d issued certificate %d and "
				"belongs behind it",
				len, file, issuer + 1, i + 1);
		else
			mistake_warn(mistakes, setting->certificate.at,
				"the chain in '%.*s' is broken: certificate %d did not issue certificate %d",
				len, file, i + 2, i + 1);
		return;
	}
	if (served)
		judge_end(judge, setting, judge_at(cert, count - 1), count == 1, mistakes);
}

static void judge_purpose(const struct cfg_certificate *setting, const struct tls_cert *pair,
	int purpose, const char *whom, struct mistakes *mistakes)
{
	if (X509_check_purpose(pair->leaf, purpose, 0) != 1)
		mistake_warn(mistakes, setting->certificate.at,
			"certificate '%.*s' is not one for %s (its key usage says so)",
			(int)setting->name.text.len, setting->name.text.data, whom);
}

void certs_judge(struct certs_judge *judge, const struct cfg_certificate *setting,
	const struct cert *cert, struct mistakes *mistakes)
{
	struct tls_cert pair;
	const char *problem = tls_cert_read(&pair, judge->library,
		(struct str){ cert->cert_pem, (uint32_t)cert->cert_len },
		(struct str){ cert->key_pem, (uint32_t)cert->key_len });

	if (problem) {
		mistake_add(mistakes, setting->certificate.at, "certificate '%.*s': %s",
			(int)setting->name.text.len, setting->name.text.data, problem);
	} else {
		judge_use(judge, setting, &pair, mistakes);
		judge_chain(judge, setting, &pair, cert->served, mistakes);
		if (cert->served)
			judge_purpose(setting, &pair, X509_PURPOSE_SSL_SERVER, "servers", mistakes);
		if (cert->shown)
			judge_purpose(setting, &pair, X509_PURPOSE_SSL_CLIENT, "clients", mistakes);
	}
	ERR_clear_error();
	tls_cert_free(&pair);
}

/* As the dataplane chooses by SNI: the name itself, or "*" for its first label. */
static bool judge_names_host(const struct cert *cert, struct str host)
{
	const char *dot = memchr(host.data, '.', host.len);

	for (uint32_t i = 0; i < cert->name_count; i++) {
		struct str name = str_of(cert->names[i]);

		if (str_equal_nocase(name, host))
			return true;
		if (!dot || !str_starts(name, STR("*.")))
			continue;

		uint32_t label = (uint32_t)(dot - host.data);

		if (str_equal_nocase((struct str){ name.data + 1, name.len - 1 },
			    (struct str){ dot, host.len - label }))
			return true;
	}
	return false;
}

static bool judge_serves_host(
	const struct cfg_listener *listener, const struct certs *certs, struct str host)
{
	for (uint32_t i = 0; i < listener->tls.certificates.count; i++) {
		const struct cfg_value *ref =
			CFG_ITEM(listener->tls.certificates, struct cfg_value, i);

		/* What was not read, for a reason that was told, may name it. */
		if (!ref->valid || ref->number >= certs->count ||
			!certs->list[ref->number].cert_pem ||
			judge_names_host(&certs->list[ref->number], host))
			return true;
	}
	return false;
}

static void judge_host(const struct config *config, const struct certs *certs,
	const struct cfg_api *api, const struct cfg_value *host, struct mistakes *mistakes)
{
	const struct cfg_list *listeners = &config->root.listeners;
	uint32_t count = api->listeners.set ? api->listeners.count : listeners->count;

	for (uint32_t i = 0; i < count; i++) {
		const struct cfg_value *ref =
			api->listeners.set ? CFG_ITEM(api->listeners, struct cfg_value, i) : NULL;

		if (ref && !ref->valid)
			continue;

		const struct cfg_listener *l =
			CFG_ITEM(*listeners, struct cfg_listener, ref ? ref->number : i);

		if (!l->tls.place.set || judge_serves_host(l, certs, host->text))
			continue;
		mistake_warn(mistakes, host->at,
			"host '%.*s' is in no certificate of listener '%.*s'", (int)host->text.len,
			host->text.data, (int)l->name.text.len, l->name.text.data);
		return;
	}
}

void certs_judge_hosts(
	const struct config *config, const struct certs *certs, struct mistakes *mistakes)
{
	for (uint32_t a = 0; a < config->root.apis.count; a++) {
		const struct cfg_api *api = CFG_ITEM(config->root.apis, struct cfg_api, a);

		for (uint32_t i = 0; i < api->hosts.count; i++) {
			const struct cfg_value *host = CFG_ITEM(api->hosts, struct cfg_value, i);
			struct ip_addr ignored;

			/* Any host, and addresses, which are not asked for by SNI. */
			if (host->valid && !str_equal(host->text, STR("*")) &&
				host->text.data[0] != '[' && ip_parse(host->text, &ignored) < 0)
				judge_host(config, certs, api, host, mistakes);
		}
	}
}
