/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers of the dataplane and their messages. A peer that waits to be sent something is not read
 * from, so that nobody can make the server queue. Whoever breaks the protocol is closed and logged;
 * control's death is logged once and changes nothing else.
 */
#include "dataplane/sync/link_server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/sync/link_server_priv.h"
#include "lib/base/log.h"
#include "lib/base/places.h"
#include "lib/base/socket_file.h"

#define ACCEPTS_PER_TURN  64
#define MESSAGES_PER_TURN 16
#define SETTLE_MS         1

static void peer_close(struct link_server *server, struct peer *peer)
{
	if (peer == server->control) {
		server->control = NULL;
		server->pong_due = false;
	}
	peer_forget(peer);
	close(peer->fd);
	*peer = (struct peer){ .fd = -1, .secrets = { .segment = { .fd = -1 } } };
}

/* Close a peer for a reason, and say so where it matters. */
static void peer_end(struct link_server *server, struct peer *peer, int err)
{
	const bool gone = err == -ECONNRESET || err == -EPIPE;

	if (peer == server->control && gone)
		log_notice("control (pid %u) has gone; generation %llu runs on", peer->pid,
			(unsigned long long)server->generation);
	else if (peer == server->control)
		log_warning("control (pid %u) is closed: %s; generation %llu runs on", peer->pid,
			strerror(-err), (unsigned long long)server->generation);
	else if (!gone && err != -ESHUTDOWN)
		log_warning("peer (pid %u) is closed: %s", peer->pid, strerror(-err));
	peer_close(server, peer);
}

static struct place peer_place(const struct link_server *server, const struct peer *p)
{
	return (struct place){ .taken = p->fd >= 0,
		.kept = p == server->control,
		.asked = p->role != 0,
		.rank = p->reads_only ? 0 : PLACE_RANK_ALL,
		.uid = p->uid,
		.since = p->since };
}

/* Tell a connection that others are more, as far as it has room for that. */
static void peer_crowded(struct link_server *server, int fd, uint32_t uid)
{
	struct link_message ack = link_message_make(LINK_ACK, server->boot_id), unread;

	/* Closed with an unread message, the other end would get an error instead of the answer. */
	(void)shutdown(fd, SHUT_RD);
	(void)recv(fd, &unread, sizeof(unread), MSG_DONTWAIT);
	ack.status = -EBUSY;
	snprintf(ack.text, sizeof(ack.text),
		"no place for this connection: of one reader %d are taken at a time, and %d of all",
		PEERS_OF_READER, LINK_SERVER_READERS - PEERS_RESERVED);
	log_warning("a connection of uid %u is closed: all places for it are taken", uid);
	(void)link_send_now(fd, &ack, -1);
}

/* Give a connection a place. One with fewer rights, or that keeps silent, may lose its own. */
static void peer_admit(struct link_server *server, const struct peer *fresh)
{
	struct place places[PEERS_MAX], wanted = peer_place(server, fresh);
	int at;

	for (unsigned i = 0; i < PEERS_MAX; i++)
		places[i] = peer_place(server, &server->peers[i]);
	at = place_choose(places, PEERS_MAX, &wanted, PEERS_OF_READER);
	if (at >= 0 && places[at].taken) {
		peer_crowded(server, server->peers[at].fd, server->peers[at].uid);
		peer_close(server, &server->peers[at]);
	}
	if (at >= 0) {
		server->peers[at] = *fresh;
		return;
	}
	peer_crowded(server, fresh->fd, fresh->uid);
	close(fresh->fd);
}

static void peers_accept(struct link_server *server)
{
	for (unsigned n = 0; n < ACCEPTS_PER_TURN; n++) {
		struct peer fresh = { .cursor = SEND_DONE, .secrets = { .segment = { .fd = -1 } } };
		struct peer_user user;

		fresh.fd =
			link_accept(server->listen_fd, &server->access, &user, &fresh.reads_only);
		if (fresh.fd == -EPERM)
			log_warning(
				"a connection of uid %u is closed: it may not", (unsigned)user.uid);
		else if (fresh.fd < 0 && fresh.fd != -EAGAIN)
			log_warning("a connection cannot be accepted: %s", strerror(-fresh.fd));
		if (fresh.fd == -EPERM)
			continue;
		if (fresh.fd < 0)
			return;
		fresh.uid = user.uid;
		fresh.since = ++server->connections;
		peer_admit(server, &fresh);
	}
}

