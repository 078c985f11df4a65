/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs seed after seed and says of each that fails how to repeat it; --shrink looks for the
 * smallest scenario that still fails. Exit status 1 when one did.
 */
#include "tests/sim/seeds.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SETS_MAX 64
#define SHOW_MAX 10

struct args {
	uint64_t first, seeds;
	bool shrink, quiet, trace;
	const char *sets[SETS_MAX];
	unsigned set_count;
};

static const struct seeds_sim *sim;

static int usage(const char *self)
{
	fprintf(stderr,
		"Usage: %s [--first SEED] [--seeds N] [--set NAME=VALUE]... [--shrink] [--quiet] [--trace]\n\n"
		"A scenario's parameters:\n",
		self);
	for (size_t i = 0; i < sim->param_count; i++)
		fprintf(stderr, "  %-14s %s\n", sim->params[i].name, sim->params[i].text);
	return 2;
}

static uint64_t *param_value(void *scenario, const struct seeds_param *p)
{
	return (uint64_t *)(void *)((char *)scenario + p->offset);
}

static void *scenario_new(void)
{
	void *scenario = calloc(1, sim->scenario_bytes);

	if (scenario == NULL)
		exit(2);
	return scenario;
}

/* @param scenario NULL: only look @param text NAME=VALUE @return false when it is no such thing */
static bool param_set(void *scenario, const char *text)
{
	const char *equal = strchr(text, '=');

	for (size_t i = 0; equal != NULL && i < sim->param_count; i++) {
		const struct seeds_param *p = &sim->params[i];
		size_t length = (size_t)(equal - text);
		uint64_t value;
		char *end;

		if (strncmp(p->name, text, length) != 0 || p->name[length] != '\0')
			continue;
		value = strtoull(equal + 1, &end, 0);
		if (scenario != NULL)
			*param_value(scenario, p) = value;
		return *end == '\0' && end != equal + 1;
	}
	return false;
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
		else if (c == 's' && a->set_count < SETS_MAX && param_set(NULL, optarg))
			a->sets[a->set_count++] = optarg;
		else
			return false;
	}
	return optind == argc;
}

/* Move each parameter towards its plain value as long as something still fails: all the way, else
 * by halves. */
static bool param_shrink(void *scenario, const struct seeds_param *p)
{
	uint64_t *value = param_value(scenario, p);
	uint64_t good = *value, step = p->plain;
	bool any = false;

	while (step != good) {
		*value = step;
		if (sim->run(scenario, false) != NULL) {
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

static void scenario_shrink(void *scenario)
{
	bool any = true;

	for (unsigned round = 0; any && round < 8; round++) {
		any = false;
		for (size_t i = 0; i < sim->param_count; i++)
			any |= param_shrink(scenario, &sim->params[i]);
	}
}

/* The arguments that repeat it: --first SEED and what differs from what the seed draws. */
static void scenario_print(void *scenario)
{
	uint64_t seed = *(uint64_t *)scenario;
	void *drawn = scenario_new();

	sim->draw(drawn, seed);
	printf("  again: --seeds 1 --first %" PRIu64, seed);
	for (size_t i = 0; i < sim->param_count; i++) {
		uint64_t value = *param_value(scenario, &sim->params[i]);

		if (value != *param_value(drawn, &sim->params[i]))
			printf(" --set %s=%" PRIu64, sim->params[i].name, value);
	}
	printf("\n");
	free(drawn);
	fflush(stdout);
}

static bool seed_run(const struct args *a, uint64_t seed, bool show)
{
	void *scenario = scenario_new();
	bool well;

	sim->draw(scenario, seed);
	for (unsigned i = 0; i < a->set_count; i++)
		param_set(scenario, a->sets[i]);
	well = sim->run(scenario, a->trace) == NULL;
	if (!well && show) {
		if (a->shrink) {
			scenario_shrink(scenario);
			sim->run(scenario, false);
		}
		sim->print();
		scenario_print(scenario);
	}
	free(scenario);
	return well;
}

int seeds_main(int argc, char **argv, const struct seeds_sim *which)
{
	uint64_t failed = 0, steps = 0;
	struct args a;
	time_t begin;

	sim = which;
	if (!args_parse(&a, argc, argv))
		return usage(argv[0]);
	if (!sim->setup())
		return 77; /* meson: skipped */
	begin = time(NULL);
	for (uint64_t i = 0; i < a.seeds; i++) {
		failed += !seed_run(&a, a.first + i, failed < SHOW_MAX);
		steps += sim->steps();
		if (!a.quiet && i % 10000 == 9999) {
			printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", i + 1, failed);
			fflush(stdout);
		}
	}
	printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " failed, %" PRIu64 " loops, %.0f s\n",
		a.first, a.first + a.seeds - 1, failed, steps, difftime(time(NULL), begin));
	return failed > 0;
}
