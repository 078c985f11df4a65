/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes by command (control/changes.h): one at a time, like an apply, each in three steps. It is
 * pushed into the delta ring, or makes a new part of the snapshot (amend.c); the dataplane says when
 * every worker acts on it; a job writes all changes down. The list, not the ring, is what counts: it
 * is laid over each configuration that is read from then on, and what a generation does not hold yet
 * is pushed again for a dataplane that gets this generation.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/daemon/daemon.h"
#include "control/daemon/job.h"
#include "lib/base/log.h"

#define CHANGES_FILE "changes.json"

int daemon_recall_changes(struct daemon *d)
{
	char why[STATE_WHY_BYTES];
	json_t *list = state_read(d->state, CHANGES_FILE, why);
	int rc = 0;

	if (list) {
		rc = changes_from_json(list, &d->changes);
		json_decref(list);
		if (rc)
			snprintf(why, sizeof(why), "%s/%s: not a list of sluice-control's",
				d->state, CHANGES_FILE);
	}
	if (!why[0] && rc == 0)
		return 0;
	log_error(
		"what was changed by command cannot be read (%s): keys that were revoked would work again; mend "
		"or remove the file",
		why);
	return -EBADMSG;
}

/* A ring for the generation that runs, with all that it does not hold yet. @return 0 or -errno */
static int change_new_ring(struct daemon *d)
{
	struct delta delta;
	char why[200];
	int rc;

	delta_ring_close(&d->deltas);
	d->deltas_base = d->ran.snapshot.generation;
	d->deltas_pushed = 0;
	d->changing.refused_before = 0;
	rc = delta_ring_create(DELTA_RING_RECORDS, d->boot_id, &d->deltas);
	for (uint32_t i = 0; rc == 0 && i < d->changes.count; i++) {
		const struct change *c = &d->changes.list[i];

		/* What is not there rests until a configuration has it. */
		if (c->number <= d->laid_ran ||
			change_delta(c, &d->ran.snapshot, &delta, why, sizeof(why)) < 0)
			continue;
		delta.sequence = d->deltas_pushed + 1;
		rc = delta_ring_push(&d->deltas, &delta);
		d->deltas_pushed += rc == 0;
	}
	if (rc == 0)
		rc = link_client_send_deltas(&d->link, &d->deltas);
	if (rc == 0)
		rc = link_client_ping(&d->link);
	/* The next change makes another one. */
	if (rc)
		daemon_forget_ring(d);
	return rc;
}

/* Push the latest change. @return 0 or -errno */
static int change_push(struct daemon *d)
{
	const struct change *latest = &d->changes.list[d->changes.count - 1];
	struct delta delta;
	char why[200];
	int rc;

	if (!d->deltas.header || d->deltas_base != d->ran.snapshot.generation ||
		d->deltas_pushed == DELTA_RING_RECORDS)
		return change_new_ring(d);
	rc = change_delta(latest, &d->ran.snapshot, &delta, why, sizeof(why));
	if (rc)
		return rc;
	delta.sequence = d->deltas_pushed + 1;
	rc = delta_ring_push(&d->deltas, &delta);
	if (rc == 0) {
		d->deltas_pushed++;
		rc = link_client_ping(&d->link);
	}
	return rc;
}

void daemon_push_changes(struct daemon *d)
{
	int rc = 0;

	if (!d->attached || !d->has_ran || d->changes.last <= d->laid_ran)
		return;
	for (uint32_t i = 0; i < d->changes.count; i++)
		d->amend_due |= d->changes.list[i].number > d->laid_ran &&
				change_needs_part(d->changes.list[i].kind);
	if (d->amend_due)
		return; /* that generation holds the others, too */
	rc = change_new_ring(d);
	if (rc)
		log_error("what was changed by command cannot be sent: %s", strerror(-rc));
}

void daemon_forget_ring(struct daemon *d)
{
	delta_ring_close(&d->deltas);
	d->deltas_pushed = 0;
}

struct save_job {
	struct job job;
	struct daemon *daemon;
	char *folder, *text;
	char why[STATE_WHY_BYTES]; /* empty: saved */
};

static void save_free(struct save_job *job)
{
	free(job->folder);
	free(job->text);
	free(job);
}

static void save_run(struct job *work)
{
	struct save_job *job = (struct save_job *)work;

	if (state_write_file(job->folder, CHANGES_FILE, job->text, job->why) == 0)
		job->why[0] = '\0';
}

