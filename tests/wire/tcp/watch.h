/* SPDX-License-Identifier: Apache-2.0 */
/* A look into the TCP stack under test, whose worker keeps it to itself. */
#ifndef SLUICE_TESTS_WIRE_TCP_WATCH_H
#define SLUICE_TESTS_WIRE_TCP_WATCH_H

#include <stdint.h>

/** @return NULL, or which of the stack's invariants does not hold */
const char *watch_check(void);
/** Control blocks in use. */
uint32_t watch_conns(void);

#endif
