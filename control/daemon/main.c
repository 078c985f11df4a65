/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-control: options, start and end. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/config/schema.h"
#include "control/paths.h"
#include "control/daemon/daemon.h"
#include "control/daemon/job.h"
#include "control/daemon/state.h"
#include "control/json.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/socket_file.h"

static const char usage_text[] =
	"sluice-control --config FILE [OPTIONS]\n"
	"\n"
	"Reads the configuration, gives it to the dataplane and keeps it there, and writes the access log.\n"
	"\n"
	"  -c, --config FILE          the configuration\n"
	"  -s, --socket PATH          the dataplane's socket (" LINK_DEFAULT_SOCKET ")\n"
	"  -S, --control-socket PATH  for sluicectl (" CONTROL_DEFAULT_SOCKET ")\n"
	"  -a, --access-log PATH      before the configuration's path; - is standard output\n"
	"      --state DIR            where the file that was applied last is remembered\n"
	"                             (" STATE_DEFAULT_FOLDER
	"; with another --control-socket its path and .state)\n"
	"  -u, --user USER            become USER once the socket is made\n"
	"  -f, --foreground           stay in the foreground; it always does\n"
	"  -v, --log-level LEVEL      error, warning, notice, info or debug (notice)\n"
	"      --core-dumps           let core files be written, which hold keys\n"
	"      --document             write the reference of all settings and exit\n"
	"  -V, --version\n"
	"  -h, --help\n"
	"\n"
	"SIGHUP reads the configuration again and applies it, SIGUSR1 opens the access log again, "
	"SIGTERM\n"
	"ends this process: the dataplane goes on. Exit: 0 done, 1 failed or mistakes found, 2 "
	"wrong usage.\n";

int64_t daemon_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "sluice-control: %s%s%s\nTry --help.\n", what, value ? ": " : "",
		value ? value : "");
	return 2;
}

/* @return -1 to go on, or an exit status */
static int parse_options(int argc, char **argv, struct daemon_options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "control-socket", required_argument, NULL, 'S' },
		{ "access-log", required_argument, NULL, 'a' },
		{ "state", required_argument, NULL, 'T' },
		{ "user", required_argument, NULL, 'u' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "log-level", required_argument, NULL, 'v' },
		{ "core-dumps", no_argument, NULL, 'C' },
		{ "document", no_argument, NULL, 'D' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL },
	};
	enum log_level level = LOG_NOTICE;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:S:a:u:fv:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'S':
			o->control_socket = optarg;
			break;
		case 'a':
			o->access_log = optarg;
			break;
		case 'T':
			o->state = optarg;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'f':
			break;
		case 'v':
			if (log_level_parse(optarg, &level) < 0)
				return wrong("unknown log level", optarg);
			break;
		case 'C':
			o->core_dumps = true;
			break;
		case 'D':
			schema_document(stdout);
			return 0;
		case 'V':
			puts("sluice-control " SLUICE_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return wrong("wrong usage", NULL);
		}
	}
	if (optind < argc)
		return wrong("unexpected argument", argv[optind]);
	if (!o->config)
		return wrong("which --config FILE?", NULL);
	log_open("sluice-control", level);
	return -1;
}

static void end_core_files(const struct daemon *d)
{
	int rc = d->options.core_dumps ? 0 : process_end_core_files();

	if (rc < 0)
		log_warning("core files stay possible: %s", strerror(-rc));
}

static void lock_memory(void)
{
	int rc = geteuid() == 0 ? process_lock_memory() : 0;

	if (rc < 0)
		log_warning("memory with keys may be swapped out: %s", strerror(-rc));
}

static int become(const struct passwd *user)
{
	int err = 0;

	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
		setuid(user->pw_uid) < 0)
		err = -errno;
	else if (user->pw_uid != 0 && setuid(0) == 0)
		err = -EPERM; /* what was given up must be gone */
	if (err)
		log_error("cannot become '%s': %s", user->pw_name, strerror(-err));
	return err;
}

/* The folder of what is remembered is our user's, whatever made it. */
static void make_state(struct daemon *d, const struct passwd *user)
{
	char why[STATE_WHY_BYTES];

	if (state_make_folder(d->state, user ? user->pw_uid : (uid_t)-1,
		    user ? user->pw_gid : (gid_t)-1, why) < 0)
		log_warning("what is applied cannot be remembered over a restart: %s", why);
}

