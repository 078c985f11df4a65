/* SPDX-License-Identifier: Apache-2.0 */
/* The mesh between workers, see steer.h. */
#include "dataplane/steer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/net/owner.h"

#define SEGMENT_RING   1024
#define NEIGHBOUR_RING 64

struct neighbour_news {
	struct ip_addr addr;
	struct rte_ether_addr mac;
	uint8_t port_index;
	uint8_t solicited;
	uint8_t padding[8];
};
static_assert(sizeof(struct neighbour_news) == 32, "rings want multiples of 4");

struct steer_mesh {
	uint32_t workers;
	/* [from × workers + to] */
	struct rte_ring **segments;
	struct rte_ring **neighbours;
};

struct steer {
	struct steer_mesh *mesh;
	struct net *net;
	struct stats *stats;
	uint32_t worker, workers;
};

static struct rte_ring *ring_make(
	const char *kind, uint32_t from, uint32_t to, unsigned bytes, unsigned count)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u_%u", kind, from, to);
	return rte_ring_create_elem(
		name, bytes, count, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

struct steer_mesh *steer_mesh_create(uint32_t workers)
{
	struct steer_mesh *mesh = calloc(1, sizeof(*mesh));
	uint32_t pairs = workers * workers;

	if (!mesh)
		return NULL;
	mesh->workers = workers;
	mesh->segments = calloc(pairs, sizeof(mesh->segments[0]));
	mesh->neighbours = calloc(pairs, sizeof(mesh->neighbours[0]));
	if (!mesh->segments || !mesh->neighbours)
		goto fail;
	for (uint32_t i = 0; i < pairs; i++) {
		uint32_t from = i / workers, to = i % workers;

		if (from == to)
			continue;
		mesh->segments[i] = ring_make("seg", from, to, sizeof(void *), SEGMENT_RING);
		mesh->neighbours[i] =
			ring_make("neigh", from, to, sizeof(struct neighbour_news), NEIGHBOUR_RING);
		if (!mesh->segments[i] || !mesh->neighbours[i])
			goto fail;
	}
	return mesh;
fail:
	steer_mesh_destroy(mesh);
	return NULL;
}

void steer_mesh_destroy(struct steer_mesh *mesh)
{
	if (!mesh)
		return;
	for (uint32_t i = 0; i < mesh->workers * mesh->workers; i++) {
		void *m;

		if (mesh->segments && mesh->segments[i]) {
			while (rte_ring_sc_dequeue(mesh->segments[i], &m) == 0)
				rte_pktmbuf_free(m);
			rte_ring_free(mesh->segments[i]);
		}
		if (mesh->neighbours)
			rte_ring_free(mesh->neighbours[i]);
	}
	free(mesh->segments);
	free(mesh->neighbours);
	free(mesh);
}

struct steer *steer_create(
	struct steer_mesh *mesh, uint32_t worker, struct net *net, struct stats *stats)
{
	struct steer *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->mesh = mesh;
	s->net = net;
	s->stats = stats;
	s->worker = worker;
	s->workers = mesh->workers;
	return s;
}

void steer_destroy(struct steer *s)
{
	free(s);
}

static void take_neighbours(struct steer *s, struct rte_ring *ring, uint64_t now_ns)
{
	struct neighbour_news news;

	while (rte_ring_sc_dequeue_elem(ring, &news, sizeof(news)) == 0)
		net_neighbour_learn(
			s->net, news.port_index, &news.addr, &news.mac, news.solicited, now_ns);
}

static uint16_t take(struct steer *s, struct rte_mbuf **segs, uint16_t room, uint64_t now_ns)
{
	uint16_t n = 0;

	for (uint32_t from = 0; from < s->workers; from++) {
		struct rte_ring *ring = s->mesh->segments[from * s->workers + s->worker];

		if (!ring)
			continue;
		n = (uint16_t)(n + rte_ring_sc_dequeue_burst(
					   ring, (void **)(segs + n), room - n, NULL));
		take_neighbours(s, s->mesh->neighbours[from * s->workers + s->worker], now_ns);
	}
	return n;
}

/* A full ring is like a full queue of a port: dropped and counted, never answered. */
static void hand_over(struct steer *s, struct rte_mbuf *m, uint32_t to)
{
	const struct net_meta *meta = net_meta(m);

	s->stats->worker->steered++;
	if (owner_by_rss(net_rss(s->net, meta->port_index), &meta->src))
		s->stats->port[meta->port_index].missteered++;
	if (rte_ring_sp_enqueue(s->mesh->segments[s->worker * s->workers + to], m))
		net_drop(s->net, m, DROP_STEER_FULL);
}

uint16_t steer_exchange(
	struct steer *s, struct rte_mbuf **segs, uint16_t n, uint16_t room, uint64_t now_ns)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct net_meta *meta = net_meta(segs[i]);
		uint32_t to = owner_of(net_rss(s->net, meta->port_index), s->workers, meta);

		if (likely(to == s->worker))
			segs[kept++] = segs[i];
		else
			hand_over(s, segs[i], to);
	}
	return (uint16_t)(kept + take(s, segs + kept, (uint16_t)(room - kept), now_ns));
}

void steer_neighbour_seen(void *ctx, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited)
{
	struct steer *s = ctx;
	struct neighbour_news news = { *addr, *mac, (uint8_t)port_index, solicited, { 0 } };

	for (uint32_t to = 0; to < s->workers; to++)
		if (to != s->worker)
			/* A full ring loses a hint; the next ARP packet brings it again. */
			rte_ring_sp_enqueue_elem(s->mesh->neighbours[s->worker * s->workers + to],
				&news, sizeof(news));
}
