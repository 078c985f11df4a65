/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's coming and going. Three meetings are possible: it runs nothing (give it the usage
 * memory and what is wanted), it runs what another control gave it (take over its slots, generation
 * and usage memory, and apply only what differs), or it runs what we gave it (nothing to do).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control/daemon/carry.h"
#include "control/daemon/daemon.h"
#include "lib/base/log.h"
#include "lib/base/plural.h"

/* Copy what two usage segments have in common. */
static void copy_usage(struct usage *to, const struct usage *from)
{
	uint32_t lines = from->capacity < to->capacity ? from->capacity : to->capacity;

	/* Nobody runs: plain copies are enough. */
	memcpy((void *)to->lines, (const void *)from->lines, lines * sizeof(*to->lines));
}

/* Usage memory with room for a snapshot's consumers: ours, the dataplane's, or new. */
static int prepare_usage(struct daemon *d, const struct snapshot *snapshot)
{
	uint32_t wanted = snap_settings(snapshot)->consumer_capacity;
	struct usage fresh;
	int rc;

	if (!d->has_usage && d->link.has_usage)
		d->has_usage = link_client_take_usage(&d->link, &d->usage);
	/* Counts are since the dataplane's start; limits go on. */
	if (d->has_usage)
		carry_clear_counts(&d->usage);
	if (d->has_usage && d->usage.capacity >= wanted)
		return link_client_send_usage(&d->link, &d->usage);
	rc = usage_create(wanted ? wanted : 1, d->boot_id, &fresh);
	if (rc < 0)
		return rc;
	if (d->has_usage) {
		copy_usage(&fresh, &d->usage);
		usage_close(&d->usage);
	}
	d->usage = fresh;
	d->has_usage = true;
	return link_client_send_usage(&d->link, &d->usage);
}

/* Which parts of a generation the dataplane got, and how much that was. */
static void log_sent(const struct snapshot *sent, const struct snapshot *running)
{
	char kinds[64] = "";
	size_t bytes = 0, len = 0;

	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		if (running && snapshot_shares(sent, running, 1u << kind))
			continue;
		len += (size_t)snprintf(kinds + len, sizeof(kinds) - len, "%s%s", len ? ", " : "",
			snap_kind_name(kind));
		bytes += sent->parts[kind]->segment.length;
	}
	log_info("generation %" PRIu64 " is sent: %s, %zu bytes", sent->generation,
		len ? kinds : "nothing new", bytes);
}

void daemon_carry_limits(struct daemon *d, const struct snapshot *old, const struct snapshot *now)
{
	struct timespec clock;
	int64_t words;

	if (!d->has_usage)
		return;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	if (carry_clear_lines(old, now, &d->usage, true) < 0)
		log_error("out of memory: consumers may inherit limits of removed ones");
	words = carry_words(
		old, now, &d->usage, (uint64_t)clock.tv_sec * 1000000000 + (uint64_t)clock.tv_nsec);
	if (words > 0)
		log_notice("%" PRId64 " limits were fitted to changed plans", words);
}

void daemon_replace_ran(struct daemon *d, struct snapshot *now)
{
	daemon_carry_limits(d, &d->ran.snapshot, now);
	slot_names_free(&d->names);
	snapshot_close(&d->ran.snapshot);
	d->ran.snapshot = *now;
	*now = (struct snapshot){ 0 };
	if (slot_names_make(&d->ran.snapshot, &d->names) < 0)
		log_error("out of memory: the access log goes on without names");
}

/* What a dataplane begins with holds all changes: a revoked key does not work until a delta comes.
 */
static int lay_changes(struct daemon *d, struct compiled *what)
{
	uint64_t *laid = what == &d->ran ? &d->laid_ran : &d->laid_wanted;
	struct snapshot snapshot;
	int rc;

	if (d->changes.last <= *laid)
		return 0;
	rc = changes_lay_snapshot(
		&d->changes, *laid, &what->snapshot, d->generation + 1, d->boot_id, &snapshot);
	if (rc)
		return rc;
	if (what == &d->ran) {
		if (d->has_usage)
			carry_clear_lines(&d->ran.snapshot, &snapshot, &d->usage, false);
		daemon_replace_ran(d, &snapshot);
	} else {
		snapshot_close(&what->snapshot);
		what->snapshot = snapshot;
	}
	d->generation++;
	*laid = d->changes.last;
	return 0;
}

/* Hand over a generation; the answer comes as an ACK. */
static int send_generation(struct daemon *d, struct compiled *what)
{
	const struct segment *secrets = what->secrets.fd >= 0 ? &what->secrets : NULL;
	const struct snapshot *old = d->has_ran ? &d->ran.snapshot : NULL;
	const struct snapshot *running = d->link.generation ? old : NULL;
	int rc = 0;

	if (d->link.generation == 0)
		rc = lay_changes(d, what);
	if (d->link.generation == 0 && rc == 0)
		rc = prepare_usage(d, &what->snapshot);
	if (rc == 0 && carry_clear_lines(old, &what->snapshot, &d->usage, false) < 0)
		rc = -ENOMEM;
	if (rc == 0)
		rc = link_client_apply(&d->link, &what->snapshot, running, secrets);
	if (rc < 0) {
		log_error("generation %" PRIu64 " cannot be sent: %s", what->snapshot.generation,
			strerror(-rc));
		return rc;
	}
	d->sent = what;
	d->applied_at_ms = daemon_now_ms();
	log_sent(&what->snapshot, running);
	return 0;
}

