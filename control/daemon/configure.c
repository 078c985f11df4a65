/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the configuration file into what the dataplane is to run. A job reads, checks and
 * compiles: with a million keys that takes seconds. It compares with d->ran, which nothing changes
 * while d->reading is set (apply.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/daemon.h"
#include "control/daemon/job.h"
#include "control/json.h"
#include "lib/base/log.h"
#include "lib/base/socket_file.h"

struct configure_job {
	struct job job;
	struct daemon *daemon;
	enum configure_for purpose;
	char *path;
	struct compile_input input;
	struct changes changes; /* by command, to be laid over the file */
	const char *log_option; /* --access-log */
	/* What the job made. The rest of the configuration is freed by then. */
	bool good;
	struct mistakes mistakes;
	struct compiled compiled;
	char *log_path; /* NULL: no access log */
	struct admin admin;
	mode_t socket_mode;
};

static void configure_free(struct configure_job *job)
{
	compiled_free(&job->compiled);
	mistakes_free(&job->mistakes);
	changes_free(&job->changes);
	free(job->log_path);
	free(job->path);
	free(job);
}

/* @return where the access log is; NULL: nowhere */
static const char *configure_log_path(struct config *config, const char *option)
{
	const struct cfg_access_log *set = &config->root.access_log;

	if (set->enabled.set && !set->enabled.number)
		return NULL;
	if (option || !set->path.valid)
		return option;
	return str_equal(set->path.text, STR("-")) ? "-" : config_path(config, set->path.text);
}

static void configure_run(struct job *work)
{
	struct configure_job *job = (struct configure_job *)work;
	struct config config;
	const char *log_path;

	job->good =
		compile_file(job->path, &job->input, &config, &job->mistakes, &job->compiled) == 0;
	if (job->good) {
		job->socket_mode = admin_configure(&job->admin, &config.root.admin);
		log_path = configure_log_path(&config, job->log_option);
		job->log_path = log_path ? strdup(log_path) : NULL;
		if (log_path && !job->log_path) {
			mistake_add(
				&job->mistakes, config.root.access_log.place.at, "out of memory");
			job->good = false;
		}
	}
	config_free(&config);
}

static void configure_log_mistakes(const struct daemon *d, const struct mistakes *mistakes)
{
	char line[600];

	/* An operator at a terminal waits for the start: all of them, unlimited by the log. */
	if (!d->started) {
		mistakes_print(mistakes, stderr);
		return;
	}

	for (uint32_t i = 0; i < mistakes->count; i++) {
		mistake_format(&mistakes->list[i], line, sizeof(line));
		if (mistakes->list[i].warning)
			log_warning("%s", line);
		else
			log_error("%s", line);
	}
}

/* The log's path may have changed with the file. */
static void configure_log(struct daemon *d, const char *path)
{
	struct access_log fresh;

	if (path && d->log.path && strcmp(path, d->log.path) == 0)
		return;
	if (!path && !d->log.path)
		return;
	if (access_log_init(&fresh, path) == -ENOMEM)
		return;
	access_log_flush(&d->log);
	fresh.written = d->log.written;
	fresh.lost = d->log.lost;
	access_log_free(&d->log);
	d->log = fresh;
}

/* Which users may ask this process, and with it the mode of its socket's file. */
static void configure_admin(struct daemon *d, const struct admin *admin, mode_t mode)
{
	int rc = socket_file_chmod(d->options.control_socket, mode);

	d->admin = *admin;
	if (rc < 0)
		log_error("%s: its mode cannot be set to %04o: %s", d->options.control_socket,
			(unsigned)mode, strerror(-rc));
}

static void configure_take(struct daemon *d, struct configure_job *job)
{
	configure_log_mistakes(d, &job->mistakes);
	json_decref(d->mistakes);
	json_decref(d->mistakes_bare);
	d->mistakes = mistakes_to_json(&job->mistakes, true);
	d->mistakes_bare = mistakes_to_json(&job->mistakes, false);
	if (!job->good)
		return;
	configure_log(d, job->log_path);
	configure_admin(d, &job->admin, job->socket_mode);
	compiled_free(&d->wanted);
	d->wanted = job->compiled;
	job->compiled = (struct compiled){ .secrets.fd = -1 };
	d->laid_wanted = job->changes.last;
	d->generation++;
	d->changed = true;
}

static void configure_done(struct job *work)
{
	struct configure_job *job = (struct configure_job *)work;
	struct daemon *d = job->daemon;

	d->reading = false;
	if (!d->stop) {
		configure_take(d, job);
		daemon_configured(d, job->path, job->purpose, job->good);
	}
	configure_free(job);
}

int daemon_configure(struct daemon *d, const char *path, enum configure_for purpose)
{
	struct configure_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	*job = (struct configure_job){
		.job = { .run = configure_run, .done = configure_done },
		.daemon = d,
		.purpose = purpose,
		.path = strdup(path),
		.input = { .previous = d->has_ran ? &d->ran.snapshot : NULL,
			.running = d->attached && d->has_ran && d->link.state == LINK_STATE_RUNNING,
			.want_access_log = d->options.access_log != NULL,
			.generation = d->generation + 1,
			.boot_id = d->boot_id },
		.log_option = d->options.access_log,
		.compiled = { .secrets.fd = -1 },
	};
	job->input.changes = &job->changes;
	if (!job->path || changes_copy(&d->changes, &job->changes) < 0 ||
		job_start(&d->loop, &job->job) < 0) {
		configure_free(job);
		log_error("%s cannot be read: out of memory", path);
		return -ENOMEM;
	}
	d->reading = true;
	return 0;
}
