/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of payload mbufs, see chain.h. */
#include "dataplane/proxy/chain.h"

#include <string.h>

/* Below this, copying a piece costs less than an indirect mbuf and frees the big one sooner. */
#define COPY_BYTES 256

void chain_put(struct chain *chain, struct rte_mbuf *m)
{
	while (m) {
		struct rte_mbuf *next = m->next;

		m->next = NULL;
		if (m->data_len == 0) {
			rte_pktmbuf_free_seg(m);
		} else {
			if (chain->last)
				chain->last->next = m;
			else
				chain->head = m;
			chain->last = m;
			chain->bytes += m->data_len;
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

/* The first n bytes of one segment as an mbuf of their own: copied when small, else by reference. */
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

struct rte_mbuf *chain_take(struct chain *chain, uint32_t n, struct rte_mempool *pool)
{
	struct chain out = { NULL, NULL, 0 };
	uint32_t left = n, segs = 0, rest = n;
	struct rte_mbuf *split = NULL, *m;

	if (n == 0)
		return NULL;
	/* Get the one mbuf that a split needs first, so that failing changes nothing. */
	for (m = chain->head; m && rest >= m->data_len; m = m->next)
		rest -= m->data_len;
	if (rest > 0 && m) {
		split = piece(m, (uint16_t)rest, pool);
		if (!split)
			return NULL;
	}
	while (chain->head && left >= chain->head->data_len) {
		m = pop(chain);
		left -= m->data_len;
		chain_put(&out, m);
		segs++;
		if (left == 0)
			break;
	}
	if (split) {
		trim_front(chain->head, (uint16_t)rest);
		chain->bytes -= rest;
		chain_put(&out, split);
		segs++;
	}
	if (out.head) {
		out.head->pkt_len = out.bytes;
		out.head->nb_segs = (uint16_t)segs;
	}
	return out.head;
}

void chain_free(struct chain *chain)
{
	if (chain->head)
		rte_pktmbuf_free(chain->head);
	chain->head = chain->last = NULL;
	chain->bytes = 0;
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
