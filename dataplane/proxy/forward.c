/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves a request and its response between two connections: heads are written again, bodies move by
 * pointer. Nothing is taken from one side before the other side has room, so that a slow reader
 * holds at most its send buffer and one receive window.
 */
#include "dataplane/proxy/proxy_priv.h"

enum round {
	ROUND_MORE, /* go on with what is there */
	ROUND_WAIT, /* more bytes or more room are needed */
	ROUND_OVER, /* the exchange is gone */
};

struct rte_mbuf *forward_write(struct proxy *p, forward_write_fn write, const void *ctx)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->config.pool);
	struct http1_writer w;

	if (!m)
		return NULL;
	w = (struct http1_writer){ rte_pktmbuf_mtod(m, char *), rte_pktmbuf_tailroom(m), 0 };
	write(&w, ctx);
	if (http1_writer_ok(&w)) {
		m->data_len = (uint16_t)w.len;
		m->pkt_len = w.len;
		return m;
	}
	rte_pktmbuf_free(m);
	w = (struct http1_writer){ p->scratch_head, sizeof(p->scratch_head), 0 };
	write(&w, ctx);
	return http1_writer_ok(&w) ? chain_copy(p->scratch_head, w.len, p->config.pool) : NULL;
}

void forward_send_head(struct proxy *p, struct exchange *ex)
{
	struct upstream *u = ex->upstream;
	struct rte_mbuf *head = ex->head;

	ex->head = NULL;
	ex->flags |= EX_SENT;
	ex->reason = REASON_PROXIED;
	ex->sent_ns = p->now_ns;
	ex->backend_slot = u->slot;
	outcome_sent(&p->backends, u->slot, u->reused);
	transport_ask(&u->transport);
	transport_send(&u->transport, head, p->now_ns);
	if (ex->flags & EX_REPEATS)
		ex->flags |= EX_REQUEST_DONE;
	else
		hold_drop(p, ex);
	forward_request_body(p, ex);
}

/* How many of the chain's bytes belong to the body, and does it end within them? */
static enum http1_verdict follow(
	struct http1_body *body, const struct chain *chain, uint32_t *bytes, enum reason *reason)
{
	enum http1_verdict verdict = HTTP1_MORE;
	size_t none;

	*bytes = 0;
	if (!chain->head)
		return http1_body_feed(body, "", 0, &none, reason);
	for (const struct rte_mbuf *m = chain->head; m && verdict == HTTP1_MORE; m = m->next) {
		size_t used;

		verdict = http1_body_feed(
			body, rte_pktmbuf_mtod(m, const char *), m->data_len, &used, reason);
		*bytes += (uint32_t)used;
	}
	return verdict;
}

/* The body has no more bytes here now: ask the client for them, or see that it has gone. */
static enum round more_of_body(struct proxy *p, struct exchange *ex, uint32_t room)
{
	struct client *c = ex->client;
	const uint32_t before = stream_bytes(&c->rx); /* the beginning of a trailer section */

	if (ex->flags & EX_EXPECT) {
		ex->flags &= ~(uint32_t)EX_EXPECT;
		if (stream_bytes(&c->rx) == 0)
			reply_continue(p, c);
	}
	if (client_pull(p, c, room) && stream_bytes(&c->rx) > before)
		return ROUND_MORE;
	if (c->exchange != ex)
		return ROUND_OVER;
	if (transport_at_eof(&c->transport)) {
		client_abort(p, c);
		return ROUND_OVER;
	}
	return ROUND_WAIT;
}

/* The part of the body that has come, for the backend; NULL for none. */
static struct rte_mbuf *request_body(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict, enum reason *reason)
{
	struct chain *chain = &ex->client->rx.chain;
	const uint64_t body_max = proxy_body_max(p, ex->body_max);
	struct rte_mbuf *m = NULL, *trailers = NULL;
	uint32_t bytes, used = 0;

	*verdict = follow(&ex->request_body, chain, &bytes, reason);
	ex->body_bytes += bytes;
	ex->bytes_in += bytes;
	if (*verdict != HTTP1_BAD && body_max && ex->body_bytes > body_max) {
		*verdict = HTTP1_BAD;
		*reason = REASON_BODY_TOO_LARGE;
	}
	if (*verdict == HTTP1_BAD)
		return NULL;
	if (bytes > 0) {
		m = chain_take(chain, bytes, p->config.pool);
		if (!m) {
			*verdict = HTTP1_BAD;
			*reason = REASON_OVERLOADED;
			return NULL;
		}
	}
	if (unlikely(*verdict == HTTP1_TRAILERS)) {
		*reason = REASON_TRAILER_INVALID;
		*verdict = trailers_take(p, chain, &ex->request_body, true, &used, &trailers);
		ex->bytes_in += used;
	}
	return chain_join(m, trailers);
}

