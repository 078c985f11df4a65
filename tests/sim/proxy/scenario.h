/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed stands for, parameter by parameter. */
#ifndef SLUICE_TESTS_SIM_PROXY_SCENARIO_H
#define SLUICE_TESTS_SIM_PROXY_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/seeds.h"

struct scenario {
	uint64_t seed; /* of everything that happens by chance */
#define PARAM(name, plain, text) uint64_t name;
#include "tests/sim/proxy/scenario.def"
#undef PARAM
};

extern const struct seeds_param scenario_params[];
extern const size_t scenario_param_count;

/** What @p seed draws. */
void scenario_draw(struct scenario *o, uint64_t seed);

#endif
