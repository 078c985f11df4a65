/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities of backends, read as the dataplane will read them. */
#include "control/compile/authorities.h"

#include <openssl/x509v3.h>
#include <stdlib.h>

#include "lib/shm/snapshot.h"
#include "lib/tls/client.h"

/* Whether every certificate of the store is past its end. */
static bool authorities_expired(SSL_CTX *ssl_ctx)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ssl_ctx));

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

		if (cert && X509_cmp_current_time(X509_get0_notAfter(cert)) > 0)
			return false;
	}
	return true;
}

static void authorities_judge(
	const struct cfg_value *path, const struct file_text *file, struct mistakes *mistakes)
{
	SSL_CTX *ssl_ctx = tls_client_context(NULL);
	const char *problem = "out of memory";

	if (ssl_ctx)
		problem = tls_client_trust(
			ssl_ctx, NULL, (struct str){ file->data, (uint32_t)file->len });
	if (problem)
		mistake_add(mistakes, path->at, "'%.*s': %s", (int)path->text.len, path->text.data,
			problem);
	else if (authorities_expired(ssl_ctx))
		mistake_add(mistakes, path->at,
			"every certificate in '%.*s' has expired: no endpoint can be verified",
			(int)path->text.len, path->text.data);
	SSL_CTX_free(ssl_ctx);
}

static void authorities_read(struct config *config, const struct cfg_value *path,
	struct mistakes *mistakes, struct file_text *out)
{
	const char *name = path->valid ? config_path(config, path->text) : NULL;
	char why[FILE_WHY_BYTES];

	if (!name)
		return;
	if (file_read(name, SNAP_CA_BYTES_MAX, out, why) == 0) {
		authorities_judge(path, out, mistakes);
		return;
	}
	*out = (struct file_text){ 0 };
	mistake_add(mistakes, path->at, "certificates '%.*s' cannot be read: %s",
		(int)path->text.len, path->text.data, why);
}

void authorities_load(struct config *config, struct mistakes *mistakes, struct authorities *out)
{
	const struct cfg_list *backends = &config->root.backends;

	*out = (struct authorities){ calloc(backends->count + 1, sizeof(*out->list)), 0 };
	if (!out->list) {
		mistake_add(mistakes, backends->at, "out of memory");
		return;
	}
	out->count = backends->count;
	for (uint32_t i = 0; i < backends->count && !config->without_files; i++) {
		const struct cfg_backend *b = CFG_ITEM(*backends, struct cfg_backend, i);

		if (b->tls.place.set)
			authorities_read(config, &b->tls.ca, mistakes, &out->list[i]);
	}
}

void authorities_free(struct authorities *authorities)
{
	for (uint32_t i = 0; i < authorities->count; i++)
		free(authorities->list[i].data);
	free(authorities->list);
	*authorities = (struct authorities){ 0 };
}