/* One round: what the client's buffer holds goes to the backend. */
static enum round body_round(struct proxy *p, struct exchange *ex)
{
	enum reason reason = REASON_PROXIED;
	enum http1_verdict verdict;
	struct rte_mbuf *m = request_body(p, ex, &verdict, &reason);

	if (verdict == HTTP1_BAD) {
		rte_pktmbuf_free(m);
		ex->client->keep_alive = false;
		exchange_refuse(p, ex, reason);
		return ROUND_OVER;
	}
	if (m)
		transport_send(&ex->upstream->transport, m, p->now_ns);
	if (verdict != HTTP1_DONE)
		return ROUND_MORE;
	ex->flags |= EX_REQUEST_DONE;
	return ROUND_WAIT;
}

static enum round body_rounds(struct proxy *p, struct exchange *ex)
{
	enum round round = ROUND_MORE;
	uint32_t room;

	if (ex->flags & (EX_REQUEST_DONE | EX_BODY_STOPPED))
		return ROUND_WAIT;
	while (round == ROUND_MORE && (room = transport_send_space(&ex->upstream->transport)) > 0) {
		if (ex->client->rx.chain.bytes == 0 || http1_body_at_trailers(&ex->request_body))
			round = more_of_body(p, ex, room);
		if (round == ROUND_MORE)
			round = body_round(p, ex);
	}
	return round;
}

void forward_request_body(struct proxy *p, struct exchange *ex)
{
	if (!(ex->flags & EX_SENT))
		return; /* it goes with the head */
	if (body_rounds(p, ex) != ROUND_OVER)
		wait_update(p, ex);
}

struct response_parse {
	struct proxy *p;
	uint8_t method;
	enum reason reason;
};

static enum http1_verdict parse_response(const char *data, size_t len, size_t seen, void *ctx)
{
	struct response_parse *a = ctx;

	return http1_parse_response(
		data, len, seen, &a->p->response_limits, a->method, &a->p->answer, &a->reason);
}

struct response_writing {
	const struct http1_head *head;
	struct str via, extra;
	bool keep_alive, http10;
};

static void write_response(struct http1_writer *w, const void *ctx)
{
	const struct response_writing *r = ctx;

	http1_write_response(w, r->head, r->via, r->extra, r->keep_alive, r->http10);
}

/* 1xx answers: 100 was our own to give, the others go on to clients that can read them. */
static struct rte_mbuf *interim(
	struct proxy *p, struct exchange *ex, const struct http1_head *head, bool *bad)
{
	struct response_writing r = { .head = head, .keep_alive = true };

	*bad = head->message.status == 101;
	if (*bad || head->message.status == 100 || (ex->flags & EX_HTTP10))
		return NULL;
	r.via = snap_str(&p->tables->snapshot, proxy_settings(p)->via);
	return forward_write(p, write_response, &r);
}

/* The backend responds before it had the whole request. */
static void response_is_early(struct exchange *ex, const struct http1_head *head)
{
	uint32_t behind = stream_bytes(&ex->upstream->rx) - head->head_bytes;
	bool whole = head->framing == HTTP1_BODY_NONE ||
		     (head->framing == HTTP1_BODY_LENGTH && head->message.content_length <= behind);

	/* It refuses and wants no more of it. Other early responses are often made of the body as
	 * it comes. */
	if (head->message.status >= 400)
		ex->flags |= EX_BODY_STOPPED;
	/* One that ends at once ends the connection, see response_done(): say so (RFC 9112
	 * §9.6). */
	if (head->message.status >= 400 || whole)
		ex->client->keep_alive = false;
}

/* Decide how the client's connection goes on and write the head for it. */
static struct rte_mbuf *final_head(struct proxy *p, struct exchange *ex, struct http1_head *head)
{
	struct client *c = ex->client;
	char fields[512];
	struct http1_writer w = { fields, sizeof(fields), 0 };
	struct response_writing r = { .head = head, .http10 = ex->flags & EX_HTTP10 };

