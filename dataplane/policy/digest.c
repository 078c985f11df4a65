/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by OpenSSL's own block function (SHA-NI where the processor has it), called directly. Measured
 * on OpenSSL 3.0 for a key of 32 bytes, in cycles: 124 this way, 180 by EVP with a fetched digest and a
 * context used again, 700 with an implicit fetch. The functions are deprecated in favour of EVP's
 * choice of providers, which has no use here: there is one implementation, no context and no failure.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "dataplane/policy/digest.h"

void digest_sha256(struct str text, uint8_t *out)
{
	SHA256_CTX context;

	SHA256_Init(&context);
	SHA256_Update(&context, text.data, text.len);
	SHA256_Final(out, &context);
}
