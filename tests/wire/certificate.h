/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_WIRE_CERTIFICATE_H
#define SLUICE_TESTS_WIRE_CERTIFICATE_H

#include <stdint.h>

/** Certificate and key of this name, made once in a process. */
struct certificate {
	char *cert_pem, *key_pem;
	uint8_t fingerprint[32];
};
const struct certificate *certificate_get(const char *name, const char *dns_names);

#endif