	ex->status = head->message.status;
	ex->answered_ns = p->now_ns;
	outcome_response(&p->backends, ex->upstream->slot, ex->status, p->now_ns - ex->sent_ns);
	http1_body_begin(&ex->response_body, head, false);
	ex->upstream->keep_alive_s = head->keep_alive_s;
	ex->upstream->reusable = head->keep_alive && head->framing != HTTP1_BODY_UNTIL_CLOSE;
	if (!(ex->flags & EX_REQUEST_DONE))
		response_is_early(ex, head);
	ex->flags &= ~(uint32_t)EX_EXPECT; /* nothing may come between the response's bytes */
	if (head->framing == HTTP1_BODY_UNTIL_CLOSE)
		c->keep_alive = false;
	if (head->framing == HTTP1_BODY_CHUNKED && (ex->flags & EX_HTTP10)) {
		ex->flags |= EX_DECHUNK;
		c->keep_alive = false;
		head->framing = HTTP1_BODY_UNTIL_CLOSE;
	}
	if (p->draining || c->leaving)
		c->keep_alive = false;
	r.via = snap_str(&p->tables->snapshot, proxy_settings(p)->via);
	if (!http_head_has(&head->message, HTTP_FIELD_DATE))
		reply_date(p, &w);
	if (ex->flags & EX_RATE_FIELDS)
		reply_rate_fields(p, ex, &w);
	if (http1_writer_ok(&w))
		r.extra = (struct str){ fields, w.len };
	r.keep_alive = c->keep_alive;
	return forward_write(p, write_response, &r);
}

/* The answer cannot go on: the backend's fault, or ours for want of memory. */
static enum round response_bad(struct proxy *p, struct exchange *ex, enum reason why)
{
	if (why != REASON_OVERLOADED)
		outcome_fault(&p->backends, ex->upstream->slot, OUTCOME_INVALID);
	exchange_refuse(p, ex, why);
	return ROUND_OVER;
}

static enum round response_head(struct proxy *p, struct exchange *ex, struct rte_mbuf **out)
{
	struct upstream *u = ex->upstream;
	struct response_parse args = { p, ex->method, REASON_BACKEND_INVALID };
	enum stream_verdict verdict = stream_parse(&u->rx, &p->heads, parse_response, &args);
	struct http1_head *head = &p->answer;
	uint32_t head_bytes;
	bool bad = false;

	if (verdict == STREAM_MORE)
		return ROUND_WAIT;
	if (verdict != STREAM_HEAD)
		return response_bad(p, ex, verdict == STREAM_BAD ? args.reason : REASON_OVERLOADED);
	head_bytes = head->head_bytes;
	if (head->message.status < 200) {
		*out = interim(p, ex, head, &bad);
		if (bad)
			return response_bad(p, ex, REASON_BACKEND_INVALID);
	} else {
		*out = final_head(p, ex, head);
		if (!*out)
			return response_bad(p, ex, REASON_OVERLOADED);
		ex->flags |= EX_RESPONDING;
	}
	stream_consume_head(&u->rx, &p->heads, head_bytes);
	if ((ex->flags & EX_RESPONDING) && (ex->flags & EX_REPEATS))
		hold_drop(p, ex);
	return ROUND_MORE;
}

/* Take the chunked framing off what has come, for a client that cannot read it (RFC 9112 §7.1). */
static struct rte_mbuf *dechunk(struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct http1_body *body = &ex->response_body;
	struct chain *chain = &ex->upstream->rx.chain, out = { NULL, NULL, 0, 0 };
	enum reason reason;
	size_t used;

	*verdict = HTTP1_MORE;
	while (chain->bytes > 0 && *verdict == HTTP1_MORE) {
		uint64_t content = http1_body_content_ahead(body);
		uint32_t n = (uint32_t)RTE_MIN(content, (uint64_t)chain->head->data_len);

		*verdict = http1_body_feed(body, rte_pktmbuf_mtod(chain->head, const char *),
			n ? n : 1, &used, &reason);
		if (n == 0)
			chain_drop(chain, (uint32_t)used);
		else if (!chain_move(&out, chain, n, p->config.pool))
			*verdict = HTTP1_BAD;
	}
	return chain_packet(&out);
}

/* The part of the body that has come, for the client; NULL for none. */
static struct rte_mbuf *response_body(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct chain *chain = &ex->upstream->rx.chain;
	enum reason reason;
	struct rte_mbuf *m;
	uint32_t bytes;

	if (ex->flags & EX_DECHUNK)
		return dechunk(p, ex, verdict);
	*verdict = follow(&ex->response_body, chain, &bytes, &reason);
	if (*verdict == HTTP1_BAD || bytes == 0)
		return NULL;
	m = chain_take(chain, bytes, p->config.pool);
	if (!m)
		*verdict = HTTP1_BAD;
	return m;
}

