/* SPDX-License-Identifier: Apache-2.0 */
/* Heads in received bytes, see stream.h. */
#include "dataplane/proxy/stream.h"

#define STEP_BYTES                                                                                 \
	2048 /* more of a head than this, and than a quarter, is looked at before it ends */
#define END       "\r\n\r\n"
#define END_BYTES (sizeof(END) - 1)

/* Search what came since the last time for an empty line. */
static bool stream_ends(struct stream *s)
{
	uint32_t skip = RTE_MAX(s->seen, s->scanned), matched = 0;

	skip -= RTE_MIN(skip, (uint32_t)(END_BYTES - 1));
	for (const struct rte_mbuf *m = s->chain.head; m; m = m->next) {
		const char *data = rte_pktmbuf_mtod(m, const char *);

		for (uint32_t i = RTE_MIN(skip, (uint32_t)m->data_len); i < m->data_len; i++) {
			matched = data[i] == END[matched] ? matched + 1 : data[i] == END[0];
			if (matched == END_BYTES)
				return true;
		}
		skip -= RTE_MIN(skip, (uint32_t)m->data_len);
	}
	s->scanned = s->chain.bytes;
	return false;
}

static inline enum stream_verdict stream_verdict(enum http1_verdict verdict)
{
	return verdict == HTTP1_DONE   ? STREAM_HEAD
	       : verdict == HTTP1_MORE ? STREAM_MORE
				       : STREAM_BAD;
}

/* Copy the head together and parse it. */
static enum stream_verdict stream_gather(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx)
{
	uint32_t len = RTE_MIN(s->chain.bytes, (uint32_t)STREAM_GATHER_BYTES);
	char *buffer = slab_get(heads);
	enum stream_verdict verdict;

	if (!buffer)
		return STREAM_NO_MEMORY;
	chain_peek(&s->chain, buffer, len);
	verdict = stream_verdict(parse(buffer, len, s->seen, ctx));
	s->seen = len;
	if (verdict == STREAM_HEAD)
		s->gather = buffer;
	else
		slab_put(heads, buffer);
	return verdict;
}

/* A head that spans mbufs is parsed when it ends, and now and then before: most faults, and that it
 * is too long, are told early. Each look is at a quarter more than the last one, so that all
 * together cost a few copies. */
static bool stream_worth_parsing(struct stream *s)
{
	uint32_t more = s->chain.bytes - s->seen;

	return more > 0 && (stream_ends(s) || more >= RTE_MAX(STEP_BYTES, s->seen / 4) ||
				   s->chain.bytes >= STREAM_GATHER_BYTES);
}

/* @return how many bytes the empty line has that the chain begins with; 0 for none, or not all of
 * it here */
static uint32_t empty_line(const struct chain *chain)
{
	const struct rte_mbuf *m = chain->head;
	const char *first = rte_pktmbuf_mtod(m, const char *), *second = first + 1;

	if (*first == '\n')
		return 1;
	if (*first != '\r' || chain->bytes < 2)
		return 0;
	if (m->data_len == 1)
		second = rte_pktmbuf_mtod(m->next, const char *);
	return *second == '\n' ? 2 : 0;
}

void stream_drop_empty_lines(struct stream *s)
{
	while (!s->gather && s->chain.head) {
		uint32_t n = empty_line(&s->chain);

		if (n == 0)
			return;
		chain_drop(&s->chain, n);
		s->seen = s->scanned = 0;
	}
}

enum stream_verdict stream_parse(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx)
{
	struct rte_mbuf *m = s->chain.head;
	enum stream_verdict verdict;

	if (!m)
		return STREAM_MORE;
	if (s->seen < m->data_len) {
		verdict = stream_verdict(
			parse(rte_pktmbuf_mtod(m, const char *), m->data_len, s->seen, ctx));
		if (verdict != STREAM_MORE)
			return verdict;
		s->seen = m->data_len;
	}
	if (!m->next || !stream_worth_parsing(s))
		return STREAM_MORE;
	return stream_gather(s, heads, parse, ctx);
}

enum stream_verdict stream_parse_again(
	struct stream *s, struct slab *heads, stream_parse_fn parse, void *ctx)
{
	s->seen = 0;
	return stream_parse(s, heads, parse, ctx);
}

void stream_consume_head(struct stream *s, struct slab *heads, uint32_t head_bytes)
{
	stream_forget_head(s, heads);
	chain_drop(&s->chain, head_bytes);
	s->seen = s->scanned = 0;
}

bool stream_take_head(struct stream *s, struct slab *heads, uint32_t head_bytes, struct chain *to,
	struct rte_mempool *pool)
{
	if (!chain_move(to, &s->chain, head_bytes, pool))
		return false;
	stream_forget_head(s, heads);
	s->seen = s->scanned = 0;
	return true;
}

void stream_put_back(struct stream *s, struct slab *heads, struct chain *taken)
{
	stream_forget_head(s, heads);
	chain_put_front(&s->chain, taken);
	s->seen = s->scanned = 0;
}

void stream_free(struct stream *s, struct slab *heads)
{
	stream_forget_head(s, heads);
	chain_free(&s->chain);
	s->seen = s->scanned = 0;
}
