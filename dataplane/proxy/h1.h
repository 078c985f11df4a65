/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy asks of the protocol that carries an exchange. HTTP/1's way of each is called
 * directly; HTTP/2 will have its own, chosen by the kind of session, so all of it is said of one
 * exchange and not of its connection:
 *
 *   head      read, once in place, and begun: what it says about framing and connection is noted
 *             here
 *   content   taken as a chain that moves by reference, with its trailers; framed as the other side
 *             reads it, or without framing
 *   room      how much of a response the exchange may have now: HTTP/1's is its connection's (flow
 *             control); content that was taken opens the sender's window
 *   skip      the rest of a request that gets its response early
 *   end       the response is complete: client_answered(), upstream_release()
 *   reset     the exchange ends without its response: client_break() and upstream_abort(), which
 *             end HTTP/1's connections, for nothing in it ends less
 */
#ifndef SLUICE_DATAPLANE_PROXY_H1_H
#define SLUICE_DATAPLANE_PROXY_H1_H

#include "dataplane/proxy/proxy_priv.h"

/**
 * Read the next request that a client's connection has.
 * @param why  set unless it is a head or more bytes are needed
 */
enum stream_verdict h1_read_request(
	struct proxy *p, struct client *c, struct decision *d, enum reason *why);

/** Read once more a request that was not consumed. @return false without memory */
bool h1_read_request_again(struct proxy *p, struct client *c, struct decision *d);

/** Begin an exchange's side towards its client. */
void h1_begin_request(struct exchange *ex, const struct decision *d);

/**
 * Take what has come of the request's body, for the backend.
 * @param verdict  HTTP1_MORE, HTTP1_DONE, or HTTP1_BAD with its @p reason
 * @return the chain, or NULL for nothing
 */
struct rte_mbuf *h1_take_request_body(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict, enum reason *reason);

/** Take the request off the stream. A body that is here as a whole goes too; for another one the
 *  connection must close, because where the next request begins is not known yet. */
void h1_skip_request(struct proxy *p, struct exchange *ex);

/** Tell the client that its content is waited for (RFC 9110 §15.2.1). */
void h1_continue(struct proxy *p, struct client *c);

/**
 * Read the head of a response that the exchange's backend has sent, interim ones each by itself.
 * @param why  set unless it is a head or more bytes are needed
 */
enum stream_verdict h1_read_response(
	struct proxy *p, struct exchange *ex, struct http1_head *head, enum reason *why);

/** An interim response for the client. 100 was our own to give, the others go on to clients that
 *  can read them. @return NULL for nothing */
struct rte_mbuf *h1_interim(struct proxy *p, struct exchange *ex, const struct http1_head *head);

/** Note what the head of the final response says about its connection. */
void h1_note_connection(struct exchange *ex, const struct http1_head *head);

/** Decide how both connections go on and write the final head for the client.
 *  @return NULL without memory */
struct rte_mbuf *h1_begin_response(struct proxy *p, struct exchange *ex, struct http1_head *head);

/**
 * Take what has come of the response's body, for the client.
 * @param verdict  HTTP1_MORE, HTTP1_DONE or HTTP1_BAD
 * @return the chain, or NULL for nothing
 */
struct rte_mbuf *h1_take_response_body(
	struct proxy *p, struct exchange *ex, enum http1_verdict *verdict);

/** Bytes of a response that the exchange's client has room for. */
static inline uint32_t h1_response_room(const struct exchange *ex)
{
	return transport_send_space(&ex->client->transport);
}

#endif
