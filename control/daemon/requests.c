/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluicectl's connections: a UNIX stream socket, one line of JSON as the request, one as the
 * answer. Everything is bounded: connections, bytes of a request, time without progress.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/daemon/daemon.h"
#include "lib/base/log.h"
#include "lib/base/places.h"
#include "lib/base/socket_file.h"

int daemon_listen(
	struct daemon *d, const char *path, uid_t uid, gid_t gid, char *why, size_t why_bytes)
{
	const struct socket_file file = {
		.path = path, .type = SOCK_STREAM, .mode = 0660, .uid = uid, .gid = gid
	};

	d->listen_fd = socket_file_listen(&file, why, why_bytes);
	return d->listen_fd < 0 ? d->listen_fd : 0;
}

static void close_client(struct client *client)
{
	watch_close(&client->watch);
	if (client->fd >= 0)
		close(client->fd);
	free(client->in);
	free(client->out);
	free(client->file);
	*client = (struct client){ .fd = -1 };
}

static void send_out(struct client *client)
{
	while (client->out_sent < client->out_used) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
			client->out_used - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (client->watch)
				watch_for_room(client->watch, true);
			return;
		}
		if (n <= 0)
			break;
		client->out_sent += (size_t)n;
		client->since_ms = daemon_now_ms();
	}
	close_client(client);
}

/* Kinds of failure that sluicectl tells apart. */
#define FAILURE_OTHER   NULL
#define FAILURE_REFUSED "refused" /* this user may not */
#define FAILURE_BUSY    "busy"    /* no place for the connection, or behind other applies */

static json_t *failure(const char *kind, const char *text)
{
	return json_pack("{s:b, s:s, s:s*}", "ok", 0, "error", text, "kind", kind);
}

/* Answer and be done with it: one request a connection. @p answer is taken over. */
static void reply(struct client *client, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? malloc(len + 1) : NULL;

	json_decref(answer);
	client->waits = client->queued = client->changes = false;
	if (line)
		memcpy(line, text, len);
	free(text);
	client->out = line;
	if (!line) {
		close_client(client);
		return;
	}
	client->out[len] = '\n';
	client->out_used = len + 1;
	client->since_ms = daemon_now_ms();
	send_out(client);
}

/* Tell a user what they may not do, and who may. */
static void refuse(const struct daemon *d, struct client *client, const char *what)
{
	char text[400];

	admin_refusal(&d->admin, &client->user, what, text, sizeof(text));
	log_warning("%s", text);
	reply(client, failure(FAILURE_REFUSED, text));
}

/* For something that is under way, or to begin. */
static bool client_waits(const struct client *client)
{
	return client->waits || client->queued || client->changes;
}

static struct place place_of(const struct client *client)
{
	return (struct place){ .taken = client->fd >= 0,
		.kept = client_waits(client),
		.asked = client->out != NULL,
		.rank = client->right == ADMIN_OWN ? PLACE_RANK_ALL : client->right,
		.uid = client->user.uid,
		.since = client->number };
}

/* Tell a connection that others are more. It may be one that was accepted a moment ago. */
static void crowd_out(struct client *client)
{
	char text[200];

	log_warning("a connection of uid %u (pid %d) is closed: all places for it are taken",
		(unsigned)client->user.uid, (int)client->user.pid);
	snprintf(text, sizeof(text),
		"sluice-control has no place for this connection: of one user it takes %d at a time, and %d of all",
		CLIENTS_OF_USER, CLIENTS_MAX);
	if (!client->out)
		reply(client, failure(FAILURE_BUSY, text));
	close_client(client);
}

static void client_ready(void *context);

/* Give @p fresh a place, or tell it that there is none. */
static void admit(struct daemon *d, struct client *fresh)
{
	struct place places[CLIENTS_MAX], wanted = place_of(fresh);
	int at;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		places[i] = place_of(&d->clients[i]);
	at = place_choose(places, CLIENTS_MAX, &wanted, CLIENTS_OF_USER);
	if (at >= 0 && places[at].taken)
		crowd_out(&d->clients[at]);
	if (at < 0 || !(fresh->in = malloc(REQUEST_BYTES_MAX + 1))) {
		crowd_out(fresh);
		return;
	}
	fresh->watch = watch_open(&d->loop, fresh->fd, client_ready, &d->clients[at]);
	if (fresh->watch)
		d->clients[at] = *fresh;
	else
		crowd_out(fresh);
}

void daemon_accept(void *context)
{
	struct daemon *d = context;

	for (unsigned n = 0; n < ACCEPTS_PER_TURN; n++) {
		struct client fresh = { .fd = accept4(d->listen_fd, NULL, NULL,
						SOCK_NONBLOCK | SOCK_CLOEXEC),
			.daemon = d };

		if (fresh.fd < 0)
			return;
		fresh.number = ++d->clients_ever;
		fresh.since_ms = daemon_now_ms();
		fresh.right = admin_right(&d->admin, fresh.fd, &fresh.user);
		if (fresh.right != ADMIN_NOTHING) {
			admit(d, &fresh);
			continue;
		}
		refuse(d, &fresh, "ask");
		close_client(&fresh);
	}
}

