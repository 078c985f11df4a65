/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that behave well by themselves: their TCP connects, acknowledges and closes in order, so
 * that a script about HTTP can speak of requests and answers. The network in between loses nothing.
 */
#ifndef SLUICE_TESTS_WIRE_PEERS_H
#define SLUICE_TESTS_WIRE_PEERS_H

#include "tests/wire/world.h"

/* An HTTP message in a stream. */
struct message {
	uint32_t head_len, len;  /* bytes in the stream */
	struct bytes head, body; /* body without chunked framing */
	struct bytes trailers;   /* field lines */
};

struct peer_tls;

struct conn {
	struct conn *next;
	struct flow *flow;
	uint32_t number; /* of the host's connections, from 1 */
	bool open;       /* the handshake is complete */
	bool reset;      /* the gateway sent RST */
	bool eof;        /* the gateway's FIN came, and all before it */
	bool closing, fin_sent;
	bool lingers;  /* does not close by itself after the gateway's FIN */
	bool answered; /* requests that were asked for are answered */
	/* Sending: everything ever queued; offsets into it. */
	struct bytes out;
	uint32_t sent, acked;
	uint32_t withheld; /* so many bytes at its end are not sent */
	uint32_t mss,
		segment; /* most payload bytes of a segment that the gateway and the script allow */
	uint32_t window; /* of the gateway, in bytes */
	uint8_t window_shift;
	/* Receiving: everything ever received; how much of it the script has looked at. */
	struct bytes in;
	uint32_t looked;
	uint32_t limit; /* bytes of in beyond which nothing is taken; UINT32_MAX */
	struct message last;
	uint32_t requests; /* seen by `serve` */
	struct peer_tls *tls;
	struct bytes clear_in; /* of TLS: what in holds otherwise */
};

/** A frame from the gateway to a host that is not raw. */
void peers_frame(struct world *w, struct seen *s, struct host *host, struct flow *flow);
void peers_free(struct world *w);

/** The connection of a flow, or NULL. */
struct conn *conn_of(struct world *w, const struct flow *flow);
/** Begin to connect. */
struct conn *conn_connect(struct world *w, struct flow *flow);
/** Queue bytes, if any, and send what the window allows. */
void conn_write(struct world *w, struct conn *c, const void *data, uint32_t len);
void conn_close(struct world *w, struct conn *c);
void conn_reset(struct world *w, struct conn *c);
/** Take at most @p more bytes from now on; UINT32_MAX opens the window again. */
void conn_limit(struct world *w, struct conn *c, uint32_t more);

/** What the script reads: clear bytes. */
static inline struct bytes *conn_stream(struct conn *c)
{
	return c->tls ? &c->clear_in : &c->in;
}

/**
 * Is there a complete message in @p stream from @p from on?
 * @param eof  nothing comes after it  @param no_body  it answers HEAD
 */
bool message_read(
	const struct bytes *stream, uint32_t from, bool eof, bool no_body, struct message *out);
/** Answer complete requests on a serving host. */
void serve_requests(struct world *w, struct conn *c);

/* peer_tls.c */
struct peer_tls *peer_tls_new(const char *server_name, int version, const struct peer_tls *resume);
void peer_tls_free(struct peer_tls *t);
/** Ciphertext that came: puts clear bytes into @p clear and what is to be sent into @p out. */
void peer_tls_input(struct peer_tls *t, const uint8_t *data, uint32_t len, struct bytes *clear,
	struct bytes *out);
void peer_tls_write(struct peer_tls *t, const void *data, uint32_t len, struct bytes *out);
/** Is the handshake done? */
bool peer_tls_open(const struct peer_tls *t);
/** "TLSv1.3 TLS_AES_128_GCM_SHA256 resumed", or the failure. */
const char *peer_tls_state(const struct peer_tls *t);

#endif
