/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control hands over. An apply is checked in full before the program sees it: each part that
 * comes for itself, the snapshot that the root makes of them and of those that run, then against
 * its secrets, the usage memory and the statistics that already run. It is refused as a whole, with
 * a sentence, and what ran goes on.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/sync/link_server_priv.h"
#include "lib/base/log.h"

#define DELTAS_PER_TURN 4096

struct apply {
	struct snapshot snapshot;
	const struct secrets *secrets;
	uint64_t generation;
	uint32_t consumers, plans, endpoints;
	struct stats_shape capacity;
	struct snapshot_part *parts[SNAP_KINDS]; /* shares for the server */
	char why[LINK_TEXT_BYTES];
};

__attribute__((format(printf, 3, 4))) static int refuse(
	struct apply *a, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(a->why, sizeof(a->why), format, args);
	va_end(args);
	return err;
}

static int secrets_check(struct apply *a)
{
	uint32_t count;
	const struct snap_cert *certs = snap_records(&a->snapshot, SNAP_CERTS, &count);

	if (a->secrets->count != count)
		return refuse(a, -EINVAL, "%u certificates, but secrets for %u", count,
			a->secrets->count);
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(certs[i].fingerprint, a->secrets->entries[i].fingerprint,
			    sizeof(certs[i].fingerprint)) != 0)
			return refuse(
				a, -EINVAL, "certificate %u is not the one in the secrets", i);
	return 0;
}

/* What was made at the first apply cannot grow while workers use it. */
static int capacity_check(const struct link_server *server, struct apply *a)
{
	const struct snap_settings *s = snap_settings(&a->snapshot);

	if (s->consumer_capacity > server->usage.capacity)
		return refuse(a, -ENOSPC, "consumer_capacity %u, but usage memory for %u consumers",
			s->consumer_capacity, server->usage.capacity);
	if (server->generation == 0)
		return 0;
	if (s->api_capacity > server->capacity.apis)
		return refuse(a, -ENOSPC, "api_capacity %u needs a restart: statistics hold %u",
			s->api_capacity, server->capacity.apis);
	if (s->endpoint_capacity > server->capacity.endpoints)
		return refuse(a, -ENOSPC,
			"endpoint_capacity %u needs a restart: statistics hold %u",
			s->endpoint_capacity, server->capacity.endpoints);
	if (s->listener_capacity > server->capacity.listeners)
		return refuse(a, -ENOSPC,
			"listener_capacity %u needs a restart: statistics hold %u",
			s->listener_capacity, server->capacity.listeners);
	return 0;
}

static int apply_check(const struct link_server *server, struct apply *a)
{
	const uint64_t generation = a->snapshot.generation;
	int err;

	if (server->state == LINK_STATE_STOPPING)
		return refuse(a, -ESHUTDOWN, "the dataplane is stopping");
	if (generation <= server->generation)
		return refuse(a, -ESTALE, "generation %llu is not above %llu, which runs",
			(unsigned long long)generation, (unsigned long long)server->generation);
	err = secrets_check(a);
	return err ? err : capacity_check(server, a);
}

/* The parts of a generation that does not run. */
static void parts_drop(struct snapshot_part *parts[SNAP_KINDS])
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		snapshot_part_release(parts[kind]);
		parts[kind] = NULL;
	}
}

/* Peers to which only some of the parts before went get all of them again. */
static void parts_keep(struct link_server *server, const struct apply *a)
{
	parts_drop(server->parts);
	memcpy(server->parts, a->parts, sizeof(server->parts));
	for (unsigned i = 0; i < PEERS_MAX; i++)
		if (server->peers[i].cursor > SEND_PARTS && server->peers[i].cursor <= SEND_ROOT)
			server->peers[i].cursor = SEND_PARTS;
}

/* Remember what runs now. The snapshot belongs to the program: only what was noted before is
 * known. */
static void apply_done(struct link_server *server, struct peer *peer, const struct apply *a)
{
	if (server->generation == 0) {
		server->state = LINK_STATE_RUNNING;
		server->capacity = a->capacity;
		peer->cursor = SEND_WORKERS; /* statistics, events, READY; then the ACK */
	}
	server->generation = a->generation;
	server->consumers = a->consumers;
	server->plans = a->plans;
	server->endpoints = a->endpoints;
	parts_keep(server, a);
	if (a->secrets == &peer->secrets) {
		secrets_close(&server->secrets);
		server->secrets = peer->secrets;
		peer->secrets = (struct secrets){ .segment = { .fd = -1 } };
	}
}

