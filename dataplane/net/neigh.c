/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours: the MAC address behind each next hop, with the life of an entry taken from RFC 4861
 * §7.3 for both families. An address in use never expires under a flow: when it grows old, the
 * neighbour is asked by unicast while packets go on to the old address (RFC 1122 §2.3.2.1 (2)).
 *
 * A peer can invent on-link sources to make us ask for hosts that do not exist. So the table and
 * the packets that wait are bounded, and neither bound may keep a real neighbour out: each
 * neighbour gets a part of the room that is left in the queues, never less than one packet (the
 * dynamic threshold of Choudhury and Hahne, which switches use for shared buffers), and in a full
 * table the new neighbour takes the place of one that did not answer yet.
 */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/net/net_priv.h"

#define REQUEST_TRIES  3
#define REQUEST_NS     SECOND_NS
#define REACHABLE_NS   (30 * SECOND_NS)  /* RFC 4861 §10: REACHABLE_TIME */
#define UNUSED_NS      (600 * SECOND_NS) /* an entry goes when nothing used it for so long */
#define TAKE_UNUSED_NS (60 * SECOND_NS)  /* in a full table: so long */
#define QUEUE_PART     8                 /* of the room that is left, for one neighbour */
#define DISPLACE_STEP  8                 /* pending entries looked at for one to displace */
#define AGE_STEP       64                /* entries looked at by one call of the timers */

int neigh_init(struct net *net)
{
	struct neigh_table *t = &net->neigh;
	uint32_t buckets = rte_align32pow2(net->config.neighbour_limit);

	t->limit = net->config.neighbour_limit;
	t->bucket_mask = buckets - 1;
	t->key.k0 = net->config.seed;
	t->key.k1 = ~net->config.seed * UINT64_C(0x9e3779b97f4a7c15);
	t->entries = calloc(t->limit, sizeof(*t->entries));
	t->buckets = malloc(buckets * sizeof(*t->buckets));
	t->pending = malloc(t->limit * sizeof(*t->pending));
	if (!t->entries || !t->buckets || !t->pending) {
		neigh_fini(net);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < buckets; i++)
		t->buckets[i] = NEIGH_NONE;
	t->free = NEIGH_NONE;
	return 0;
}

void neigh_fini(struct net *net)
{
	struct neigh_table *t = &net->neigh;

	for (uint32_t i = 0; t->entries && i < t->touched; i++)
		for (uint32_t k = 0; k < t->entries[i].queue_count; k++)
			rte_pktmbuf_free(
				t->entries[i].queue[(t->entries[i].queue_first + k) % NEIGH_QUEUE]);
	free(t->entries);
	free(t->buckets);
	free(t->pending);
}

static uint32_t *bucket_of(struct neigh_table *t, uint32_t port_index, const struct ip_addr *addr)
{
	struct siphash_key key = { t->key.k0 ^ port_index, t->key.k1 };

	return &t->buckets[siphash24(&key, addr->bytes, sizeof(addr->bytes)) & t->bucket_mask];
}

static bool neigh_is(const struct neigh *e, uint32_t port_index, const struct ip_addr *addr)
{
	return e->state != NEIGH_FREE && e->port_index == port_index && ip_equal(&e->addr, addr);
}

static uint32_t neigh_find(struct neigh_table *t, uint32_t port_index, const struct ip_addr *addr)
{
	uint32_t i = *bucket_of(t, port_index, addr);

	while (i != NEIGH_NONE && !neigh_is(&t->entries[i], port_index, addr))
		i = t->entries[i].next;
	return i;
}

/* Entries that wait for an answer stand in a list of their own, so that timers look at no
 * others. */
static void pending_add(struct neigh_table *t, uint32_t index)
{
	t->entries[index].pending_at = t->pending_count;
	t->pending[t->pending_count++] = index;
}

