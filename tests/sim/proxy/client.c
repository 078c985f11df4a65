/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated clients, see client.h. */
#include "tests/sim/proxy/client.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/proxy/ledger.h"

#define QUEUE_MAX      16
#define OWN_BYTES      1024
#define CONTINUE_NS    UINT64_C(300000000)
#define DEAF_NS        UINT64_C(100000000000) /* longer than the gateway waits for anything */
#define START_MS       50
#define PORT_CLEAR     80
#define PORT_TLS       443
#define PORT_SOMETIMES 81 /* of some generations only */

struct sim_client {
	struct sim *sim;
	uint32_t index;
	uint32_t begun; /* requests */
	struct sim_conn *conn;
	uint64_t connect_ns;
	/* Of the connection: exchanges that wait for their response, the oldest first. */
	uint32_t queue[QUEUE_MAX], queued;
	bool last;  /* no request follows on it */
	bool blind; /* what still comes cannot be told apart */
	/* The response that is read. */
	struct reader reader;
	bool final, own, close;
	bool failure;   /* it is that of a try that failed */
	uint32_t bytes; /* of the response and those before it */
	char own_text[OWN_BYTES];
	uint32_t own_bytes;
};

static void client_response_begin(struct sim_client *k)
{
	reader_again(&k->reader);
	k->final = k->own = k->failure = false;
	k->bytes = 0;
	k->own_bytes = 0;
}

static void client_opened(struct sim_conn *c)
{
}

static void client_request(struct sim_client *k)
{
	struct sim *s = k->sim;
	uint32_t id = 1 + k->index * (uint32_t)s->o.requests + k->begun++;
	const struct plan *p = &s->plans[id];
	struct bytes text = { 0 };
	uint32_t head;

	head = message_request(p, &text);
	if (p->request.end != END_WHOLE && !k->conn->tls) {
		k->conn->end = p->request.end;
		k->conn->end_at = k->conn->out.len + p->request.end_at;
		k->last = true;
	}
	if (p->request.http10 || p->request.close)
		k->last = true;
	if (p->expect && !k->conn->tls) {
		k->conn->hold_at = k->conn->out.len + head;
		k->conn->hold_ns = s->now_ns + CONTINUE_NS;
	}
	sim_conn_write(k->conn, text.data, text.len);
	k->queue[k->queued++] = id;
	s->ledger->rows[id].outcome = OUT_SENT;
	sim_trace(s, "client %u: request %u: %s /%c, %u bytes; response %u, %u bytes", k->index, id,
		plan_method_name(p->method), p->route, p->request.bytes, p->status,
		p->response.bytes);
}

static void client_turn(struct sim_conn *c)
{
	struct sim_client *k = c->owner;
	struct sim *s = k->sim;

	if (!c->open || c->eof || c->closed || k->close || k->blind)
		return;
	while (k->queued < RTE_MIN(s->o.depth, QUEUE_MAX) && !c->hold_ns &&
		k->begun < s->o.requests && !k->last)
		client_request(k);
	/* Some leave, others wait until they are left. */
	if (k->queued == 0 && (k->last || k->begun == s->o.requests) &&
		plan_roll(&s->o, k->index, "leaves", 2))
		c->close_due = true;
}