int daemon_send_wanted(struct daemon *d)
{
	return send_generation(d, &d->wanted);
}

int daemon_send_amended(struct daemon *d)
{
	return send_generation(d, &d->amended);
}

/* wanted runs: it is what later generations are compared with. */
static void wanted_runs(struct daemon *d)
{
	if (d->has_ran)
		daemon_carry_limits(d, &d->ran.snapshot, &d->wanted.snapshot);
	slot_names_free(&d->names);
	compiled_free(&d->ran);
	d->ran = d->wanted;
	d->laid_ran = d->laid_wanted;
	daemon_forget_ring(d);
	d->wanted = (struct compiled){ .secrets.fd = -1 };
	d->has_ran = true;
	d->changed = false;
	d->amend_due = false;
	d->applied_real_s = time(NULL);
	if (slot_names_make(&d->ran.snapshot, &d->names) < 0)
		log_error("out of memory: the access log goes on without names");
}

static void take_ack(struct daemon *d)
{
	const struct link_client_ack *ack = &d->link.ack;
	const struct compiled *sent = d->sent;

	d->link.ack.arrived = false;
	if (!sent || ack->generation != sent->snapshot.generation)
		return;
	daemon_drain_events(d); /* what ended before it has the names of before */
	d->sent = NULL;
	if (sent == &d->amended) {
		daemon_amended(d, ack->status ? ack->text : NULL);
		return;
	}
	if (ack->status == 0) {
		d->refusal[0] = '\0';
		if (sent == &d->wanted)
			wanted_runs(d);
		log_notice("generation %" PRIu64 " runs on %u worker%s", d->ran.snapshot.generation,
			d->link.workers, plural(d->link.workers));
		daemon_push_changes(d);
		if (sent == &d->wanted)
			daemon_record(d, false);
	} else {
		snprintf(d->refusal, sizeof(d->refusal), "%s", ack->text);
		log_error("the dataplane refuses generation %" PRIu64 ": %s", ack->generation,
			ack->text);
		daemon_answer_apply(d, d->refusal);
	}
	daemon_go_on(d);
}

/* Secrets that came over the link, as a segment; fd -1 when there are none that can be read. */
static struct segment adopt_secrets(struct daemon *d)
{
	struct segment secrets = { .fd = -1 };
	int fd = d->link.secrets_fd;

	d->link.secrets_fd = -1;
	if (fd >= 0 && segment_map(fd, SEGMENT_SECRETS, false, true, &secrets) < 0) {
		close(fd);
		secrets.fd = -1;
	}
	return secrets;
}

static bool same_secrets(const struct segment *a, const struct segment *b)
{
	const size_t header = sizeof(struct segment_header);

	if (a->fd < 0 || b->fd < 0)
		return a->fd < 0 && b->fd < 0;
	return a->length == b->length &&
	       memcmp((const char *)a->base + header, (const char *)b->base + header,
		       a->length - header) == 0;
}

/* The dataplane runs a generation that this process did not give it: take it over as what ran. */
static void adopt(struct daemon *d)
{
	slot_names_free(&d->names);
	compiled_free(&d->ran);
	d->ran.snapshot = d->link.snapshot;
	d->ran.secrets = adopt_secrets(d);
	d->link.snapshot = (struct snapshot){ 0 };
	d->link.has_snapshot = false;
	d->has_ran = true;
	d->laid_ran = 0; /* it is not known which of them it holds */
	daemon_forget_ring(d);
	if (d->generation < d->ran.snapshot.generation)
		d->generation = d->ran.snapshot.generation;
	if (d->link.has_usage) {
		if (d->has_usage)
			usage_close(&d->usage);
		d->has_usage = link_client_take_usage(&d->link, &d->usage);
	}
	if (slot_names_make(&d->ran.snapshot, &d->names) < 0)
		log_error("out of memory: the access log goes on without names");
	log_notice(
		"took over a dataplane that runs generation %" PRIu64, d->ran.snapshot.generation);
}

/* Generations of parts are compared, too: what is sent later may name them. */
static bool same_parts(const struct snapshot *a, const struct snapshot *b)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		if (a->parts[kind]->generation != b->parts[kind]->generation)
			return false;
	return snapshot_same(a, b);
}

/* Bring a running dataplane and the configuration together. */
static void meet_running(struct daemon *d)
{
	bool ours = d->has_ran && d->ran.snapshot.generation == d->link.generation &&
		    same_parts(&d->ran.snapshot, &d->link.snapshot);

	if (ours && !d->changed) {
		daemon_push_changes(d);
		return;
	}
	if (!ours)
		adopt(d);
	/* Read again: slots and what needs a restart depend on what runs. */
	daemon_configure(d, d->config, CONFIGURE_MEET);
}

