/* SPDX-License-Identifier: Apache-2.0 */
/* See self_port.h. What a real port does besides the driver's part is done here too: the look at
 * each frame and the count of bytes. */
#include "bench/self/self_port.h"

#include <rte_cycles.h>

#include "bench/common/world.h"
#include "bench/self/collect.h"

struct self_port self_ports[WORLD_WORKERS_MAX];

/* The worker's own time: the turn's beginning and what it has spent since without the generator. */
static uint64_t worker_now_ns(struct self_port *s, uint64_t tsc)
{
	uint64_t generator = s->rx_cycles + s->rx_empty_cycles + s->tx_cycles + s->put_cycles;
	uint64_t cycles = tsc - s->start_tsc - generator;

	uint64_t ns = (uint64_t)((double)cycles * s->ns_per_cycle);

	s->told_ns = s->start_ns + RTE_MIN(ns, s->most_ns);
	return s->told_ns;
}

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct self_port *s = &self_ports[queue];
	uint64_t before = rte_rdtsc();
	uint16_t count;

	collect_toggle();
	count = engine_send(
		s->engine, (enum engine_side)port->id, pkts, n, worker_now_ns(s, before));
	collect_toggle();
	s->rx_empty_cycles += rte_rdtsc() - before;
	if (count) {
		s->rx_cycles += s->rx_empty_cycles;
		s->rx_empty_cycles = 0;
	}
	return count;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	if (unlikely(!tx->port->caps.multi_segs && (m->nb_segs > 1 || !RTE_MBUF_DIRECT(m)))) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

		rte_pktmbuf_free(m);
		if (!copy) {
			tx->full_drops++;
			return;
		}
		m = copy;
	}
	if (unlikely(tx->count == PORT_TX_BUFFER)) {
		struct self_port *s = &self_ports[tx->queue];
		uint64_t before = s->tx_cycles;

		port_tx_flush(tx);
		s->put_cycles += s->tx_cycles - before;
		s->tx_cycles = before;
	}
	tx->pkts[tx->count++] = m;
}

void port_tx_flush(struct port_tx *tx)
{
	struct self_port *s = &self_ports[tx->queue];
	uint64_t before, middle;

	if (tx->count == 0)
		return;
	for (uint16_t i = 0; i < tx->count; i++)
		tx->sent_bytes += tx->pkts[i]->pkt_len;
	tx->sent_packets += tx->count;
	before = rte_rdtsc();
	collect_toggle();
	engine_receive(s->engine, (enum engine_side)tx->port->id, tx->pkts, tx->count,
		worker_now_ns(s, before));
	middle = rte_rdtsc();
	rte_pktmbuf_free_bulk(tx->pkts, tx->count);
	collect_toggle();
	tx->count = 0;
	s->free_cycles += rte_rdtsc() - middle;
	s->tx_cycles += rte_rdtsc() - before;
}
