/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of attempts and connections at endpoints. Every result is reported here and nowhere
 * else: it is counted, and it decides what the endpoint is asked for next. Today that is ejection
 * after a connection that failed.
 *
 * An endpoint is named by its slot; the slot of one that is gone counts for nothing.
 */
#ifndef SLUICE_DATAPLANE_BACKEND_OUTCOME_H
#define SLUICE_DATAPLANE_BACKEND_OUTCOME_H

#include "dataplane/backend/backend.h"

/* How an attempt ended. */
enum outcome {
	OUTCOME_NONE,      /* none was made */
	OUTCOME_OPEN,      /* it is under way */
	OUTCOME_RESPONSE,  /* with a complete response */
	OUTCOME_CONNECT,   /* without a connection, see outcome_connect_failed() */
	OUTCOME_RESET,     /* the connection ended before a response began */
	OUTCOME_TIMEOUT,   /* the response did not come in time */
	OUTCOME_INVALID,   /* the response was malformed, or ended too early */
	OUTCOME_ABANDONED, /* given up for a reason that is not the endpoint's */
};

/** A connection is begun. @param probe  for no request, to an ejected endpoint */
void outcome_connecting(struct backends *b, uint32_t slot, bool probe);
/** No connection could be begun for want of memory, although a probe was due: it is due again
 *  later. */
void outcome_probe_skipped(struct backends *b, uint32_t slot, uint64_t now_ns);
/** The endpoint accepted a connection. */
void outcome_connected(struct backends *b, uint32_t slot);
/** The endpoint refused a connection, or did not accept it in time. @param silent  it did not answer
 * at all */
void outcome_connect_failed(struct backends *b, uint32_t slot, bool silent, uint64_t now_ns);
/** A TLS handshake with the endpoint is complete. */
void outcome_tls(struct backends *b, uint32_t slot, bool resumed);
/** TLS with the endpoint failed, in its handshake or later: outcome_connect_failed() or outcome_ended()
 *  follows. */
void outcome_tls_failed(struct backends *b, uint32_t slot);
/** A connection that was begun is gone, accepted or not. */
void outcome_closed(struct backends *b, uint32_t slot);

/** A request's head goes to the endpoint. @param reused  over a connection that carried one before */
void outcome_sent(struct backends *b, uint32_t slot, bool reused);
/** The head of the final response came. @param latency_ns  since outcome_sent() */
void outcome_response(struct backends *b, uint32_t slot, unsigned status, uint64_t latency_ns);
/** The request that failed at the endpoint is tried again, as its route wants it. */
void outcome_retried(struct backends *b, uint32_t slot);
/** An attempt is over that outcome_sent() was called for. */
void outcome_ended(struct backends *b, uint32_t slot, enum outcome outcome);

#endif
