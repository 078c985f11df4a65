/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of one or more mbufs, cut at either end or packed into another's room. DPDK's own
 * functions trim within the first or last mbuf only.
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

struct rte_mbuf *tcp_chain_cut_front(struct rte_mbuf *m, uint32_t n)
{
	while (n >= m->data_len && m->next != NULL) {
		struct rte_mbuf *next = m->next;

		n -= m->data_len;
		next->pkt_len = m->pkt_len - m->data_len;
		next->nb_segs = (uint16_t)(m->nb_segs - 1);
		m->next = NULL;
		m->nb_segs = 1;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	if (n > m->data_len)
		n = m->data_len;
	m->data_off = (uint16_t)(m->data_off + n);
	m->data_len = (uint16_t)(m->data_len - n);
	m->pkt_len -= n;
	return m;
}

void tcp_chain_cut_back(struct rte_mbuf *m, uint32_t n)
{
	uint32_t keep = m->pkt_len > n ? m->pkt_len - n : 0;
	struct rte_mbuf *last = m;
	uint16_t segs = 1;

	m->pkt_len = keep;
	while (keep > last->data_len && last->next != NULL) {
		keep -= last->data_len;
		last = last->next;
		segs++;
	}
	if (keep < last->data_len)
		last->data_len = (uint16_t)keep;
	tcp_queue_free(last->next);
	last->next = NULL;
	m->nb_segs = segs;
}

bool tcp_chain_packs(const struct rte_mbuf *tail, const struct rte_mbuf *m)
{
	return RTE_MBUF_DIRECT(tail) && rte_mbuf_refcnt_read(tail) == 1 && m->nb_segs == 1 &&
	       rte_pktmbuf_tailroom(tail) >= m->data_len;
}

bool tcp_chain_pack(struct rte_mbuf *tail, const struct rte_mbuf *m)
{
	if (!tcp_chain_packs(tail, m))
		return false;
	memcpy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len),
		rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	tail->data_len = (uint16_t)(tail->data_len + m->data_len);
	return true;
}
