/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting what a dataplane hands out. The dataplane is not trusted more than it trusts us: each
 * segment is checked as it comes, and one that cannot be read ends the connection with a sentence.
 */
#include "control/link_client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES_PER_STEP 1024

__attribute__((format(printf, 3, 4))) static int client_fail(
	struct link_client *c, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->why, sizeof(c->why), format, args);
	va_end(args);
	return err;
}

int link_client_connect(
	const char *path, enum link_role role, uint64_t boot_id, struct link_client *out)
{
	struct link_message hello = link_message_make(LINK_HELLO, boot_id);
	struct link_client c = {
		.fd = -1, .role = role, .boot_id = boot_id, .secrets_fd = -1, .bell = -1
	};
	int err;

	c.usage.segment.fd = -1;
	*out = c;
	c.stats = calloc(SNAP_WORKERS_MAX, sizeof(*c.stats));
	c.before = calloc(SNAP_WORKERS_MAX, sizeof(*c.before));
	c.events = calloc(SNAP_WORKERS_MAX, sizeof(*c.events));
	c.asks = calloc(SNAP_WORKERS_MAX, sizeof(*c.asks));
	if (!c.stats || !c.before || !c.events || !c.asks) {
		err = -ENOMEM;
		goto fail;
	}
	for (uint32_t i = 0; i < SNAP_WORKERS_MAX; i++)
		c.stats[i].segment.fd = c.before[i].segment.fd = c.events[i].segment.fd =
			c.asks[i].segment.fd = -1;
	c.fd = link_connect(path);
	err = c.fd;
	if (c.fd < 0)
		goto fail;
	hello.role = role;
	err = link_send(c.fd, &hello, -1);
	/* A refusal may have come before: it is read with the first step. */
	if (err && err != -EPIPE && err != -ECONNRESET)
		goto fail;
	*out = c;
	return 0;
fail:
	if (c.fd >= 0)
		close(c.fd);
	free(c.stats);
	free(c.before);
	free(c.events);
	free(c.asks);
	return err;
}

void link_client_forget_before(struct link_client *c)
{
	for (uint32_t i = 0; i < c->before_count; i++)
		stats_close(&c->before[i]);
	c->before_count = 0;
}

static void client_forget_parts(struct link_client *c)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		snapshot_part_release(c->parts[kind]);
		c->parts[kind] = NULL;
	}
}

void link_client_close(struct link_client *c)
{
	for (uint32_t i = 0; i < c->stats_count; i++)
		stats_close(&c->stats[i]);
	link_client_forget_before(c);
	for (uint32_t i = 0; i < c->events_count; i++)
		event_ring_close(&c->events[i]);
	for (uint32_t i = 0; i < c->asks_count; i++)
		ask_ring_close(&c->asks[i]);
	free(c->asks);
	free(c->stats);
	free(c->before);
	free(c->events);
	client_forget_parts(c);
	snapshot_close(&c->snapshot);
	patch_free(&c->patch);
	usage_close(&c->usage);
	if (c->secrets_fd >= 0)
		close(c->secrets_fd);
	if (c->bell >= 0)
		close(c->bell);
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct link_client){ .fd = -1, .secrets_fd = -1, .bell = -1 };
	c->usage.segment.fd = -1;
}

static int part_take(struct link_client *c, int fd)
{
	struct snapshot_part *part;
	struct segment segment;
	char why[LINK_TEXT_BYTES - 32] = "";
	int err = segment_map(fd, SEGMENT_SNAPSHOT, false, true, &segment);

	if (err)
		return err;
	err = snapshot_part_open(&segment, &part, why, sizeof(why));
	if (err) {
		segment.fd = -1; /* the caller's */
		segment_close(&segment);
		return client_fail(c, err, "its snapshot: %s", why);
	}
	snapshot_part_release(c->parts[part->kind]);
	c->parts[part->kind] = part;
	return 0;
}

static int root_take(struct link_client *c, const struct link_message *m)
{
	char why[LINK_TEXT_BYTES - 32] = "";
	int err;

	snapshot_close(&c->snapshot);
	c->has_snapshot = false;
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		if (!c->parts[kind] || c->parts[kind]->generation != m->parts[kind])
			return client_fail(c, -EPROTO, "its snapshot: no part of kind %s came",
				snap_kind_name(kind));
	err = snapshot_open(c->parts, m->generation, &c->snapshot, why, sizeof(why));
	if (err)
		return client_fail(c, err, "its snapshot: %s", why);
	c->has_snapshot = true;
	client_forget_parts(c);
	return 0;
}

