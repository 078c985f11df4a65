/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control hands over. An apply is checked in full before the program sees it: the snapshot for
 * itself, then against its secrets, the usage memory and the statistics that already run. It is
 * refused as a whole, with a sentence, and what ran goes on.
 */
#include <errno.h>
#include <fcntl.h>
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
	int fd; /* kept for those who connect later */
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

static int apply_check(const struct link_server *server, uint64_t announced, struct apply *a)
{
	int err;

	if (server->state == LINK_STATE_STOPPING)
		return refuse(a, -ESHUTDOWN, "the dataplane is stopping");
	if (a->snapshot.generation != announced)
		return refuse(a, -EINVAL, "generation %llu announced as %llu",
			(unsigned long long)a->snapshot.generation, (unsigned long long)announced);
	if (announced <= server->generation)
		return refuse(a, -ESTALE, "generation %llu is not above %llu, which runs",
			(unsigned long long)announced, (unsigned long long)server->generation);
	err = secrets_check(a);
	return err ? err : capacity_check(server, a);
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
	segment_close(&server->snapshot);
	server->snapshot.fd = a->fd;
	if (a->secrets == &peer->secrets) {
		secrets_close(&server->secrets);
		server->secrets = peer->secrets;
		peer->secrets = (struct secrets){ .segment = { .fd = -1 } };
	}
}

/* Note what the server must know of a snapshot, before the program may take it. */
static int apply_note(struct apply *a)
{
	const struct snap_settings *s = snap_settings(&a->snapshot);

	a->generation = a->snapshot.generation;
	a->consumers = a->snapshot.sections[SNAP_CONSUMERS].count;
	a->plans = a->snapshot.sections[SNAP_PLANS].count;
	a->endpoints = a->snapshot.sections[SNAP_ENDPOINTS].count;
	a->capacity = (struct stats_shape){ .listeners = s->listener_capacity,
		.apis = s->api_capacity,
		.endpoints = s->endpoint_capacity };
	a->fd = fcntl(a->snapshot.segment.fd, F_DUPFD_CLOEXEC, 0);
	return a->fd < 0 ? refuse(a, -errno, "no descriptor is left") : 0;
}

/* Check and run a mapped snapshot. @return 0 or -errno with a->why */
static int apply_run(struct link_server *server, struct peer *peer, struct segment *segment,
	uint64_t announced, struct apply *a)
{
	int err = snapshot_open(segment, &a->snapshot, a->why, sizeof(a->why));

	if (err)
		return err;
	/* Control may leave out secrets that did not change. */
	a->secrets = peer->secrets.segment.fd >= 0 ? &peer->secrets : &server->secrets;
	if (peer->secrets_error)
		err = refuse(a, peer->secrets_error, "the secrets cannot be read: %s",
			strerror(-peer->secrets_error));
	if (!err)
		err = apply_check(server, announced, a);
	if (!err)
		err = apply_note(a);
	if (err)
		goto out;
	refuse(a, 0, "refused without a reason");
	err = server->ops->apply(server->ctx, &a->snapshot, a->secrets,
		server->usage.lines ? &server->usage : NULL, a->why, sizeof(a->why));
	if (err == 0) {
		apply_done(server, peer, a);
		return 0;
	}
	close(a->fd);
out:
	snapshot_close(&a->snapshot);
	return err;
}

static int control_snapshot(
	struct link_server *server, struct peer *peer, const struct link_message *message, int fd)
{
	struct link_message ack = link_message_make(LINK_ACK, server->boot_id);
	struct apply a = { .why = "" };
	struct segment segment;
	int err = segment_map(fd, SEGMENT_SNAPSHOT, false, true, &segment);

	if (err) {
		close(fd);
		refuse(&a, err, "the snapshot cannot be read: %s",
			err == -EPROTO ? "it comes from another build" : strerror(-err));
	} else {
		err = apply_run(server, peer, &segment, message->generation, &a);
		segment_close(&segment);
	}
	secrets_close(&peer->secrets);
	peer->secrets_error = 0;
	ack.generation = message->generation;
	ack.status = err;
	if (err) {
		memcpy(ack.text, a.why, sizeof(ack.text));
		log_warning("generation %llu is refused: %s",
			(unsigned long long)message->generation, a.why);
	} else {
		log_notice("generation %llu runs", (unsigned long long)message->generation);
	}
	peer_reply(peer, &ack);
	return 0;
}

/* An error shows in the answer to the snapshot that follows. */
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
		return control_snapshot(server, peer, message, fd);
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
