/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a control block: taken, established, ended, given back. A block that the rings of pending
 * output or upcalls still name is kept as TCP_CLOSED until they let go, so that an index in a ring
 * never means another connection. Every block has an owner that will free it: the handshake's timer
 * until the application knows it, then the application, until ended() or tcp_abort().
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

void tcp_ring_put(struct tcp_ring *ring, uint32_t index)
{
	uint32_t at = ring->head + ring->count;

	ring->slots[at < ring->size ? at : at - ring->size] = index;
	ring->count++;
}

uint32_t tcp_ring_get(struct tcp_ring *ring)
{
	uint32_t index = ring->slots[ring->head];

	ring->head = ring->head + 1 < ring->size ? ring->head + 1 : 0;
	ring->count--;
	return index;
}

void tcp_conn_notify(struct tcp_conn *c, uint8_t events)
{
	c->events |= events;
	if (c->flags & TCP_F_ON_READY)
		return;
	c->flags |= TCP_F_ON_READY;
	tcp_ring_put(&c->stack->ready, tcp_conn_index(c));
}

void tcp_conn_output(struct tcp_conn *c)
{
	if (c->flags & TCP_F_ON_OUTPUT)
		return;
	c->flags |= TCP_F_ON_OUTPUT;
	tcp_ring_put(&c->stack->output, tcp_conn_index(c));
}

void tcp_queue_free(struct rte_mbuf *head)
{
	while (head != NULL) {
		struct rte_mbuf *next = head->next;

		/* Counts of the chain were not kept up: free piece by piece. */
		head->next = NULL;
		head->nb_segs = 1;
		rte_pktmbuf_free_seg(head);
		head = next;
	}
}

void tcp_conn_tuple(const struct tcp_conn *c, struct tcp_tuple *out)
{
	out->local = c->path.local;
	out->remote = c->remote;
	out->local_port = c->local_port;
	out->remote_port = c->remote_port;
}

static uint64_t conn_hash(const struct tcp_conn *c)
{
	return tcp_flow_hash(
		&c->stack->flow, &c->path.local, &c->remote, c->local_port, c->remote_port);
}

static void block_clear(struct tcp_stack *s, struct tcp_conn *c)
{
	struct tcp_cold *cold;

	memset(c, 0, sizeof(*c));
	c->stack = s;
	cold = tcp_cold(c);
	memset(cold, 0, sizeof(*cold));
	tcp_wheel_node_init(&c->node);
	c->rec_head = c->rec_tail = TCP_NIL;
	cold->listener = TCP_LISTENERS;
}

struct tcp_conn *tcp_conn_new(struct tcp_stack *s, const struct tcp_tuple *tuple, uint64_t hash,
	const struct net_path *path)
{
	const struct port_caps *caps = &net_tx(s->net, path->port_index)->port->caps;
	uint32_t index = s->conn_free;
	struct tcp_conn *c;

	if (index == TCP_NIL)
		return NULL;
	c = &s->conns[index];
	if (!tcp_flow_insert(&s->flow, hash, TCP_REF_CONN | index))
		return NULL;
	s->conn_free = tcp_free_next(index, c->node.next, s->config.connection_limit);
	s->conn_count++;
	block_clear(s, c);
	c->flags = TCP_F_IN_FLOW;
	if (!caps->multi_segs)
		c->flags |= TCP_F_LINEAR;
	if (caps->tso)
		c->flags |= TCP_F_TSO;
	c->state = TCP_CLOSED;
	c->path = *path;
	c->path.local = tuple->local;
	c->remote = tuple->remote;
	c->local_port = tuple->local_port;
	c->remote_port = tuple->remote_port;
	c->ts_offset = tcp_ts_offset(s, tuple);
	c->rto_ms = TCP_RTO_INITIAL_MS;
	c->rcv_tick = s->tick;
	return c;
}

void tcp_conn_establish(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	tcp_mtu_set(c, c->path.mtu);
	c->state = TCP_ESTABLISHED;
	c->rcv_mss = TCP_MSS_DEFAULT_V4;
	c->quick_acks = TCP_QUICK_ACKS;
	c->cwnd = TCP_INITIAL_SEGS * c->mss;
	/* RFC 6928 §2: the ten segments are bounded by 14,600 bytes, or by two where they are
	 * larger. */
	if (c->cwnd > 14600)
		c->cwnd = c->mss * 2 > 14600 ? c->mss * 2 : 14600;
	c->ssthresh = UINT32_MAX;
	tcp_cold(c)->retries = 0;
	tcp_cold(c)->recover = tcp_cold(c)->ecn_end = c->snd_una - 1;
	if (c->flags & TCP_F_ECN)
		s->count->ecn_agreed++;
	tcp_cold(c)->max_wnd = c->snd_wnd;
	tcp_cold(c)->sent_tick = s->tick;
	tcp_timer_clear(c, TCP_TIMER_RTX);
	tcp_timer_clear(c, TCP_TIMER_IDLE);
	if (s->config.keepalive_ms != 0)
		tcp_timer_set(c, TCP_TIMER_IDLE, s->config.keepalive_ms);
}

void tcp_conn_unhook(struct tcp_conn *c)
{
	tcp_connect_over(c);
	tcp_stretch_over(c);
	if (c->flags & TCP_F_IN_FLOW)
		tcp_flow_remove(&c->stack->flow, conn_hash(c), TCP_REF_CONN | tcp_conn_index(c));
	c->flags &= ~TCP_F_IN_FLOW;
	c->armed = 0;
	tcp_wheel_disarm(&c->stack->wheel, tcp_conn_index(c));
}

/* Sent data and what waits for it: no use to anyone once the connection is gone. */
static void conn_drop_output(struct tcp_conn *c)
{
	tcp_rec_free_all(c);
	tcp_queue_free(c->sq_head);
	c->sq_head = c->sq_tail = c->sq_next = NULL;
	c->sq_mbufs = 0;
	c->sq_bytes = c->unsent = c->sq_off = c->next_off = 0;
	c->flags &= ~(TCP_F_ACK_NOW | TCP_F_SYN_NOW | TCP_F_RTX_FORCE);
}

void tcp_conn_reap(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (c->state != TCP_FREE || (c->flags & (TCP_F_ON_READY | TCP_F_ON_OUTPUT)))
		return;
	c->node.next = tcp_free_link(tcp_conn_index(c), s->conn_free, s->config.connection_limit);
	s->conn_free = tcp_conn_index(c);
	s->conn_count--;
}

void tcp_conn_free(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	struct tcp_cold *cold = tcp_cold(c);

	tcp_conn_unhook(c);
	conn_drop_output(c);
	tcp_ooo_free(c);
	tcp_queue_free(c->rq_head);
	c->rq_head = c->rq_tail = NULL;
	if (cold->listener != TCP_LISTENERS) {
		tcp_listener_release(s, cold->listener, cold->listener_gen);
		cold->listener = TCP_LISTENERS;
	}
	c->events = 0;
	c->flags &= ~TCP_F_KNOWN;
	c->state = TCP_FREE;
	tcp_conn_reap(c);
}

void tcp_conn_end(struct tcp_conn *c, enum tcp_end why)
{
	tcp_conn_unhook(c);
	conn_drop_output(c);
	tcp_ooo_free(c);
	c->state = TCP_CLOSED;
	/* Nobody knows of it, or will: there is nobody to tell. */
	if (!(c->flags & TCP_F_KNOWN)) {
		tcp_conn_free(c);
		return;
	}
	tcp_cold(c)->end = (uint8_t)why;
	tcp_conn_notify(c, TCP_EV_ENDED);
}