/* Note what the server must know of a snapshot, before the program may take it. */
static void apply_note(struct apply *a)
{
	const struct snap_settings *s = snap_settings(&a->snapshot);

	a->generation = a->snapshot.generation;
	a->consumers = a->snapshot.sections[SNAP_CONSUMERS].count;
	a->plans = a->snapshot.sections[SNAP_PLANS].count;
	a->endpoints = a->snapshot.sections[SNAP_ENDPOINTS].count;
	a->capacity = (struct stats_shape){ .listeners = s->listener_capacity,
		.apis = s->api_capacity,
		.endpoints = s->endpoint_capacity };
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		a->parts[kind] = snapshot_part_hold(a->snapshot.parts[kind]);
}

/* The parts that a root names: those that were sent for it, else those that run.
 * @param parts  filled; no shares */
static int root_parts(const struct link_server *server, const struct peer *peer,
	const struct link_message *root, struct snapshot_part *parts[SNAP_KINDS], struct apply *a)
{
	if (peer->parts_error)
		return refuse(a, peer->parts_error, "%s", peer->parts_why);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		parts[kind] = peer->parts[kind] ? peer->parts[kind] : server->parts[kind];
		if (!parts[kind] || parts[kind]->generation != root->parts[kind])
			return refuse(a, -ENOENT,
				"the root names generation %llu of kind %s, which is not here",
				(unsigned long long)root->parts[kind], snap_kind_name(kind));
		if (root->parts[kind] > root->generation)
			return refuse(a, -EINVAL, "generation %llu of kind %s is above the root's",
				(unsigned long long)root->parts[kind], snap_kind_name(kind));
	}
	return 0;
}

/* Check and run what a root names. @return 0 or -errno with a->why */
static int apply_run(struct link_server *server, struct peer *peer, const struct link_message *root,
	struct apply *a)
{
	struct snapshot_part *parts[SNAP_KINDS];
	int err = root_parts(server, peer, root, parts, a);

	if (!err)
		err = snapshot_open(parts, root->generation, &a->snapshot, a->why, sizeof(a->why));
	if (err)
		return err;
	/* Control may leave out secrets that did not change. */
	a->secrets = peer->secrets.segment.fd >= 0 ? &peer->secrets : &server->secrets;
	if (peer->secrets_error)
		err = refuse(a, peer->secrets_error, "the secrets cannot be read: %s",
			strerror(-peer->secrets_error));
	if (!err)
		err = apply_check(server, a);
	if (err)
		goto out;
	apply_note(a);
	refuse(a, 0, "refused without a reason");
	err = server->ops->apply(server->ctx, &a->snapshot, a->secrets,
		server->usage.lines ? &server->usage : NULL, a->why, sizeof(a->why));
	if (err == 0) {
		apply_done(server, peer, a);
		return 0;
	}
	parts_drop(a->parts);
out:
	snapshot_close(&a->snapshot);
	return err;
}

void peer_forget(struct peer *peer)
{
	secrets_close(&peer->secrets);
	peer->secrets_error = 0;
	parts_drop(peer->parts);
	peer->parts_error = 0;
}

void control_root(struct link_server *server, struct peer *peer, const struct link_message *root)
{
	struct link_message ack = link_message_make(LINK_ACK, server->boot_id);
	struct apply a = { .why = "" };
	int err = apply_run(server, peer, root, &a);

	peer_forget(peer);
	ack.generation = root->generation;
	ack.status = err;
	if (err) {
		memcpy(ack.text, a.why, sizeof(ack.text));
		log_warning("generation %llu is refused: %s", (unsigned long long)root->generation,
			a.why);
	} else {
		log_notice("generation %llu runs", (unsigned long long)root->generation);
	}
	peer_reply(peer, &ack);
}

/* An error shows in the answer to the root that follows. */
static int control_part(struct peer *peer, const struct link_message *message, int fd)
{
	struct snapshot_part *part = NULL;
	struct segment segment;
	char why[LINK_TEXT_BYTES] = "";
	int err = segment_map(fd, SEGMENT_SNAPSHOT, false, true, &segment);

	if (err) {
		close(fd);
		snprintf(why, sizeof(why), "the snapshot cannot be read: %s",
			err == -EPROTO ? "it comes from another build" : strerror(-err));
	} else {
		err = snapshot_part_open(&segment, &part, why, sizeof(why));
		segment_close(&segment);
	}
	if (part && part->kind != message->index) {
		err = -EINVAL;
		snprintf(why, sizeof(why), "a segment of kind %s is announced as %u",
			snap_kind_name(part->kind), message->index);
		snapshot_part_release(part);
	} else if (part) {
		snapshot_part_release(peer->parts[part->kind]);
		peer->parts[part->kind] = part;
	}
	if (err && !peer->parts_error) {
		peer->parts_error = err;
		memcpy(peer->parts_why, why, sizeof(why));
	}
	return 0;
}

