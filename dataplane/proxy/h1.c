/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1 between connections and exchanges: what the proxy asks of a protocol, see h1.h. Bytes are
 * read by the codec (http/h1/) where they lie; here they are taken from chains and put into chains.
 */
#include "dataplane/proxy/h1.h"

/* Requests. */

struct h1_request_parse {
	const struct http1_limits *limits;
	struct http1_head *head;
	enum reason reason;
};

static enum http1_verdict h1_parse_request(const char *data, size_t len, size_t seen, void *ctx)
{
	struct h1_request_parse *a = ctx;

	return http1_parse_request(data, len, seen, a->limits, a->head, &a->reason);
}

enum stream_verdict h1_read_request(
	struct proxy *p, struct client *c, struct decision *d, enum reason *why)
{
	struct h1_request_parse args = { &p->limits, decision_received(d), REASON_PROXIED };
	enum stream_verdict verdict;

	stream_drop_empty_lines(&c->rx);
	verdict = stream_parse(&c->rx, &p->heads, h1_parse_request, &args);
	*why = verdict == STREAM_NO_MEMORY ? REASON_OVERLOADED : args.reason;
	return verdict;
}

bool h1_read_request_again(struct proxy *p, struct client *c, struct decision *d)
{
	struct h1_request_parse args = { &p->limits, decision_received(d), REASON_PROXIED };

	return stream_parse_again(&c->rx, &p->heads, h1_parse_request, &args) == STREAM_HEAD;
}

void h1_begin_request(struct exchange *ex, const struct decision *d)
{
	const struct http1_head *head = decision_received(d);

	ex->head_bytes = head->head_bytes;
	ex->bytes_in = head->head_bytes;
	if (head->message.expect_continue)
		ex->flags |= EX_EXPECT;
	if (head->version_minor == 0)
		ex->flags |= EX_HTTP10;
	http1_body_begin(&ex->request_body, head, true);
	ex->client->keep_alive = head->keep_alive;
}

