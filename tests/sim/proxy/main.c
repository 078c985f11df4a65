/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's simulation as a program, see ../seeds.h. */
#include "tests/sim/proxy/sim.h"

static struct sim world;

static void main_draw(void *scenario, uint64_t seed)
{
	scenario_draw(scenario, seed);
}

static const char *main_run(const void *scenario, bool trace)
{
	return sim_run(&world, scenario, trace);
}

static void main_print(void)
{
	sim_print(&world);
}

static uint64_t main_steps(void)
{
	return world.steps;
}

int main(int argc, char **argv)
{
	const struct seeds_sim sim = { scenario_params, scenario_param_count,
		sizeof(struct scenario), sim_setup, main_draw, main_run, main_print, main_steps };

	return seeds_main(argc, argv, &sim);
}