static void pending_remove(struct neigh_table *t, uint32_t index)
{
	uint32_t at = t->entries[index].pending_at, last = t->pending[--t->pending_count];

	t->pending[at] = last;
	t->entries[last].pending_at = at;
}

static bool is_pending(const struct neigh *e)
{
	return e->state == NEIGH_INCOMPLETE || e->state == NEIGH_PROBE;
}

/* The caller emptied the queue and took the entry off the pending list. */
static void neigh_release(struct neigh_table *t, uint32_t index)
{
	struct neigh *e = &t->entries[index];
	uint32_t *link = bucket_of(t, e->port_index, &e->addr);

	while (*link != index)
		link = &t->entries[*link].next;
	*link = e->next;
	e->state = NEIGH_FREE;
	e->next = t->free;
	t->free = index;
}

/* Free what nobody used for @p unused_ns among the next AGE_STEP entries. */
static void neigh_age(struct neigh_table *t, uint64_t unused_ns, uint64_t now_ns)
{
	for (uint32_t i = 0; i < AGE_STEP && i < t->touched; i++) {
		struct neigh *e = &t->entries[t->cursor];

		if (e->state != NEIGH_FREE && !is_pending(e) && now_ns - e->used_ns >= unused_ns)
			neigh_release(t, t->cursor);
		t->cursor = t->cursor + 1 < t->touched ? t->cursor + 1 : 0;
	}
}

static struct rte_mbuf *queue_take(struct neigh_table *t, struct neigh *e)
{
	struct rte_mbuf *m = e->queue[e->queue_first];

	e->queue_first = (e->queue_first + 1) % NEIGH_QUEUE;
	e->queue_count--;
	t->queued--;
	return m;
}

static void queue_drop(struct net *net, struct neigh *e, enum drop reason)
{
	while (e->queue_count)
		net_drop(net, queue_take(&net->neigh, e), reason);
}

/* Free the place of a neighbour that was asked and did not answer yet. Places are tried in turn, so
 * that one which will answer stays about as long as the table takes to be filled anew. */
static void neigh_displace(struct net *net)
{
	struct neigh_table *t = &net->neigh;

	for (uint32_t i = 0; i < DISPLACE_STEP && i < t->pending_count; i++) {
		uint32_t index = t->pending[t->victim++ % t->pending_count];
		struct neigh *e = &t->entries[index];

		if (e->state != NEIGH_INCOMPLETE)
			continue;
		queue_drop(net, e, DROP_NEIGH_TABLE_FULL);
		pending_remove(t, index);
		neigh_release(t, index);
		return;
	}
}

/* @return a free entry, made free at need, or NEIGH_NONE */
static uint32_t neigh_take(struct net *net)
{
	struct neigh_table *t = &net->neigh;
	uint32_t index;

	if (t->free == NEIGH_NONE && t->touched < t->limit)
		return t->touched++;
	if (t->free == NEIGH_NONE)
		neigh_age(t, TAKE_UNUSED_NS, net->now_ns);
	if (t->free == NEIGH_NONE)
		neigh_displace(net);
	index = t->free;
	if (index != NEIGH_NONE)
		t->free = t->entries[index].next;
	return index;
}

uint32_t neigh_get(struct net *net, uint32_t port_index, const struct ip_addr *addr)
{
	struct neigh_table *t = &net->neigh;
	uint32_t index = neigh_find(t, port_index, addr);
	uint32_t *bucket;
	struct neigh *e;

	if (index != NEIGH_NONE)
		return index;
	index = neigh_take(net);
	if (index == NEIGH_NONE)
		return NEIGH_NONE;
	e = &t->entries[index];
	bucket = bucket_of(t, port_index, addr);
	*e = (struct neigh){
		.addr = *addr,
		.port_index = (uint8_t)port_index,
		.state = NEIGH_NEW,
		.next = *bucket,
		.used_ns = net->now_ns,
	};
	*bucket = index;
	return index;
}

