/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fake ports, see fake_port.h. A frame that is queued stays the gateway's mbuf until the flush, as
 * with a driver: what is written to it in between would be sent, and shows.
 */
#include "tests/wire/fake_port.h"

#include <stdlib.h>
#include <string.h>

struct fake_port fake_ports[FAKE_PORTS];

static fake_frame_fn on_frame;

void fake_ports_init(void)
{
	for (uint16_t i = 0; i < FAKE_PORTS; i++) {
		/* Not their arrays, which are 300 KB. */
		for (unsigned k = 0; k < FAKE_QUEUES; k++)
			fake_ports[i].queues[k].head = fake_ports[i].queues[k].tail = 0;
		fake_ports[i].tx_room = UINT32_MAX;
		fake_ports[i].broken = NULL;
		fake_ports[i].port = (struct port){
			.id = i,
			.mtu = 1500,
			.rx_queues = FAKE_QUEUES,
			.tx_queues = FAKE_QUEUES,
			.mac = { { 2, 0, 0, 0, 0xee, (uint8_t)i } },
			.caps = { .multi_segs = true },
		};
	}
}

void fake_ports_on_frame(fake_frame_fn fn)
{
	on_frame = fn;
}

bool fake_port_receive(
	uint8_t port, uint16_t queue, struct rte_mempool *pool, const uint8_t *data, uint32_t len)
{
	struct fake_queue *q = &fake_ports[port].queues[queue];
	struct rte_mbuf *m;
	char *room;

	if (q->tail - q->head == FAKE_RX_QUEUE)
		return false;
	m = rte_pktmbuf_alloc(pool);
	if (!m)
		return false;
	room = rte_pktmbuf_append(m, (uint16_t)len);
	if (!room) {
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(room, data, len);
	q->rx[q->tail++ % FAKE_RX_QUEUE] = m;
	return true;
}

void fake_port_offload(unsigned port)
{
	struct port_caps *caps = &fake_ports[port].port.caps;

	caps->tx_ipv4_checksum = caps->tx_tcp_checksum = true;
	caps->tso = caps->multi_segs;
}

uint32_t fake_ports_waiting(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < FAKE_PORTS; i++)
		for (unsigned k = 0; k < FAKE_QUEUES; k++)
			n += fake_ports[i].queues[k].tail - fake_ports[i].queues[k].head;
	return n;
}

void fake_ports_clear(void)
{
	struct rte_mbuf *m;

	for (unsigned i = 0; i < FAKE_PORTS; i++)
		for (uint16_t k = 0; k < FAKE_QUEUES; k++)
			while (port_rx(&fake_ports[i].port, k, &m, 1))
				rte_pktmbuf_free(m);
}

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct fake_queue *q = &fake_ports[port->id].queues[queue];
	uint16_t count = 0;

	while (count < n && q->head != q->tail)
		pkts[count++] = q->rx[q->head++ % FAKE_RX_QUEUE];
	return count;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	struct fake_port *p = &fake_ports[tx->port->id];

	if (!tx->port->caps.multi_segs &&
		(m->nb_segs != 1 || m->next || !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1))
		p->broken = "a port without multi_segs was given a shared or chained mbuf";
	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) &&
		(!tx->port->caps.tso || m->nb_segs > PORT_RUN_PIECES + 1 || m->tso_segsz == 0))
		p->broken =
			"a segment to cut on a port that cannot, of too many pieces, or without a size";
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) && m->pkt_len > tx->port->mtu + 18u)
		p->broken = "a frame longer than the port takes";
	if (rte_mbuf_check(m, 1, &p->broken) == 0 && m->pkt_len < 14)
		p->broken = "a frame shorter than its Ethernet header";
	if (tx->count == PORT_TX_BUFFER)
		port_tx_flush(tx);
	tx->pkts[tx->count++] = m;
}

void port_tx_flush(struct port_tx *tx)
{
	struct fake_port *p = &fake_ports[tx->port->id];
	static uint8_t frame[65536];

	for (uint16_t i = 0; i < tx->count; i++) {
		struct rte_mbuf *m = tx->pkts[i];

		if (p->tx_room == 0) {
			tx->full_drops++;
			rte_pktmbuf_free(m);
			continue;
		}
		if (p->tx_room != UINT32_MAX)
			p->tx_room--;
		tx->sent_packets++;
		tx->sent_bytes += m->pkt_len;
		if (m->pkt_len <= sizeof(frame) && on_frame) {
			const void *data = rte_pktmbuf_read(m, 0, m->pkt_len, frame);

			/* The gateway's own bytes stay as they are: they may be sent again. */
			if (data && data != frame)
				memcpy(frame, data, m->pkt_len);
			if (data)
				fake_offload(m, frame, on_frame, (uint8_t)tx->port->id);
		}
		rte_pktmbuf_free(m);
	}
	tx->count = 0;
}
