/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients' connections: open, ask, check the answer, ask again, close after so many requests
 * and come back from another port. Acknowledgements ride on the next request; without one, every
 * second segment is acknowledged.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/engine/engine_priv.h"

static uint32_t number_of(const struct engine *e, const struct client *c)
{
	return (uint32_t)(c - e->clients);
}

static uint64_t *due_of(const struct engine *e, const struct client *c, uint32_t request)
{
	return &e->due_ns[number_of(e, c) * e->config.depth + request % e->config.depth];
}

/* Requests that this connection may send now. */
static uint32_t allowed(const struct engine *e, const struct client *c)
{
	uint32_t n = e->config.depth - c->under_way;

	if (c->ssl && !c->shaken)
		return 0;
	if (e->interval_ns > 0)
		n = c->granted;
	else if (e->stopping)
		n = 0;
	n = (uint32_t)RTE_MIN(n, e->left);
	if (e->config.per_connection)
		n = RTE_MIN(n, e->config.per_connection - c->conn_sent);
	return n;
}

static void arrival_grant(struct engine *e, struct client *c)
{
	*due_of(e, c, c->sent) = e->arrivals[e->arrival_head++ % ARRIVALS];
	c->granted = 1;
	ready_client(e, c);
}

/* A connection with nothing to do: take a request that waits for one, or wait for one. */
static void rest(struct engine *e, struct client *c)
{
	if (e->interval_ns == 0 || c->idle || c->granted || c->under_way ||
		c->state != CLIENT_OPEN || (c->ssl && !c->shaken))
		return;
	if (e->arrival_head != e->arrival_tail) {
		arrival_grant(e, c);
		return;
	}
	c->idle = true;
	c->next = RING_NONE;
	if (e->idle.first == RING_NONE)
		e->idle.first = number_of(e, c);
	else
		e->clients[e->idle.last].next = number_of(e, c);
	e->idle.last = number_of(e, c);
}

void engine_client_arrivals(struct engine *e)
{
	while (!e->stopping && e->next_arrival_ns <= (double)e->now_ns) {
		double random = (double)((e->random = mix64(e->random)) >> 11) / 9007199254740992.0;

		if (engine_backlog(e) == ARRIVALS) {
			e->overrun = !e->failed;
			engine_fail(e,
				"%u requests wait: the rate is beyond what the gateway takes",
				ARRIVALS);
			return;
		}
		e->arrivals[e->arrival_tail++ % ARRIVALS] = (uint64_t)e->next_arrival_ns;
		e->next_arrival_ns -= log(1.0 - random) * e->interval_ns;
	}
	while (e->arrival_head != e->arrival_tail && e->idle.first != RING_NONE) {
		struct client *c = &e->clients[e->idle.first];

		e->idle.first = c->next;
		c->idle = false;
		if (c->state == CLIENT_OPEN && !c->queued)
			arrival_grant(e, c);
	}
}

static struct rte_mbuf *send_segment(struct engine *e, struct client *c, uint8_t flags,
	struct rte_mbuf *m, uint32_t payload_bytes)
{
	struct header h = {
		.src = e->client_base + number_of(e, c),
		.dst = ENGINE_GATEWAY_OUTSIDE,
		.src_port = c->port,
		.dst_port = ENGINE_LISTEN_PORT,
		.seq = c->snd_nxt,
		.ack = flags & ACK ? c->rcv_nxt : 0,
		.ts_ecr = flags & ACK ? c->ts_recent : 0,
		.flags = flags,
	};

	frame_finish(e, ENGINE_OUTSIDE, m, &h, payload_bytes);
	c->snd_nxt += payload_bytes + !!(flags & (SYN | FIN));
	c->ack_due = false;
	c->segs_unacked = 0;
	return m;
}

static void renew(struct engine *e, struct client *c)
{
	e->stats.closed++;
	e->open--;
	c->state = CLIENT_CLOSED;
	c->port = c->port == 65535 ? 1024 : (uint16_t)(c->port + 1);
	c->fin_seen = false;
	if (c->ssl)
		secure_close(c);
	c->conn_sent = c->conn_answered = 0;
	ready_client(e, c);
}

/* For payload, in a segment. */
static uint32_t room_of(const struct engine *e)
{
	return MSS - (e->header_bytes - 20);
}

