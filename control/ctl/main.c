/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl: the operator's tool. This file reads the command line and picks the command. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"
#include "lib/base/log.h"
#include "lib/shm/link.h"

static const struct command {
	const char *name;
	int (*run)(const struct ctl *ctl);
	int arguments; /* most */
} commands[] = {
	{ "check", ctl_check, 1 },
	{ "key", ctl_key, 1 },
};

static const char usage_text[] =
	"sluicectl [OPTIONS] COMMAND\n"
	"\n"
	"  check FILE                 find every mistake in a configuration; nothing is applied\n"
	"  key new [--prefix TEXT]    make a key, and the line for the configuration\n"
	"  key digest                 the sha256 of the key on standard input\n"
	"\n"
	"  --json                     answer in JSON\n"
	"\n"
	"Exit: 0 done, 1 failed or mistakes found, 2 wrong usage.\n";

int main(int argc, char **argv)
{
	struct ctl ctl = { .interval = 1 };
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL },
	};
	int option;

	log_open("sluicectl", LOG_WARNING);
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'j')
			ctl.json = true;
		else if (option == 'p')
			ctl.prefix = optarg;
		else {
			fputs(usage_text, option == 'h' ? stdout : stderr);
			return option == 'h' ? CTL_OK : CTL_USAGE;
		}
	}
	ctl.arguments = argv + optind + 1;
	ctl.argument_count = argc - optind - 1;
	for (size_t i = 0; optind < argc && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, argv[optind]) == 0 &&
			ctl.argument_count <= commands[i].arguments)
			return commands[i].run(&ctl);
	fputs(usage_text, stderr);
	return CTL_USAGE;
}
