/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues of entries that all wait equally long (TIME-WAIT, SYN-ACKs of one retry): first in, first
 * due, so they need no place on the timer wheel.
 */
#include "dataplane/tcp/tcp_priv.h"

#define LINK(i) ((struct tcp_link *)((uint8_t *)links + (size_t)(i)*stride))

void tcp_fifo_put(struct tcp_fifo *f, void *links, size_t stride, uint32_t index)
{
	*LINK(index) = (struct tcp_link){ .next = TCP_NIL, .prev = f->tail };
	if (f->tail == TCP_NIL)
		f->head = index;
	else
		LINK(f->tail)->next = index;
	f->tail = index;
}

void tcp_fifo_remove(struct tcp_fifo *f, void *links, size_t stride, uint32_t index)
{
	struct tcp_link *link = LINK(index);

	if (link->prev == TCP_NIL)
		f->head = link->next;
	else
		LINK(link->prev)->next = link->next;
	if (link->next == TCP_NIL)
		f->tail = link->prev;
	else
		LINK(link->next)->prev = link->prev;
}
