/* SPDX-License-Identifier: Apache-2.0 */
/* The dataplane's command line; everything else comes from control's snapshot. */
#include "dataplane/options.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/shm/link.h"

static const char help[] =
	"usage: sluice-dataplane [options]\n"
	"\n"
	"Waits on its socket for a configuration from sluice-control, then starts ports and workers.\n"
	"\n"
	"  -s, --socket PATH        where control and sluicectl connect (" LINK_DEFAULT_SOCKET ")\n"
	"  -u, --user NAME          user that sluice-control runs as, beside root\n"
	"      --readers GROUP      its members may read statistics (sluicectl stats, status, top), and no more\n"
	"      --run-as USER        become USER once ports run; without it root stays, but for its capabilities\n"
	"      --allow-driver NAME  a DPDK driver, with any arguments, beside those that are known; may be repeated\n"
	"      --core-dumps         let core files be written, which hold keys\n"
	"      --unconfined         give nothing up once ports run, to look for a mistake\n"
	"  -l, --lcores MAP         EAL core map instead of the configuration's; lcore 0 is the main core\n"
	"      --no-huge            use plain pages although huge pages are free\n"
	"      --file-prefix NAME   of DPDK's runtime files, for several dataplanes on one machine\n"
	"      --eal ARG            one more EAL argument; may be repeated\n"
	"      --eal-log-level L    DPDK's own log level (warning)\n"
	"      --drain SECONDS      longest wait for requests when it is told to stop (10)\n"
	"  -v, --log-level LEVEL    error, warning, notice, info or debug (notice)\n"
	"  -V, --version\n"
	"  -h, --help\n";

enum {
	OPT_NO_HUGE = 256,
	OPT_PREFIX,
	OPT_EAL,
	OPT_EAL_LOG,
	OPT_DRAIN,
	OPT_READERS,
	OPT_RUN_AS,
	OPT_DRIVER,
	OPT_CORE_DUMPS,
	OPT_UNCONFINED
};

static const struct option longs[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "user", required_argument, NULL, 'u' },
	{ "lcores", required_argument, NULL, 'l' },
	{ "no-huge", no_argument, NULL, OPT_NO_HUGE },
	{ "file-prefix", required_argument, NULL, OPT_PREFIX },
	{ "eal", required_argument, NULL, OPT_EAL },
	{ "eal-log-level", required_argument, NULL, OPT_EAL_LOG },
	{ "run-as", required_argument, NULL, OPT_RUN_AS },
	{ "allow-driver", required_argument, NULL, OPT_DRIVER },
	{ "core-dumps", no_argument, NULL, OPT_CORE_DUMPS },
	{ "unconfined", no_argument, NULL, OPT_UNCONFINED },
	{ "readers", required_argument, NULL, OPT_READERS },
	{ "drain", required_argument, NULL, OPT_DRAIN },
	{ "log-level", required_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int options_wrong(const char *text, const char *value)
{
	fprintf(stderr, "sluice-dataplane: %s: %s\nTry --help.\n", text, value);
	return 2;
}

static int set_user(const char *name, struct options *o)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return options_wrong("no such user", name);
	o->access.control = user->pw_uid;
	return 0;
}

static int set_run_as(const char *name, struct options *o)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return options_wrong("no such user", name);
	o->gateway.privileges.user = name;
	o->gateway.privileges.uid = user->pw_uid;
	o->gateway.privileges.gid = user->pw_gid;
	return 0;
}

static int set_readers(const char *name, struct options *o)
{
	const struct group *group = getgrnam(name);

	if (!group)
		return options_wrong("no such group", name);
	o->access.readers = group->gr_gid;
	return 0;
}

static int set_drain(const char *text, struct options *o)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || n > 3600)
		return options_wrong("--drain wants 0 to 3600 seconds", text);
	o->drain_s = (uint32_t)n;
	return 0;
}

static int set_option(int c, struct options *o)
{
	switch (c) {
	case 's':
		o->socket = optarg;
		return 0;
	case 'u':
		return set_user(optarg, o);
	case OPT_RUN_AS:
		return set_run_as(optarg, o);
	case OPT_DRIVER:
		if (o->gateway.driver_count == OPTIONS_EXTRA_MAX)
			return options_wrong("too many --allow-driver", optarg);
		o->drivers[o->gateway.driver_count++] = optarg;
		return 0;
	case OPT_CORE_DUMPS:
		o->gateway.privileges.core_dumps = true;
		return 0;
	case OPT_UNCONFINED:
		o->gateway.privileges.unconfined = true;
		return 0;
	case OPT_READERS:
		return set_readers(optarg, o);
	case 'l':
		o->gateway.lcores = optarg;
		return 0;
	case OPT_NO_HUGE:
		o->gateway.no_huge = true;
		return 0;
	case OPT_PREFIX:
		o->gateway.file_prefix = optarg;
		return 0;
	case OPT_EAL:
		if (o->gateway.extra_count == OPTIONS_EXTRA_MAX)
			return options_wrong("too many --eal", optarg);
		o->extra[o->gateway.extra_count++] = optarg;
		return 0;
	case OPT_EAL_LOG:
		o->gateway.eal_log_level = optarg;
		return 0;
	case OPT_DRAIN:
		return set_drain(optarg, o);
	case 'v':
		return log_level_parse(optarg, &o->log_level)
			       ? options_wrong("unknown log level", optarg)
			       : 0;
	case 'V':
		printf("sluice-dataplane %s\n", SLUICE_VERSION);
		return 1;
	case 'h':
		fputs(help, stdout);
		return 1;
	default:
		fputs("Try --help.\n", stderr);
		return 2;
	}
}

int options_parse(int argc, char **argv, struct options *options)
{
	int c;

	*options = (struct options){
		.socket = LINK_DEFAULT_SOCKET,
		.access = { .control = LINK_NOBODY, .readers = LINK_NOBODY },
		.drain_s = 10,
		.log_level = LOG_NOTICE,
	};
	options->gateway.eal_log_level = "warning";
	options->gateway.extra = options->extra;
	options->gateway.drivers = options->drivers;
	while ((c = getopt_long(argc, argv, "s:u:l:v:Vh", longs, NULL)) != -1) {
		int rc = set_option(c, options);

		if (rc)
			return rc;
	}
	if (optind < argc)
		return options_wrong("unexpected argument", argv[optind]);
	return 0;
}
