/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that stay where they were received until their response begins, so that they can be sent
 * again when a pooled connection turns out to be closed (RFC 9110 §9.2.2). Those without content
 * cost nothing to keep. Of the others those are kept that may be repeated and are here as a whole:
 * their bytes are copied to the backend's connection instead of moved, which bounds their size.
 */
#include "dataplane/proxy/proxy_priv.h"

#define HOLD_BODY_BYTES 4096 /* of a body with its framing */

bool hold_method_repeats(uint8_t method)
{
	return HTTP_METHODS_IDEMPOTENT >> method & 1;
}

uint32_t hold_body_bytes(
	const struct stream *s, uint32_t offset, struct http1_body *body, uint32_t most)
{
	uint32_t bytes = 0;

	for (const struct rte_mbuf *m = s->chain.head; m; m = m->next) {
		uint32_t skip = RTE_MIN(offset, (uint32_t)m->data_len);
		const char *data = rte_pktmbuf_mtod(m, const char *) + skip;
		enum http1_verdict verdict;
		enum reason reason;
		size_t used;

		offset -= skip;
		verdict = http1_body_feed(body, data, m->data_len - skip, &used, &reason);
		if (verdict == HTTP1_BAD || bytes + used > most)
			return 0;
		bytes += (uint32_t)used;
		if (verdict == HTTP1_DONE)
			return bytes;
	}
	return 0;
}

static bool hold_body(const struct proxy *p, struct exchange *ex, const struct http1_head *head)
{
	uint64_t body_max = proxy_body_max(p, ex->body_max);
	struct http1_body body;
	uint32_t bytes;

	if (head->message.content_length != HTTP_LENGTH_UNKNOWN &&
		head->message.content_length > HOLD_BODY_BYTES)
		return false;
	http1_body_begin(&body, head, true);
	bytes = hold_body_bytes(&ex->client->rx, head->head_bytes, &body, HOLD_BODY_BYTES);
	if (bytes == 0 || (body_max && bytes > body_max))
		return false;
	ex->request_body = body;
	ex->held_body = bytes;
	ex->body_bytes = bytes;
	ex->bytes_in += bytes;
	return true;
}

void hold_request(struct proxy *p, struct exchange *ex, const struct decision *d)
{
	const struct http1_head *head = decision_received(d);
	bool empty = head->message.content_length == 0;

	if (empty || (hold_method_repeats(ex->method) && hold_body(p, ex, head)))
		ex->flags |= EX_REPEATS;
}

static __attribute__((noinline)) bool hold_copy_body(struct proxy *p, struct exchange *ex)
{
	struct rte_mbuf *m;

	chain_peek_at(&ex->client->rx.chain, ex->head_bytes, p->scratch_head, ex->held_body);
	m = chain_copy(p->scratch_head, ex->held_body, p->config.pool);
	if (!m)
		return false;
	ex->attempt.head = chain_join(ex->attempt.head, m);
	return true;
}

bool hold_append_body(struct proxy *p, struct exchange *ex)
{
	return likely(ex->held_body == 0) || hold_copy_body(p, ex);
}

void hold_drop(struct proxy *p, struct exchange *ex)
{
	struct client *c = ex->client;

	stream_consume_head(&c->rx, &p->heads, ex->head_bytes);
	chain_drop(&c->rx.chain, ex->held_body);
	ex->flags &= ~(uint32_t)(EX_HEAD_HELD | EX_REPEATS);
}
