/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes by command (control/changes.h): one at a time, like an apply, each in three steps. It is
 * pushed into the delta ring; the dataplane says when every worker acts on it; a job writes all
 * changes down. The list, not the ring, is what counts: it is laid over each configuration that is
 * read from then on, and what a generation does not hold yet is pushed again for a dataplane that
 * gets this generation.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/config/units.h"
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

static void change_save(struct daemon *d)
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
	change_save(d);
}

void daemon_change_lost(struct daemon *d)
{
	if (!d->changing.pushed)
		return;
	d->changing.pushed = false;
	d->changing.pending = true;
	change_save(d);
}

bool daemon_change_hangs(const struct daemon *d)
{
	return d->changing.pushed && daemon_now_ms() - d->changing.since_ms > APPLY_PATIENCE_MS;
}

/* The list has the change: make it, and write it down. */
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
		change_save(d);
}

static bool change_name_fits(const char *name)
{
	return name && name[0] && strlen(name) < CHANGE_NAME_BYTES;
}

static int change_compare_key(const void *digest, const void *key)
{
	return memcmp(digest, ((const struct snap_key *)key)->digest, SNAP_DIGEST_BYTES);
}

/* The key that runs with this digest or, without one, with this consumer and id. */
static const struct snap_key *change_running_key(
	const struct snapshot *s, const struct change *like, bool by_digest)
{
	uint32_t n;
	const struct snap_key *keys = snap_records(s, SNAP_KEYS, &n);

	if (by_digest)
		return n ? bsearch(like->digest, keys, n, sizeof(*keys), change_compare_key) : NULL;
	for (uint32_t i = 0; i < n; i++)
		if (str_equal(snap_str(s, keys[i].id), str_of(like->name)) &&
			str_equal(snap_str(s, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer,
						      keys[i].consumer)
						      ->name),
				str_of(like->of)))
			return &keys[i];
	return NULL;
}

static bool change_same_key(const struct change *a, const struct change *b, bool by_digest)
{
	if (by_digest)
		return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
	return strcmp(a->of, b->of) == 0 && strcmp(a->name, b->name) == 0;
}

/* A key that was added by command, or runs: its consumer, id and digest. @return false when there
 * is none */
static bool change_find_key(const struct daemon *d, const struct snapshot *s,
	const struct change *like, bool by_digest, struct change *out)
{
	const struct snap_key *key;
	struct str id, name;

	for (uint32_t i = 0; i < d->changes.count; i++) {
		*out = d->changes.list[i];
		if (out->kind == CHANGE_KEY_ADD && change_same_key(out, like, by_digest))
			return true;
	}
	key = change_running_key(s, like, by_digest);
	if (!key)
		return false;
	id = snap_str(s, key->id);
	name = snap_str(s, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, key->consumer)->name);
	*out = (struct change){ 0 };
	snprintf(out->of, sizeof(out->of), "%.*s", (int)name.len, name.data);
	snprintf(out->name, sizeof(out->name), "%.*s", (int)id.len, id.data);
	memcpy(out->digest, key->digest, sizeof(out->digest));
	return true;
}

/* "key add": a key that no consumer has yet, or another expiry of one that the consumer has. */
static const char *change_check_add(const struct daemon *d, const struct snapshot *s,
	const json_t *request, struct change *c, char *why, size_t why_bytes)
{
	const char *hex = json_string_value(json_object_get(request, "sha256"));
	const char *expires = json_string_value(json_object_get(request, "expires"));
	struct change other;
	struct delta delta;

	if (!hex || unit_hex(str_of(hex), c->digest, sizeof(c->digest)) < 0)
		return "sha256 is 64 hexadecimal digits";
	if (expires && unit_date(str_of(expires), &c->expires) < 0)
		return "expires is a date such as 2027-06-30 or 2027-06-30T12:00:00Z";
	if (change_delta(c, s, &delta, why, why_bytes) < 0)
		return why;
	if (change_find_key(d, s, c, true, &other) && strcmp(other.of, c->of) != 0) {
		snprintf(why, why_bytes, "this key is consumer %s's already", other.of);
		return why;
	}
	if (change_find_key(d, s, c, false, &other) &&
		memcmp(other.digest, c->digest, sizeof(c->digest)) != 0) {
		const struct change *last = changes_find(&d->changes, &other);

		if (!last || last->kind != CHANGE_KEY_REVOKE) {
			snprintf(why, why_bytes, "consumer %s has a key '%s' already", c->of,
				c->name);
			return why;
		}
	}
	return NULL;
}