/* An error shows in the answer to the root that follows. */
static int control_secrets(struct peer *peer, int fd)
{
	struct segment segment;

	secrets_close(&peer->secrets);
	peer->secrets_error = segment_map(fd, SEGMENT_SECRETS, false, true, &segment);
	if (peer->secrets_error) {
		close(fd);
		return 0;
	}
	peer->secrets_error = secrets_open(&segment, &peer->secrets);
	segment_close(&segment);
	return 0;
}

/* Usage memory may be exchanged until workers write to it. */
static int control_usage(struct link_server *server, int fd)
{
	struct usage usage;
	int err = server->generation ? -EEXIST : usage_open(fd, true, &usage);

	if (err) {
		close(fd);
		return err;
	}
	usage_close(&server->usage);
	server->usage = usage;
	return 0;
}

static int control_deltas(struct link_server *server, int fd)
{
	struct delta_ring ring;
	int err = delta_ring_open(fd, &ring);

	if (err) {
		close(fd);
		return err;
	}
	delta_ring_close(&server->deltas);
	server->deltas = ring;
	server->deltas_made = 0;
	server->unsettled = false;
	return 0;
}

int control_segment(
	struct link_server *server, struct peer *peer, const struct link_message *message, int fd)
{
	switch (message->segment) {
	case SEGMENT_SNAPSHOT:
		return control_part(peer, message, fd);
	case SEGMENT_SECRETS:
		return control_secrets(peer, fd);
	case SEGMENT_USAGE:
		return control_usage(server, fd);
	case SEGMENT_DELTA:
		return control_deltas(server, fd);
	default:
		close(fd);
		return -EPROTO;
	}
}

static int delta_check(const struct link_server *server, const struct delta *d)
{
	if (d->base_generation > server->generation)
		return -ESTALE;
	switch ((enum delta_op)d->op) {
	case DELTA_KEY_ADD:
		return d->consumer < server->consumers ? 0 : -EINVAL;
	case DELTA_KEY_REMOVE:
		return 0;
	case DELTA_CONSUMER_PLAN:
		return d->consumer < server->consumers && d->plan < server->plans ? 0 : -EINVAL;
	case DELTA_ENDPOINT_WEIGHT:
		return d->endpoint < server->endpoints && d->weight <= SNAP_WEIGHT_MAX ? 0
										       : -EINVAL;
	}
	return -EINVAL;
}

static int delta_make(const struct link_server *server, const struct delta *d)
{
	int err;

	/* An older base: the running snapshot has the change already. */
	if (d->base_generation < server->generation)
		return 0;
	err = delta_check(server, d);
	if (err)
		return err;
	return server->ops->delta ? server->ops->delta(server->ctx, d) : -ENOSYS;
}

int deltas_take(struct link_server *server)
{
	struct delta_ring_header *header = server->deltas.header;
	struct delta d;
	int got = 0, err;

	if (!header || server->state != LINK_STATE_RUNNING)
		return 0;
	for (unsigned n = 0; n < DELTAS_PER_TURN; n++) {
		got = delta_ring_pop(&server->deltas, &d);
		if (got <= 0)
			break;
		err = delta_make(server, &d);
		if (err) {
			atomic_fetch_add_explicit(&header->refused, 1, memory_order_relaxed);
			log_warning("delta %llu is refused: %s", (unsigned long long)d.sequence,
				strerror(-err));
		}
		server->deltas_made = d.sequence;
		server->unsettled = true;
	}
	return got < 0 ? got : 0;
}

void deltas_settle(struct link_server *server)
{
	struct delta_ring_header *header = server->deltas.header;

	if (server->unsettled && header &&
		(!server->ops->settled || server->ops->settled(server->ctx))) {
		atomic_store_explicit(&header->acked, server->deltas_made, memory_order_release);
		server->unsettled = false;
	}
	if (server->pong_due && !server->unsettled && server->control) {
		struct link_message pong = link_message_make(LINK_PONG, server->boot_id);

		pong.generation = server->generation;
		peer_reply(server->control, &pong);
		server->pong_due = false;
	}
}
