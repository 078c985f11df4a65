/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending what the dataplane runs. A peer has a cursor over the list of items instead of a queue: a
 * peer that does not read costs a number, never memory or time of the main core.
 */
#include <errno.h>
#include <unistd.h>

#include "dataplane/sync/link_server_priv.h"

/* One item ready to go. */
struct parcel {
	struct link_message message;
	int fd;          /* -1: none */
	bool fd_is_ours; /* close it once sent */
};

/* Sealed memory and what control may write goes as it is, all else read-only. */
static int parcel_attach(struct parcel *p, const struct segment *s, bool readonly)
{
	p->fd = readonly ? segment_reopen_readonly(s) : s->fd;
	p->fd_is_ours = readonly;
	return p->fd < 0 ? p->fd : 1;
}

static uint32_t server_workers(const struct link_server *server)
{
	struct link_segments segments;
	uint32_t n = 0;

	if (server->generation == 0)
		return 0;
	while (n < SNAP_WORKERS_MAX && server->ops->segments(server->ctx, n, &segments) == 0)
		n++;
	return n;
}

static int parcel_of_worker(const struct link_server *server, const struct peer *peer,
	unsigned number, struct parcel *p)
{
	enum { STATS, HISTORY, EVENTS, ASKS, KINDS };
	static const enum segment_type types[KINDS] = { SEGMENT_STATS, SEGMENT_STATS,
		SEGMENT_EVENTS, SEGMENT_ASK };
	const unsigned kind = number % KINDS;
	const bool control = peer->role == LINK_ROLE_CONTROL;
	struct link_segments s;

	p->message.index = number / KINDS;
	p->message.segment = types[kind];
	if (server->generation == 0 || server->ops->segments(server->ctx, p->message.index, &s))
		return 0;
	switch (kind) {
	case EVENTS:
		return control && s.events ? parcel_attach(p, &s.events->segment, false) : 0;
	case ASKS:
		return control && s.asks ? parcel_attach(p, &s.asks->segment, false) : 0;
	case HISTORY:
		p->message.index += SNAP_WORKERS_MAX;
		return s.history ? parcel_attach(p, &s.history->segment, true) : 0;
	default:
		return s.stats ? parcel_attach(p, &s.stats->segment, true) : 0;
	}
}

static int parcel_of_part(
	const struct link_server *server, enum snap_kind kind, bool readonly, struct parcel *p)
{
	const struct snapshot_part *part = server->parts[kind];

	p->message.segment = SEGMENT_SNAPSHOT;
	p->message.index = kind;
	if (!part)
		return 0;
	p->message.generation = part->generation;
	return parcel_attach(p, &part->segment, readonly);
}

static int root_make(const struct link_server *server, struct link_message *m)
{
	if (!server->parts[0])
		return 0;
	m->type = LINK_ROOT;
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		m->parts[kind] = server->parts[kind]->generation;
	return 1;
}

/* Make the peer's next item. @return 1, 0 when there is none of this kind, or -errno */
static int parcel_make(const struct link_server *server, const struct peer *peer, struct parcel *p)
{
	const bool readonly = peer->role != LINK_ROLE_CONTROL;
	struct link_message *m = &p->message;

	p->fd = -1;
	p->fd_is_ours = false;
	*m = link_message_make(LINK_SEGMENT, server->boot_id);
	m->generation = server->generation;
	switch (peer->cursor) {
	case SEND_WELCOME:
		m->type = LINK_WELCOME;
		m->state = server->state;
		m->workers = server_workers(server);
		return 1;
	case SEND_ROOT:
		return root_make(server, m);
	case SEND_SECRETS:
		m->segment = SEGMENT_SECRETS;
		return readonly || server->secrets.segment.fd < 0
			       ? 0
			       : parcel_attach(p, &server->secrets.segment, false);
	case SEND_USAGE:
		m->segment = SEGMENT_USAGE;
		return server->usage.segment.fd < 0
			       ? 0
			       : parcel_attach(p, &server->usage.segment, readonly);
	case SEND_DELTAS:
		m->segment = SEGMENT_DELTA;
		return !readonly || server->deltas.segment.fd < 0
			       ? 0
			       : parcel_attach(p, &server->deltas.segment, true);
	case SEND_BELL:
		m->type = LINK_BELL;
		p->fd = readonly || !server->ops->bell ? -1 : server->ops->bell(server->ctx);
		return p->fd < 0 ? 0 : 1;
	case SEND_READY:
		m->type = LINK_READY;
		return 1;
	default:
		if (peer->cursor < SEND_ROOT)
			return parcel_of_part(server, peer->cursor - SEND_PARTS, readonly, p);
		return parcel_of_worker(server, peer, peer->cursor - SEND_WORKERS, p);
	}
}

static int item_send(const struct link_server *server, struct peer *peer)
{
	struct parcel p;
	int err = parcel_make(server, peer, &p);

	if (err > 0) {
		err = link_send_now(peer->fd, &p.message, p.fd);
		if (p.fd_is_ours)
			close(p.fd);
	}
	if (err == 0)
		peer->cursor++;
	return err;
}

bool peer_sends(const struct peer *peer)
{
	return peer->cursor < SEND_DONE || peer->reply_waits;
}

void peer_reply(struct peer *peer, const struct link_message *reply)
{
	peer->reply = *reply;
	peer->reply_waits = true;
}

int peer_send(struct link_server *server, struct peer *peer)
{
	int err = 0;

	while (peer->cursor < SEND_DONE && err == 0)
		err = item_send(server, peer);
	if (err == 0 && peer->reply_waits) {
		err = link_send_now(peer->fd, &peer->reply, -1);
		if (err == 0) {
			peer->reply_waits = false;
			if (peer->close_after_reply)
				return -ESHUTDOWN;
		}
	}
	return err == -EAGAIN ? 0 : err;
}
