/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed stands for, parameter by parameter: drawn, printed, set by name. */
#ifndef SLUICE_TESTS_SIM_SCENARIO_H
#define SLUICE_TESTS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct scenario {
	uint64_t seed; /* of everything that happens by chance */
#define PARAM(name, plain, text) uint64_t name;
#include "tests/sim/scenario.def"
#undef PARAM
};

/* A parameter of one side. */
#define SCENARIO_OF(o, name, side) ((side) ? (o)->name##1 : (o)->name##0)

struct scenario_param {
	const char *name, *text;
	size_t offset;
	uint64_t plain;
};
extern const struct scenario_param scenario_params[];
extern const size_t scenario_param_count;

static inline uint64_t *scenario_value(struct scenario *o, const struct scenario_param *p)
{
	return (uint64_t *)(void *)((char *)o + p->offset);
}

void scenario_plain(struct scenario *o, uint64_t seed);
/* What @p seed draws. */
void scenario_draw(struct scenario *o, uint64_t seed);
/* @param text  NAME=VALUE  @return false when it is no such thing */
bool scenario_set(struct scenario *o, const char *text);
/* The arguments that repeat it: --first SEED and what differs from what the seed draws. */
void scenario_print(const struct scenario *o, FILE *out);

#endif
