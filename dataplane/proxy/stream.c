/* SPDX-License-Identifier: Apache-2.0 */
/* Heads in received bytes, see stream.h. */
#include "dataplane/proxy/stream.h"

#include <string.h>

/* Copy the chain's first mbuf behind what was gathered. */
static bool gather_first(struct stream *s, const struct slab *heads)
{
	const struct rte_mbuf *m = s->chain.head;

	if (s->gathered + m->data_len > heads->object_bytes)
		return false;
	memcpy(s->gather + s->gathered, rte_pktmbuf_mtod(m, const char *), m->data_len);
	s->gathered += m->data_len;
	return true;
}

enum http1_verdict stream_parse(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx)
{
	enum http1_verdict verdict;

	if (!s->chain.head)
		return HTTP1_MORE;
	if (!s->gather) {
		struct rte_mbuf *m = s->chain.head;

		if (s->seen < m->data_len) {
			verdict =
				parse(rte_pktmbuf_mtod(m, const char *), m->data_len, s->seen, ctx);
			if (verdict != HTTP1_MORE)
				return verdict;
			s->seen = m->data_len;
		}
		if (!m->next)
			return HTTP1_MORE;
		s->gather = slab_get(heads);
		if (!s->gather)
			return STREAM_NO_MEMORY;
		s->gathered = 0;
		if (!gather_first(s, heads))
			return STREAM_NO_MEMORY;
	}
	while (s->chain.head->next) {
		chain_drop(&s->chain, s->chain.head->data_len);
		if (!gather_first(s, heads))
			return STREAM_NO_MEMORY;
		verdict = parse(s->gather, s->gathered, s->seen, ctx);
		if (verdict != HTTP1_MORE)
			return verdict;
		s->seen = s->gathered;
	}
	return HTTP1_MORE;
}

enum http1_verdict stream_parse_again(struct stream *s, stream_parse_fn parse, void *ctx)
{
	if (s->gather)
		return parse(s->gather, s->gathered, 0, ctx);
	return parse(
		rte_pktmbuf_mtod(s->chain.head, const char *), s->chain.head->data_len, 0, ctx);
}

void stream_consume_head(struct stream *s, struct slab *heads, uint32_t head_bytes)
{
	if (s->gather) {
		/* Only the last mbuf's tail can lie beyond the head. */
		uint32_t rest = s->gathered - head_bytes;

		chain_drop(&s->chain, s->chain.head->data_len - rest);
		slab_put(heads, s->gather);
		s->gather = NULL;
		s->gathered = 0;
	} else {
		chain_drop(&s->chain, head_bytes);
	}
	s->seen = 0;
}

void stream_free(struct stream *s, struct slab *heads)
{
	chain_free(&s->chain);
	if (s->gather)
		slab_put(heads, s->gather);
	s->gather = NULL;
	s->gathered = s->seen = 0;
}
