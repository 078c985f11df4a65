/* SPDX-License-Identifier: Apache-2.0 */
/* The dataplane's command line. */
#ifndef SLUICE_DATAPLANE_OPTIONS_H
#define SLUICE_DATAPLANE_OPTIONS_H

#include <stdint.h>

#include "dataplane/gateway.h"
#include "lib/base/log.h"
#include "lib/shm/link.h"

#define OPTIONS_EXTRA_MAX 16

struct options {
	const char *socket;
	struct link_access access; /* who may connect beside root and our own user */
	uint32_t drain_s;          /* longest wait for requests at the end */
	enum log_level log_level;
	struct gateway_options gateway;
	const char *extra[OPTIONS_EXTRA_MAX];
	const char *drivers[OPTIONS_EXTRA_MAX];
};

/**
 * Read the command line; prints help, version or what is wrong.
 * @return 0 to go on, 1 when all is said (help), 2 for a wrong command line
 */
int options_parse(int argc, char **argv, struct options *options);

#endif
