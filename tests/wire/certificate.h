/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_WIRE_CERTIFICATE_H
#define SLUICE_TESTS_WIRE_CERTIFICATE_H

/** Certificate and key of this name, made once in a process: files in PEM, for as long as it lives.
 *  */
struct certificate {
	char *cert_path, *key_path;
};
const struct certificate *certificate_get(const char *name, const char *dns_names);

#endif
