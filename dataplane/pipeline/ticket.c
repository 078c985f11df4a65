/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets of requests that wait, see ticket.h: a serial number above, one more than the slot's
 * number below. */
#include "dataplane/pipeline/ticket.h"

#include <errno.h>
#include <stdlib.h>

int tickets_init(struct tickets *t, uint32_t limit)
{
	*t = (struct tickets){ .limit = limit };
	if (limit == 0)
		return 0;
	t->slots = calloc(limit, sizeof(*t->slots));
	if (!t->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < limit; i++)
		t->slots[i].next = i + 1;
	return 0;
}

void tickets_fini(struct tickets *t)
{
	free(t->slots);
	t->slots = NULL;
}

uint64_t ticket_take(struct tickets *t, void *owner)
{
	const uint32_t slot = t->free;

	if (slot == t->limit)
		return 0;
	t->free = t->slots[slot].next;
	t->slots[slot].owner = owner;
	t->used++;
	return (uint64_t)++t->slots[slot].serial << 32 | (slot + 1);
}

void *ticket_owner(const struct tickets *t, uint64_t ticket)
{
	const uint32_t slot = (uint32_t)ticket - 1;

	if (slot >= t->limit || t->slots[slot].serial != ticket >> 32)
		return NULL;
	return t->slots[slot].owner;
}

void ticket_give(struct tickets *t, uint64_t ticket)
{
	const uint32_t slot = (uint32_t)ticket - 1;

	t->slots[slot].owner = NULL;
	t->slots[slot].next = t->free;
	t->free = slot;
	t->used--;
}
