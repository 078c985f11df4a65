/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of automatic peers. NAME is a client's flow ("client", "client:2"), or a backend: its
 * oldest connection with a request that is not answered yet, else its latest one; "backend1:2" is
 * the second that it ever accepted. Automatic peers that a script does not mention accept and say
 * nothing.
 *
 *   connect · close · reset · linger linger: do not close after the gateway's FIN tls [sni NAME]
 *   [version 12|13] [resume FLOW] the connection speaks TLS from here on request DATA · send DATA
 *   connect if there is no connection; the same segment N send segments of at most N bytes withhold
 *   N do not send the last N bytes of what is written from here on pause [N] · resume take at most
 *   N more bytes, then close the window serve DATA backend: the answer to every request, {name} and
 *   {n} filled in reply DATA backend: answer the request that was asked for last expect
 *   request|response [head] [TEXT|~"REGEX"]… the next complete message holds each of them has|lacks
 *   TEXT|~"REGEX"… about that message body DATA its body, without chunked framing, is this expect
 *   bytes DATA the next bytes are these expect N bytes received so many bytes lie there unread
 *   expect nothing|close|reset|open|tls TEXT expect connections N that the backend accepted so far
 */
#include <stdlib.h>

#include "tests/wire/peers.h"
#include "tests/wire/run.h"

struct target {
	struct run *run;
	struct flow *flow; /* clients */
	struct host *host;
	uint32_t number; /* backends: 0 for any */
};

static struct target target_of(struct run *run, const char *name)
{
	const char *colon = strchr(name, ':');
	struct target t = { .run = run };

	t.host = host_find(&run->w->net,
		wire_text("%.*s", (int)(colon ? colon - name : (long)strlen(name)), name));
	if (!t.host)
		wire_fail("unknown host %s", name);
	if (t.host->raw)
		wire_fail("%s is spoken for by packets", name);
	if (t.host->port == INSIDE)
		t.number = colon ? (uint32_t)text_number(colon + 1, "connection") : 0;
	else
		t.flow = flow_get(&run->w->net, name);
	return t;
}

static bool has_request(struct conn *c)
{
	struct message m;

	return message_read(conn_stream(c), c->looked, false, false, &m);
}

/* The connection that a statement is about; NULL when there is none. */
static struct conn *target_conn(const struct target *t)
{
	struct conn *latest = NULL;

	for (struct conn *c = t->run->w->conns; c; c = c->next) {
		if (t->flow ? c->flow == t->flow
			    : c->flow->host == t->host && c->number == t->number)
			latest = c;
		if (t->flow || t->number || c->flow->host != t->host)
			continue;
		if (!c->reset && (has_request(c) || (c->last.len && !c->answered)))
			return c;
		latest = c;
	}
	return latest;
}

static struct conn *must_conn(const struct target *t)
{
	struct conn *c = target_conn(t);

	if (!c)
		wire_fail("%s has no connection", t->host->name);
	return c;
}

/* A client's connection, opened where there is none or the old one is over. */
static struct conn *opened(const struct target *t)
{
	struct conn *c = target_conn(t);

	if (c && t->flow && (c->reset || c->fin_sent))
		wire_fail("the connection is over; use another, as in %s:2", t->flow->name);
	if (!c) {
		if (!t->flow)
			wire_fail("%s was not connected to", t->host->name);
		c = conn_connect(t->run->w, t->flow);
		world_settle(t->run->w);
	}
	return c;
}

static void send_data(const struct target *t, struct cursor *cursor)
{
	struct bytes data = cursor_data(cursor);
	struct conn *c = opened(t);

	conn_write(t->run->w, c, data.data, data.len);
	world_settle(t->run->w);
}

static void begin_tls(const struct target *t, struct cursor *cursor)
{
	const char *sni = NULL;
	struct peer_tls *resume = NULL;
	struct conn *c;
	int version = 0;

	while (!cursor_done(cursor)) {
		if (cursor_word(cursor, "sni")) {
			sni = cursor_take(cursor, "a name");
		} else if (cursor_word(cursor, "version")) {
			version = (int)cursor_number(cursor, "version");
		} else if (cursor_word(cursor, "resume")) {
			struct target from = target_of(t->run, cursor_take(cursor, "a flow"));

			resume = must_conn(&from)->tls;
		} else {
			break;
		}
	}
	if (t->flow->sut_port == 80)
		t->flow->sut_port = 443;
	c = opened(t);
	c->tls = peer_tls_new(sni, version, resume);
	peer_tls_input(c->tls, NULL, 0, &c->clear_in, &c->out);
	conn_write(t->run->w, c, NULL, 0);
	world_settle(t->run->w);
}

struct wanted {
	const struct target *t;
	struct conn *c;
	bool no_body;
	uint32_t bytes;
};