/* Take up the file that was applied last. A record that cannot be read must not keep the process
 * from starting. */
static void recall(struct daemon *d)
{
	char *config = state_recall(d->state, d->options.config, d->not_recalled);

	if (d->not_recalled[0])
		log_error(
			"which file was applied last cannot be read (%s): it may have been another than --config %s, which "
			"is taken; the next 'sluicectl apply FILE' writes the record again",
			d->not_recalled, d->options.config);
	if (!config)
		return;
	log_notice("%s was applied last and is taken up instead of --config %s; "
		   "'sluicectl apply %s' goes back",
		config, d->options.config, d->options.config);
	free(d->config);
	d->config = config;
}

/*
 * The socket and the state's folder are all that is made with root's rights; what names a path in
 * the configuration is opened as the user that this process is for the rest of its life.
 * @return exit status, 0 to go on
 */
static int start(struct daemon *d)
{
	const struct passwd *user = d->options.user ? getpwnam(d->options.user) : NULL;
	char why[512];

	if (d->options.user && !user) {
		log_error("there is no user '%s'", d->options.user);
		return 1;
	}
	if (daemon_listen(d, d->options.control_socket, user ? user->pw_uid : (uid_t)-1,
		    user ? user->pw_gid : (gid_t)-1, why, sizeof(why)) < 0) {
		log_error("cannot listen for sluicectl: %s", why);
		return 1;
	}
	make_state(d, user);
	if (user && user->pw_uid != geteuid() && become(user) < 0)
		return 1;
	end_core_files(d);
	admin_init(&d->admin);
	recall(d);
	if (daemon_recall_changes(d) < 0)
		return 1;
	return daemon_configure(d, d->config, CONFIGURE_START) < 0;
}

/* What others see of this process goes. */
static void leave(struct daemon *d)
{
	if (d->connected)
		daemon_drain_events(d);
	daemon_close_clients(d);
	watch_close(&d->listen_watch);
	if (d->listen_fd >= 0) {
		close(d->listen_fd);
		socket_file_remove(d->options.control_socket);
	}
	daemon_link_close(d);
}

static void end(struct daemon *d)
{
	usage_close(&d->usage);
	slot_names_free(&d->names);
	delta_ring_close(&d->deltas);
	changes_free(&d->changes);
	changes_free(&d->changes_before);
	compiled_free(&d->wanted);
	compiled_free(&d->ran);
	compiled_free(&d->amended);
	access_log_free(&d->log);
	json_decref(d->mistakes);
	json_decref(d->mistakes_bare);
	free(d->batch);
	free(d->config);
	free(d->subject);
	free(d->state);
}

int main(int argc, char **argv)
{
	static struct daemon d = { .options = { .socket = LINK_DEFAULT_SOCKET,
					   .control_socket = CONTROL_DEFAULT_SOCKET } };
	int rc = parse_options(argc, argv, &d.options);
	bool idle;

	if (rc >= 0)
		return rc;
	end_core_files(&d);
	lock_memory();
	d.listen_fd = d.link.fd = d.log.fd = d.link.secrets_fd = d.link.bell = -1;
	d.deltas.segment.fd = -1;
	d.link.usage.segment.fd = d.usage.segment.fd = -1;
	d.wanted.secrets.fd = -1;
	d.ran.secrets.fd = d.amended.secrets.fd = -1;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		d.clients[i].fd = -1;
	d.boot_id = link_boot_id();
	d.batch = malloc(EVENTS_BATCH * sizeof(*d.batch));
	d.config = strdup(d.options.config);
	d.state =
		d.options.state ? strdup(d.options.state) : state_folder(d.options.control_socket);
	json_object_seed(0); /* not at the first object, which a job may make */
	rc = jobs_prepare();
	if (rc == 0)
		rc = daemon_loop_open(&d);
	if (rc == 0 && (!d.batch || !d.config || !d.state))
		rc = -ENOMEM;
	if (rc < 0) {
		log_error("cannot start: %s", strerror(-rc));
		return 1;
	}
	rc = start(&d);
	if (rc == 0) {
		daemon_run(&d);
		rc = d.exit_status;
	}
	idle = daemon_finish_job(&d);
	if (rc == 0)
		log_notice("stopped; the dataplane goes on");
	leave(&d);
	if (!idle)
		_exit(rc); /* exit() would wait for the job */
	end(&d);
	return rc;
}