/* The response of the exchange @p id is here as a whole. */
static void client_response(struct sim_client *k, uint32_t id)
{
	struct sim *s = k->sim;
	struct ledger_row *row = &s->ledger->rows[id];
	const struct plan *p = &s->plans[id];
	const char *number;

	row->client_bytes = k->bytes + k->reader.bytes;
	row->outcome = k->own ? OUT_OWN : OUT_PROXIED;
	if (k->own && k->own_bytes) {
		k->own_text[k->own_bytes] = '\0';
		number = strstr(k->own_text, "urn:sluice:request:");
		if (!number)
			sim_fail(s, "exchange %u: a response that names no request", id);
		else
			row->own_id = strtoull(number + 19, NULL, 16);
	} else if (k->own) {
		row->outcome = OUT_LOST; /* of HEAD: its number is not there */
	} else if (k->failure) {
		row->failure = true;
		if (p->method != PLAN_HEAD && k->reader.at != p->failure_bytes)
			sim_fail(s, "exchange %u: %u bytes of %u look like all", id, k->reader.at,
				p->failure_bytes);
	} else if (!plan_no_content(p) && k->reader.at != p->response.bytes &&
		   !(p->response.framing == FRAMING_CLOSE && p->response.end == END_CLOSE)) {
		sim_fail(s, "exchange %u: %u bytes of %u look like all", id, k->reader.at,
			p->response.bytes);
	}
	sim_trace(s, "client %u: response to %u: %u, %u bytes%s", k->index, id, row->status,
		k->reader.at, k->own ? ", the gateway's own" : "");
	memmove(k->queue, k->queue + 1, --k->queued * sizeof(k->queue[0]));
	client_response_begin(k);
}

/* Checks the CORS fields of a response: the gateway writes them on routes a and t, also where a
 * backend responds. */
static void client_cors(struct sim_client *k, uint32_t id)
{
	const struct plan *p = &k->sim->plans[id];
	const char *allowed = reader_field(&k->reader, "Access-Control-Allow-Origin");
	const char *origin = message_origin(id), *wanted = k->own ? NULL : "*";

	if (p->route == 'a' || p->route == 't')
		wanted = origin && strcmp(origin, MESSAGE_ORIGIN) == 0 ? origin : NULL;
	if (k->own && !allowed)
		return; /* it may have been refused before its route was known */
	if (!allowed != !wanted || (allowed && strncmp(allowed, wanted, strlen(wanted)) != 0))
		sim_fail(k->sim, "exchange %u: of origin %s, may be read by %.20s", id,
			origin ? origin : "none", allowed ? allowed : "none");
}

static enum reader_event client_head(struct sim_client *k, uint32_t id)
{
	struct sim *s = k->sim;
	const struct plan *p = &s->plans[id];
	const char *field = reader_field(&k->reader, "X-Id");
	const char *close = reader_field(&k->reader, "Connection");
	unsigned long status = 0;
	bool none;

	if (strncmp((char *)k->reader.head.data, "HTTP/1.1 ", 9) != 0)
		sim_fail(s, "exchange %u: no response: %.40s", id, (char *)k->reader.head.data);
	else
		status = strtoul((char *)k->reader.head.data + 9, NULL, 10);
	if (field && strtoul(field, NULL, 16) != id)
		sim_fail(s, "exchange %u: its client got a response to %.8s", id, field);
	k->conn->hold_ns = 0;
	if (status < 200) {
		if (field)
			k->bytes += k->reader.bytes;
		reader_again(&k->reader);
		return READER_MORE;
	}
	k->final = true;
	k->own = field == NULL;
	client_cors(k, id);
	k->close = close && strncasecmp(close, "close", 5) == 0;
	s->ledger->rows[id].status = (uint16_t)status;
	k->failure = !k->own && reader_field(&k->reader, "X-Failure");
	if (k->failure && (status != 503 || p->fails == 0))
		sim_fail(s, "exchange %u: the response of a try that did not fail", id);
	else if (!k->own && !k->failure && status != p->status)
		sim_fail(s, "exchange %u: status %lu instead of %u", id, status, p->status);
	/* Whether a refused HEAD has a body depends on whether the gateway got so far as to know
	 * the method. */
	if (k->own && p->method == PLAN_HEAD && status != 404 && status != 401 && status != 429)
		k->blind = true;
	none = k->own || k->failure ? p->method == PLAN_HEAD : plan_no_content(p);
	return reader_content(&k->reader, none, true);
}

static void client_content(struct sim_client *k, uint32_t id)
{
	const struct reader *r = &k->reader;
	uint32_t from = r->at - r->content_len;

	for (uint32_t i = 0; i < r->content_len; i++) {
		if (k->own) {
			if (k->own_bytes < OWN_BYTES - 1)
				k->own_text[k->own_bytes++] = (char)r->content[i];
		} else if (r->content[i] != message_byte(id, WAY_RESPONSE, from + i)) {
			sim_fail(k->sim, "exchange %u: byte %u of its response is another's", id,
				from + i);
			return;
		}
	}
}

