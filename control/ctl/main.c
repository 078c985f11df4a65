/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl: the operator's tool. This file reads the command line and picks the command. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"
#include "control/ctl/terminal.h"
#include "control/paths.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

static const struct command {
	const char *name;
	int (*run)(const struct ctl *ctl);
	int least, most; /* arguments */
} commands[] = {
	{ "check", ctl_check, 0, 1 },
	{ "apply", ctl_apply, 0, 1 },
	{ "status", ctl_status, 0, 0 },
	{ "stats", ctl_stats, 0, 0 },
	{ "top", ctl_top, 0, 0 },
	{ "explain", ctl_explain, 0, 1 },
	{ "key", ctl_key, 1, 3 },
	{ "consumer", ctl_consumer, 2, 3 },
	{ "endpoint", ctl_endpoint, 3, 4 },
	{ "changes", ctl_changes, 0, 2 },
};

static const char usage_text[] =
	"sluicectl COMMAND [OPTIONS]\n"
	"\n"
	"  check FILE               find every mistake in a configuration, apply nothing\n"
	"  apply [FILE]             make the gateway run FILE, or its configuration again\n"
	"  status                   both processes, and each worker\n"
	"  stats [VIEW...]          counters; all, or --consumers --apis --backends\n"
	"                           --listeners --reasons --drops --workers --ports\n"
	"                           --tcp, or only one: --consumer NAME --api NAME\n"
	"                           --backend NAME\n"
	"  top [--interval S] [--count N]\n"
	"                           what happens now, by API, endpoint, consumer, reason\n"
	"  explain 'GET https://host/path' [--key KEY | --consumer NAME]\n"
	"          [--header 'NAME: VALUE'] [--listener NAME]\n"
	"                           what would happen to a request, and why; takes\n"
	"                           nothing from limits\n"
	"  explain --consumer NAME  the consumer's plan, and what is left of each limit\n"
	"  key new [--prefix TEXT]  make a key, and the line for the configuration\n"
	"  key digest               the sha256 of the key on standard input\n"
	"  key add CONSUMER ID [--digest HEX] [--expires DATE] [--prefix TEXT]\n"
	"                           let the consumer's new key in, at once\n"
	"  key revoke CONSUMER ID   refuse a key, at once; or: key revoke --digest HEX\n"
	"  consumer add NAME --plan PLAN\n"
	"  consumer remove NAME\n"
	"  consumer plan NAME PLAN  let a consumer in, refuse its keys, or give it\n"
	"                           another plan, at once\n"
	"  endpoint add BACKEND ADDRESS [--weight N]\n"
	"  endpoint remove BACKEND ADDRESS\n"
	"                           let a server take part, or no more, at once\n"
	"  endpoint weight BACKEND ADDRESS N\n"
	"  endpoint drain BACKEND ADDRESS\n"
	"                           change an endpoint's share, at once; drain: no new\n"
	"                           request\n"
	"  changes                  what such commands changed; it lies over the file\n"
	"  changes forget NUMBER|all\n"
	"                           take it back, and apply the file\n"
	"\n"
	"  --json                   answer in JSON\n"
	"  --since-start            status, stats, top: load, latencies and shares since\n"
	"                           the dataplane's start, not of about the last 10 s\n"
	"  --socket PATH            the dataplane's socket\n"
	"                           (" LINK_DEFAULT_SOCKET ")\n"
	"  --control-socket PATH    sluice-control's socket\n"
	"                           (" CONTROL_DEFAULT_SOCKET ")\n"
	"  --config FILE            instead of FILE; explain works from it without a\n"
	"                           dataplane\n"
	"  --version, --help\n"
	"\n"
	"Exit: 0 done, 1 failed or mistakes found, 2 wrong usage; status\n"
	"exits with 1, too, when a process is down or may not be asked, or nothing is\n"
	"served.\n";

enum {
	OPT_JSON = 256,
	OPT_SOCKET,
	OPT_CONTROL_SOCKET,
	OPT_CONFIG,
	OPT_KEY,
	OPT_HEADER,
	OPT_LISTENER,
	OPT_PREFIX,
	OPT_DIGEST,
	OPT_EXPIRES,
	OPT_PLAN,
	OPT_WEIGHT,
	OPT_INTERVAL,
	OPT_COUNT,
	OPT_SINCE_START,
	OPT_VIEW,                         /* + enum stats_view */
	OPT_ONLY = OPT_VIEW + VIEW_COUNT, /* + enum stats_view: with a name */
};

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "control-socket", required_argument, NULL, OPT_CONTROL_SOCKET },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "listener", required_argument, NULL, OPT_LISTENER },
	{ "prefix", required_argument, NULL, OPT_PREFIX },
	{ "digest", required_argument, NULL, OPT_DIGEST },
	{ "expires", required_argument, NULL, OPT_EXPIRES },
	{ "plan", required_argument, NULL, OPT_PLAN },
	{ "weight", required_argument, NULL, OPT_WEIGHT },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "since-start", no_argument, NULL, OPT_SINCE_START },
	{ "consumers", no_argument, NULL, OPT_VIEW + VIEW_CONSUMERS },
	{ "apis", no_argument, NULL, OPT_VIEW + VIEW_APIS },
	{ "backends", no_argument, NULL, OPT_VIEW + VIEW_BACKENDS },
	{ "listeners", no_argument, NULL, OPT_VIEW + VIEW_LISTENERS },
	{ "reasons", no_argument, NULL, OPT_VIEW + VIEW_REASONS },
	{ "drops", no_argument, NULL, OPT_VIEW + VIEW_DROPS },
	{ "workers", no_argument, NULL, OPT_VIEW + VIEW_WORKERS },
	{ "ports", no_argument, NULL, OPT_VIEW + VIEW_PORTS },
	{ "tcp", no_argument, NULL, OPT_VIEW + VIEW_TCP },
	{ "consumer", required_argument, NULL, OPT_ONLY + VIEW_CONSUMERS },
	{ "api", required_argument, NULL, OPT_ONLY + VIEW_APIS },
	{ "backend", required_argument, NULL, OPT_ONLY + VIEW_BACKENDS },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL },
};

