/* SPDX-License-Identifier: Apache-2.0 */
/* The digest under which keys are kept: SHA-256 (FIPS 180-4). */
#ifndef SLUICE_DATAPLANE_POLICY_DIGEST_H
#define SLUICE_DATAPLANE_POLICY_DIGEST_H

#include <stdint.h>

#include "lib/base/str.h"

/** @param out  32 bytes (SNAP_DIGEST_BYTES) */
void digest_sha256(struct str text, uint8_t *out);

#endif
