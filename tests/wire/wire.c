/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_run [--verbose] [--tap] [--six] [--offload] SCRIPT|FOLDER…: runs wire scripts against a
 * whole worker, one EAL for all and a fresh worker for each; with --six over IPv6, with --offload
 * on ports that make sums and cut segments. A folder stands for the *.wire files in it. Exit status
 * 1 when one fails.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "tests/wire/counters.h"
#include "tests/wire/run.h"

#define SCRIPTS_MAX 4096

static struct {
	char *files[SCRIPTS_MAX];
	unsigned count, failed;
	bool verbose, tap, six, offload;
} all;

static struct world world;
static struct run run;

static void add_file(const char *path)
{
	if (all.count < SCRIPTS_MAX)
		all.files[all.count++] = strdup(path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_path(const char *path)
{
	char name[4096];
	struct dirent *entry;
	unsigned first = all.count;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) != 0) {
		perror(path);
		return false;
	}
	if (!S_ISDIR(st.st_mode)) {
		add_file(path);
		return true;
	}
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);

		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.' && stat(name, &st) == 0 && S_ISDIR(st.st_mode))
			add_path(name);
		else if (n > 5 && strcmp(entry->d_name + n - 5, ".wire") == 0)
			add_file(name);
	}
	closedir(dir);
	qsort(all.files + first, all.count - first, sizeof(all.files[0]), by_name);
	return true;
}

static void load_and_run(void *file)
{
	script_load(file, &run.script);
	run_script(&run);
}

static void say(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("# %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* The line that failed, why, and what was on the wire before it; as TAP's comments. */
static void report(const char *file, const char *why)
{
	if (run.broken && !all.verbose)
		return;
	if (run.line)
		say(wire_text("%s:%u: %s", file, run.line->number, run.line->source));
	else if (run.script && run.script->reading)
		say(wire_text("%s:%u", file, run.script->reading));
	else
		say(wire_text("%s: at its end", file));
	say(wire_text("    %s", why));
	if (!world.started)
		return;
	say(wire_text("counters:%s\npackets:", counters_show(&world)));
	say(world_trace(&world));
}

static bool run_file(const char *file)
{
	const char *leak;
	bool well;

	memset(&run, 0, sizeof(run));
	world.six = all.six;
	world.offload = all.offload;
	world_init(&world);
	world.verbose = all.verbose;
	run.w = &world;
	counters_forget();
	well = wire_try(load_and_run, (void *)(uintptr_t)file);
	if (!well)
		report(file, wire_message());
	leak = world_stop(&world);
	if (leak && well) {
		report(file, leak);
		well = false;
	}
	return well;
}

/* One line for a script. What is known to fail does not count, but says so when it no longer
 * does. */
static void conclude(unsigned i, bool well)
{
	const char *directive = run.skipped  ? " # SKIP of IPv4 alone"
				: run.broken ? wire_text(" # TO%s %s", "DO", run.broken)
					     : "";

	all.failed += !well && !run.broken;
	if (all.tap)
		printf("%s %u - %s: %s%s\n", well ? "ok" : "not ok", i + 1, all.files[i],
			run.script ? run.script->title : "", directive);
	else if (run.broken)
		printf("%s %s: %s\n",
			well ? "ok although known to fail:" : "known to fail:", all.files[i],
			run.broken);
	else
		printf("%-4s %s\n", well ? "ok" : "FAIL", all.files[i]);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			all.verbose = true;
		else if (strcmp(argv[i], "--tap") == 0)
			all.tap = true;
		else if (strcmp(argv[i], "--six") == 0)
			all.six = true;
		else if (strcmp(argv[i], "--offload") == 0)
			all.offload = true;
		else if (!add_path(argv[i]))
			return 2;
	}
	if (!world_start_eal("wire_run"))
		return 2;
	if (all.tap)
		printf("1..%u\n", all.count);
	for (unsigned i = 0; i < all.count; i++) {
		fflush(stdout);
		conclude(i, run_file(all.files[i]));
		wire_free_all();
		free(all.files[i]);
	}
	if (!all.tap)
		printf("%u scripts, %u failed\n", all.count, all.failed);
	return all.failed ? 1 : 0;
}