static int usage_take(struct link_client *c, int fd)
{
	struct usage usage;
	int err = usage_open(fd, c->role == LINK_ROLE_CONTROL, &usage);

	if (err)
		return err;
	usage_close(&c->usage);
	c->usage = usage;
	c->has_usage = true;
	return 0;
}

static int stats_take(struct stats *list, uint32_t *count, uint32_t worker, int fd)
{
	struct stats stats;
	int err = worker < SNAP_WORKERS_MAX ? stats_open(fd, &stats) : -EPROTO;

	if (err)
		return err;
	if (worker < *count)
		stats_close(&list[worker]);
	list[worker] = stats;
	if (worker >= *count)
		*count = worker + 1;
	return 0;
}

static int events_take(struct link_client *c, uint32_t worker, int fd)
{
	struct event_ring ring;
	int err = worker < SNAP_WORKERS_MAX ? event_ring_open(fd, &ring) : -EPROTO;

	if (err)
		return err;
	if (worker < c->events_count)
		event_ring_close(&c->events[worker]);
	c->events[worker] = ring;
	if (worker >= c->events_count)
		c->events_count = worker + 1;
	return 0;
}

static int asks_take(struct link_client *c, uint32_t worker, int fd)
{
	struct ask_ring ring;
	int err = worker < SNAP_WORKERS_MAX ? ask_ring_open(fd, &ring) : -EPROTO;

	if (err)
		return err;
	if (worker < c->asks_count)
		ask_ring_close(&c->asks[worker]);
	c->asks[worker] = ring;
	if (worker >= c->asks_count)
		c->asks_count = worker + 1;
	return 0;
}

/* What was changed since the snapshot was applied. The ring itself is not kept: @p fd is closed.
 * The snapshot points into the patch from then on, so that there is one; control, which takes the
 * snapshot over, gets none. */
static int deltas_read(struct link_client *c, int fd)
{
	struct delta_ring ring;
	int err;

	if (!c->has_snapshot || c->patch.keys || c->role == LINK_ROLE_CONTROL)
		return -EPROTO;
	err = delta_ring_open_readonly(fd, &ring);
	if (err)
		return err;
	err = patch_snapshot(&c->snapshot, &ring, &c->patch);
	delta_ring_close(&ring);
	return err;
}

/* Keep what a SEGMENT message carries. @p fd is taken over. */
static int segment_take(struct link_client *c, const struct link_message *m, int fd)
{
	int err;

	switch (m->segment) {
	case SEGMENT_SNAPSHOT:
		err = part_take(c, fd);
		break;
	case SEGMENT_SECRETS:
		if (c->secrets_fd >= 0)
			close(c->secrets_fd);
		c->secrets_fd = fd;
		return 0;
	case SEGMENT_USAGE:
		err = usage_take(c, fd);
		break;
	case SEGMENT_STATS:
		err = m->index < SNAP_WORKERS_MAX
			      ? stats_take(c->stats, &c->stats_count, m->index, fd)
			      : stats_take(c->before, &c->before_count, m->index - SNAP_WORKERS_MAX,
					fd);
		break;
	case SEGMENT_EVENTS:
		err = events_take(c, m->index, fd);
		break;
	case SEGMENT_ASK:
		err = asks_take(c, m->index, fd);
		break;
	case SEGMENT_DELTA:
		err = deltas_read(c, fd);
		break;
	default:
		err = -EPROTO;
	}
	if (err) {
		close(fd);
		if (!c->why[0])
			client_fail(c, err, "segment %u of the dataplane cannot be read: %s",
				m->segment,
				err == -EPROTO ? "it comes from another build" : strerror(-err));
	}
	return err;
}

static int ack_take(struct link_client *c, const struct link_message *m)
{
	if (!c->welcome)
		return client_fail(c, m->status < 0 ? m->status : -EPROTO, "%s", m->text);
	c->ack = (struct link_client_ack){
		.arrived = true, .status = m->status, .generation = m->generation
	};
	memcpy(c->ack.text, m->text, sizeof(c->ack.text));
	if (m->status == 0) {
		c->generation = m->generation;
		c->state = LINK_STATE_RUNNING;
	}
	return 0;
}

static int message_take(struct link_client *c, const struct link_message *m, int fd)
{
	if (m->type == LINK_SEGMENT && fd >= 0)
		return segment_take(c, m, fd);
	if (m->type == LINK_BELL && fd >= 0 && c->bell < 0) {
		c->bell = fd;
		return 0;
	}
	if (fd >= 0) {
		close(fd);
		return client_fail(c, -EPROTO, "the dataplane sent a descriptor for nothing");
	}
	switch (m->type) {
	case LINK_WELCOME:
		c->welcome = true;
		c->state = m->state;
		c->generation = m->generation;
		c->dataplane_boot_id = m->boot_id;
		c->dataplane_pid = m->pid;
		c->workers = m->workers;
		return 0;
	case LINK_ROOT:
		return root_take(c, m);
	case LINK_READY:
		c->ready = true;
		if (c->workers < c->stats_count)
			c->workers = c->stats_count;
		return 0;
	case LINK_ACK:
		return ack_take(c, m);
	case LINK_PONG:
		c->pongs++;
		return 0;
	default:
		return client_fail(c, -EPROTO, "the dataplane sent a message of type %u", m->type);
	}
}