static bool message_there(struct world *w, void *ctx)
{
	struct wanted *x = ctx;
	struct message m;

	x->c = target_conn(x->t);
	return x->c && message_read(conn_stream(x->c), x->c->looked, x->c->eof, x->no_body, &m);
}

static const char *where_it_stands(struct conn *c)
{
	if (!c)
		return "no connection";
	return wire_text("%s%s%s, unread: \"%s\"", c->open ? "open" : "not open",
		c->eof ? ", the gateway closed" : "", c->reset ? ", the gateway reset it" : "",
		bytes_show(conn_stream(c)->data + c->looked, conn_stream(c)->len - c->looked, 600));
}

/* TEXT or REGEX in the last message: head, body, trailers. */
static bool holds(const struct conn *c, const struct token *t)
{
	struct bytes all = { 0 };

	bytes_put(&all, c->last.head.data, c->last.head.len);
	bytes_put(&all, c->last.body.data, c->last.body.len);
	bytes_put(&all, c->last.trailers.data, c->last.trailers.len);
	if (t->kind == TOKEN_REGEX)
		return text_matches(t->text, all.data, all.len);
	return bytes_find(&all, 0, t->text, t->len) != UINT32_MAX;
}

static void check_holds(struct conn *c, struct cursor *cursor, bool wanted)
{
	if (c->last.len == 0)
		wire_fail("no message was expected before");
	while (!cursor_done(cursor)) {
		const struct token *t = cursor_text(cursor);

		if (holds(c, t) != wanted)
			wire_fail("%s \"%s\":\n%s%s",
				wanted ? "the message lacks" : "the message has",
				bytes_show(t->text, t->len, 200), c->last.head.data,
				bytes_show(c->last.body.data, c->last.body.len, 400));
	}
}

static void expect_message(const struct target *t, struct cursor *cursor)
{
	struct wanted x = { .t = t, .no_body = cursor_word(cursor, "head") };
	struct bytes *stream;

	if (!run_until(t->run, message_there, &x))
		wire_fail("no complete message: %s", where_it_stands(x.c));
	stream = conn_stream(x.c);
	message_read(stream, x.c->looked, x.c->eof, x.no_body, &x.c->last);
	x.c->looked += x.c->last.len;
	x.c->answered = false;
	check_holds(x.c, cursor, true);
}

static bool bytes_there(struct world *w, void *ctx)
{
	struct wanted *x = ctx;

	x->c = target_conn(x->t);
	return x->c && conn_stream(x->c)->len - x->c->looked >= x->bytes;
}

static void expect_bytes(const struct target *t, struct cursor *cursor)
{
	struct bytes data = cursor_data(cursor);
	struct wanted x = { .t = t, .bytes = data.len };
	const uint8_t *got;

	if (!run_until(t->run, bytes_there, &x))
		wire_fail("fewer than %u bytes: %s", data.len, where_it_stands(x.c));
	got = conn_stream(x.c)->data + x.c->looked;
	if (memcmp(got, data.data, data.len) != 0)
		wire_fail("the bytes are \"%s\"", bytes_show(got, data.len, 600));
	x.c->looked += data.len;
}

static void expect_count(const struct target *t, uint32_t bytes)
{
	struct wanted x = { .t = t, .bytes = bytes };

	if (!run_until(t->run, bytes_there, &x) || conn_stream(x.c)->len - x.c->looked != bytes)
		wire_fail("%u bytes are there", x.c ? conn_stream(x.c)->len - x.c->looked : 0);
}

static bool closed_there(struct world *w, void *ctx)
{
	struct wanted *x = ctx;

	x->c = target_conn(x->t);
	return x->c && x->c->eof;
}

static bool reset_there(struct world *w, void *ctx)
{
	struct wanted *x = ctx;

	x->c = target_conn(x->t);
	return x->c && x->c->reset;
}

static void expect_nothing(const struct target *t)
{
	struct conn *c;

	run_wait(t->run);
	c = target_conn(t);
	if (c && conn_stream(c)->len != c->looked)
		wire_fail("there is something: %s", where_it_stands(c));
}

static void expect_open(const struct target *t)
{
	struct conn *c;

	run_wait(t->run);
	c = must_conn(t);
	if (!c->open || c->eof || c->reset)
		wire_fail("it is not open: %s", where_it_stands(c));
}

static void expect_connections(const struct target *t, uint32_t wanted)
{
	uint32_t n = 0;

	run_wait(t->run);
	for (struct conn *c = t->run->w->conns; c; c = c->next)
		n += c->flow->host == t->host;
	if (n != wanted)
		wire_fail("there were %u connections", n);
}

static void expect_tls(const struct target *t, struct cursor *cursor)
{
	const struct token *text = cursor_text(cursor);
	struct conn *c;
	const char *state;

	run_wait(t->run);
	c = must_conn(t);
	state = c->tls ? peer_tls_state(c->tls) : "not begun";
	if (!(text->kind == TOKEN_REGEX ? text_matches(text->text, state, (uint32_t)strlen(state))
					: strstr(state, text->text) != NULL))
		wire_fail("TLS is %s", state);
}

