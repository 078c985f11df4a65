/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What simulations have in common: a scenario is a row of numbers that a seed draws; one that fails
 * is printed with the arguments that repeat it, and shrunk towards the numbers that trouble
 * nothing.
 */
#ifndef SLUICE_TESTS_SIM_SEEDS_H
#define SLUICE_TESTS_SIM_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seeds_param {
	const char *name, *text;
	size_t offset; /* of its uint64_t in the scenario */
	uint64_t plain;
};

struct seeds_sim {
	const struct seeds_param *params;
	size_t param_count;
	size_t scenario_bytes; /* the scenario begins with its seed, a uint64_t */
	/** Once a process. @return false when there is no memory for it */
	bool (*setup)(void);
	void (*draw)(void *scenario, uint64_t seed);
	/** Run to the end. @param trace  print what happens  @return NULL, or what went wrong */
	const char *(*run)(const void *scenario, bool trace);
	/** What there is to say of the run that failed. */
	void (*print)(void);
	/** Turns that the last run took. */
	uint64_t (*steps)(void);
};

/** The program: reads its arguments, runs, prints. @return its exit status */
int seeds_main(int argc, char **argv, const struct seeds_sim *sim);

#endif
