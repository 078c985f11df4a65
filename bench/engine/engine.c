/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's frame: its memory, its queues, the dispatch of what comes. See engine.h. */
#include "bench/engine/engine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_prefetch.h>

#include "bench/engine/engine_priv.h"

#define LOOK_ALL_NS   UINT64_C(250000000) /* in which everybody is looked at once */
#define ACK_LATEST_NS 40e6                /* a client that says nothing acknowledges by then */

void engine_fail(struct engine *e, const char *format, ...)
{
	va_list args;

	if (e->failed)
		return;
	e->failed = true;
	va_start(args, format);
	vsnprintf(e->failure, sizeof(e->failure), format, args);
	va_end(args);
}

bool engine_overrun(const struct engine *e)
{
	return e->overrun;
}

const char *engine_failure(const struct engine *e)
{
	return e->failed ? e->failure : NULL;
}

/* Zeroed pages that cost nothing until they are touched. */
static void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t backends_bytes(const struct engine *e)
{
	return ((size_t)e->config.backends << 16) * sizeof(struct backend);
}

static size_t clients_bytes(const struct engine *e)
{
	return (size_t)e->config.connections * sizeof(struct client);
}

static size_t due_bytes(const struct engine *e)
{
	return (size_t)e->config.connections * e->config.depth * sizeof(uint64_t);
}

struct engine *engine_create(const struct engine_config *config, uint64_t now_ns)
{
	struct engine *e = pages(sizeof(*e));

	if (!e)
		return NULL;
	e->config = *config;
	e->random = mix64(config->index + 77);
	e->left = UINT64_MAX;
	e->client_base = ENGINE_CLIENT_FIRST + config->index * ENGINE_CLIENTS_MAX;
	e->ready[ENGINE_OUTSIDE] = e->ready[ENGINE_INSIDE] = e->idle =
		(struct fifo){ RING_NONE, RING_NONE };
	e->clients = pages(clients_bytes(e));
	e->due_ns = pages(due_bytes(e));
	e->backends = pages(backends_bytes(e));
	frame_init(e);
	if (!e->clients || !e->due_ns || !e->backends || config->depth > DEPTH_MAX ||
		config->connections > ENGINE_CLIENTS_MAX || !message_init(e) ||
		(config->tls && !secure_init(e))) {
		engine_destroy(e);
		return NULL;
	}
	for (uint32_t i = 0; i < config->connections; i++)
		e->clients[i].port = (uint16_t)(1024 + mix64(i) % 60000);
	start_another(e);
	engine_set_rate(e, config->rate, now_ns);
	return e;
}

void engine_destroy(struct engine *e)
{
	if (!e)
		return;
	secure_fini(e);
	for (uint32_t i = 0; e->clients && i < e->config.connections; i++)
		free(e->clients[i].gather);
	for (size_t i = 0; e->backends && i < (size_t)e->config.backends << 16; i++)
		if (e->backends_used[i >> 16])
			free(e->backends[i].gather);
	for (unsigned side = 0; side < ENGINE_SIDES; side++)
		rte_pktmbuf_free_bulk(e->arp_answers[side], e->arp_count[side]);
	if (e->clients)
		munmap(e->clients, clients_bytes(e));
	if (e->due_ns)
		munmap(e->due_ns, due_bytes(e));
	if (e->backends)
		munmap(e->backends, backends_bytes(e));
	free(e->popular);
	munmap(e, sizeof(*e));
}

void engine_set_rate(struct engine *e, double rate, uint64_t now_ns)
{
	e->config.rate = rate;
	e->interval_ns = rate > 0 ? 1e9 / rate : 0;
	e->next_arrival_ns = (double)now_ns + e->interval_ns;
	e->arrival_head = e->arrival_tail = 0;
	/* Where the next request on a connection comes soon, it carries the acknowledgement. */
	e->ack_idle = rate > 0 && e->config.connections / rate * 1e9 > ACK_LATEST_NS;
}

void engine_stop(struct engine *e)
{
	e->stopping = true;
}

void engine_limit(struct engine *e, uint64_t requests)
{
	e->left = requests;
}

bool engine_done(const struct engine *e)
{
	return e->left == 0 && e->under_way == 0;
}

uint32_t engine_open(const struct engine *e)
{
	return e->open;
}

uint32_t engine_backlog(const struct engine *e)
{
	return e->arrival_tail - e->arrival_head;
}

const struct engine_stats *engine_stats(const struct engine *e)
{
	return &e->stats;
}

