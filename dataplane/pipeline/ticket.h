/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets: the names under which requests wait for an answer. A ticket is not given out again, so
 * that an answer that comes late or twice finds nothing. Their number is the cap on requests that
 * wait.
 */
#ifndef SLUICE_DATAPLANE_PIPELINE_TICKET_H
#define SLUICE_DATAPLANE_PIPELINE_TICKET_H

#include <stdbool.h>
#include <stdint.h>

struct ticket_slot {
	void *owner; /* NULL: free */
	uint32_t serial;
	uint32_t next; /* of the free ones */
};

struct tickets {
	uint32_t limit, used, free;
	struct ticket_slot *slots;
};

/** @param limit  requests that may wait at once; 0: none. @return 0 or -ENOMEM */
int tickets_init(struct tickets *tickets, uint32_t limit);
void tickets_fini(struct tickets *tickets);

/** @return a ticket, or 0 when all are in use */
uint64_t ticket_take(struct tickets *tickets, void *owner);
/** @return the owner that ticket_take() got, or NULL when the ticket was given back */
void *ticket_owner(const struct tickets *tickets, uint64_t ticket);
/** Give it back: its owner waits no more. @pre ticket_owner() is not NULL */
void ticket_give(struct tickets *tickets, uint64_t ticket);

#endif