static void expect(const struct target *t, struct cursor *cursor)
{
	struct wanted x = { .t = t };

	if (cursor_word(cursor, "response") || cursor_word(cursor, "request")) {
		expect_message(t, cursor);
	} else if (cursor_word(cursor, "bytes")) {
		expect_bytes(t, cursor);
	} else if (cursor_word(cursor, "nothing")) {
		expect_nothing(t);
	} else if (cursor_word(cursor, "close")) {
		if (!run_until(t->run, closed_there, &x))
			wire_fail("the gateway did not close: %s", where_it_stands(x.c));
	} else if (cursor_word(cursor, "reset")) {
		if (!run_until(t->run, reset_there, &x))
			wire_fail("the gateway did not reset: %s", where_it_stands(x.c));
	} else if (cursor_word(cursor, "open")) {
		expect_open(t);
	} else if (cursor_word(cursor, "connections")) {
		expect_connections(t, (uint32_t)cursor_number(cursor, "connections"));
	} else if (cursor_word(cursor, "tls")) {
		expect_tls(t, cursor);
	} else {
		uint32_t n = (uint32_t)cursor_number(cursor, "what is expected");

		if (!cursor_word(cursor, "bytes") || !cursor_word(cursor, "received"))
			wire_fail("expect N bytes received");
		expect_count(t, n);
	}
}

static void reply(const struct target *t, struct cursor *cursor)
{
	struct bytes data = cursor_data(cursor);
	struct conn *c = must_conn(t);

	c->answered = true;
	conn_write(t->run->w, c, data.data, data.len);
	world_settle(t->run->w);
}

static void check_body(const struct target *t, struct cursor *cursor)
{
	struct bytes data = cursor_data(cursor);
	struct conn *c = must_conn(t);

	if (c->last.body.len != data.len ||
		(data.len && memcmp(c->last.body.data, data.data, data.len) != 0))
		wire_fail("the body has %u bytes: \"%s\"", c->last.body.len,
			bytes_show(c->last.body.data, c->last.body.len, 400));
}

static void serve(struct run *run, const char *name, struct cursor *cursor)
{
	bool all = strcmp(name, "backends") == 0;
	struct bytes data = cursor_data(cursor);

	for (unsigned i = 1; i <= (all ? 3 : 1); i++) {
		struct host *host = host_find(&run->w->net, all ? wire_text("backend%u", i) : name);

		if (!host)
			wire_fail("unknown host %s", name);
		host->serve = data;
		host->serves = true;
	}
}

/* Verbs that change a connection and then let the world settle. */
static bool act(const struct target *t, struct cursor *cursor)
{
	struct world *w = t->run->w;

	if (cursor_word(cursor, "close"))
		conn_close(w, must_conn(t));
	else if (cursor_word(cursor, "reset"))
		conn_reset(w, must_conn(t));
	else if (cursor_word(cursor, "linger"))
		opened(t)->lingers = true;
	else if (cursor_word(cursor, "segment"))
		opened(t)->segment = (uint32_t)cursor_number(cursor, "bytes");
	else if (cursor_word(cursor, "withhold"))
		opened(t)->withheld = (uint32_t)cursor_number(cursor, "bytes");
	else if (cursor_word(cursor, "pause"))
		conn_limit(w, opened(t),
			cursor_done(cursor) ? 0 : (uint32_t)cursor_number(cursor, "bytes"));
	else if (cursor_word(cursor, "resume"))
		conn_limit(w, must_conn(t), UINT32_MAX);
	else
		return false;
	world_settle(w);
	return true;
}

bool run_peer(struct run *run, const char *name, struct cursor *cursor)
{
	struct target t;

	if (cursor_word(cursor, "serve")) {
		serve(run, name, cursor);
		return true;
	}
	t = target_of(run, name);
	if (cursor_word(cursor, "expect")) {
		expect(&t, cursor);
		return true;
	}
	run_wait(run);
	if (act(&t, cursor))
		return true;
	if (cursor_word(cursor, "connect")) {
		opened(&t);
	} else if (cursor_word(cursor, "tls")) {
		begin_tls(&t, cursor);
	} else if (cursor_word(cursor, "request") || cursor_word(cursor, "send")) {
		send_data(&t, cursor);
	} else if (cursor_word(cursor, "reply")) {
		reply(&t, cursor);
	} else if (cursor_word(cursor, "has") || cursor_word(cursor, "lacks")) {
		cursor->at--;
		check_holds(must_conn(&t), cursor,
			cursor_word(cursor, "has") || !cursor_word(cursor, "lacks"));
	} else if (cursor_word(cursor, "body")) {
		check_body(&t, cursor);
	} else {
		return false;
	}
	return true;
}
