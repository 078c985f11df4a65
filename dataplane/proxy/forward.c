/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves a request and its response between two connections: heads are written again, bodies move by
 * pointer. Nothing is taken from one side before the other side has room, so that a slow reader
 * holds at most its send buffer and one receive window.
 */
#include "dataplane/proxy/h1.h"

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
	struct upstream *u = ex->attempt.upstream;
	struct rte_mbuf *head = ex->attempt.head;

	ex->attempt.head = NULL;
	ex->reason = REASON_PROXIED;
	attempt_sent(p, ex);
	transport_ask(&u->transport);
	transport_send(&u->transport, head, p->now_ns);
	if (ex->flags & EX_REPEATS)
		ex->flags |= EX_REQUEST_DONE;
	else if (unlikely(ex->flags & EX_RETRY))
		retry_keep_head(p, ex);
	else
		hold_drop(p, ex);
	forward_request_body(p, ex);
}

/* The body has no more bytes here now: ask the client for them, or see that it has gone. */
static enum round forward_more_of_body(struct proxy *p, struct exchange *ex, uint32_t room)
{
	struct client *c = ex->client;
	const uint32_t before = stream_bytes(&c->rx); /* the beginning of a trailer section */

	if (ex->flags & EX_EXPECT) {
		ex->flags &= ~(uint32_t)EX_EXPECT;
		if (stream_bytes(&c->rx) == 0)
			h1_continue(p, c);
	}
	if (client_pull(p, c, room) && stream_bytes(&c->rx) > before)
		return ROUND_MORE;
	if (c->exchange != ex)
		return ROUND_OVER;
	if (transport_at_eof(&c->transport)) {
		if (ex->flags & EX_TUNNEL) {
			tunnel_client_ended(p, ex);
			return ROUND_WAIT;
		}
		client_abort(p, c);
		return ROUND_OVER;
	}
	return ROUND_WAIT;
}

/* One round: what the client's buffer holds goes to the backend. */
static enum round forward_body_round(struct proxy *p, struct exchange *ex)
{
	enum reason reason = REASON_PROXIED;
	enum http1_verdict verdict;
	struct rte_mbuf *m = h1_take_request_body(p, ex, &verdict, &reason);

	if (verdict == HTTP1_BAD) {
		rte_pktmbuf_free(m);
		ex->client->keep_alive = false;
		exchange_refuse(p, ex, reason);
		return ROUND_OVER;
	}
	if (m && unlikely(ex->flags & EX_KEPT))
		retry_keep_body(p, ex, m);
	if (m)
		transport_send(&ex->attempt.upstream->transport, m, p->now_ns);
	if (verdict != HTTP1_DONE)
		return ROUND_MORE;
	ex->flags |= EX_REQUEST_DONE;
	return ROUND_WAIT;
}

static enum round forward_body_rounds(struct proxy *p, struct exchange *ex)
{
	enum round round = ROUND_MORE;
	uint32_t room;

	if (ex->flags & (EX_REQUEST_DONE | EX_BODY_STOPPED))
		return ROUND_WAIT;
	while (round == ROUND_MORE &&
		(room = transport_send_space(&ex->attempt.upstream->transport)) > 0) {
		if (ex->client->rx.chain.bytes == 0 || http1_body_at_trailers(&ex->request_body))
			round = forward_more_of_body(p, ex, room);
		if (round == ROUND_MORE)
			round = forward_body_round(p, ex);
	}
	return round;
}

void forward_request_body(struct proxy *p, struct exchange *ex)
{
	if (!ex->attempt.sent_ns)
		return; /* it goes with the head */
	if (forward_body_rounds(p, ex) != ROUND_OVER)
		wait_update(p, ex);
}

/* The response cannot go on: the backend's fault, or ours for want of memory. */
static enum round forward_response_bad(struct proxy *p, struct exchange *ex, enum reason why)
{
	attempt_end(p, ex, why == REASON_OVERLOADED ? OUTCOME_ABANDONED : OUTCOME_INVALID);
	exchange_refuse(p, ex, why);
	return ROUND_OVER;
}

/* Note the final response and write its head for the client. */
static struct rte_mbuf *forward_final_head(
	struct proxy *p, struct exchange *ex, struct http1_head *head)
{
	ex->status = head->message.status;
	attempt_answered(p, ex);
	return h1_begin_response(p, ex, head);
}

static enum round forward_response_head(struct proxy *p, struct exchange *ex, struct rte_mbuf **out)
{
	struct upstream *u = ex->attempt.upstream;
	struct http1_head *head = &p->answer;
	enum reason why;
	enum stream_verdict verdict = h1_read_response(p, ex, head, &why);
	const uint32_t head_bytes = head->head_bytes;