static const char *change_check_revoke(const struct daemon *d, const struct snapshot *s,
	const json_t *request, struct change *c, char *why, size_t why_bytes)
{
	const char *hex = json_string_value(json_object_get(request, "sha256"));
	const struct change *last;
	struct change key;

	if (hex && unit_hex(str_of(hex), c->digest, sizeof(c->digest)) < 0)
		return "sha256 is 64 hexadecimal digits";
	if (!change_find_key(d, s, c, hex != NULL, &key)) {
		if (hex)
			return "no consumer has a key with this sha256";
		snprintf(why, why_bytes, "consumer %s has no key '%s'", c->of, c->name);
		return why;
	}
	last = changes_find(&d->changes, &key);
	if (last && last->kind == CHANGE_KEY_REVOKE)
		return "this key is revoked already";
	memcpy(c->digest, key.digest, sizeof(c->digest));
	snprintf(c->of, sizeof(c->of), "%s", key.of);
	snprintf(c->name, sizeof(c->name), "%s", key.name);
	return NULL;
}

/* @return NULL, or why the request is none that can be made */
static const char *change_read(const struct daemon *d, const json_t *request, struct change *c,
	char *why, size_t why_bytes)
{
	const struct snapshot *s = d->has_ran ? &d->ran.snapshot : &d->wanted.snapshot;
	const char *what = json_string_value(json_object_get(request, "what"));
	const char *of = json_string_value(json_object_get(request, "of"));
	const char *name = json_string_value(json_object_get(request, "name"));
	const json_t *weight = json_object_get(request, "weight");
	struct delta delta;

	*c = (struct change){ .kind = CHANGE_KINDS, .at_s = time(NULL) };
	for (unsigned k = 0; what && k < CHANGE_KINDS; k++)
		if (strcmp(what, change_what(k)) == 0)
			c->kind = k;
	if (c->kind == CHANGE_KINDS)
		return "unknown change";
	if (c->kind != CHANGE_KEY_REVOKE || of) {
		if (!change_name_fits(of) || !change_name_fits(name))
			return "a name is 1 to 64 characters";
		snprintf(c->of, sizeof(c->of), "%s", of);
		snprintf(c->name, sizeof(c->name), "%s", name);
	}
	if (c->kind == CHANGE_KEY_ADD)
		return change_check_add(d, s, request, c, why, why_bytes);
	if (c->kind == CHANGE_KEY_REVOKE)
		return change_check_revoke(d, s, request, c, why, why_bytes);
	if (!json_is_integer(weight) || json_integer_value(weight) < 0 ||
		json_integer_value(weight) > SNAP_WEIGHT_MAX)
		return "a weight is 0 to 1000";
	c->weight = (uint32_t)json_integer_value(weight);
	return change_delta(c, s, &delta, why, why_bytes) < 0 ? why : NULL;
}

const char *daemon_change(struct daemon *d, const json_t *request, char *why, size_t why_bytes)
{
	struct change change;
	const char *refused = change_read(d, request, &change, why, why_bytes);
	int rc;

	if (refused)
		return refused;
	rc = changes_put(&d->changes, &change);
	if (rc == -ENOSPC) {
		snprintf(why, why_bytes,
			"%u changes lie over the file, and no more are taken: write them into it, then 'sluicectl "
			"changes forget all'",
			CHANGES_MAX);
		return why;
	}
	if (rc)
		return "out of memory";
	log_notice("%s: %s %s", change_what(change.kind), change.of, change.name);
	change_begin(d);
	return NULL;
}

bool daemon_forget_changes(struct daemon *d, uint64_t number)
{
	if (changes_forget(&d->changes, number) == 0)
		return false;
	d->changing = (struct changing){ .step = "changing", .then_apply = true };
	change_save(d);
	return true;
}
