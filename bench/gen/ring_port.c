/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_port.h. */
#include "bench/gen/ring_port.h"

#include <stdio.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_malloc.h>
#include <rte_ring.h>

#include "dataplane/io/port.h"

#define SLOTS      1024 /* frames on their way, a direction */
#define SLOT_BYTES 1600
#define SIDES      2

/* No power of two, so that slots do not share the few lines of a cache that such a distance
 * leaves. */
struct slot {
	uint32_t bytes;
	uint8_t data[SLOT_BYTES] __rte_cache_aligned;
};

/* One direction. */
struct wire {
	struct rte_ring *empty, *full;
};

struct ring_port {
	struct wire to_worker, from_worker;
	struct rte_mempool *worker_pool, *frames;
};

static struct ring_port ports[SIDES];

static struct rte_ring *ring(const char *name, uint16_t id)
{
	char text[RTE_RING_NAMESIZE];

	snprintf(text, sizeof(text), "%s%u", name, id);
	return rte_ring_create(text, 2 * SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static bool wire_create(struct wire *w, const char *empty, const char *full, uint16_t id)
{
	struct slot *slots = rte_zmalloc(full, SLOTS * sizeof(*slots), RTE_CACHE_LINE_SIZE);

	w->empty = ring(empty, id);
	w->full = ring(full, id);
	if (!slots || !w->empty || !w->full)
		return false;
	for (unsigned i = 0; i < SLOTS; i++)
		rte_ring_sp_enqueue(w->empty, &slots[i]);
	return true;
}

struct ring_port *ring_port_create(
	uint16_t id, struct rte_mempool *worker_pool, struct rte_mempool *frames)
{
	struct ring_port *p = &ports[id];

	p->worker_pool = worker_pool;
	p->frames = frames;
	return wire_create(&p->to_worker, "to-empty", "to-full", id) &&
			       wire_create(&p->from_worker, "from-empty", "from-full", id)
		       ? p
		       : NULL;
}

/* Copy and free. @return how many there were slots for, at most PORT_RX_BURST */
static uint16_t wire_put(struct wire *w, struct rte_mbuf **frames, uint16_t n)
{
	struct slot *slots[PORT_RX_BURST];

	n = (uint16_t)rte_ring_sc_dequeue_burst(
		w->empty, (void **)slots, RTE_MIN(n, PORT_RX_BURST), NULL);
	for (uint16_t i = 0; i < n; i++) {
		RTE_VERIFY(frames[i]->pkt_len <= SLOT_BYTES);
		slots[i]->bytes = 0;
		for (const struct rte_mbuf *m = frames[i]; m; m = m->next) {
			memcpy(slots[i]->data + slots[i]->bytes, rte_pktmbuf_mtod(m, const void *),
				m->data_len);
			slots[i]->bytes += m->data_len;
		}
	}
	rte_ring_sp_enqueue_bulk(w->full, (void **)slots, n, NULL);
	rte_pktmbuf_free_bulk(frames, n);
	return n;
}

/* @return how many came; with a dry pool none, and they wait */
static uint16_t wire_get(
	struct wire *w, struct rte_mempool *pool, struct rte_mbuf **frames, uint16_t n)
{
	struct slot *slots[PORT_RX_BURST];

	n = (uint16_t)RTE_MIN(RTE_MIN(n, PORT_RX_BURST), rte_ring_count(w->full));
	if (n == 0 || rte_pktmbuf_alloc_bulk(pool, frames, n))
		return 0;
	rte_ring_sc_dequeue_bulk(w->full, (void **)slots, n, NULL);
	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(slots[i]->data);
	for (uint16_t i = 0; i < n; i++) {
		memcpy(rte_pktmbuf_mtod(frames[i], void *), slots[i]->data, slots[i]->bytes);
		frames[i]->data_len = (uint16_t)slots[i]->bytes;
		frames[i]->pkt_len = slots[i]->bytes;
	}
	rte_ring_sp_enqueue_bulk(w->empty, (void **)slots, n, NULL);
	return n;
}

/* --- the worker's side ---------------------------------------------------------------------------- */

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct ring_port *p = &ports[port->id];

	return wire_get(&p->to_worker, p->worker_pool, pkts, n);
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
	/* The other side only adds to the empty ones. */
	uint16_t n = (uint16_t)RTE_MIN(tx->count, rte_ring_count(p->from_worker.empty)), sent = 0;

	for (uint16_t i = 0; i < n; i++)
		tx->sent_bytes += tx->pkts[i]->pkt_len;
	while (sent < n)
		sent = (uint16_t)(sent +
				  wire_put(&p->from_worker, tx->pkts + sent, (uint16_t)(n - sent)));
	tx->sent_packets += sent;
	tx->full_drops += tx->count - sent;
	rte_pktmbuf_free_bulk(tx->pkts + sent, tx->count - sent);
	tx->count = 0;
}

/* --- the generator's side ------------------------------------------------------------------------- */

uint16_t ring_port_receive(struct ring_port *p, struct rte_mbuf **frames, uint16_t n)
{
	return wire_get(&p->from_worker, p->frames, frames, n);
}

uint16_t ring_port_send(struct ring_port *p, struct rte_mbuf **frames, uint16_t n)
{
	return wire_put(&p->to_worker, frames, n);
}