static void change_saved(struct daemon *d, const char *why)
{
	if (why[0])
		log_error(
			"what was changed by command cannot be remembered (%s): a restart of sluice-control forgets it",
			why);
	snprintf(d->changing.not_remembered, sizeof(d->changing.not_remembered), "%s", why);
	d->changing.step = NULL;
	d->changing.saving = false;
	daemon_answer_change(d, NULL);
	daemon_go_on(d);
}

static void save_done(struct job *work)
{
	struct save_job *job = (struct save_job *)work;
	struct daemon *d = job->daemon;

	change_saved(d, job->why);
	save_free(job);
}

void daemon_save_changes(struct daemon *d)
{
	struct save_job *job = calloc(1, sizeof(*job));
	json_t *list = changes_to_json(&d->changes);

	d->changing.step = "recording";
	d->changing.saving = true;
	if (job) {
		job->job = (struct job){ .run = save_run, .done = save_done };
		job->daemon = d;
		job->folder = strdup(d->state);
		job->text = list ? json_dumps(list, JSON_INDENT(1)) : NULL;
	}
	json_decref(list);
	if (job && job->folder && job->text && job_start(&d->loop, &job->job) == 0)
		return;
	if (job)
		save_free(job);
	change_saved(d, strerror(ENOMEM));
}

/* Every worker acts on what was pushed, or one was refused. */
void daemon_change_ponged(struct daemon *d)
{
	const struct delta_ring_header *h = d->deltas.header;

	if (!d->changing.step || !d->changing.pushed || !h ||
		atomic_load_explicit(&h->acked, memory_order_acquire) < d->deltas_pushed)
		return;
	d->changing.pushed = false;
	d->changing.refused = atomic_load_explicit(&h->refused, memory_order_relaxed) >
			      d->changing.refused_before;
	daemon_save_changes(d);
}

void daemon_change_lost(struct daemon *d)
{
	if (!d->changing.pushed && !d->changing.sent)
		return;
	d->changing.pushed = d->changing.sent = false;
	d->changing.pending = true;
	daemon_save_changes(d);
}

bool daemon_change_hangs(const struct daemon *d)
{
	return (d->changing.pushed || d->changing.sent) &&
	       daemon_now_ms() - d->changing.since_ms > APPLY_PATIENCE_MS;
}

/* The list has the change: push it, and write it down. */
static void change_begin(struct daemon *d)
{
	int rc;

	d->changing = (struct changing){ .step = "changing",
		.since_ms = daemon_now_ms(),
		.pending = !d->attached || !d->has_ran };
	if (!d->changing.pending) {
		if (d->deltas.header && d->deltas_base == d->ran.snapshot.generation)
			d->changing.refused_before = atomic_load_explicit(
				&d->deltas.header->refused, memory_order_relaxed);
		rc = change_push(d);
		d->changing.pushed = rc == 0;
		d->changing.pending = rc != 0;
		if (rc)
			log_error("a change cannot be sent: %s", strerror(-rc));
	}
	if (!d->changing.pushed)
		daemon_save_changes(d);
}

/* Put a change into the list; what was there is kept where it may be refused later. */
static int change_put(struct daemon *d, struct change *change, bool keep)
{
	int rc = keep ? changes_copy(&d->changes, &d->changes_before) : 0;

	if (rc == 0)
		rc = changes_put(&d->changes, change);
	if (rc)
		changes_free(&d->changes_before);
	return rc;
}

const char *daemon_change(struct daemon *d, const json_t *request, char *why, size_t why_bytes)
{
	struct change change;
	const char *refused = daemon_read_change(d, request, &change, why, why_bytes);
	const bool part = !refused && change_needs_part(change.kind);
	int rc;

	if (refused)
		return refused;
	log_notice("%s: %s %s", change_what(change.kind), change.of, change.name);
	rc = change_put(d, &change, part);
	if (rc == -ENOSPC) {
		snprintf(why, why_bytes,
			"%u changes lie over the file, and no more are taken: write them into it, then 'sluicectl "
			"changes forget all'",
			CHANGES_MAX);
		return why;
	}
	if (rc)
		return "out of memory";
	if (part)
		daemon_amend(d);
	else
		change_begin(d);
	return NULL;
}

bool daemon_forget_changes(struct daemon *d, uint64_t number)
{
	if (changes_forget(&d->changes, number) == 0)
		return false;
	d->changing = (struct changing){ .step = "changing", .then_apply = true };
	daemon_save_changes(d);
	return true;
}
