/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler of patterns: processes of the dataplane's own, made before there are ports, keys or
 * shared memory that they could inherit. For each set of patterns one of them forks a child, which
 * compiles them with limits of time and memory and with hardly a system call, and ends. There are
 * two, so that one can start the other again when it was killed.
 */
#ifndef SLUICE_DATAPLANE_COMPILER_H
#define SLUICE_DATAPLANE_COMPILER_H

#include "dataplane/policy/patterns.h"
#include "dataplane/privileges.h"

struct compiler;

/* What one compilation may take. Twice the processor time may pass until it is ended. */
struct compiler_limits {
	uint32_t processor_s;
	uint64_t
		memory_bytes; /* of addresses, libraries too; not kept where there is a sanitizer */
};

/** Those of the dataplane. */
extern const struct compiler_limits compiler_limits;

/**
 * Start them, before there are threads. @param limits  copied
 * @return 0 or -errno; the caller owns @p out
 */
int compiler_start(const struct privileges *privileges, const struct compiler_limits *limits,
	struct compiler **out);

/** How tables_create() reaches it; valid as long as @p compiler. */
const struct pattern_compiler *compiler_patterns(struct compiler *compiler);

/** Start again what has ended. To be called now and then. */
void compiler_keep(struct compiler *compiler);

/** End it. NULL is allowed. */
void compiler_stop(struct compiler *compiler);

#endif
