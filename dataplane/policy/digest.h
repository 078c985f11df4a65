/* SPDX-License-Identifier: Apache-2.0 */
/* The digest under which keys are kept: SHA-256 (FIPS 180-4). */
#ifndef SLUICE_DATAPLANE_POLICY_DIGEST_H
#define SLUICE_DATAPLANE_POLICY_DIGEST_H

#include <stdint.h>

#include "lib/base/str.h"

#define DIGEST_BYTES 32 /* SNAP_DIGEST_BYTES */

/** @param out  DIGEST_BYTES */
void digest_sha256(struct str text, uint8_t *out);

/** The same for several texts at once: faster where they are short. */
void digest_sha256_bulk(const struct str *texts, uint32_t n, uint8_t (*out)[DIGEST_BYTES]);

#endif