int link_client_step(struct link_client *c)
{
	struct link_message m;
	int taken = 0, err, fd;

	if (c->fd < 0)
		return -ENOTCONN;
	while (taken < MESSAGES_PER_STEP) {
		err = link_receive(c->fd, &m, &fd);
		if (err == 0)
			break;
		if (err == -ECONNRESET)
			return client_fail(c, err, "the dataplane has gone");
		if (err < 0)
			return client_fail(
				c, err, "the dataplane cannot be understood: %s", strerror(-err));
		err = message_take(c, &m, fd);
		if (err)
			return err;
		taken++;
	}
	return taken;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Step until @p arrived says so. */
static int client_wait(
	struct link_client *c, bool (*arrived)(const struct link_client *), int timeout_ms)
{
	const int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd wait = { .fd = c->fd, .events = POLLIN };
		int err = link_client_step(c);
		int64_t left;

		if (arrived(c))
			return 0;
		if (err < 0)
			return err;
		left = end - now_ms();
		if (left <= 0)
			return client_fail(c, -ETIMEDOUT, "the dataplane did not answer in time");
		if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
			return client_fail(c, -errno, "poll: %s", strerror(errno));
	}
}

static bool ready_arrived(const struct link_client *c)
{
	return c->ready;
}

int link_client_wait_ready(struct link_client *c, int timeout_ms)
{
	return client_wait(c, ready_arrived, timeout_ms);
}

static bool ack_arrived(const struct link_client *c)
{
	return c->ack.arrived;
}

int link_client_wait_ack(struct link_client *c, uint64_t generation, int timeout_ms, int *status)
{
	const int64_t end = now_ms() + timeout_ms;

	for (;;) {
		const int64_t left = end - now_ms();
		int err = client_wait(c, ack_arrived, left > 0 ? (int)left : 0);

		if (err)
			return err;
		if (c->ack.generation == generation)
			break;
		c->ack.arrived = false; /* of an apply that nobody waits for any more */
	}
	*status = c->ack.status;
	return 0;
}

static int segment_send(struct link_client *c, const struct segment *s, enum segment_type type)
{
	struct link_message m = link_message_make(LINK_SEGMENT, c->boot_id);

	m.segment = type;
	if (type == SEGMENT_SECRETS)
		m.generation = ((const struct segment_header *)s->base)->generation;
	return link_send(c->fd, &m, s->fd);
}

int link_client_send_usage(struct link_client *c, const struct usage *usage)
{
	return segment_send(c, &usage->segment, SEGMENT_USAGE);
}

int link_client_send_deltas(struct link_client *c, const struct delta_ring *ring)
{
	return segment_send(c, &ring->segment, SEGMENT_DELTA);
}

static int part_send(struct link_client *c, const struct snapshot_part *part)
{
	struct link_message m = link_message_make(LINK_SEGMENT, c->boot_id);

	m.segment = SEGMENT_SNAPSHOT;
	m.index = part->kind;
	m.generation = part->generation;
	return link_send(c->fd, &m, part->segment.fd);
}

int link_client_apply(struct link_client *c, const struct snapshot *snapshot,
	const struct snapshot *running, const struct segment *secrets)
{
	struct link_message root = link_message_make(LINK_ROOT, c->boot_id);
	int err = secrets ? segment_send(c, secrets, SEGMENT_SECRETS) : 0;

	c->ack.arrived = false;
	root.generation = snapshot->generation;
	for (unsigned kind = 0; kind < SNAP_KINDS && !err; kind++) {
		root.parts[kind] = snapshot->parts[kind]->generation;
		if (!running || !snapshot_shares(snapshot, running, 1u << kind))
			err = part_send(c, snapshot->parts[kind]);
	}
	return err ? err : link_send(c->fd, &root, -1);
}

int link_client_ping(struct link_client *c)
{
	struct link_message ping = link_message_make(LINK_PING, c->boot_id);

	return link_send(c->fd, &ping, -1);
}

bool link_client_take_usage(struct link_client *c, struct usage *out)
{
	const bool had = c->has_usage;

	*out = c->usage;
	c->usage = (struct usage){ .segment = { .fd = -1 } };
	c->has_usage = false;
	return had;
}