void daemon_meet_configured(struct daemon *d, bool good)
{
	if (!good) {
		log_error("the configuration has mistakes: generation %" PRIu64 " runs on",
			d->ran.snapshot.generation);
		daemon_push_changes(d);
		daemon_answer_mistakes(d, d->config);
	} else if (d->attached && !d->meet_due &&
		   snapshot_same(&d->wanted.snapshot, &d->ran.snapshot) &&
		   same_secrets(&d->wanted.secrets, &d->ran.secrets)) {
		log_notice("generation %" PRIu64 " is what the configuration asks for",
			d->ran.snapshot.generation);
		d->changed = false;
		d->laid_ran = d->laid_wanted;
		if (d->asked)
			daemon_record(d, false);
	} else {
		daemon_deliver(d);
	}
}

/* A dataplane that runs nothing gets what is wanted, or what ran last: the same slots, the same
 * usage memory, so that nobody's limits begin anew. */
static void meet_empty(struct daemon *d)
{
	if (d->changed || !d->has_ran) {
		daemon_deliver(d);
		return;
	}
	if (send_generation(d, &d->ran) == 0)
		log_notice("a new dataplane gets generation %" PRIu64, d->ran.snapshot.generation);
}

void daemon_meet(struct daemon *d)
{
	if (d->link.has_snapshot)
		meet_running(d);
	else
		meet_empty(d);
}

static void link_readable(void *context);

static void link_bell(void *context)
{
	daemon_drain_asks(context);
}

static void link_connect_now(uv_timer_t *timer)
{
	struct daemon *d = timer->loop->data;
	int rc = link_client_connect(d->options.socket, LINK_ROLE_CONTROL, d->boot_id, &d->link);

	if (rc == 0) {
		d->link_watch = watch_open(&d->loop, d->link.fd, link_readable, d);
		d->connected = d->link_watch != NULL;
		if (d->connected)
			return;
		rc = -ENOMEM;
		link_client_close(&d->link);
	}
	if (!d->said_absent && rc == -EACCES)
		log_error("%s: not allowed; was sluice-dataplane started with --user and our name?",
			d->options.socket);
	else if (!d->said_absent)
		log_notice("no dataplane at %s (%s): waiting for one", d->options.socket,
			strerror(-rc));
	d->said_absent = true;
	d->reconnect_ms = d->reconnect_ms ? d->reconnect_ms * 2 : RECONNECT_MIN_MS;
	if (d->reconnect_ms > RECONNECT_MAX_MS)
		d->reconnect_ms = RECONNECT_MAX_MS;
	daemon_connect_in(d, d->reconnect_ms);
}

void daemon_connect_in(struct daemon *d, uint64_t ms)
{
	uv_timer_start(&d->reconnect, link_connect_now, ms, 0);
}

void daemon_link_close(struct daemon *d)
{
	watch_close(&d->bell_watch);
	watch_close(&d->link_watch);
	link_client_close(&d->link);
}

/* Close, and keep what is to outlive the connection. */
static void disconnect(struct daemon *d)
{
	const struct compiled *sent = d->sent;

	/* What the rings still hold has happened: it belongs into the log. */
	d->sent = NULL;
	daemon_drain_events(d);
	daemon_link_close(d);
	daemon_forget_ring(d);
	d->connected = d->attached = d->meet_due = d->amend_due = false;
	d->dropped_seen = 0;
	d->reconnect_ms = 0;
	daemon_connect_in(d, RECONNECT_MIN_MS);
	compiled_free(&d->amended);
	daemon_change_lost(d);
	if (sent)
		daemon_answer_apply(d, "the dataplane has gone before it answered");
}

/* Say once why there is no dataplane. */
static void lose(struct daemon *d, int rc)
{
	char why[LINK_TEXT_BYTES];
	bool said = d->said_absent;

	snprintf(why, sizeof(why), "%s", d->link.why);
	disconnect(d);
	if (rc == -ECONNRESET) {
		log_warning("%s; limits and the configuration are kept for the next one", why);
		return;
	}
	/* Refused or not understood: it will not be better at once. */
	if (!said)
		log_error("%s; trying again", why);
	d->said_absent = true;
	d->reconnect_ms = RECONNECT_MAX_MS;
	daemon_connect_in(d, RECONNECT_MAX_MS);
}

/* Read what the dataplane sent. */
static void link_readable(void *context)
{
	struct daemon *d = context;
	int rc = link_client_step(&d->link);

	/* The last words of a dataplane count too. */
	if (d->link.ack.arrived)
		take_ack(d);
	daemon_change_ponged(d);
	if (rc < 0) {
		lose(d, rc);
		daemon_go_on(d);
		return;
	}
	/* Without a watch questions wait for the timer of the events. */
	if (d->link.bell >= 0 && !d->bell_watch)
		d->bell_watch = watch_open(&d->loop, d->link.bell, link_bell, d);
	if (d->attached || !d->link.ready)
		return;
	d->attached = true;
	d->said_absent = false;
	log_notice("attached to the dataplane (pid %u)", d->link.dataplane_pid);
	d->meet_due = true;
	daemon_go_on(d);
}
