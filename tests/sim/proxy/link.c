/* SPDX-License-Identifier: Apache-2.0 */
/* Wires between the ports, see link.h. */
#include "tests/sim/proxy/link.h"

#include <stdlib.h>

#include "tests/sim/proxy/show.h"

#define FRAME_BYTES 1600

struct frame {
	struct frame *next;
	uint64_t due_ns;
	uint32_t len;
	uint8_t data[FRAME_BYTES];
};

/* What is on the way to a port, in the order of its arrival. */
struct wire {
	struct frame *first, *last;
};

static struct {
	struct sim *sim;
	struct wire to[SIM_PORTS];
	struct rte_mempool *pools[SIM_PORTS];
	struct frame *free;
} net;

static const enum sim_port other_end[SIM_PORTS] = { PORT_CLIENTS, PORT_BACKENDS, PORT_OUTSIDE,
	PORT_INSIDE };

void link_init(struct sim *s, struct rte_mempool *const pools[SIM_PORTS])
{
	net.sim = s;
	for (unsigned i = 0; i < SIM_PORTS; i++)
		net.pools[i] = pools[i];
}

static void frame_free(struct frame *f)
{
	f->next = net.free;
	net.free = f;
}

static struct frame *frame_take(struct wire *w)
{
	struct frame *f = w->first;

	w->first = f->next;
	if (w->first == NULL)
		w->last = NULL;
	return f;
}

void link_fini(void)
{
	for (unsigned i = 0; i < SIM_PORTS; i++)
		while (net.to[i].first)
			frame_free(frame_take(&net.to[i]));
}

uint64_t link_next(enum sim_port port)
{
	return net.to[port].first ? net.to[port].first->due_ns : UINT64_MAX;
}

void link_port_init(struct port *port, enum sim_port id, uint16_t mtu, bool linear)
{
	*port = (struct port){
		.id = (uint16_t)id,
		.mtu = mtu,
		.rx_queues = 1,
		.tx_queues = 1,
		.mac = { { 2, 0, 0, 0, 0xee, (uint8_t)id } },
		.caps = { .multi_segs = !linear, .rx_checksum = false },
	};
}

/* Most frames come last; one that waited less overtakes others. */
static void wire_put(struct wire *w, struct frame *f)
{
	struct frame **at = &w->first;

	f->next = NULL;
	if (w->last && w->last->due_ns <= f->due_ns) {
		w->last->next = f;
		w->last = f;
		return;
	}
	while (*at && (*at)->due_ns <= f->due_ns)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
	if (f->next == NULL)
		w->last = f;
}

static void frame_send(struct sim *s, enum sim_port from, const struct rte_mbuf *m)
{
	enum sim_port to = other_end[from];
	struct frame *f = net.free;
	const void *data;

	if (sim_chance(s, s->o.lose))
		return;
	if (f)
		net.free = f->next;
	else
		f = malloc(sizeof(*f));
	if (f == NULL || m->pkt_len > FRAME_BYTES) {
		sim_fail(s, "a frame of %u bytes was sent", m->pkt_len);
		free(f);
		return;
	}
	data = rte_pktmbuf_read(m, 0, m->pkt_len, f->data);
	if (data != f->data)
		memcpy(f->data, data, m->pkt_len);
	f->len = m->pkt_len;
	f->due_ns = s->now_ns + s->o.delay_us * 1000;
	if (s->o.jitter_us && sim_pick(s, 4) == 0)
		f->due_ns += sim_pick(s, s->o.jitter_us * 1000);
	if (s->trace)
		show_frame(s, from, f->data, f->len);
	wire_put(&net.to[to], f);
}

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct wire *w = &net.to[port->id];
	uint16_t count = 0;

	while (count < n && w->first && w->first->due_ns <= net.sim->now_ns) {
		struct frame *f = frame_take(w);
		struct rte_mbuf *m = rte_pktmbuf_alloc(net.pools[port->id]);

		/* Without an mbuf a port loses what comes. */
		if (m) {
			memcpy(rte_pktmbuf_append(m, (uint16_t)f->len), f->data, f->len);
			pkts[count++] = m;
		}
		frame_free(f);
	}
	return count;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	if (!tx->port->caps.multi_segs &&
		(m->nb_segs != 1 || !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1))
		sim_fail(net.sim,
			"a port that sends single mbufs was given a chain or a shared one");
	if (tx->count == PORT_TX_BUFFER)
		port_tx_flush(tx);
	tx->pkts[tx->count++] = m;
}

void port_tx_flush(struct port_tx *tx)
{
	for (uint16_t i = 0; i < tx->count; i++) {
		frame_send(net.sim, (enum sim_port)tx->port->id, tx->pkts[i]);
		rte_pktmbuf_free(tx->pkts[i]);
	}
	tx->sent_packets += tx->count;
	tx->count = 0;
}
