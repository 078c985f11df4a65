/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_port.h. */
#include "bench/gen/ring_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/io/port.h"

#define FRAMES 1024 /* that the worker has waiting for the wire to fill */
#define PIECES 4096 /* that the worker has sent and the wire has not read */
#define SIDES  2

/* A descriptor. */
struct piece {
	struct rte_mbuf
		*m; /* the worker's, opaque to the generator; NULL but in a frame's last piece */
	void *data;
	uint32_t bytes;
	uint32_t last;
};
static_assert(sizeof(struct piece) % 4 == 0, "rings want multiples of 4");

struct ring_port {
	struct rte_ring *empty, *filled; /* receive: to the generator and back */
	struct rte_ring *sent, *done;    /* transmit: the same */
	struct rte_mempool *empties, *frames;
	uint32_t missing;         /* empties that the pool could not give yet */
	struct rte_mbuf *partial; /* a frame whose last piece has not been read */
};

static struct ring_port ports[SIDES];

static struct rte_ring *ring(const char *name, uint16_t id, unsigned bytes, unsigned count)
{
	char text[RTE_RING_NAMESIZE];

	snprintf(text, sizeof(text), "%s%u", name, id);
	return rte_ring_create_elem(
		text, bytes, count, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void refill(struct ring_port *p)
{
	struct rte_mbuf *m[PORT_RX_BURST];
	struct piece pieces[PORT_RX_BURST];
	uint32_t n = RTE_MIN(p->missing, (uint32_t)PORT_RX_BURST);

	if (n == 0 || rte_pktmbuf_alloc_bulk(p->empties, m, n))
		return;
	for (uint32_t i = 0; i < n; i++)
		pieces[i] = (struct piece){ m[i], rte_pktmbuf_mtod(m[i], void *), 0, 1 };
	rte_ring_sp_enqueue_bulk_elem(p->empty, pieces, sizeof(pieces[0]), n, NULL);
	p->missing -= n;
}

struct ring_port *ring_port_create(
	uint16_t id, struct rte_mempool *empties, struct rte_mempool *frames)
{
	struct ring_port *p = &ports[id];

	p->empties = empties;
	p->frames = frames;
	p->empty = ring("empty", id, sizeof(struct piece), FRAMES);
	p->filled = ring("filled", id, sizeof(struct piece), FRAMES);
	p->sent = ring("sent", id, sizeof(struct piece), PIECES);
	p->done = ring("done", id, sizeof(void *), PIECES);
	if (!p->empty || !p->filled || !p->sent || !p->done)
		return NULL;
	p->missing = FRAMES - PORT_RX_BURST;
	while (p->missing >= PORT_RX_BURST)
		refill(p);
	return p;
}

/* --- the worker's side ---------------------------------------------------------------------------- */

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct ring_port *p = &ports[port->id];
	struct piece pieces[PORT_RX_BURST];

	n = (uint16_t)rte_ring_sc_dequeue_burst_elem(
		p->filled, pieces, sizeof(pieces[0]), RTE_MIN(n, PORT_RX_BURST), NULL);
	for (uint16_t i = 0; i < n; i++) {
		pkts[i] = pieces[i].m;
		pkts[i]->data_len = (uint16_t)pieces[i].bytes;
		pkts[i]->pkt_len = pieces[i].bytes;
	}
	p->missing += n;
	refill(p);
	return n;
}

static bool post(struct ring_port *p, struct rte_mbuf *frame)
{
	struct piece pieces[64];
	uint32_t n = 0;

	for (struct rte_mbuf *m = frame; m && n < RTE_DIM(pieces); m = m->next)
		pieces[n++] = (struct piece){ NULL, rte_pktmbuf_mtod(m, void *), m->data_len, 0 };
	pieces[n - 1].m = frame;
	pieces[n - 1].last = 1;
	return n == frame->nb_segs &&
	       rte_ring_sp_enqueue_bulk_elem(p->sent, pieces, sizeof(pieces[0]), n, NULL) == n;
}

static void reclaim(struct ring_port *p)
{
	struct rte_mbuf *m[PORT_TX_BUFFER];
	unsigned n = rte_ring_sc_dequeue_burst(p->done, (void **)m, RTE_DIM(m), NULL);

	rte_pktmbuf_free_bulk(m, n);
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	if (unlikely(tx->count == PORT_TX_BUFFER))
		port_tx_flush(tx);
	tx->pkts[tx->count++] = m;
}

void port_tx_flush(struct port_tx *tx)
{
	struct ring_port *p = &ports[tx->port->id];

	reclaim(p);
	for (uint16_t i = 0; i < tx->count; i++) {
		uint32_t bytes = tx->pkts[i]->pkt_len;

		if (post(p, tx->pkts[i])) {
			tx->sent_packets++;
			tx->sent_bytes += bytes;
		} else {
			tx->full_drops++;
			rte_pktmbuf_free(tx->pkts[i]);
		}
	}
	tx->count = 0;
}

/* --- the generator's side ------------------------------------------------------------------------- */

/* @return false when the generator's pool is dry */
static bool add_piece(struct ring_port *p, const struct piece *piece)
{
	char *to;

	if (!p->partial)
		p->partial = rte_pktmbuf_alloc(p->frames);
	to = p->partial ? rte_pktmbuf_append(p->partial, (uint16_t)piece->bytes) : NULL;
	if (to)
		memcpy(to, piece->data, piece->bytes);
	return to != NULL;
}

uint16_t ring_port_receive(struct ring_port *p, struct rte_mbuf **frames, uint16_t n)
{
	struct piece pieces[PORT_RX_BURST];
	unsigned count = rte_ring_sc_dequeue_burst_elem(
		p->sent, pieces, sizeof(pieces[0]), RTE_MIN(n, PORT_RX_BURST), NULL);
	void *done[PORT_RX_BURST];
	uint16_t complete = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!add_piece(p, &pieces[i])) {
			fputs("gen: no mbuf for a frame from the worker\n", stderr);
			exit(1);
		}
		if (!pieces[i].last)
			continue;
		frames[complete] = p->partial;
		done[complete++] = pieces[i].m;
		p->partial = NULL;
	}
	rte_ring_sp_enqueue_bulk(p->done, done, complete, NULL);
	return complete;
}

uint16_t ring_port_send(struct ring_port *p, struct rte_mbuf **frames, uint16_t n)
{
	struct piece pieces[PORT_RX_BURST];

	n = (uint16_t)rte_ring_sc_dequeue_burst_elem(
		p->empty, pieces, sizeof(pieces[0]), RTE_MIN(n, PORT_RX_BURST), NULL);
	for (uint16_t i = 0; i < n; i++) {
		pieces[i].bytes = frames[i]->data_len;
		memcpy(pieces[i].data, rte_pktmbuf_mtod(frames[i], void *), pieces[i].bytes);
	}
	rte_ring_sp_enqueue_bulk_elem(p->filled, pieces, sizeof(pieces[0]), n, NULL);
	rte_pktmbuf_free_bulk(frames, n);
	return n;
}
