/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation: runs seed after seed and says of each that fails how to repeat it; --shrink looks
 * for the smallest scenario that still fails. Exit status 1 when one did.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/world.h"

#define SETS_MAX 64
#define SHOW_MAX 10

struct args {
	uint64_t first, seeds;
	bool shrink, quiet, trace;
	const char *sets[SETS_MAX];
	unsigned set_count;
};

static struct world world;

static int usage(const char *self)
{
	fprintf(stderr,
		"Usage: %s [--first SEED] [--seeds N] [--set NAME=VALUE]... [--shrink] [--quiet]\n\n"
		"A scenario's parameters:\n",
		self);
	for (size_t i = 0; i < scenario_param_count; i++)
		fprintf(stderr, "  %-14s %s\n", scenario_params[i].name, scenario_params[i].text);
	return 2;
}

static bool args_parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "first", required_argument, NULL, 'f' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "set", required_argument, NULL, 's' },
		{ "shrink", no_argument, NULL, 'k' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "trace", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct scenario probe;
	int c;

	*a = (struct args){ .first = 1, .seeds = 10000 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			a->first = strtoull(optarg, NULL, 0);
		else if (c == 'n')
			a->seeds = strtoull(optarg, NULL, 0);
		else if (c == 'k')
			a->shrink = true;
		else if (c == 'q')
			a->quiet = true;
		else if (c == 't')
			a->trace = true;
		else if (c == 's' && a->set_count < SETS_MAX && scenario_set(&probe, optarg))
			a->sets[a->set_count++] = optarg;
		else
			return false;
	}
	return optind == argc;
}

/* Move each parameter towards its plain value as long as something still fails: all the way, else by
 * halves. */
static bool param_shrink(struct scenario *o, const struct scenario_param *p)
{
	uint64_t *value = scenario_value(o, p);
	uint64_t good = *value, step = p->plain;
	bool any = false;

	while (step != good) {
		*value = step;
		if (world_run(&world, o, false) != NULL) {
			good = step;
			any = true;
			step = p->plain;
			if (good == p->plain)
				break;
			continue;
		}
		step = step < good ? step + (good - step + 1) / 2 : step - (step - good + 1) / 2;
	}
	*value = good;
	return any;
}

static void shrink(struct scenario *o)
{
	bool any = true;

	for (unsigned round = 0; any && round < 8; round++) {
		any = false;
		for (size_t i = 0; i < scenario_param_count; i++)
			any |= param_shrink(o, &scenario_params[i]);
	}
}

static bool seed_run(const struct args *a, uint64_t seed, bool show)
{
	struct scenario o;

	scenario_draw(&o, seed);
	for (unsigned i = 0; i < a->set_count; i++)
		scenario_set(&o, a->sets[i]);
	if (world_run(&world, &o, a->trace) == NULL)
		return true;
	if (!show)
		return false;
	if (a->shrink) {
		shrink(&o);
		world_run(&world, &o, false);
	}
	world_print(&world);
	printf("  again: ");
	scenario_print(&o, stdout);
	fflush(stdout);
	return false;
}

int main(int argc, char **argv)
{
	uint64_t failed = 0, steps = 0;
	struct args a;
	time_t begin;

	if (!args_parse(&a, argc, argv))
		return usage(argv[0]);
	if (!world_setup())
		return 77; /* meson: skipped */
	begin = time(NULL);
	for (uint64_t i = 0; i < a.seeds; i++) {
		failed += !seed_run(&a, a.first + i, failed < SHOW_MAX);
		steps += world.steps;
		if (!a.quiet && i % 10000 == 9999) {
			printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", i + 1, failed);
			fflush(stdout);
		}
	}
	printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " failed, %" PRIu64 " loops, %.0f s\n",
		a.first, a.first + a.seeds - 1, failed, steps, difftime(time(NULL), begin));
	return failed > 0;
}
