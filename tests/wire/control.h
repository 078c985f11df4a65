/* SPDX-License-Identifier: Apache-2.0 */
/* A control that does what a script says with the questions of the first worker. */
#ifndef SLUICE_TESTS_WIRE_CONTROL_H
#define SLUICE_TESTS_WIRE_CONTROL_H

#include "tests/wire/run.h"

/** "control …", see run.h; the word itself is taken. */
void run_control(struct run *run, struct cursor *c);

#endif