/*
 * Add what the reading of a file told. Files that only root and our user may read are read for
 * members of admin.group, too: those get the lines and kinds of mistakes, but nothing that a file
 * contains.
 */
static json_t *with_mistakes(const struct daemon *d, const struct client *client, json_t *answer)
{
	const bool own = client->right == ADMIN_OWN;

	json_object_set(answer, "mistakes", own ? d->mistakes : d->mistakes_bare);
	if (!own)
		json_object_set_new(answer, "values_left_out", json_true());
	return answer;
}

/* Every worker runs it, or no dataplane is there. */
static json_t *applied(const struct daemon *d, const struct client *client)
{
	const struct apply_outcome *outcome = &d->outcome;
	json_t *answer = json_pack("{s:b, s:I, s:i, s:s, s:s, s:b, s:s?}", "ok", 1, "generation",
		(json_int_t)outcome->generation, "changes", (int)d->changes.count, "config",
		d->config, "started_with", d->options.config, "same_file", outcome->same_file,
		"not_remembered", d->forgotten[0] ? d->forgotten : NULL);

	if (outcome->pending)
		json_object_set_new(answer, "pending", json_true());
	else
		json_object_set_new(answer, "workers", json_integer((json_int_t)outcome->workers));
	return with_mistakes(d, client, answer);
}

void daemon_answer_apply(struct daemon *d, const char *error)
{
	d->asked = false;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (d->clients[i].fd >= 0 && d->clients[i].waits)
			reply(&d->clients[i],
				error ? failure(FAILURE_OTHER, error) : applied(d, &d->clients[i]));
}

void daemon_answer_mistakes(struct daemon *d, const char *path)
{
	d->asked = false;
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &d->clients[i];
		json_t *answer;

		if (client->fd < 0 || !client->waits)
			continue;
		answer = failure(
			FAILURE_OTHER, "the configuration has mistakes; nothing was applied");
		json_object_set_new(answer, "file", json_string(path));
		reply(client, with_mistakes(d, client, answer));
	}
}

void daemon_close_clients(struct daemon *d)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &d->clients[i];

		if (client->fd >= 0 && client_waits(client))
			reply(client,
				failure(FAILURE_OTHER,
					"sluice-control was ended before this was done; 'sluicectl "
					"status' tells what runs"));
		close_client(client);
	}
}

unsigned daemon_applies_queued(const struct daemon *d)
{
	unsigned queued = 0;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		queued += d->clients[i].fd >= 0 && d->clients[i].queued;
	return queued;
}

bool daemon_apply_next(struct daemon *d)
{
	struct client *next = NULL;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &d->clients[i];

		if (client->fd >= 0 && client->queued && (!next || client->number < next->number))
			next = client;
	}
	if (!next)
		return false;
	next->queued = false;
	next->waits = true;
	if (daemon_apply(d, next->file) < 0)
		reply(next, failure(FAILURE_OTHER, "out of memory"));
	return true;
}

/* Has the dataplane not answered the apply that is under way? Its sender has gone, but not the
 * dataplane's work. */
static bool apply_hangs(const struct daemon *d)
{
	return d->sent && daemon_now_ms() - d->applied_at_ms > APPLY_PATIENCE_MS;
}

static void apply_refuse_hung(struct daemon *d, struct client *client)
{
	char text[200];

	snprintf(text, sizeof(text),
		"the dataplane (pid %u) has not answered the apply before for %lld s: it hangs; restart it",
		d->link.dataplane_pid, (long long)(daemon_now_ms() - d->applied_at_ms) / 1000);
	reply(client, failure(FAILURE_OTHER, text));
}

/* One apply is done at a time; few wait for it, since each keeps a place. */
static void apply_ask(struct daemon *d, struct client *client, const char *path)
{
	char text[200];

	client->file = path ? strdup(path) : NULL;
	if (path && !client->file) {
		reply(client, failure(FAILURE_OTHER, "out of memory"));
	} else if (apply_hangs(d)) {
		apply_refuse_hung(d, client);
	} else if (daemon_step(d) && daemon_applies_queued(d) >= APPLIES_QUEUED_MAX) {
		snprintf(text, sizeof(text),
			"another apply is under way, and %d more wait: no more are taken",
			APPLIES_QUEUED_MAX);
		reply(client, failure(FAILURE_BUSY, text));
	} else {
		client->queued = true;
		daemon_go_on(d);
	}
}

static json_t *change_outcome(const struct daemon *d)
{
	const struct changing *c = &d->changing;
	json_t *answer;

	if (c->refused)
		return failure(FAILURE_OTHER,
			"the dataplane refused the change, its log says why; the next apply makes it");
	answer = json_pack("{s:b, s:i, s:s?}", "ok", 1, "changes", (int)d->changes.count,
		"not_remembered", c->not_remembered[0] ? c->not_remembered : NULL);
	if (c->pending)
		json_object_set_new(answer, "pending", json_true());
	else
		json_object_set_new(answer, "workers", json_integer(d->link.workers));
	return answer;
}

