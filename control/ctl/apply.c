/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl apply: make the gateway run a file, as a whole or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "control/compile/compile.h"
#include "control/ctl/ctl.h"
#include "control/json.h"
#include "lib/base/plural.h"

/* Above what sluice-control waits for a dataplane. An apply that waits behind others for longer is
 * not done. */
#define PATIENCE_MS 45000

static void print_answer(const json_t *answer)
{
	const char *config = json_string_value(json_object_get(answer, "config"));
	const char *started = json_string_value(json_object_get(answer, "started_with"));
	const char *not_remembered = json_string_value(json_object_get(answer, "not_remembered"));
	long long generation = json_integer_value(json_object_get(answer, "generation"));
	long long workers = json_integer_value(json_object_get(answer, "workers"));
	long long changes = json_integer_value(json_object_get(answer, "changes"));

	if (json_is_true(json_object_get(answer, "pending")))
		printf("%s: good; no dataplane is there yet, it gets generation %lld when it comes\n",
			config, generation);
	else
		printf("%s: generation %lld runs on %lld worker%s\n", config, generation, workers,
			plural((uint64_t)workers));
	if (changes)
		printf("%lld change%s by command lie%s over it: see 'sluicectl changes'\n", changes,
			plural((uint64_t)changes), changes == 1 ? "s" : "");
	if (not_remembered)
		printf("this could not be remembered (%s): a restart of sluice-control reads %s\n",
			not_remembered, started);
	else if (config && started && !json_is_true(json_object_get(answer, "same_file")))
		printf("a restart of sluice-control takes it up again instead of --config %s\n",
			started);
}

/*
 * Control quotes nothing of files to users who are neither root nor its own, since it cannot tell
 * whether they may read them. We run as that user: what we find in the same file may be shown.
 */
static bool print_own_mistakes(const json_t *answer)
{
	const char *path = json_string_value(json_object_get(answer, "file"));
	struct compile_input input = { .generation = 1, .boot_id = 1 };
	struct mistakes mistakes = { 0 };
	struct compiled compiled;
	struct config config;
	bool found;

	if (!path || !json_is_true(json_object_get(answer, "values_left_out")))
		return false;
	(void)compile_file(path, &input, &config, &mistakes, &compiled);
	found = mistakes.errors > 0;
	if (found)
		mistakes_print(&mistakes, stderr);
	compiled_free(&compiled);
	config_free(&config);
	mistakes_free(&mistakes);
	return found;
}

int ctl_apply_answer(const struct ctl *ctl, json_t *answer)
{
	bool ok = json_is_true(json_object_get(answer, "ok"));

	if (!answer)
		return CTL_FAILED;
	if (ctl->json) {
		ctl_print_json(answer);
		return ok ? CTL_OK : CTL_FAILED;
	}
	if (!print_own_mistakes(answer))
		mistakes_print_json(json_object_get(answer, "mistakes"), stderr);
	if (ok)
		print_answer(answer);
	else
		fprintf(stderr, "sluicectl apply: %s\n",
			json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return ok ? CTL_OK : CTL_FAILED;
}

int ctl_apply(const struct ctl *ctl)
{
	const char *path = ctl->argument_count ? ctl->arguments[0] : ctl->config;
	json_t *request = json_pack("{s:s}", "command", "apply");
	char *absolute = path ? realpath(path, NULL) : NULL;

	if (path && !absolute) {
		ctl_complain(ctl, "apply: %s: %s", path, strerror(errno));
		json_decref(request);
		return CTL_FAILED;
	}
	if (absolute)
		json_object_set_new(request, "file", json_string(absolute));
	free(absolute);
	return ctl_apply_answer(ctl, ctl_request(ctl, request, PATIENCE_MS, false));
}