/* How many of the chain's bytes belong to the body, and does it end within them? */
static enum http1_verdict h1_follow(
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

struct rte_mbuf *h1_take_request_body(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict, enum reason *reason)
{
	struct chain *chain = &ex->client->rx.chain;
	const uint64_t body_max = proxy_body_max(p, ex->body_max);
	struct rte_mbuf *m = NULL, *trailers = NULL;
	uint32_t bytes, used = 0;

	*verdict = h1_follow(&ex->request_body, chain, &bytes, reason);
	ex->body_bytes += bytes;
	ex->bytes_in += bytes;
	if (*verdict != HTTP1_BAD && body_max && ex->body_bytes > body_max &&
		!(ex->flags & EX_TUNNEL)) {
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

void h1_skip_request(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;
	const bool whole = ex->flags & EX_REPEATS;

	if (!c->keep_alive)
		return;
	if (ex->flags & EX_HEAD_HELD)
		hold_drop(p, ex);
	if (whole || (ex->flags & EX_REQUEST_DONE) || ex->request_body.framing == HTTP1_BODY_NONE)
		return;
	if (ex->request_body.framing == HTTP1_BODY_LENGTH &&
		ex->request_body.left <= c->rx.chain.bytes)
		chain_drop(&c->rx.chain, (uint32_t)ex->request_body.left);
	else
		c->keep_alive = false;
}

void h1_continue(struct proxy *p, struct client *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct rte_mbuf *m = chain_copy(text, sizeof(text) - 1, p->config.pool);

	/* Without memory for it the client waits a little and sends its body all the same. */
	if (m)
		client_send(p, c, m);
}

/* Responses. */

struct h1_response_parse {
	const struct http1_limits *limits;
	struct http1_head *head;
	uint8_t method;
	enum reason reason;
};

static enum http1_verdict h1_parse_response(const char *data, size_t len, size_t seen, void *ctx)
{
	struct h1_response_parse *a = ctx;

	return http1_parse_response(data, len, seen, a->limits, a->method, a->head, &a->reason);
}

enum stream_verdict h1_read_response(
	struct proxy *p, struct exchange *ex, struct http1_head *head, enum reason *why)
{
	struct http1_limits upgrade = p->response_limits;
	struct h1_response_parse args = { &p->response_limits, head, ex->method,
		REASON_BACKEND_INVALID };
	enum stream_verdict verdict;

	if (unlikely(ex->flags & EX_UPGRADE)) {
		upgrade.upgrade = true;
		args.limits = &upgrade;
	}
	verdict = stream_parse(&ex->attempt.upstream->rx, &p->heads, h1_parse_response, &args);

	*why = verdict == STREAM_NO_MEMORY ? REASON_OVERLOADED : args.reason;
	return verdict;
}

struct h1_response_writing {
	const struct http1_head *head;
	struct str via, extra;
	bool keep_alive, http10;
};

static void h1_put_response(struct http1_writer *w, const void *ctx)
{
	const struct h1_response_writing *r = ctx;

	http1_write_response(w, r->head, r->via, r->extra, r->keep_alive, r->http10);
}

struct rte_mbuf *h1_interim(struct proxy *p, struct exchange *ex, const struct http1_head *head)
{
	struct h1_response_writing r = { .head = head, .keep_alive = true };

	if (head->message.status == 100 || (ex->flags & EX_HTTP10))
		return NULL;
	r.via = snap_str(&p->tables->snapshot, proxy_settings(p)->via);
	return forward_write(p, h1_put_response, &r);
}

/* The backend responds before it had the whole request. */
static void h1_response_is_early(struct exchange *ex, const struct http1_head *head)
{
	uint32_t behind = stream_bytes(&ex->attempt.upstream->rx) - head->head_bytes;
	bool whole = head->framing == HTTP1_BODY_NONE ||
		     (head->framing == HTTP1_BODY_LENGTH && head->message.content_length <= behind);

	/* It refuses and wants no more of it. Other early responses are often made of the body as
	 * it comes. */
	if (head->message.status >= 400)
		ex->flags |= EX_BODY_STOPPED;
	/* One that ends at once ends the connection, see forward.c: say so (RFC 9112
	 * §9.6). */
	if (head->message.status >= 400 || whole)
		ex->client->keep_alive = false;
}

static __attribute__((noinline)) void h1_edit_response(struct proxy *p, struct exchange *ex,
	struct http1_head *head, struct h1_response_writing *r)
{
	if (ex->flags & EX_EDIT_RESPONSE)
		r->extra = edit_response(p, ex, &head->message, r->extra);
	if (ex->flags & EX_CORS)
		r->extra = cors_response(p, ex, &head->message, r->extra);
}

void h1_note_connection(struct exchange *ex, const struct http1_head *head)
{
	struct upstream *u = ex->attempt.upstream;

	u->keep_alive_s = (uint16_t)RTE_MIN(head->keep_alive_s, (uint32_t)UPSTREAM_UNSAID);
	u->reusable = head->keep_alive && head->framing != HTTP1_BODY_UNTIL_CLOSE;
}

struct rte_mbuf *h1_begin_response(struct proxy *p, struct exchange *ex, struct http1_head *head)
{
	struct client *c = ex->client;
	char fields[512];
	struct http1_writer w = { fields, sizeof(fields), 0 };
	struct h1_response_writing r = { .head = head, .http10 = ex->flags & EX_HTTP10 };

	http1_body_begin(&ex->response_body, head, false);
	h1_note_connection(ex, head);
	if (!(ex->flags & EX_REQUEST_DONE))
		h1_response_is_early(ex, head);
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
	if (unlikely(ex->flags & (EX_EDIT_RESPONSE | EX_CORS)))
		h1_edit_response(p, ex, head, &r);
	r.keep_alive = c->keep_alive;
	return forward_write(p, h1_put_response, &r);
}

/* Take the chunked framing off what has come, for a client that cannot read it (RFC 9112 §7.1). */
static struct rte_mbuf *h1_take_content(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct http1_body *body = &ex->response_body;
	struct chain *chain = &ex->attempt.upstream->rx.chain, out = { NULL, NULL, 0, 0 };
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

/* What has come of the body, as it is framed; NULL for nothing. */
static struct rte_mbuf *h1_take_framed(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct chain *chain = &ex->attempt.upstream->rx.chain;
	enum reason reason;
	struct rte_mbuf *m;
	uint32_t bytes;

	*verdict = h1_follow(&ex->response_body, chain, &bytes, &reason);
	if (*verdict == HTTP1_BAD || bytes == 0)
		return NULL;
	m = chain_take(chain, bytes, p->config.pool);
	if (!m)
		*verdict = HTTP1_BAD;
	return m;
}

/* The trailer section, which a client that gets no chunks does not get. */
static struct rte_mbuf *h1_take_response_trailers(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct rte_mbuf *out;
	uint32_t used;

	*verdict = trailers_take(p, &ex->attempt.upstream->rx.chain, &ex->response_body,
		!(ex->flags & EX_DECHUNK), &used, &out);
	return out;
}

struct rte_mbuf *h1_take_response_body(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict)
{
	struct rte_mbuf *m = unlikely(ex->flags & EX_DECHUNK) ? h1_take_content(p, ex, verdict)
							      : h1_take_framed(p, ex, verdict);

	if (unlikely(*verdict == HTTP1_TRAILERS))
		m = chain_join(m, h1_take_response_trailers(p, ex, verdict));
	return m;
}
