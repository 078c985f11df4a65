/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and their keys: read, checked against each other, named and fingerprinted. */
#ifndef SLUICE_CONTROL_COMPILE_CERTS_H
#define SLUICE_CONTROL_COMPILE_CERTS_H

#include "control/config/config.h"

struct cert {
	char *cert_pem, *key_pem; /* terminated */
	size_t cert_len, key_len;
	uint8_t fingerprint[32]; /* SHA-256 of the leaf's DER */
	char **names;            /* DNS names, lower case */
	uint32_t name_count;
	bool served; /* by a listener */
	bool shown;  /* to endpoints of a backend */
};

struct certs {
	struct cert *list; /* one for each configured certificate, in order */
	uint32_t count;
};

/** Load all certificates; whatever is wrong with one is a mistake at its setting. With
 *  config->without_files nothing is read. The caller frees @p out with certs_free(). */
void certs_load(struct config *config, struct mistakes *mistakes, struct certs *out);

/** Free, and overwrite the keys. */
void certs_free(struct certs *certs);

#endif