static void request_send(struct net *net, struct neigh *e, uint64_t now_ns)
{
	const struct rte_ether_addr *mac = e->state == NEIGH_PROBE ? &e->mac : NULL;

	e->tries++;
	e->due_ns = now_ns + REQUEST_NS;
	if (ip_is_v4(&e->addr))
		arp_request(net, e->port_index, &e->addr, mac);
	else
		ndp_solicit(net, e->port_index, &e->addr, mac);
}

/* Begin to ask: by broadcast (INCOMPLETE) or the neighbour itself (PROBE). */
static void request_begin(struct net *net, uint32_t index, enum neigh_state state, uint64_t now_ns)
{
	struct neigh *e = &net->neigh.entries[index];

	if (!is_pending(e))
		pending_add(&net->neigh, index);
	e->state = (uint8_t)state;
	e->tries = 0;
	request_send(net, e, now_ns);
}

static void frame_send(struct net *net, const struct neigh *e, struct rte_mbuf *m)
{
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = e->mac;
	port_tx_put(&net->ports[e->port_index].tx, m);
}

static bool queue_has_room(const struct net *net, const struct neigh *e)
{
	uint32_t limit = net->config.neighbour_queue_limit, queued = net->neigh.queued;
	uint32_t left = limit > queued ? limit - queued : 0;

	return e->queue_count == 0 ||
	       (e->queue_count < NEIGH_QUEUE && e->queue_count < left / QUEUE_PART);
}

/* The latest packets are the ones worth keeping (RFC 1122 §2.3.2.2): the oldest gives way. */
static void queue_put(struct net *net, struct neigh *e, struct rte_mbuf *m)
{
	struct neigh_table *t = &net->neigh;

	if (!queue_has_room(net, e))
		net_drop(net, queue_take(t, e), DROP_NEIGH_QUEUE_FULL);
	e->queue[(e->queue_first + e->queue_count++) % NEIGH_QUEUE] = m;
	t->queued++;
}

void neigh_output(struct net *net, uint32_t port_index, const struct ip_addr *addr, uint32_t hint,
	struct rte_mbuf *m, uint64_t now_ns)
{
	struct neigh_table *t = &net->neigh;
	struct neigh *e;

	net->now_ns = now_ns;
	/* An index in a path outlives the entry, which may be another's by now. */
	if (unlikely(hint >= t->limit || !neigh_is(&t->entries[hint], port_index, addr))) {
		hint = neigh_get(net, port_index, addr);
		if (hint == NEIGH_NONE) {
			net_drop(net, m, DROP_NEIGH_TABLE_FULL);
			return;
		}
	}
	e = &t->entries[hint];
	e->used_ns = now_ns;
	switch (e->state) {
	case NEIGH_REACHABLE:
		if (likely(now_ns < e->due_ns))
			break;
		/* fall through */
	case NEIGH_STALE:
		request_begin(net, hint, NEIGH_PROBE, now_ns);
		break;
	case NEIGH_NEW:
		request_begin(net, hint, NEIGH_INCOMPLETE, now_ns);
		/* fall through */
	case NEIGH_INCOMPLETE:
		queue_put(net, e, m);
		return;
	default:
		break;
	}
	frame_send(net, e, m);
}

void neigh_learn(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, bool solicited, uint64_t now_ns)
{
	struct neigh_table *t = &net->neigh;
	uint32_t index = neigh_find(t, port_index, addr);
	struct neigh *e;

	if (index == NEIGH_NONE)
		return;
	e = &t->entries[index];
	if (solicited && is_pending(e)) {
		pending_remove(t, index);
		e->state = NEIGH_REACHABLE;
		e->due_ns = now_ns + REACHABLE_NS;
	} else if (e->state == NEIGH_NEW || e->state == NEIGH_INCOMPLETE ||
		   !rte_is_same_ether_addr(mac, &e->mac)) {
		/* Not asked for: used, but confirmed before it is trusted for long. */
		if (is_pending(e))
			pending_remove(t, index);
		e->state = NEIGH_STALE;
	}
	e->mac = *mac;
	while (e->queue_count)
		frame_send(net, e, queue_take(t, e));
}

