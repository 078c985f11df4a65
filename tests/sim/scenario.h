/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed stands for, parameter by parameter. */
#ifndef SLUICE_TESTS_SIM_SCENARIO_H
#define SLUICE_TESTS_SIM_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/seeds.h"

struct scenario {
	uint64_t seed; /* of everything that happens by chance */
#define PARAM(name, plain, text) uint64_t name;
#include "tests/sim/scenario.def"
#undef PARAM
};

/* A parameter of one side. */
#define SCENARIO_OF(o, name, side) ((side) ? (o)->name##1 : (o)->name##0)

extern const struct seeds_param scenario_params[];
extern const size_t scenario_param_count;

/* What @p seed draws. */
void scenario_draw(struct scenario *o, uint64_t seed);

#endif
