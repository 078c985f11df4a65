/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing (RFC 9293 §3.6), in every order: the application's close, the peer's FIN and the
 * acknowledgement of ours each move the state on; this is the one place that says where to.
 */
#include "dataplane/tcp/tcp_priv.h"

static void time_wait(struct tcp_conn *c)
{
	/* The last ACK: should it be lost, TIME-WAIT answers the FIN that comes again. */
	if (c->rcv_nxt != c->ack_sent || (c->flags & TCP_F_ACK_NOW))
		tcp_out_bare(c, c->snd_nxt, TCP_ACK);
	tcp_tw_enter(c);
	tcp_conn_end(c, TCP_END_CLOSED);
}

static void fin_wait_2(struct tcp_conn *c)
{
	c->state = TCP_FIN_WAIT_2;
	/* The application has left: the peer gets a minute to close, too. */
	if (c->flags & TCP_F_RCV_SHUT)
		tcp_timer_set(c, TCP_TIMER_IDLE, TCP_FIN_WAIT_MS);
}

void tcp_close_step(struct tcp_conn *c)
{
	bool fin_acked = (c->flags & TCP_F_FIN_SENT) && c->snd_una == c->snd_nxt;
	bool fin_rcvd = (c->flags & TCP_F_FIN_RCVD) != 0;

	switch (c->state) {
	case TCP_ESTABLISHED:
		if (fin_rcvd)
			c->state = TCP_CLOSE_WAIT;
		return;
	case TCP_FIN_WAIT_1:
		if (fin_acked && fin_rcvd)
			time_wait(c);
		else if (fin_acked)
			fin_wait_2(c);
		else if (fin_rcvd)
			c->state = TCP_CLOSING;
		return;
	case TCP_FIN_WAIT_2:
		if (fin_rcvd)
			time_wait(c);
		return;
	case TCP_CLOSING:
		if (fin_acked)
			time_wait(c);
		return;
	case TCP_LAST_ACK:
		if (fin_acked)
			tcp_conn_end(c, TCP_END_CLOSED);
		return;
	default:
		return;
	}
}

void tcp_close(struct tcp_conn *c)
{
	if (c->flags & TCP_F_FIN_QUEUED)
		return;
	switch (c->state) {
	case TCP_SYN_SENT:
		tcp_conn_end(c, TCP_END_CLOSED);
		return;
	case TCP_ESTABLISHED:
		c->state = TCP_FIN_WAIT_1;
		break;
	case TCP_CLOSE_WAIT:
		c->state = TCP_LAST_ACK;
		break;
	case TCP_SYN_RCVD: /* once it is established, the FIN follows */
		break;
	default:
		return;
	}
	c->flags |= TCP_F_FIN_QUEUED;
	tcp_conn_output(c);
}

void tcp_close_both(struct tcp_conn *c)
{
	struct rte_mbuf *unread = c->rq_head;

	c->flags |= TCP_F_RCV_SHUT;
	c->rq_head = c->rq_tail = NULL;
	tcp_queue_free(unread);
	tcp_ooo_free(c);
	c->rcv_held = 0;
	if (c->events & TCP_EV_ENDED)
		tcp_conn_notify(c, TCP_EV_ENDED); /* it only waited for the bytes to be read */
	tcp_close(c);
	if (c->state == TCP_FIN_WAIT_2)
		fin_wait_2(c);
}