void ctl_complain(const struct ctl *ctl, const char *format, ...)
{
	char *plain, *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&plain, format, args) < 0)
		plain = NULL;
	va_end(args);
	text = text_escaped(plain);
	free(plain);
	fprintf(stderr, "sluicectl: %s\n", text ? text : "out of memory");
	if (ctl->json)
		ctl_print_json(json_pack("{s:b, s:s?}", "ok", 0, "error", text));
	free(text);
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "sluicectl: %s: %s\nTry --help.\n", what, value);
	return CTL_USAGE;
}

static int set_interval(struct ctl *ctl, const char *text)
{
	char *end;

	ctl->interval = strtod(text, &end);
	if (*end || end == text || !(ctl->interval >= 0.1 && ctl->interval <= 3600))
		return wrong("--interval wants 0.1 to 3600 seconds", text);
	return -1;
}

static int set_count(struct ctl *ctl, const char *text)
{
	char *end;

	ctl->count = strtoul(text, &end, 10);
	return *end || end == text || *text == '-' || ctl->count == 0
		       ? wrong("--count wants a number from 1", text)
		       : -1;
}

/* @return -1 to go on, or an exit code */
static int set_option(struct ctl *ctl, int option)
{
	switch (option) {
	case OPT_JSON:
		ctl->json = true;
		return -1;
	case OPT_SOCKET:
		ctl->socket = optarg;
		return -1;
	case OPT_CONTROL_SOCKET:
		ctl->control_socket = optarg;
		return -1;
	case OPT_CONFIG:
		ctl->config = optarg;
		return -1;
	case OPT_KEY:
		ctl->key = optarg;
		return -1;
	case OPT_HEADER:
		if (ctl->header_count == CTL_HEADERS_MAX)
			return wrong("too many headers", optarg);
		ctl->headers[ctl->header_count++] = optarg;
		return -1;
	case OPT_LISTENER:
		ctl->listener = optarg;
		return -1;
	case OPT_PREFIX:
		ctl->prefix = optarg;
		return -1;
	case OPT_DIGEST:
		ctl->digest = optarg;
		return -1;
	case OPT_EXPIRES:
		ctl->expires = optarg;
		return -1;
	case OPT_PLAN:
		ctl->plan = optarg;
		return -1;
	case OPT_WEIGHT:
		ctl->weight = optarg;
		return -1;
	case OPT_INTERVAL:
		return set_interval(ctl, optarg);
	case OPT_COUNT:
		return set_count(ctl, optarg);
	case OPT_SINCE_START:
		ctl->since_start = true;
		return -1;
	case 'V':
		puts("sluicectl " SLUICE_VERSION);
		return CTL_OK;
	case 'h':
		fputs(usage_text, stdout);
		return CTL_OK;
	}
	if (option >= OPT_VIEW && option < OPT_ONLY) {
		ctl->views |= 1u << (option - OPT_VIEW);
		return -1;
	}
	if (option >= OPT_ONLY) {
		ctl->views |= 1u << (option - OPT_ONLY);
		ctl->only = optarg;
		return -1;
	}
	fputs("Try --help.\n", stderr);
	return CTL_USAGE;
}

static int run(struct ctl *ctl, const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->name, name) != 0)
			continue;
		if (ctl->argument_count < command->least || ctl->argument_count > command->most)
			return wrong("wrong number of arguments", name);
		return command->run(ctl);
	}
	return wrong("unknown command", name);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .socket = LINK_DEFAULT_SOCKET,
		.control_socket = CONTROL_DEFAULT_SOCKET,
		.interval = 1 };
	int option;

	terminal_open();
	log_open("sluicectl", LOG_WARNING);
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		int code = set_option(&ctl, option);

		if (code >= 0)
			return code;
	}
	if (optind == argc) {
		fputs(usage_text, stderr);
		return CTL_USAGE;
	}
	ctl.arguments = argv + optind + 1;
	ctl.argument_count = argc - optind - 1;
	return run(&ctl, argv[optind]);
}
