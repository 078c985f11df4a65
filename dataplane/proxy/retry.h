/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries beyond the first, as a route's `retry` wants them. A request is tried again while nothing of
 * a response went to its client, its method is idempotent, what was sent of it is still here, fewer
 * tries were made than are allowed, and the route's budget has room. What `retry` does not name goes
 * as on routes without it: see exchange.c.
 *
 * A request that is all here stays in the client's stream until the response begins (hold.c). Of
 * another one that is forwarded as it comes, head and content are kept beside it, up to a bound: the
 * content by reference. For another try what was kept is put back in front of the stream, so that
 * the request is read, and its body followed, as the first time. Memory that is short takes what is
 * kept before anything else.
 */
#ifndef SLUICE_DATAPLANE_PROXY_RETRY_H
#define SLUICE_DATAPLANE_PROXY_RETRY_H

#include "dataplane/http/h1/http1.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/proxy/chain.h"

struct proxy;
struct exchange;

/* What an exchange with EX_RETRY knows of it; a copy, as the generation may go before the exchange. */
struct retry {
	struct snap_retry settings;
	uint32_t slot;  /* of the route's budget; SNAP_NONE: it has none, nothing is tried again */
	bool again;     /* another try was wanted: any endpoint is better than none */
	bool streaming; /* the request goes on after this try's head */
	uint64_t since_ns; /* this try began, or its request ended */
	uint64_t
		end_ns; /* of all tries, by the route's timeout; 0: no request was sent as a whole */
	struct chain kept; /* with EX_KEPT: the request as far as it was sent */
};

/** A route was found, or found again by another generation: note how its requests are tried again. */
void retry_note(struct proxy *p, struct exchange *ex, const struct decision *d);

/** A try begins. */
void retry_begin(struct proxy *p, struct exchange *ex);

/** The head was sent and the body follows: keep the head, in place of dropping it. */
void retry_keep_head(struct proxy *p, struct exchange *ex);
/** With EX_KEPT: keep a part of the body, before it is sent. */
void retry_keep_body(struct proxy *p, struct exchange *ex, const struct rte_mbuf *m);
/** With EX_KEPT: free what is kept; the request is not sent again. */
void retry_let_go(struct exchange *ex);
/** The client gets something: no other try is made. */
void retry_over(struct exchange *ex);

/**
 * The head of the final response came: is there to be another try instead?
 * @return true when the response was dropped. The exchange may be gone then
 */
bool retry_instead(struct proxy *p, struct exchange *ex, const struct http1_head *head);

/** Whether a try that failed for the reason is this file's to go on with. */
bool retry_names(const struct exchange *ex, enum reason why);
/** It failed: another one, or a response for the reason. The exchange may be gone after it. */
void retry_failed(struct proxy *p, struct exchange *ex, enum reason why);
/** Take a retry out of the budget. */
bool retry_pay(struct proxy *p, struct exchange *ex);

/** When this try has taken too long, or all have: for wait.c. @return UINT64_MAX for never */
uint64_t retry_end(struct proxy *p, struct exchange *ex);
/** That time has passed. The exchange may be gone after it. */
void retry_late(struct proxy *p, struct exchange *ex);

#endif
