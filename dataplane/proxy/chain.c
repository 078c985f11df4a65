/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of payload mbufs, see chain.h. */
#include "dataplane/proxy/chain.h"

#include <string.h>

/* Below this, copying a piece costs less than an indirect mbuf and frees the big one sooner. */
#define COPY_BYTES 256

/* Bytes that may be copied behind those of @p m. */
static uint32_t chain_tailroom(const struct rte_mbuf *m)
{
	return RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 ? rte_pktmbuf_tailroom(m) : 0;
}

static void chain_append(struct chain *chain, const void *data, uint16_t n)
{
	struct rte_mbuf *last = chain->last;

	memcpy(rte_pktmbuf_mtod_offset(last, char *, last->data_len), data, n);
	last->data_len = (uint16_t)(last->data_len + n);
	chain->bytes += n;
}

static bool chain_packs(const struct chain *chain, uint32_t n)
{
	return n <= COPY_BYTES && chain->last && chain_tailroom(chain->last) >= n;
}

void chain_put(struct chain *chain, struct rte_mbuf *m)
{
	while (m) {
		struct rte_mbuf *next = m->next;

		m->next = NULL;
		if (m->data_len == 0) {
			rte_pktmbuf_free_seg(m);
		} else if (chain_packs(chain, m->data_len)) {
			chain_append(chain, rte_pktmbuf_mtod(m, void *), m->data_len);
			rte_pktmbuf_free_seg(m);
		} else {
			if (chain->last)
				chain->last->next = m;
			else
				chain->head = m;
			chain->last = m;
			chain->bytes += m->data_len;
			chain->mbufs++;
		}
		m = next;
	}
}

static struct rte_mbuf *pop(struct chain *chain)
{
	struct rte_mbuf *m = chain->head;

	chain->head = m->next;
	if (!chain->head)
		chain->last = NULL;
	chain->bytes -= m->data_len;
	chain->mbufs--;
	m->next = NULL;
	return m;
}

/* Cut the first bytes off a segment without touching the rest of the packet's fields. */
static void trim_front(struct rte_mbuf *m, uint16_t n)
{
	m->data_off = (uint16_t)(m->data_off + n);
	m->data_len = (uint16_t)(m->data_len - n);
}

void chain_drop(struct chain *chain, uint32_t n)
{
	while (n > 0 && chain->head) {
		struct rte_mbuf *m = chain->head;

		if (m->data_len > n) {
			trim_front(m, (uint16_t)n);
			chain->bytes -= n;
			return;
		}
		n -= m->data_len;
		rte_pktmbuf_free_seg(pop(chain));
	}
}

/* The first n bytes of one segment as an mbuf of their own: copied when small, else by
 * reference. */
static struct rte_mbuf *piece(struct rte_mbuf *m, uint16_t n, struct rte_mempool *pool)
{
	struct rte_mbuf *p = rte_pktmbuf_alloc(pool);

	if (!p)
		return NULL;
	if (n <= COPY_BYTES) {
		memcpy(rte_pktmbuf_append(p, n), rte_pktmbuf_mtod(m, void *), n);
		return p;
	}
	rte_pktmbuf_attach(p, m);
	p->next = NULL;
	p->nb_segs = 1;
	p->data_len = n;
	p->pkt_len = n;
	return p;
}

bool chain_put_reference(struct chain *chain, const struct rte_mbuf *m, struct rte_mempool *pool)
{
	for (; m; m = m->next) {
		struct rte_mbuf *p;

		if (m->data_len == 0)
			continue;
		if (chain_packs(chain, m->data_len)) {
			chain_append(chain, rte_pktmbuf_mtod(m, const void *), m->data_len);
			continue;
		}
		/* Attaching counts a reference to the mbuf and changes nothing else of it. */
		p = piece((struct rte_mbuf *)(uintptr_t)m, m->data_len, pool);
		if (!p)
			return false;
		chain_put(chain, p);
	}
	return true;
}

void chain_put_front(struct chain *chain, struct chain *front)
{
	if (!front->head)
		return;
	front->last->next = chain->head;
	if (!chain->head)
		chain->last = front->last;
	chain->head = front->head;
	chain->bytes += front->bytes;
	chain->mbufs += front->mbufs;
	*front = (struct chain){ NULL, NULL, 0, 0 };
}

struct rte_mbuf *chain_packet(struct chain *chain)
{
	struct rte_mbuf *head = chain->head;

	if (head) {
		head->pkt_len = chain->bytes;
		head->nb_segs = (uint16_t)chain->mbufs;
	}
	*chain = (struct chain){ NULL, NULL, 0, 0 };
	return head;
}

struct rte_mbuf *chain_take(struct chain *chain, uint32_t n, struct rte_mempool *pool)
{
	struct chain out = { NULL, NULL, 0, 0 };

	return n > 0 && chain_move(&out, chain, n, pool) ? chain_packet(&out) : NULL;
}

bool chain_move(struct chain *to, struct chain *from, uint32_t n, struct rte_mempool *pool)
{
	uint32_t rest = n;
	struct rte_mbuf *split = NULL, *m;

	if (from->head && n <= from->head->data_len && chain_packs(to, n)) {
		chain_append(to, rte_pktmbuf_mtod(from->head, void *), (uint16_t)n);
		chain_drop(from, n);
		return true;
	}
	/* Get the one mbuf that a split needs first, so that failing changes nothing. */
	for (m = from->head; m && rest >= m->data_len; m = m->next)
		rest -= m->data_len;
	if (rest > 0 && m) {
		split = piece(m, (uint16_t)rest, pool);
		if (!split)
			return false;
	}
	while (from->head != m)
		chain_put(to, pop(from));
	if (split) {
		trim_front(m, (uint16_t)rest);
		from->bytes -= rest;
		chain_put(to, split);
	}
	return true;
}

void chain_peek_at(const struct chain *chain, uint32_t offset, char *out, uint32_t n)
{
	for (const struct rte_mbuf *m = chain->head; n > 0; m = m->next) {
		uint32_t skip = RTE_MIN(offset, (uint32_t)m->data_len);
		uint32_t part = RTE_MIN(n, (uint32_t)m->data_len - skip);

		memcpy(out, rte_pktmbuf_mtod_offset(m, char *, skip), part);
		out += part;
		n -= part;
		offset -= skip;
	}
}

void chain_peek(const struct chain *chain, char *out, uint32_t n)
{
	chain_peek_at(chain, 0, out, n);
}

void chain_free(struct chain *chain)
{
	if (chain->head)
		rte_pktmbuf_free(chain->head);
	*chain = (struct chain){ NULL, NULL, 0, 0 };
}

struct rte_mbuf *chain_copy(const char *data, uint32_t len, struct rte_mempool *pool)
{
	struct rte_mbuf *first = NULL;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t n;

		if (!m) {
			rte_pktmbuf_free(first);
			return NULL;
		}
		n = (uint16_t)RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_append(m, n), data, n);
		data += n;
		len -= n;
		first = chain_join(first, m);
	} while (len > 0);
	return first;
}

struct rte_mbuf *chain_join(struct rte_mbuf *a, struct rte_mbuf *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	rte_pktmbuf_lastseg(a)->next = b;
	a->pkt_len += b->pkt_len;
	a->nb_segs = (uint16_t)(a->nb_segs + b->nb_segs);
	return a;
}
