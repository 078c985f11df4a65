/* SPDX-License-Identifier: Apache-2.0 */
/* TCP's simulation as a program, see seeds.h. */
#include "tests/sim/world.h"

static struct world world;

static void sim_draw(void *scenario, uint64_t seed)
{
	scenario_draw(scenario, seed);
}

static const char *sim_run(const void *scenario, bool trace)
{
	return world_run(&world, scenario, trace);
}

static void sim_print(void)
{
	world_print(&world);
}

static uint64_t sim_steps(void)
{
	return world.steps;
}

int main(int argc, char **argv)
{
	const struct seeds_sim sim = { scenario_params, scenario_param_count,
		sizeof(struct scenario), world_setup, sim_draw, sim_run, sim_print, sim_steps };

	return seeds_main(argc, argv, &sim);
}