	if (verdict == STREAM_MORE)
		return ROUND_WAIT;
	if (verdict != STREAM_HEAD)
		return forward_response_bad(p, ex, why);
	if (head->message.status < 200 && head->message.status != 101) {
		*out = h1_interim(p, ex, head);
	} else {
		if (unlikely(ex->flags & EX_RETRY) && retry_instead(p, ex, head))
			return ROUND_OVER;
		*out = forward_final_head(p, ex, head);
		if (!*out)
			return forward_response_bad(p, ex, REASON_OVERLOADED);
		ex->flags |= EX_RESPONDING;
	}
	stream_consume_head(&u->rx, &p->heads, head_bytes);
	if ((ex->flags & EX_RESPONDING) && (ex->flags & EX_REPEATS))
		hold_drop(p, ex);
	if (unlikely(head->message.status == 101))
		tunnel_begin(p, ex);
	return ROUND_MORE;
}

static void forward_response_done(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;

	/* Without the whole request neither connection can go on. That of a tunnel ends in order. */
	if (ex->flags & (EX_REQUEST_DONE | EX_TUNNEL))
		upstream_release(p, ex->attempt.upstream);
	else
		c->keep_alive = false;
	attempt_end(p, ex, OUTCOME_RESPONSE);
	exchange_end(p, ex, REASON_PROXIED);
	client_answered(p, c);
}

/* The backend's FIN came and every byte before it was taken; ends the exchange. */
static void forward_response_eof(struct proxy *p, struct exchange *ex)
{
	struct upstream *u = ex->attempt.upstream;

	u->reusable = false;
	if (ex->flags & EX_RESPONDING) {
		if (http1_body_ends_at_close(&ex->response_body) &&
			!transport_truncated(&u->transport))
			forward_response_done(p, ex);
		else
			forward_response_bad(p, ex, REASON_BACKEND_TRUNCATED);
		return;
	}
	if (stream_bytes(&u->rx) > 0)
		forward_response_bad(p, ex, REASON_BACKEND_INVALID);
	else
		upstream_closed_early(p, u);
}

/* One round: what the backend sent goes to the client. */
static enum round forward_response_round(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;
	enum http1_verdict verdict = HTTP1_MORE;
	bool head_unsent = !(ex->flags & EX_RESPONDING);
	struct rte_mbuf *out = NULL;

	if (head_unsent) {
		enum round round = forward_response_head(p, ex, &out);

		if (round != ROUND_MORE)
			return round;
	}
	if (ex->flags & EX_RESPONDING)
		out = chain_join(out, h1_take_response_body(p, ex, &verdict));
	if (verdict == HTTP1_BAD) {
		rte_pktmbuf_free(out);
		/* The head was not sent yet: a whole response of our own is better than half of
		 * this one. */
		if (head_unsent)
			ex->flags &= ~(uint32_t)EX_RESPONDING;
		return forward_response_bad(p, ex, REASON_BACKEND_INVALID);
	}
	if (out) {
		ex->bytes_out += out->pkt_len;
		if (unlikely(ex->flags & EX_RETRY))
			retry_over(ex);
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
		forward_response_done(p, ex);
		return ROUND_OVER;
	}
	return http1_body_at_trailers(&ex->response_body) ? ROUND_WAIT : ROUND_MORE;
}

/* @param all  take what there is although the client has no room for it */
static enum round forward_response_rounds(struct proxy *p, struct exchange *ex, bool all)
{
	struct upstream *u = ex->attempt.upstream;

	for (;;) {
		enum transport_read read;
		enum round round;
		uint32_t room = all ? UINT32_MAX : h1_response_room(ex);

		if (room == 0)
			return ROUND_WAIT;
		read = transport_read(&u->transport, room, &u->rx.chain);
		if (read == TRANSPORT_NOTHING && stream_bytes(&u->rx) == 0)
			break;
		if (unlikely(read == TRANSPORT_CORRUPTED)) {
			upstream_broke_tls(p, u);
			return ROUND_OVER;
		}
		if (!ex->attempt.sent_ns ||
			(!(ex->flags & EX_RESPONDING) && transport_unasked(&u->transport))) {
			upstream_spoke_early(p, u);
			return ROUND_OVER;
		}
		round = forward_response_round(p, ex);
		if (round == ROUND_OVER)
			return round;
		if (round == ROUND_WAIT && read == TRANSPORT_NOTHING)
			break;
	}
	if (!transport_at_eof(&u->transport))
		return ROUND_WAIT;
	forward_response_eof(p, ex);
	return ROUND_OVER;
}

void forward_response(struct proxy *p, struct exchange *ex)
{
	const bool tunnel = ex->flags & EX_TUNNEL;

	if (forward_response_rounds(p, ex, false) == ROUND_OVER)
		return;
	/* One that has just begun: its client may have spoken already. */
	if (unlikely(ex->flags & EX_TUNNEL) && !tunnel && p->draining)
		tunnel_end(p, ex, REASON_TUNNEL_DRAINED);
	else if (unlikely(ex->flags & EX_TUNNEL) && !tunnel)
		forward_request_body(p, ex);
	else
		wait_update(p, ex);
}

bool forward_rest(struct proxy *p, struct exchange *ex)
{
	return forward_response_rounds(p, ex, true) == ROUND_OVER;
}
