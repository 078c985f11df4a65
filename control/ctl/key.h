/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl key: making keys, for those that are shown and for those that are added at once. */
#ifndef SLUICE_CONTROL_CTL_KEY_H
#define SLUICE_CONTROL_CTL_KEY_H

#include "control/ctl/ctl.h"

#define CTL_KEY_BYTES    97 /* a prefix, 32 characters, terminated */
#define CTL_DIGEST_BYTES 65 /* SHA-256 in hexadecimal, terminated */

/**
 * Make a key with the command line's prefix.
 * @param key     CTL_KEY_BYTES; for OPENSSL_cleanse() after use
 * @param digest  CTL_DIGEST_BYTES
 * @return CTL_OK, or another exit code after saying why
 */
int ctl_key_make(const struct ctl *ctl, char *key, char *digest);

/* change.c */
int ctl_key_add(const struct ctl *ctl, const char *consumer, const char *id);
/** @param consumer  NULL, and @p id: by --digest */
int ctl_key_revoke(const struct ctl *ctl, const char *consumer, const char *id);

#endif
