/* SPDX-License-Identifier: Apache-2.0 */
/* Names of HTTP methods for configuration, logs and tools; numbers are enum http_method. */
#ifndef SLUICE_CONTROL_CONFIG_METHODS_H
#define SLUICE_CONTROL_CONFIG_METHODS_H

#include "lib/base/str.h"

/** @return enum http_method, or -1 for a name that the configuration does not know */
int method_parse(struct str name);

/** @return NULL beyond the last named method */
const char *method_name(int method);

#endif
