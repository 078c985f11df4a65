/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl check: everything that an apply would find, without a process to apply it to. */
#include <jansson.h>
#include <stdio.h>

#include "control/compile/compile.h"
#include "control/config/roll.h"
#include "control/ctl/ctl.h"
#include "lib/base/plural.h"
#include "control/json.h"

static void print_json(const char *path, const struct mistakes *mistakes)
{
	ctl_print_json(json_pack("{s:o, s:b, s:o}", "file", json_str(str_of(path)), "ok",
		mistakes->errors == 0, "mistakes", mistakes_to_json(mistakes, true)));
}

static void print_summary(const char *path, const struct config *config)
{
	const struct cfg_root *r = &config->root;

	const struct {
		uint32_t count;
		const char *noun;
	} parts[] = {
		{ r->listeners.count, "listener" },
		{ r->apis.count, "API" },
		{ r->backends.count, "backend" },
		{ r->plans.count, "plan" },
		{ config->roll->consumer_count, "consumer" },
		{ config->roll->key_count, "key" },
	};

	printf("%s: good:\n", path);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf("%s%u %s%s", i ? ", " : "  ", parts[i].count, parts[i].noun,
			plural(parts[i].count));
	putchar('\n');
}

int ctl_check(const struct ctl *ctl)
{
	const char *path = ctl->argument_count ? ctl->arguments[0] : ctl->config;
	struct compile_input input = { .generation = 1, .boot_id = 1 };
	struct mistakes mistakes = { 0 };
	struct compiled compiled;
	struct config config;
	int rc;

	if (!path) {
		fprintf(stderr, "sluicectl check: which FILE?\n");
		return CTL_USAGE;
	}
	rc = compile_file(path, &input, &config, &mistakes, &compiled);
	if (ctl->json)
		print_json(path, &mistakes);
	else
		mistakes_print(&mistakes, stderr);
	if (rc == 0 && !ctl->json)
		print_summary(path, &config);
	compiled_free(&compiled);
	config_free(&config);
	mistakes_free(&mistakes);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}
