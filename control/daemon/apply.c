/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a configuration: a job reads the file (configure.c), the dataplane gets what it was
 * compiled to (attach.c), a job records which file it was. One thing is done at a time, so that
 * what is compiled fits what runs. What comes meanwhile is kept and taken up here: a dataplane that
 * came first, then SIGHUP, then applies in the order in which they came. Any number of SIGHUPs are
 * one reading, which begins after the last of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/daemon.h"
#include "control/daemon/job.h"
#include "lib/base/log.h"

const char *daemon_step(const struct daemon *d)
{
	return d->reading         ? "reading"
	       : d->changing.step ? d->changing.step
	       : d->sent          ? "sent"
	       : d->recording     ? "recording"
				  : NULL;
}

static void apply_set_subject(struct daemon *d, const char *path)
{
	free(d->subject);
	d->subject = strdup(path); /* NULL: status does without */
}

/* @return 0 or -ENOMEM */
static int apply_read(struct daemon *d, const char *path, enum configure_for purpose)
{
	apply_set_subject(d, path);
	return daemon_configure(d, path, purpose);
}

int daemon_apply(struct daemon *d, const char *path)
{
	int rc = apply_read(d, path ? path : d->config, CONFIGURE_APPLY);

	d->asked = rc == 0;
	return rc;
}

static void apply_reload(struct daemon *d)
{
	d->reload_due = false;
	log_notice("reading %s again", d->config);
	apply_read(d, d->config, CONFIGURE_RELOAD);
}

void daemon_go_on(struct daemon *d)
{
	while (d->started && !d->stop && !daemon_step(d)) {
		if (d->meet_due) {
			d->meet_due = false;
			apply_set_subject(d, d->config);
			daemon_meet(d);
		} else if (d->amend_due) {
			daemon_amend(d);
		} else if (d->reload_due) {
			apply_reload(d);
		} else if (!daemon_apply_next(d)) {
			return;
		}
	}
}

/* The process begins, or ends at once. */
static void apply_start(struct daemon *d, bool good)
{
	if (good && daemon_serve(d) == 0) {
		d->started = true;
		log_notice("started with %s", d->config);
		return;
	}
	if (!good && strcmp(d->config, d->options.config) != 0)
		log_error("%s is what was applied last: mend it, or remove %s to start with %s",
			d->config, d->state, d->options.config);
	daemon_end_loop(d, 1);
}

static void apply_asked(struct daemon *d, const char *path, bool good)
{
	char *copy;

	if (!good) {
		daemon_answer_mistakes(d, path);
		return;
	}
	d->not_recalled[0] = '\0'; /* an operator has decided again */
	copy = strdup(path);
	if (copy) {
		free(d->config);
		d->config = copy;
	}
	daemon_deliver(d);
}

void daemon_configured(struct daemon *d, const char *path, enum configure_for purpose, bool good)
{
	switch (purpose) {
	case CONFIGURE_START:
		apply_start(d, good);
		break;
	case CONFIGURE_APPLY:
		apply_asked(d, path, good);
		break;
	case CONFIGURE_RELOAD:
		if (good)
			daemon_deliver(d);
		else
			log_error("the configuration has mistakes: nothing was applied");
		break;
	case CONFIGURE_MEET:
		daemon_meet_configured(d, good);
		break;
	}
	daemon_go_on(d);
}

void daemon_deliver(struct daemon *d)
{
	if (d->meet_due)
		return; /* what that dataplane runs is looked at first */
	if (d->attached) {
		if (daemon_send_wanted(d) < 0)
			daemon_answer_apply(d, "the dataplane cannot be reached");
	} else if (d->asked) {
		daemon_record(d, true);
	}
}

struct record_job {
	struct job job;
	struct daemon *daemon;
	char *folder, *started_with, *config;
	bool same_file;
	char why[STATE_WHY_BYTES]; /* it could not be recorded; empty: it was */
};

static void record_free(struct record_job *job)
{
	free(job->folder);
	free(job->started_with);
	free(job->config);
	free(job);
}

static void record_run(struct job *work)
{
	struct record_job *job = (struct record_job *)work;

	job->same_file = state_same_file(job->config, job->started_with);
	if (state_remember(job->folder, job->started_with, job->config, job->why) == 0)
		job->why[0] = '\0';
}

static void record_take(struct daemon *d, const char *why)
{
	snprintf(d->forgotten, sizeof(d->forgotten), "%s", why);
	if (why[0])
		log_error("that %s was applied cannot be remembered (%s): the next start reads %s",
			d->config, why, d->options.config);
	daemon_answer_apply(d, NULL);
}

static void record_done(struct job *work)
{
	struct record_job *job = (struct record_job *)work;
	struct daemon *d = job->daemon;

	d->recording = false;
	d->outcome.same_file = job->same_file;
	record_take(d, job->why);
	record_free(job);
	daemon_go_on(d);
}

void daemon_record(struct daemon *d, bool pending)
{
	struct record_job *job = calloc(1, sizeof(*job));

	d->outcome = (struct apply_outcome){
		.pending = pending,
		.generation = (pending ? &d->wanted : &d->ran)->snapshot.generation,
		.workers = d->link.workers,
	};
	if (job) {
		job->job = (struct job){ .run = record_run, .done = record_done };
		job->daemon = d;
		job->folder = strdup(d->state);
		job->started_with = strdup(d->options.config);
		job->config = strdup(d->config);
	}
	if (!job || !job->folder || !job->started_with || !job->config ||
		job_start(&d->loop, &job->job) < 0) {
		if (job)
			record_free(job);
		record_take(d, strerror(ENOMEM));
		return;
	}
	d->recording = true;
}