static uint32_t put_requests(struct engine *e, struct client *c, char *out)
{
	uint32_t n = allowed(e, c), bytes = 0, room = room_of(e);

	for (; n && bytes + e->config.head_bytes <= room; n--) {
		uint64_t id = request_id(e->config.index, number_of(e, c), c->sent);
		bool last =
			e->config.per_connection && c->conn_sent + 1 == e->config.per_connection;

		if (c->granted)
			c->granted = 0;
		else
			*due_of(e, c, c->sent) = e->now_ns;
		bytes += message_request(e, id, last, out + bytes);
		c->sent++;
		c->conn_sent++;
		c->under_way++;
		e->left--;
		e->under_way++;
	}
	if (n)
		ready_client(e, c);
	return bytes;
}

static uint32_t put_secure(struct engine *e, struct client *c, char *out)
{
	char plain[MSS];
	uint32_t bytes;

	secure_write(e, c, plain, put_requests(e, c, plain));
	bytes = secure_send(c, out, room_of(e));
	if (secure_pending(c))
		ready_client(e, c);
	return bytes;
}

void engine_client_look(struct engine *e, struct client *c)
{
	bool stuck = c->state == CLIENT_OPEN && c->under_way == 1 && c->snd_una != c->snd_nxt &&
		     c->snd_una == c->una_looked;

	c->una_looked = c->snd_una;
	c->again = stuck;
	if (stuck)
		ready_client(e, c);
}

/* The request that was not acknowledged. */
static struct rte_mbuf *send_again(
	struct engine *e, struct client *c, struct rte_mbuf *m, char *payload)
{
	uint64_t id = request_id(e->config.index, number_of(e, c), c->sent - 1);

	c->again = false;
	c->snd_nxt = c->snd_una;
	return send_segment(e, c, PSH | ACK, m,
		message_request(e, id, e->config.per_connection == c->conn_sent, payload));
}

struct rte_mbuf *engine_client_send(struct engine *e, struct client *c)
{
	struct rte_mbuf *m;
	uint32_t bytes;
	char *payload;

	if (c->state == CLIENT_SYN_SENT || (c->state == CLIENT_CLOSED && e->stopping))
		return NULL;
	if (c->state == CLIENT_OPEN && !c->fin_seen && !c->ack_due && !c->again &&
		allowed(e, c) == 0 && !(c->ssl && secure_pending(c)))
		return NULL;
	m = frame_new(e, &payload);
	if (!m)
		return NULL;
	if (c->state == CLIENT_CLOSED) {
		c->state = CLIENT_SYN_SENT;
		c->snd_nxt = (uint32_t)(e->now_ns >> 8);
		return send_segment(e, c, SYN, m, 0);
	}
	if (c->fin_seen) {
		send_segment(e, c, FIN | ACK, m, 0);
		renew(e, c);
		return m;
	}
	if (c->again)
		return send_again(e, c, m, payload);
	bytes = c->ssl ? put_secure(e, c, payload) : put_requests(e, c, payload);
	send_segment(e, c, bytes ? PSH | ACK : ACK, m, bytes);
	if (!c->queued)
		rest(e, c);
	return m;
}

static void answer_complete(struct engine *e, struct client *c)
{
	hdr_add(&e->stats.latency_ns, e->now_ns - *due_of(e, c, c->answered));
	e->stats.answers++;
	e->stats.refused += c->refused;
	c->answered++;
	c->conn_answered++;
	c->under_way--;
	e->under_way--;
	c->in_body = false;
	start_another(e);
}

static bool head_right(struct engine *e, struct client *c, const char *head, uint32_t len)
{
	uint64_t id = request_id(e->config.index, number_of(e, c), c->answered);

	c->body_at = 0;
	c->in_body = true;
	c->refused = len > 12 && memcmp(head + 9, "429", 3) == 0 && e->config.refusals;
	if (len < 13 || memcmp(head, "HTTP/1.1 ", 9) != 0 ||
		(memcmp(head + 9, "200", 3) != 0 && !c->refused))
		engine_fail(e, "request %016lx was answered with: %.*s", id,
			(int)RTE_MIN(len, 400u), head);
	else if (!message_length(e, head, len, &c->body_bytes))
		engine_fail(e, "request %016lx: no Content-Length: %.*s", id,
			(int)RTE_MIN(len, 400u), head);
	else if (!c->refused && c->body_bytes != e->config.body_bytes)
		engine_fail(e, "request %016lx: %u bytes instead of %u", id, c->body_bytes,
			e->config.body_bytes);
	return !e->failed;
}