void neigh_advertised(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct neigh_news *news, uint64_t now_ns)
{
	uint32_t index = neigh_find(&net->neigh, port_index, addr);
	struct neigh *e;
	bool known;

	if (index == NEIGH_NONE) {
		/* Another worker may have asked. */
		if (net->relay && news->mac && (news->solicited || news->override))
			net->relay->neighbour_seen(
				net->relay_ctx, port_index, addr, news->mac, news->solicited);
		return;
	}
	e = &net->neigh.entries[index];
	known = e->state != NEIGH_NEW && e->state != NEIGH_INCOMPLETE;
	if (!news->mac && !known)
		return;
	/* Another address that may not override: doubt the one that is known, and keep it. */
	if (news->mac && known && !news->override && !rte_is_same_ether_addr(news->mac, &e->mac)) {
		if (e->state == NEIGH_REACHABLE)
			e->state = NEIGH_STALE;
		return;
	}
	neigh_learn(
		net, port_index, addr, news->mac ? news->mac : &e->mac, news->solicited, now_ns);
	if (net->relay)
		net->relay->neighbour_seen(
			net->relay_ctx, port_index, addr, &e->mac, news->solicited);
}

void neigh_ask_again(struct net *net, uint32_t port_index, uint64_t now_ns)
{
	for (uint32_t i = 0; i < net->neigh.pending_count; i++) {
		struct neigh *e = &net->neigh.entries[net->neigh.pending[i]];

		if (e->port_index != port_index)
			continue;
		e->tries = 0;
		e->due_ns = now_ns;
	}
}

/* The packets' destinations learn that nobody answered; the entry goes first, as TCP may send at
 * once. */
static void neigh_fail(struct net *net, uint32_t index)
{
	struct neigh_table *t = &net->neigh;
	struct neigh *e = &t->entries[index];
	struct rte_mbuf *failed[NEIGH_QUEUE];
	struct ip_addr remotes[NEIGH_QUEUE];
	unsigned count = 0, remote_count = 0;
	uint32_t port_index = e->port_index;

	net_gateway_failed(net, port_index, &e->addr);
	while (e->queue_count)
		failed[count++] = queue_take(t, e);
	pending_remove(t, index);
	neigh_release(t, index);
	for (unsigned i = 0; i < count; i++) {
		struct ip_addr remote;
		unsigned k = 0;

		if (net_frame_remote(&net->ports[port_index], failed[i], &remote)) {
			while (k < remote_count && !ip_equal(&remotes[k], &remote))
				k++;
			if (k == remote_count)
				remotes[remote_count++] = remote;
		}
		net_drop(net, failed[i], DROP_NEIGH_FAILED);
	}
	for (unsigned i = 0; i < remote_count && net->ops && net->ops->unreachable; i++)
		net->ops->unreachable(net->ops_ctx, &remotes[i]);
}

void neigh_timers(struct net *net, uint64_t now_ns)
{
	struct neigh_table *t = &net->neigh;

	/* From the end: an entry that leaves is replaced by one that was looked at already. */
	for (uint32_t i = t->pending_count; i > 0; i--) {
		uint32_t index;
		struct neigh *e;

		if (i > t->pending_count)
			continue;
		index = t->pending[i - 1];
		e = &t->entries[index];
		if (now_ns < e->due_ns)
			continue;
		if (e->tries < REQUEST_TRIES)
			request_send(net, e, now_ns);
		else if (e->state == NEIGH_PROBE) /* the old address is dead: ask everybody */
			request_begin(net, index, NEIGH_INCOMPLETE, now_ns);
		else
			neigh_fail(net, index);
	}
	neigh_age(t, UNUSED_NS, now_ns);
}
