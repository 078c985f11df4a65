/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler of patterns: a process of the dataplane's own, made before there are ports, keys or
 * shared memory that it could inherit. For each set of patterns it forks a child, which compiles
 * them with limits of time and memory and with hardly a system call, and ends.
 */
#ifndef SLUICE_DATAPLANE_COMPILER_H
#define SLUICE_DATAPLANE_COMPILER_H

#include "dataplane/policy/patterns.h"
#include "dataplane/privileges.h"

struct compiler;

/** Start it, before there are threads. @return 0 or -errno; the caller owns @p out */
int compiler_start(const struct privileges *privileges, struct compiler **out);

/** How tables_create() reaches it; valid as long as @p compiler. */
const struct pattern_compiler *compiler_patterns(struct compiler *compiler);

/** End it. NULL is allowed. */
void compiler_stop(struct compiler *compiler);

#endif
