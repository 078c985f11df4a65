/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bursts over rte_ethdev. The transmit side keeps a loop's packets and hands them over at once:
 * with the software ports each handing over is a system call.
 */
#include "dataplane/io/port.h"

#include <rte_ethdev.h>

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_rx_burst(port->id, queue, pkts, n);
}

/*
 * For a port that cannot send chains: one mbuf with all bytes. af_xdp in 22.11 neither refuses
 * chains nor follows them: it sends pkt_len bytes from the first segment on, memory of others among
 * them. So the last look is here, whatever the layers above promise.
 */
static struct rte_mbuf *port_flatten(struct port_tx *tx, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = NULL;

	if (m->pkt_len <= (uint32_t)tx->port->mtu + RTE_ETHER_HDR_LEN)
		copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);
	rte_pktmbuf_free(m);
	if (copy && copy->nb_segs > 1) {
		rte_pktmbuf_free(copy);
		copy = NULL;
	}
	if (!copy)
		tx->full_drops++;
	return copy;
}

/* Packets belong to the port once it took them: the bytes are counted before. */
static uint16_t send_some(struct port_tx *tx, uint16_t from)
{
	uint64_t bytes[PORT_TX_BUFFER + 1];
	uint16_t n = tx->count - from, sent;

	bytes[0] = 0;
	for (uint16_t i = 0; i < n; i++)
		bytes[i + 1] = bytes[i] + tx->pkts[from + i]->pkt_len;
	sent = rte_eth_tx_burst(tx->port->id, tx->queue, tx->pkts + from, n);
	tx->sent_packets += sent;
	tx->sent_bytes += bytes[sent];
	return sent;
}

/* The rare ways of port_tx_put(), so that the usual one keeps no registers. */
static __rte_noinline void put_flat(struct port_tx *tx, struct rte_mbuf *m)
{
	m = port_flatten(tx, m);
	if (m)
		port_tx_put(tx, m);
}

static __rte_noinline void put_full(struct port_tx *tx, struct rte_mbuf *m)
{
	port_tx_flush(tx);
	port_tx_put(tx, m);
}

/* Of long segments some drivers want the sum otherwise than ethdev has it begun (virtio's with the
 * length), and change it when they are asked to. */
static __rte_noinline void put_long(struct port_tx *tx, struct rte_mbuf *m)
{
	if (rte_eth_tx_prepare(tx->port->id, tx->queue, &m, 1) == 1) {
		tx->pkts[tx->count++] = m;
		return;
	}
	rte_pktmbuf_free(m);
	tx->full_drops++;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	if (unlikely(!tx->port->caps.multi_segs && (m->nb_segs > 1 || !RTE_MBUF_DIRECT(m))))
		put_flat(tx, m);
	else if (unlikely(tx->count == PORT_TX_BUFFER))
		put_full(tx, m);
	else if (unlikely(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		put_long(tx, m);
	else
		tx->pkts[tx->count++] = m;
}

void port_tx_flush(struct port_tx *tx)
{
	uint16_t sent;

	if (tx->count == 0)
		return;
	sent = send_some(tx, 0);
	if (unlikely(sent < tx->count))
		sent += send_some(tx, sent);
	if (unlikely(sent < tx->count)) {
		tx->full_drops += tx->count - sent;
		rte_pktmbuf_free_bulk(tx->pkts + sent, tx->count - sent);
	}
	tx->count = 0;
}
