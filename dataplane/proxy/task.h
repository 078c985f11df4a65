/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges of Sluice's own: their origin is a task and no client. A task is what a client is to its
 * exchange, a session with a receive stream, a transport and a deadline, but that its transport has no
 * connection: the request is put into the stream, and the response is read at once and dropped. So a
 * request of our own is written, sent, timed and ended by the same code as a client's. It pays no
 * limit, counts for no listener, API or consumer, and is no request in an endpoint's statistics; its
 * task learns how it ended.
 */
#ifndef SLUICE_DATAPLANE_PROXY_TASK_H
#define SLUICE_DATAPLANE_PROXY_TASK_H

#include "dataplane/proxy/proxy_priv.h"

struct task {
	struct client session; /* first */
	/* The exchange ended, which the task may do another one after. */
	void (*ended)(struct proxy *p, struct task *task);
	uint64_t end_ns;    /* of the exchange, at the latest */
	enum reason reason; /* how it ended: REASON_PROXIED with a response */
	uint16_t status;    /* of the response */
};

static inline struct task *task_of(struct client *session)
{
	return RTE_PTR_SUB(session, offsetof(struct task, session));
}

/**
 * Make a task that does nothing.
 * @param ended  called each time that an exchange of it ended
 */
void task_init(struct task *task, void (*ended)(struct proxy *p, struct task *task));

/**
 * Send a request to an endpoint, over a connection made for it.
 * @param request     its head, as HTTP/1.1 has it; copied. Without a body
 * @param endpoint    index into SNAP_ENDPOINTS
 * @param timeout_ms  that the exchange may take
 * @return REASON_PROXIED when it is begun: ended() follows, maybe within this call. Else why it is
 *         not: REASON_OVERLOADED without memory, another one for a request that the parser refuses
 */
enum reason task_send(struct proxy *p, struct task *task, struct str request, uint32_t endpoint,
	uint32_t timeout_ms);

/* Of its exchange: what it came to, and that it is gone. For client.c and exchange.c. */
void task_note(struct client *session, const struct exchange *ex);
void task_over(struct proxy *p, struct client *session);

/** Drop the exchange, if there is any, without ended(), and take the deadline out of the wheel. */
void task_stop(struct proxy *p, struct task *task);

#endif