/* Some places are for root and control's user: those who may only read leave them free. */
static bool readers_full(const struct link_server *server, bool reads_only)
{
	unsigned n = 0, most = LINK_SERVER_READERS - (reads_only ? PEERS_RESERVED : 0);

	for (unsigned i = 0; i < PEERS_MAX; i++)
		n += server->peers[i].fd >= 0 && server->peers[i].role == LINK_ROLE_READER;
	return n >= most;
}

/* Tell a peer why it cannot stay. It keeps no role, so that it counts as nothing. */
static void peer_refuse(struct link_server *server, struct peer *peer, const char *text)
{
	struct link_message ack = link_message_make(LINK_ACK, server->boot_id);

	ack.status = -EBUSY;
	snprintf(ack.text, sizeof(ack.text), "%s", text);
	peer_reply(peer, &ack);
	peer->close_after_reply = true;
	log_warning("peer (pid %u) is refused: %s", peer->pid, text);
}

static int peer_hello(struct link_server *server, struct peer *peer, const struct link_message *m)
{
	char text[LINK_TEXT_BYTES];

	peer->pid = m->pid;
	if (m->role != LINK_ROLE_CONTROL && m->role != LINK_ROLE_READER)
		return -EPROTO;
	if (m->role == LINK_ROLE_CONTROL && peer->reads_only) {
		peer_refuse(server, peer,
			"this user may read statistics, but not control the dataplane: only root and its --user may");
		return 0;
	}
	if (m->role == LINK_ROLE_CONTROL && server->control) {
		snprintf(text, sizeof(text), "another control process (pid %u) is connected",
			server->control->pid);
		peer_refuse(server, peer, text);
		return 0;
	}
	if (m->role == LINK_ROLE_READER && readers_full(server, peer->reads_only)) {
		snprintf(text, sizeof(text), "%d readers are connected",
			LINK_SERVER_READERS - (peer->reads_only ? PEERS_RESERVED : 0));
		peer_refuse(server, peer, text);
		return 0;
	}
	peer->role = m->role;
	peer->cursor = SEND_WELCOME;
	if (m->role == LINK_ROLE_CONTROL) {
		server->control = peer;
		log_notice("control (pid %u) is connected", peer->pid);
	}
	return 0;
}

/* Act on one message; @p fd is taken over. @return 0, or -errno to close the peer */
static int peer_message(
	struct link_server *server, struct peer *peer, const struct link_message *m, int fd)
{
	const bool control = peer->role == LINK_ROLE_CONTROL;

	if (control && m->type == LINK_SEGMENT && fd >= 0)
		return control_segment(server, peer, m, fd);
	if (fd >= 0) {
		close(fd);
		return -EPROTO;
	}
	if (control && m->type == LINK_ROOT) {
		control_root(server, peer, m);
		return 0;
	}
	if (!peer->role && m->type == LINK_HELLO)
		return peer_hello(server, peer, m);
	if (control && m->type == LINK_PING) {
		server->pong_due = true; /* once what was changed before it is settled */
		return 0;
	}
	return -EPROTO;
}

static int peer_read(struct link_server *server, struct peer *peer)
{
	struct link_message m;
	int err = 0, fd;

	for (unsigned n = 0; n < MESSAGES_PER_TURN && err == 0; n++) {
		int got = link_receive(peer->fd, &m, &fd);

		if (got <= 0)
			return got;
		err = peer_message(server, peer, &m, fd);
		if (err == 0)
			err = peer_send(server, peer);
		if (peer_sends(peer) || (peer == server->control && server->pong_due))
			break;
	}
	return err;
}