/* @return bytes that were the head's; all of them when it goes on */
static uint32_t take_head(struct engine *e, struct client *c, const char *data, uint32_t len)
{
	uint32_t end, before = c->gathered, n;

	if (c->under_way == 0) {
		engine_fail(
			e, "client %u got %u bytes that it did not ask for", number_of(e, c), len);
		return len;
	}
	if (before == 0) {
		end = message_head_end(e, data, len);
		if (end)
			return head_right(e, c, data, end) ? end : len;
	}
	if (!c->gather)
		c->gather = malloc(GATHER_BYTES);
	n = RTE_MIN(len, GATHER_BYTES - before);
	memcpy(c->gather + before, data, n);
	end = message_head_end(e, c->gather, before + n);
	if (end == 0) {
		c->gathered = (uint16_t)(before + n);
		if (c->gathered == GATHER_BYTES)
			engine_fail(e, "an answer's head is longer than %u bytes", GATHER_BYTES);
		return len;
	}
	c->gathered = 0;
	return head_right(e, c, c->gather, end) ? end - before : len;
}

static void take(struct engine *e, void *conn, const char *data, uint32_t len)
{
	struct client *c = conn;

	while (len && !e->failed) {
		uint32_t n;

		if (!c->in_body) {
			n = take_head(e, c, data, len);
		} else {
			uint64_t id = request_id(e->config.index, number_of(e, c), c->answered);

			n = RTE_MIN(len, c->body_bytes - c->body_at);
			if (!c->refused && !engine_content_right(e, id, c->body_at, data, n))
				engine_fail(e,
					"request %016lx: wrong content within bytes %u to %u", id,
					c->body_at, c->body_at + n);
			c->body_at += n;
			e->stats.body_bytes += n;
		}
		data += n;
		len -= n;
		if (c->in_body && c->body_at == c->body_bytes)
			answer_complete(e, c);
	}
}

static void take_secure(struct engine *e, void *conn, const char *data, uint32_t len)
{
	secure_take(e, conn, data, len, take);
}

static void established(struct engine *e, struct client *c, const struct segment *s)
{
	if ((s->flags & (SYN | ACK)) != (SYN | ACK) || s->ack != c->snd_nxt) {
		engine_fail(
			e, "client %u: SYN answered with flags %02x", number_of(e, c), s->flags);
		return;
	}
	c->state = CLIENT_OPEN;
	c->snd_una = s->ack;
	c->rcv_nxt = s->seq + 1;
	c->ts_recent = s->ts_val;
	c->ack_due = true;
	if (e->tls) {
		secure_open(e, c);
	} else {
		e->open++;
		e->stats.opened++;
	}
	ready_client(e, c);
}

/* @return false when there is nothing new in it */
static bool in_order(struct engine *e, struct client *c, const struct segment *s, uint32_t *skip)
{
	uint32_t end = s->seq + s->payload_bytes + !!(s->flags & FIN);

	*skip = c->rcv_nxt - s->seq;
	if (s->seq == c->rcv_nxt || (int32_t)*skip < 0)
		return s->seq == c->rcv_nxt || (e->stats.gaps++, c->ack_due = true, false);
	e->stats.duplicates++;
	c->ack_due = true;
	return (int32_t)(end - c->rcv_nxt) > 0;
}

void engine_client_segment(struct engine *e, const struct segment *s)
{
	uint32_t number = s->dst - e->client_base, skip = 0;
	struct client *c = &e->clients[number];

	if (number >= e->config.connections) {
		engine_fail(e, "a frame for client %u, who is not there", number);
		return;
	}
	if (s->dst_port != c->port || c->state == CLIENT_CLOSED) {
		e->stats.late++;
		return;
	}
	if (s->flags & RST) {
		engine_fail(
			e, "client %u was reset with %u requests under way", number, c->under_way);
		return;
	}
	if (c->state == CLIENT_SYN_SENT) {
		established(e, c, s);
		return;
	}
	c->snd_una = s->ack;
	c->again = c->again && c->snd_una != c->snd_nxt;
	if (s->payload_bytes || (s->flags & FIN)) {
		if (in_order(e, c, s, &skip)) {
			c->ts_recent = s->ts_val;
			segment_walk(e, s, skip, c, c->ssl ? take_secure : take);
			c->rcv_nxt = s->seq + s->payload_bytes;
			if (++c->segs_unacked >= 2 || e->config.ack_all ||
				(e->ack_idle && c->under_way == 0))
				c->ack_due = true;
			if (s->flags & FIN) {
				c->rcv_nxt++;
				c->fin_seen = true;
				if (c->under_way)
					engine_fail(e,
						"client %u: closed with %u requests under way",
						number, c->under_way);
			}
		}
		if (c->ack_due || c->fin_seen || allowed(e, c) || (c->ssl && secure_pending(c)))
			ready_client(e, c);
		else
			rest(e, c);
	}
}