static void client_take(struct sim_conn *c, const uint8_t *data, uint32_t len)
{
	struct sim_client *k = c->owner;
	struct sim *s = k->sim;

	while (len > 0 && !s->wrong && c->tcp && !k->blind) {
		uint32_t used, id = k->queued ? k->queue[0] : 0;
		const struct plan *p = &s->plans[id];
		enum reader_event event;

		if (id == 0 || (k->close && !k->final)) {
			sim_fail(s, "client %u: got %u bytes that it did not ask for: %.40s",
				k->index, len, data);
			return;
		}
		event = reader_feed(&k->reader, data, len, &used);
		data += used;
		len -= used;
		if (event == READER_HEAD)
			event = client_head(k, id);
		else if (event == READER_CONTENT)
			client_content(k, id);
		if (event == READER_BAD)
			sim_fail(s, "exchange %u: its response is malformed", id);
		if (p->leave && !c->tls && k->reader.bytes >= p->leave_at) {
			sim_conn_reset(c);
			return;
		}
		if (event == READER_DONE ||
			(k->final && k->reader.state == READ_LENGTH && k->reader.left == 0))
			client_response(k, id);
	}
}

static void client_over(struct sim_conn *c, bool reset)
{
	struct sim_client *k = c->owner;
	struct sim *s = k->sim;

	sim_trace(s, "client %u: %s", k->index, reset ? "reset" : "closed");
	if (!reset && k->queued && k->final && reader_closed(&k->reader))
		client_response(k, k->queue[0]);
	for (uint32_t i = 0; i < k->queued; i++)
		s->ledger->rows[k->queue[i]].outcome = OUT_LOST;
	k->queued = 0;
	if (!c->open)
		k->begun++; /* refused: not without end */
	k->connect_ns = s->now_ns + sim_pick(s, START_MS) * 1000000;
}

static const struct conn_ops client_ops = { client_opened, client_take, client_over, client_turn };

static void client_connect(struct sim_client *k)
{
	struct sim *s = k->sim;
	uint32_t at = k->index * 100 + k->begun;
	bool tls = plan_roll(&s->o, at, "tls", 1000) < s->o.tls;
	uint16_t port = tls ? PORT_TLS : PORT_CLEAR;

	if (!tls && s->o.applies && plan_roll(&s->o, at, "port", 4) == 0)
		port = PORT_SOMETIMES;
	k->conn = sim_conn_new(&s->clients, &client_ops, k);
	k->last = k->close = k->blind = false;
	client_response_begin(k);
	if (plan_roll(&s->o, at, "deaf", 1000) < s->o.deaf)
		k->conn->read_ns = s->now_ns + DEAF_NS;
	sim_conn_connect(k->conn, port, tls);
}

void clients_init(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.clients && i < SIM_CLIENTS; i++) {
		struct sim_client *k = wire_alloc(sizeof(*k));

		k->sim = s;
		k->index = i;
		k->connect_ns = s->now_ns + sim_pick(s, START_MS) * 1000000;
		s->client[i] = k;
	}
}

static bool client_done(const struct sim_client *k)
{
	return k->begun >= k->sim->o.requests && (!k->conn || k->conn->over);
}

uint64_t clients_turn(struct sim *s)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < SIM_CLIENTS && s->client[i]; i++) {
		struct sim_client *k = s->client[i];

		if (client_done(k) || (k->conn && !k->conn->over))
			continue;
		if (s->now_ns >= k->connect_ns)
			client_connect(k);
		else
			next = RTE_MIN(next, k->connect_ns);
	}
	return next;
}

bool clients_done(const struct sim *s)
{
	for (uint32_t i = 0; i < SIM_CLIENTS && s->client[i]; i++)
		if (!client_done(s->client[i]))
			return false;
	return true;
}
