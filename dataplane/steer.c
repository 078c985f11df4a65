/* SPDX-License-Identifier: Apache-2.0 */
/* The mesh between workers, see steer.h. */
#include "dataplane/steer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/net/owner.h"

#define SEGMENT_RING 1024
#define NEWS_RING    64

struct neighbour_news {
	struct ip_addr addr;
	struct rte_ether_addr mac;
	uint8_t port_index;
	bool solicited;
};

struct news {
	enum news_kind { NEWS_NEIGHBOUR, NEWS_ICMP_ERROR } kind;
	union {
		struct neighbour_news neighbour;
		struct net_icmp_error icmp_error;
	};
};
static_assert(sizeof(struct news) % 4 == 0, "rings want multiples of 4");

struct steer_mesh {
	uint32_t workers;
	/* [from × workers + to] */
	struct rte_ring **segments;
	struct rte_ring **news;
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
	mesh->news = calloc(pairs, sizeof(mesh->news[0]));
	if (!mesh->segments || !mesh->news)
		goto fail;
	for (uint32_t i = 0; i < pairs; i++) {
		uint32_t from = i / workers, to = i % workers;

		if (from == to)
			continue;
		mesh->segments[i] = ring_make("seg", from, to, sizeof(void *), SEGMENT_RING);
		mesh->news[i] = ring_make("news", from, to, sizeof(struct news), NEWS_RING);
		if (!mesh->segments[i] || !mesh->news[i])
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
		if (mesh->news)
			rte_ring_free(mesh->news[i]);
	}
	free(mesh->segments);
	free(mesh->news);
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

static void take_news(struct steer *s, struct rte_ring *ring, uint64_t now_ns)
{
	struct news news;

	while (rte_ring_sc_dequeue_elem(ring, &news, sizeof(news)) == 0) {
		const struct neighbour_news *n = &news.neighbour;

		if (news.kind == NEWS_NEIGHBOUR)
			net_neighbour_learn(
				s->net, n->port_index, &n->addr, &n->mac, n->solicited, now_ns);
		else
			net_icmp_learn(s->net, &news.icmp_error);
	}
}

static uint16_t steer_take(struct steer *s, struct rte_mbuf **segs, uint16_t room, uint64_t now_ns)
{
	uint16_t n = 0;

	for (uint32_t from = 0; from < s->workers; from++) {
		struct rte_ring *ring = s->mesh->segments[from * s->workers + s->worker];

		if (!ring)
			continue;
		n = (uint16_t)(n + rte_ring_sc_dequeue_burst(
					   ring, (void **)(segs + n), room - n, NULL));
		take_news(s, s->mesh->news[from * s->workers + s->worker], now_ns);
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
	return (uint16_t)(kept + steer_take(s, segs + kept, (uint16_t)(room - kept), now_ns));
}

/* A full ring loses a hint; the next packet brings it again. */
static void steer_tell(struct steer *s, uint32_t to, struct news *news)
{
	rte_ring_sp_enqueue_elem(s->mesh->news[s->worker * s->workers + to], news, sizeof(*news));
}

static void neighbour_seen(void *ctx, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited)
{
	struct steer *s = ctx;
	struct news news = { .kind = NEWS_NEIGHBOUR,
		.neighbour = { *addr, *mac, (uint8_t)port_index, solicited } };

	for (uint32_t to = 0; to < s->workers; to++)
		if (to != s->worker)
			steer_tell(s, to, &news);
}

static bool icmp_error(void *ctx, const struct net_icmp_error *error)
{
	struct steer *s = ctx;
	const struct net_meta *quoted = &error->quoted;
	struct net_meta reply = { .src = quoted->dst,
		.dst = quoted->src,
		.src_port = quoted->dst_port,
		.dst_port = quoted->src_port };
	uint32_t to = owner_of(net_rss(s->net, quoted->port_index), s->workers, &reply);
	struct news news = { .kind = NEWS_ICMP_ERROR, .icmp_error = *error };

	if (to == s->worker)
		return false;
	steer_tell(s, to, &news);
	return true;
}

const struct net_relay_ops steer_relay_ops = {
	.neighbour_seen = neighbour_seen,
	.icmp_error = icmp_error,
};
