/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that need a new part of the snapshot: consumers and endpoints that come and go, plans of
 * consumers. A job lays all changes over what runs, the dataplane gets the part that differs as a
 * generation of its own, and the change is written down once that runs. A change that the dataplane
 * refuses was never made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/carry.h"
#include "control/daemon/daemon.h"
#include "control/daemon/job.h"
#include "lib/base/log.h"
#include "lib/base/plural.h"

struct amend_job {
	struct job job;
	struct daemon *daemon;
	const struct snapshot *basis; /* nothing changes it while the job runs (apply.c) */
	struct changes changes;
	uint64_t after, generation;
	struct snapshot made;
	int rc;
};

static void amend_free(struct amend_job *job)
{
	snapshot_close(&job->made);
	changes_free(&job->changes);
	free(job);
}

static void amend_run(struct job *work)
{
	struct amend_job *job = (struct amend_job *)work;

	job->rc = changes_lay_snapshot(&job->changes, job->after, job->basis, job->generation,
		job->daemon->boot_id, &job->made);
}

/* The change was not made: the list is what it was. */
static void amend_refuse(struct daemon *d, const char *why)
{
	char text[LINK_TEXT_BYTES + 100];

	snprintf(text, sizeof(text), "%s; nothing was changed", why);
	log_error("a change by command: %s", text);
	if (d->changes_before.list) {
		changes_free(&d->changes);
		d->changes = d->changes_before;
		d->changes_before = (struct changes){ 0 };
	}
	d->changing = (struct changing){ 0 };
	daemon_answer_change(d, text);
	daemon_go_on(d);
}

static void amend_save(struct daemon *d)
{
	changes_free(&d->changes_before);
	daemon_save_changes(d);
}

/* No dataplane runs it: the next one begins with it. */
static void amend_keep(struct daemon *d, struct amend_job *job)
{
	d->generation = job->generation;
	d->changing.pending = true;
	if (job->basis == &d->ran.snapshot) {
		if (d->has_usage)
			carry_clear_lines(&d->ran.snapshot, &job->made, &d->usage, false);
		daemon_replace_ran(d, &job->made);
		d->laid_ran = job->changes.last;
	} else {
		snapshot_close(&d->wanted.snapshot);
		d->wanted.snapshot = job->made;
		job->made = (struct snapshot){ 0 };
		d->laid_wanted = job->changes.last;
	}
	amend_save(d);
}

static void amend_send(struct daemon *d, struct amend_job *job)
{
	d->generation = job->generation;
	d->amended.snapshot = job->made;
	job->made = (struct snapshot){ 0 };
	d->changing.since_ms = daemon_now_ms();
	d->changing.sent = true;
	if (daemon_send_amended(d) == 0)
		return;
	d->changing.sent = false;
	compiled_free(&d->amended);
	amend_refuse(d, "the dataplane cannot be reached");
}

static void amend_done(struct job *work)
{
	struct amend_job *job = (struct amend_job *)work;
	struct daemon *d = job->daemon;

	d->changing.making = false;
	if (d->stop)
		d->changing.step = NULL;
	else if (job->rc)
		amend_refuse(d, strerror(-job->rc));
	else if (d->attached && !d->meet_due && d->link.generation != 0 &&
		 job->basis == &d->ran.snapshot)
		amend_send(d, job);
	else
		amend_keep(d, job);
	amend_free(job);
}

void daemon_amended(struct daemon *d, const char *refusal)
{
	d->changing.sent = false;
	if (refusal) {
		compiled_free(&d->amended);
		amend_refuse(d, refusal);
		return;
	}
	daemon_replace_ran(d, &d->amended.snapshot);
	daemon_forget_ring(d);
	d->laid_ran = d->changes.last;
	log_notice("generation %llu runs on %u worker%s: changed by command",
		(unsigned long long)d->ran.snapshot.generation, d->link.workers,
		plural(d->link.workers));
	amend_save(d);
}

void daemon_amend(struct daemon *d)
{
	struct amend_job *job = calloc(1, sizeof(*job));

	d->amend_due = false;
	d->changing = (struct changing){ .step = "changing", .since_ms = daemon_now_ms() };
	if (job) {
		job->job = (struct job){ .run = amend_run, .done = amend_done };
		job->daemon = d;
		job->basis = daemon_change_basis(d);
		job->after = job->basis == &d->ran.snapshot ? d->laid_ran : d->laid_wanted;
		job->generation = d->generation + 1;
	}
	if (job && changes_copy(&d->changes, &job->changes) == 0 &&
		job_start(&d->loop, &job->job) == 0) {
		d->changing.making = true;
		return;
	}
	if (job)
		amend_free(job);
	amend_refuse(d, "out of memory");
}
