/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carries bytes between a peer and the proxy: TCP, or TLS over it, the same towards clients
 * and backends. Bytes are taken into a chain and given as a chain; whether they are encrypted on
 * the way is known here only. Clear text costs one test more than TCP itself.
 *
 * A task of Sluice's own (task.h) has a transport without a connection: what is sent over it is read
 * at once and dropped, and nothing comes from it.
 */
#ifndef SLUICE_DATAPLANE_PROXY_TRANSPORT_H
#define SLUICE_DATAPLANE_PROXY_TRANSPORT_H

#include "dataplane/proxy/chain.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/tls/tls.h"

struct transport {
	struct tcp_conn *tcp; /* NULL: a task's */
	struct tls_conn *tls; /* NULL: clear text */
};

/* What came of transport_read(). */
enum transport_read {
	TRANSPORT_NOTHING, /* TCP had nothing */
	TRANSPORT_BYTES,  /* bytes were taken; of an encrypted record there may be no content yet */
	TRANSPORT_OPENED, /* the handshake is complete, and content may have come with it */
	TRANSPORT_CLEAR, /* the client speaks HTTP where TLS is spoken: it is clear text from now on */
	TRANSPORT_REFUSED,   /* the handshake failed; the alert is queued */
	TRANSPORT_CORRUPTED, /* the peer broke TLS, or refused it late; the alert is queued */
};

/**
 * Begin with an accepted connection.
 * @param contexts  of the worker, for a handshake; NULL: clear text
 * @param listener  index into SNAP_LISTENERS, one with tls where there are contexts
 * @return false without memory; the connection is the caller's then
 */
bool transport_accept(struct transport *t, struct tcp_conn *tcp, struct tls_contexts *contexts,
	uint32_t listener);

/**
 * Begin to connect; TCP's upcalls for @p user follow.
 * @return as tcp_connect() does
 */
static inline int transport_connect(struct transport *t, struct tcp_stack *stack,
	const struct ip_addr *remote, uint16_t port, void *user, uint64_t now_ns)
{
	t->tls = NULL;
	return tcp_connect(stack, remote, port, user, now_ns, &t->tcp);
}

/**
 * Encrypt a connection that was begun by transport_connect(): transport_greet() is due when TCP has
 * connected, and nothing else is sent before TRANSPORT_OPENED.
 * @param peer  index into SNAP_PEERS
 * @param slot  the endpoint's
 * @return false without memory
 */
bool transport_verify(struct transport *t, struct tls_contexts *contexts, uint32_t peer,
	uint32_t slot, const struct ip_addr *remote);

/** Begin the handshake. */
void transport_greet(struct transport *t);

/** Whether what is sent is encrypted. */
static inline bool transport_secure(const struct transport *t)
{
	return t->tls != NULL;
}

/** transport_read() with bytes that TCP had for an encrypted connection; consumes them. */
enum transport_read transport_decrypt(
	struct transport *t, struct rte_mbuf *ciphertext, struct chain *to);

/**
 * Take what came, in whole mbufs and TLS records.
 * @param most  no more mbufs than hold so many bytes; what is left waits, without an upcall of its
 *              own
 * @param to    content is appended to it
 */
static inline enum transport_read transport_read(
	struct transport *t, uint32_t most, struct chain *to)
{
	struct rte_mbuf *m = tcp_recv_some(t->tcp, most);

	if (!m)
		return TRANSPORT_NOTHING;
	tcp_recv_credit(t->tcp, m->pkt_len);
	if (unlikely(t->tls))
		return transport_decrypt(t, m, to);
	chain_put(to, m);
	return TRANSPORT_BYTES;
}

/** Throw away what came, as it came. @return its bytes; 0: there was nothing */
uint32_t transport_discard(struct transport *t);

/** Whether the peer has ended its direction, by a FIN or by close_notify, and all before that was
 *  taken. */
static inline bool transport_at_eof(const struct transport *t)
{
	return (likely(t->tcp != NULL) && tcp_recv_eof(t->tcp)) ||
	       (t->tls && tls_state(t->tls) == TLS_CLOSED);
}