static void peer_turn(struct link_server *server, struct peer *peer, short events)
{
	int err = 0;

	if (peer_sends(peer)) {
		if (events & (POLLERR | POLLHUP))
			err = -ECONNRESET;
		else if (events & POLLOUT)
			err = peer_send(server, peer);
	} else if (events) {
		err = peer_read(server, peer);
	}
	if (err)
		peer_end(server, peer, err);
}

int link_server_create(const char *path, const struct link_access *access,
	const struct link_server_ops *ops, void *ctx, struct link_server **out, char *why,
	size_t why_bytes)
{
	struct link_server *server = calloc(1, sizeof(*server));

	*out = NULL;
	snprintf(why, why_bytes, "out of memory");
	if (!server)
		return -ENOMEM;
	server->ops = ops;
	server->ctx = ctx;
	server->access = *access;
	server->access.own = (uint32_t)geteuid();
	server->state = LINK_STATE_EMPTY;
	server->boot_id = link_boot_id();
	server->secrets.segment.fd = -1;
	server->usage.segment.fd = server->deltas.segment.fd = -1;
	for (unsigned i = 0; i < PEERS_MAX; i++)
		server->peers[i] =
			(struct peer){ .fd = -1, .secrets = { .segment = { .fd = -1 } } };
	server->path = strdup(path);
	server->listen_fd =
		server->path ? link_listen(path, &server->access, why, why_bytes) : -ENOMEM;
	if (server->listen_fd < 0) {
		int err = server->listen_fd;

		free(server->path);
		free(server);
		return err;
	}
	*out = server;
	return 0;
}

void link_server_destroy(struct link_server *server)
{
	if (!server)
		return;
	for (unsigned i = 0; i < PEERS_MAX; i++)
		if (server->peers[i].fd >= 0)
			peer_close(server, &server->peers[i]);
	socket_file_remove(server->path);
	close(server->listen_fd);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		snapshot_part_release(server->parts[kind]);
	secrets_close(&server->secrets);
	usage_close(&server->usage);
	delta_ring_close(&server->deltas);
	free(server->path);
	free(server);
}

/* Control is not read from before it has its PONG. */
static short peer_events(const struct link_server *server, const struct peer *peer)
{
	if (peer_sends(peer))
		return POLLOUT;
	return peer == server->control && server->pong_due ? 0 : POLLIN;
}

int link_server_poll(struct link_server *server, int timeout_ms)
{
	struct pollfd fds[1 + PEERS_MAX];
	int n;

	fds[0] = (struct pollfd){ .fd = server->listen_fd, .events = POLLIN };
	for (unsigned i = 0; i < PEERS_MAX; i++)
		fds[1 + i] = (struct pollfd){ .fd = server->peers[i].fd,
			.events = peer_events(server, &server->peers[i]) };
	/* Workers pass a moment from which on they act on a change; they do not say when. */
	n = poll(fds, 1 + PEERS_MAX, server->unsettled ? SETTLE_MS : timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (unsigned i = 0; n > 0 && i < PEERS_MAX; i++)
		if (server->peers[i].fd >= 0 && fds[1 + i].revents)
			peer_turn(server, &server->peers[i], fds[1 + i].revents);
	if (deltas_take(server)) {
		log_warning("the delta ring is damaged and given up");
		delta_ring_close(&server->deltas);
		if (server->control)
			peer_end(server, server->control, -EPROTO);
	}
	deltas_settle(server);
	if (server->control && peer_sends(server->control))
		peer_turn(server, server->control, POLLOUT);
	if (n > 0 && fds[0].revents)
		peers_accept(server);
	return 0;
}

void link_server_stopping(struct link_server *server)
{
	server->state = LINK_STATE_STOPPING;
}

uint64_t link_server_generation(const struct link_server *server)
{
	return server->generation;
}

uint64_t link_server_boot_id(const struct link_server *server)
{
	return server->boot_id;
}

bool link_server_has_control(const struct link_server *server)
{
	return server->control != NULL;
}