/* The trailer section, which a client that gets no chunks does not get. */
static struct rte_mbuf *response_trailers(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct rte_mbuf *out;
	uint32_t used;

	*verdict = trailers_take(p, &ex->upstream->rx.chain, &ex->response_body,
		!(ex->flags & EX_DECHUNK), &used, &out);
	return out;
}

static void response_done(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;

	/* Without the whole request neither connection can go on. */
	if (ex->flags & EX_REQUEST_DONE)
		upstream_release(p, ex->upstream);
	else
		c->keep_alive = false;
	exchange_end(p, ex, REASON_PROXIED);
	client_answered(p, c);
}

/* The backend's FIN came and every byte before it was taken; ends the exchange. */
static void response_eof(struct proxy *p, struct exchange *ex)
{
	struct upstream *u = ex->upstream;

	u->reusable = false;
	if (ex->flags & EX_RESPONDING) {
		if (http1_body_ends_at_close(&ex->response_body))
			response_done(p, ex);
		else
			response_bad(p, ex, REASON_BACKEND_TRUNCATED);
		return;
	}
	if (stream_bytes(&u->rx) > 0)
		response_bad(p, ex, REASON_BACKEND_INVALID);
	else
		upstream_closed_early(p, u);
}

/* One round: what the backend sent goes to the client. */
static enum round response_round(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;
	enum http1_verdict verdict = HTTP1_MORE;
	bool head_unsent = !(ex->flags & EX_RESPONDING);
	struct rte_mbuf *out = NULL;

	if (head_unsent) {
		enum round round = response_head(p, ex, &out);

		if (round != ROUND_MORE)
			return round;
	}
	if (ex->flags & EX_RESPONDING)
		out = chain_join(out, response_body(p, ex, &verdict));
	if (unlikely(verdict == HTTP1_TRAILERS))
		out = chain_join(out, response_trailers(p, ex, &verdict));
	if (verdict == HTTP1_BAD) {
		rte_pktmbuf_free(out);
		/* The head was not sent yet: a whole answer of our own is better than half of this
		 * one. */
		if (head_unsent)
			ex->flags &= ~(uint32_t)EX_RESPONDING;
		return response_bad(p, ex, REASON_BACKEND_INVALID);
	}
	if (out) {
		ex->bytes_out += out->pkt_len;
		if (!client_send(p, c, out)) {
			client_abort(p, c);
			return ROUND_OVER;
		}
		/* Interim responses alone do not hold an exchange for ever. */
		if ((ex->flags & EX_RESPONDING) || ex->interims < INTERIM_RESTARTS)
			ex->progress++;
		if (!(ex->flags & EX_RESPONDING))
			ex->interims = (uint8_t)RTE_MIN(ex->interims + 1, INTERIM_RESTARTS);
	}
	if (verdict == HTTP1_DONE) {
		response_done(p, ex);
		return ROUND_OVER;
	}
	return http1_body_at_trailers(&ex->response_body) ? ROUND_WAIT : ROUND_MORE;
}

/* @param all  take what there is although the client has no room for it */
static enum round response_rounds(struct proxy *p, struct exchange *ex, bool all)
{
	struct upstream *u = ex->upstream;

	for (;;) {
		enum transport_read read;
		enum round round;
		uint32_t room = all ? UINT32_MAX : transport_send_space(&ex->client->transport);

		if (room == 0)
			return ROUND_WAIT;
		read = transport_read(&u->transport, room, &u->rx.chain);
		if (read == TRANSPORT_NOTHING && stream_bytes(&u->rx) == 0)
			break;
		if (!(ex->flags & EX_SENT) ||
			(!(ex->flags & EX_RESPONDING) && transport_unasked(&u->transport))) {
			upstream_spoke_early(p, u);
			return ROUND_OVER;
		}
		round = response_round(p, ex);
		if (round == ROUND_OVER)
			return round;
		if (round == ROUND_WAIT && read == TRANSPORT_NOTHING)
			break;
	}
	if (!transport_at_eof(&u->transport))
		return ROUND_WAIT;
	response_eof(p, ex);
	return ROUND_OVER;
}

void forward_response(struct proxy *p, struct exchange *ex)
{
	if (response_rounds(p, ex, false) != ROUND_OVER)
		wait_update(p, ex);
}

bool forward_rest(struct proxy *p, struct exchange *ex)
{
	return response_rounds(p, ex, true) == ROUND_OVER;
}
