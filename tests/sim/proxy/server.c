/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated backends, see server.h. */
#include "tests/sim/proxy/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/proxy/ledger.h"

#define LATE_NS UINT64_C(2000000)

/* A connection that the gateway made. */
struct server {
	struct sim_conn *conn;
	struct reader reader;
	const struct plan *plan; /* of the request that is read or was read last */
	bool responded, reading;
	uint32_t endpoint;
	bool fails;            /* this try of it */
	uint32_t response_end; /* in out */
	uint64_t extra_ns;     /* when bytes follow that nobody asked for; 0: none do */
};

static void server_opened(struct sim_conn *c)
{
}

/* A try that fails. */
static void server_fail(struct server *v)
{
	struct sim_conn *c = v->conn;

	v->response_end = c->out.len;
	if (v->plan->failure == FAILS_BY_STATUS) {
		v->response_end = message_failure(v->plan, &c->out);
	} else if (v->plan->failure != FAILS_BY_SILENCE) {
		c->end = v->plan->failure == FAILS_BY_RESET ? END_RESET : END_CLOSE;
		c->end_at = c->out.len;
	}
}

static void server_respond(struct server *v)
{
	struct sim_conn *c = v->conn;
	const struct plan *p = v->plan;
	uint32_t from = c->out.len, end;

	v->responded = true;
	if (c->end != END_WHOLE)
		return;
	if (v->fails) {
		server_fail(v);
		return;
	}
	end = v->response_end = message_response(p, &c->out);
	if (p->response.end != END_WHOLE) {
		c->end = p->response.end;
		c->end_at = RTE_MIN(from + p->response.end_at, end);
	} else if (p->response.framing == FRAMING_CLOSE || p->response.close ||
		   p->response.http10 || p->idle_close) {
		c->close_due = true;
	} else if (p->extra && !p->extra_late) {
		message_extra(p, &c->out);
		c->part = end;
	} else if (p->extra) {
		v->extra_ns = c->host->sim->now_ns + LATE_NS;
	}
}

static void server_turn(struct sim_conn *c)
{
	struct server *v = c->owner;

	if (!v->extra_ns || c->host->sim->now_ns < v->extra_ns)
		return;
	v->extra_ns = 0;
	c->part = c->out.len;
	message_extra(v->plan, &c->out);
}

/* One more try of an exchange. */
static void server_try(struct server *v, struct ledger_row *row)
{
	struct sim *s = v->conn->host->sim;
	const struct plan *p = v->plan;

	if (row->attempts++ > 0 && p->method == PLAN_POST)
		sim_fail(s, "exchange %u: sent twice although that is not safe", p->id);
	if (plan_retried(p) && row->attempts > plan_tries_most(p))
		sim_fail(s, "exchange %u: sent %u times", p->id, row->attempts);
	/* Where none of the endpoints may have been given up, or passed over without memory. */
	if (p->route == 't' && row->tried >> v->endpoint & 1 && !s->o.lose && !s->o.hog &&
		s->o.pool == 0 && s->o.upstream_limit >= 64)
		sim_fail(s, "exchange %u: sent twice to one endpoint of three", p->id);
	row->tried |= 1u << v->endpoint;
	v->fails = row->attempts <= p->fails;
}

/* @return false when it is no request that a client sent */
static bool server_head(struct server *v)
{
	struct sim *s = v->conn->host->sim;
	const char *head = (const char *)v->reader.head.data;
	const char *field = reader_field(&v->reader, "X-Id");
	uint32_t id = field ? (uint32_t)strtoul(field, NULL, 16) : 0;
	char line[40];

	if (id == 0 || id >= SIM_EXCHANGES || s->ledger->rows[id].outcome == OUT_NONE) {
		sim_fail(s, "a backend got a request that nobody sent: %.60s", head);
		return false;
	}
	v->plan = &s->plans[id];
	snprintf(line, sizeof(line), "%s /%c/%08x HTTP/1.1\r\n", plan_method_name(v->plan->method),
		v->plan->route, id);
	if (strncmp(head, line, strlen(line)) != 0)
		sim_fail(s, "exchange %u: its request is another's: %.60s", id, head);
	server_try(v, &s->ledger->rows[id]);
	v->responded = false;
	sim_trace(s, "backend: request %u", id);
	return true;
}

static void server_content(struct server *v)
{
	const struct reader *r = &v->reader;
	uint32_t from = r->at - r->content_len;

	for (uint32_t i = 0; v->plan && i < r->content_len; i++)
		if (r->content[i] != message_byte(v->plan->id, WAY_REQUEST, from + i)) {
			sim_fail(v->conn->host->sim,
				"exchange %u: byte %u of its request is another's", v->plan->id,
				from + i);
			return;
		}
}

static void server_done(struct server *v)
{
	struct sim *s = v->conn->host->sim;
	const struct plan *p = v->plan;

	if (!p)
		return;
	if (v->reader.at != p->request.bytes)
		sim_fail(s, "exchange %u: %u bytes of %u look like all of its request", p->id,
			v->reader.at, p->request.bytes);
	if (!v->responded)
		server_respond(v);
	reader_again(&v->reader);
	v->reading = false;
}

static void server_take(struct sim_conn *c, const uint8_t *data, uint32_t len)
{
	struct server *v = c->owner;
	struct sim *s = c->host->sim;

	/* What nobody asked for is sent before it is asked for something, or not at all. */
	v->extra_ns = 0;
	c->out.len = RTE_MAX(c->sent, RTE_MIN(c->out.len, v->response_end));
	while (len > 0 && !s->wrong) {
		uint32_t used;
		enum reader_event event = reader_feed(&v->reader, data, len, &used);

		v->reading = true;
		data += used;
		len -= used;
		if (event == READER_HEAD) {
			if (!server_head(v))
				return;
			event = reader_content(&v->reader, false, false);
		} else if (event == READER_CONTENT) {
			server_content(v);
		}
		if (event == READER_BAD)
			sim_fail(s, "a backend got a malformed request");
		if (v->plan && v->plan->early && !v->responded &&
			v->reader.at >= v->plan->early_at && v->reader.state != READ_HEAD)
			server_respond(v);
		if (event == READER_DONE || (v->reader.state == READ_LENGTH && v->reader.left == 0))
			server_done(v);
	}
}

static void server_ended(struct sim_conn *c, bool reset)
{
	sim_trace(c->host->sim, "backend: a connection is %s", reset ? "reset" : "closed");
}

static const struct conn_ops server_ops = { server_opened, server_take, server_ended, server_turn };

void *server_accepted(struct sim_host *h, struct tcp_conn *tcp, uint32_t endpoint)
{
	struct server *v = wire_alloc(sizeof(*v));

	v->conn = sim_conn_new(h, &server_ops, v);
	v->endpoint = endpoint;
	v->conn->tcp = tcp;
	v->conn->open = true;
	return v->conn;
}

void servers_init(struct sim *s)
{
	for (uint16_t i = 0; i < SIM_ENDPOINTS; i++) {
		struct ip_addr addr;

		ip_parse(STR(SERVER_ADDRESS), &addr);
		if (i != SERVER_REFUSES && (i < SERVER_NONE_FIRST || i > SERVER_NONE_LAST))
			tcp_listen(
				s->backends.tcp, &addr, (uint16_t)(SERVER_PORT_FIRST + i), 64, i);
	}
}