void engine_stats_reset(struct engine *e)
{
	memset(&e->stats, 0, sizeof(e->stats));
}

uint64_t engine_next_due_ns(const struct engine *e)
{
	return e->interval_ns > 0 && !e->stopping ? (uint64_t)e->next_arrival_ns : UINT64_MAX;
}

bool engine_has_work(const struct engine *e, enum engine_side side)
{
	return e->ready[side].first != RING_NONE || e->arp_count[side];
}

void ready_client(struct engine *e, struct client *c)
{
	struct fifo *f = &e->ready[ENGINE_OUTSIDE];
	uint32_t index = (uint32_t)(c - e->clients);

	if (c->queued)
		return;
	c->queued = true;
	c->next = RING_NONE;
	if (f->first == RING_NONE)
		f->first = index;
	else
		e->clients[f->last].next = index;
	f->last = index;
}

void ready_backend(struct engine *e, struct backend *b)
{
	struct fifo *f = &e->ready[ENGINE_INSIDE];
	uint32_t index = (uint32_t)(b - e->backends);

	if (b->queued)
		return;
	b->queued = true;
	b->next = RING_NONE;
	if (f->first == RING_NONE)
		f->first = index;
	else
		e->backends[f->last].next = index;
	f->last = index;
}

/* Handshakes under way at most: the generator's TCP sends no SYN again, and a gateway may leave
 * those of a flood. */
#define OPENING_MAX 256

void start_another(struct engine *e)
{
	if (e->started < e->config.connections && e->started - e->open < OPENING_MAX)
		ready_client(e, &e->clients[e->started++]);
}

static void input(struct engine *e, enum engine_side side, const struct rte_mbuf *m)
{
	uint16_t type = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type;
	struct segment s;

	e->stats.frames_in++;
	if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) {
		frame_arp(e, side, m);
		return;
	}
	if (!frame_parse(e, m, &s))
		return;
	if (s.payload_bytes == 0 && (s.flags & (SYN | FIN | RST)) == 0)
		e->stats.pure_acks_in++;
	if (side == ENGINE_OUTSIDE)
		engine_client_segment(e, &s);
	else
		engine_backend_segment(e, &s);
}

static void set_now(struct engine *e, uint64_t now_ns)
{
	e->now_ns = now_ns;
	e->ts_now = (uint32_t)(now_ns / 1000000) + 1;
}

void engine_look(struct engine *e, uint64_t now_ns)
{
	uint32_t backends = e->config.backends << 16, clients = e->config.connections;
	uint64_t passed_ns = RTE_MIN(now_ns - e->looked_ns, LOOK_ALL_NS);

	for (uint64_t n = passed_ns * clients / LOOK_ALL_NS; n > 0; n--)
		engine_client_look(e, &e->clients[e->next_client++ % clients]);
	for (uint64_t n = passed_ns * backends / LOOK_ALL_NS; n > 0; n--)
		engine_backend_look(e, &e->backends[e->next_backend++ % backends]);
	e->looked_ns = now_ns;
}

void engine_receive(struct engine *e, enum engine_side side, struct rte_mbuf **frames, uint16_t n,
	uint64_t now_ns)
{
	set_now(e, now_ns);
	for (uint16_t i = 0; i < n && !e->failed; i++) {
		if (i + 1 < n)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + 1], void *));
		input(e, side, frames[i]);
	}
}

static struct rte_mbuf *next_frame(struct engine *e, enum engine_side side)
{
	struct fifo *f = &e->ready[side];
	uint32_t index = f->first;

	if (e->arp_count[side])
		return e->arp_answers[side][--e->arp_count[side]];
	if (index == RING_NONE)
		return NULL;
	if (side == ENGINE_OUTSIDE) {
		struct client *c = &e->clients[index];

		f->first = c->next;
		c->queued = false;
		return engine_client_send(e, c);
	}
	struct backend *b = &e->backends[index];

	f->first = b->next;
	b->queued = false;
	return engine_backend_send(e, b);
}

uint16_t engine_send(struct engine *e, enum engine_side side, struct rte_mbuf **frames, uint16_t n,
	uint64_t now_ns)
{
	uint16_t count = 0;

	set_now(e, now_ns);
	if (side == ENGINE_OUTSIDE && e->interval_ns > 0)
		engine_client_arrivals(e);
	while (count < n && engine_has_work(e, side) && !e->failed) {
		struct rte_mbuf *m = next_frame(e, side);

		if (m)
			frames[count++] = m;
	}
	return count;
}