/** At the end, whether it may be an attacker's: TCP ended, and TLS did not (RFC 8446 §6.1). */
static inline bool transport_truncated(const struct transport *t)
{
	return t->tls && tls_state(t->tls) != TLS_CLOSED;
}

/** transport_send() of an encrypted connection. */
int transport_encrypt(struct transport *t, struct rte_mbuf *chain, uint64_t now_ns);

/**
 * Send a chain; consumes it, also on failure.
 * @return 0; -EPIPE when the connection is gone, -ENOMEM: the bytes are lost, abort the connection
 */
static inline int transport_send(struct transport *t, struct rte_mbuf *chain, uint64_t now_ns)
{
	if (unlikely(t->tls))
		return transport_encrypt(t, chain, now_ns);
	if (unlikely(!t->tcp)) {
		rte_pktmbuf_free(chain);
		return 0;
	}
	return tcp_send(t->tcp, chain);
}

/** Bytes that transport_send() takes now; see tcp_send_space(). */
static inline uint32_t transport_send_space(const struct transport *t)
{
	return likely(t->tcp != NULL) ? tcp_send_space(t->tcp) : UINT32_MAX;
}

/** Bytes sent or queued, as they go over the wire, that the peer has not acknowledged. */
static inline uint32_t transport_pending(const struct transport *t)
{
	return likely(t->tcp != NULL) ? tcp_send_pending(t->tcp) : 0;
}

/** A number that moves with each byte that the peer acknowledges, modulo 2^32. */
static inline uint32_t transport_acked(const struct transport *t)
{
	return likely(t->tcp != NULL) ? tcp_send_acked(t->tcp) : 0;
}

/** A number that moves with each byte that was taken, modulo 2^32. */
static inline uint32_t transport_taken(const struct transport *t)
{
	return tcp_recv_taken(t->tcp);
}

/** Bytes that arrived and were not read: those of an unfinished TLS record count. */
uint32_t transport_held_bytes(const struct transport *t);

/** The mbufs in which these and the bytes that were not acknowledged lie. */
uint32_t transport_held_mbufs(const struct transport *t);

/** transport_quiet() of an encrypted connection. */
bool transport_settle(struct transport *t);

/** Whether an idle connection is just that: see tcp_quiet(). What TLS has to say of itself, such as
 *  session tickets, is taken; content is thrown away, as the connection is of no use then. */
static inline bool transport_quiet(struct transport *t)
{
	if (unlikely(t->tls))
		return transport_settle(t);
	return tcp_quiet(t->tcp);
}

/** A request follows: what arrives before the peer has any of it is unasked. See tcp_ask(). Behind a
 *  handshake session tickets do, and perhaps the response with them: the first request is not watched. */
static inline void transport_ask(struct transport *t)
{
	if (likely(!t->tls) || !tls_fresh(t->tls))
		tcp_ask(t->tcp);
}

/** Whether bytes have come since transport_ask() that the peer sent before. */
static inline bool transport_unasked(const struct transport *t)
{
	return tcp_unasked(t->tcp);
}

/** Whether the peer's session was resumed. */
static inline bool transport_resumed(const struct transport *t)
{
	return t->tls && tls_resumed(t->tls);
}

/** What failed, after TRANSPORT_REFUSED or TRANSPORT_CORRUPTED, or at an end during the handshake; of
 *  static lifetime. */
const char *transport_failure(const struct transport *t);

/** Free what TLS holds, at once: what is encrypted is queued already, and nothing more is
 *  decrypted. */
void transport_forget_tls(struct transport *t);

/** Say that nothing more will be sent, by close_notify and FIN, after what is queued. The peer may
 *  go on sending, which is to be thrown away. */
void transport_close(struct transport *t);

/** Say that nothing more will be sent, after what is queued, and go on reading. */
void transport_end(struct transport *t);

/** Close, with close_notify, and answer with RST what the peer still sends: TCP finishes alone, without
 *  upcalls. */
void transport_let_go(struct transport *t);

/** Send RST and free all. */
void transport_abort(struct transport *t);

/** Fetch it into the cache: it will be given bytes soon. */
static inline void transport_fetch(const struct transport *t)
{
	if (likely(t->tcp != NULL))
		tcp_fetch(t->tcp);
}

#endif