void daemon_answer_change(struct daemon *d, const char *error)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &d->clients[i];

		if (client->fd < 0 || !client->changes)
			continue;
		if (error) {
			reply(client, failure(FAILURE_OTHER, error));
		} else if (d->changing.then_apply) {
			client->changes = false;
			client->queued = true;
		} else {
			reply(client, change_outcome(d));
		}
	}
}

/* A change is not made beside an apply, which may hold it or not. */
static bool change_may_begin(struct daemon *d, struct client *client)
{
	char text[200];

	if (!daemon_step(d))
		return true;
	snprintf(text, sizeof(text), "an apply or another change is under way (%s): ask again",
		daemon_step(d));
	reply(client, failure(FAILURE_BUSY, text));
	return false;
}

static void change_ask(struct daemon *d, struct client *client, const json_t *request)
{
	const char *refused;
	char why[200];

	if (!change_may_begin(d, client))
		return;
	client->changes = true;
	refused = daemon_change(d, request, why, sizeof(why));
	if (refused)
		reply(client, failure(FAILURE_OTHER, refused));
}

static void forget_ask(struct daemon *d, struct client *client, const json_t *request)
{
	const json_int_t number = json_integer_value(json_object_get(request, "number"));

	if (!change_may_begin(d, client))
		return;
	client->changes = true;
	if (number < 0 || !daemon_forget_changes(d, (uint64_t)number))
		reply(client, failure(FAILURE_OTHER, "there is no such change"));
}

static void handle(struct daemon *d, struct client *client)
{
	json_error_t error;
	json_t *request = json_loadb(client->in, client->in_used, 0, &error);
	const char *command = json_string_value(json_object_get(request, "command"));
	const char *file = json_string_value(json_object_get(request, "file"));

	if (!command)
		reply(client,
			failure(FAILURE_OTHER,
				"a request is {\"command\": \"apply\"|\"status\"|\"reopen\"}"));
	else if (strcmp(command, "status") != 0 && client->right < ADMIN_EVERYTHING)
		refuse(d, client, command);
	else if (strcmp(command, "apply") == 0)
		apply_ask(d, client, file);
	else if (strcmp(command, "status") == 0)
		reply(client, json_pack("{s:b, s:o}", "ok", 1, "status",
				      daemon_status(d, client->right == ADMIN_OWN)));
	else if (strcmp(command, "change") == 0)
		change_ask(d, client, request);
	else if (strcmp(command, "forget") == 0)
		forget_ask(d, client, request);
	else if (strcmp(command, "changes") == 0)
		reply(client,
			json_pack("{s:b, s:o}", "ok", 1, "changes", changes_to_json(&d->changes)));
	else if (strcmp(command, "reopen") == 0)
		reply(client, access_log_reopen(&d->log) < 0
				      ? failure(FAILURE_OTHER, "the access log cannot be opened")
				      : json_pack("{s:b}", "ok", 1));
	else
		reply(client, failure(FAILURE_OTHER, "unknown command"));
	json_decref(request);
}

static void read_in(struct daemon *d, struct client *client)
{
	ssize_t n = recv(client->fd, client->in + client->in_used,
		REQUEST_BYTES_MAX - client->in_used, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_client(client);
		return;
	}
	client->since_ms = daemon_now_ms();
	client->in_used += (size_t)n;
	if (memchr(client->in, '\n', client->in_used))
		handle(d, client);
	else if (client->in_used == REQUEST_BYTES_MAX)
		reply(client, failure(FAILURE_OTHER, "the request is too long"));
}

static void client_ready(void *context)
{
	struct client *client = context;

	if (client->out)
		send_out(client);
	else if (client_waits(client))
		close_client(client); /* it went away, or talks out of turn */
	else
		read_in(client->daemon, client);
}

/* It may still take it over: the next status tells. */
static void answer_hung(struct daemon *d)
{
	char text[200];

	snprintf(text, sizeof(text),
		"the dataplane (pid %u) has not answered for %d s: it hangs, is stopped, or is very slow; it may still "
		"run this configuration later, see 'sluicectl status'",
		d->link.dataplane_pid, APPLY_PATIENCE_MS / 1000);
	daemon_answer_apply(d, text);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (d->clients[i].fd >= 0 && d->clients[i].queued)
			apply_refuse_hung(d, &d->clients[i]);
}

void daemon_expire_clients(struct daemon *d)
{
	const int64_t now_ms = daemon_now_ms();

	if (apply_hangs(d))
		answer_hung(d);
	if (daemon_change_hangs(d))
		daemon_answer_change(d,
			"the dataplane does not say that its workers act on the change: one hangs, or it is "
			"stopped; see 'sluicectl status'");
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &d->clients[i];

		if (client->fd >= 0 && !client_waits(client) &&
			now_ms - client->since_ms > CLIENT_IDLE_MS)
			close_client(client);
	}
}
