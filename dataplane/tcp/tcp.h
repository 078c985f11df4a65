/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP for one worker (RFC 9293): a share-nothing stack over net, with a byte-stream interface made
 * of mbuf chains. Bytes are never copied where a reference will do: received payload is handed up
 * in the mbufs it came in, sent payload is kept by reference until it is acknowledged.
 *
 * Upcalls are collected during input and timers and delivered by tcp_dispatch(), once a connection
 * and loop, so that a burst is worked stage by stage.
 */
#ifndef SLUICE_DATAPLANE_TCP_TCP_H
#define SLUICE_DATAPLANE_TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/net/net.h"
#include "lib/base/ip.h"

struct tcp_stack;
struct tcp_conn;

/* Why a connection is gone. */
enum tcp_end {
	TCP_END_CLOSED,      /* both directions closed in order */
	TCP_END_RESET,       /* the peer sent RST */
	TCP_END_TIMEOUT,     /* retransmissions, persist probes or keep-alives were not answered */
	TCP_END_REFUSED,     /* RST in answer to our SYN */
	TCP_END_UNREACHABLE, /* ICMP said so while connecting, or the neighbour does not answer */
	TCP_END_NO_MEMORY,
};

struct tcp_ops {
	/* A connection was accepted (three-way handshake complete) on the listener with @p id.
	 * Return the application's pointer for it, or NULL to have it reset. */
	void *(*accepted)(void *ctx, struct tcp_conn *c, uint32_t listener_id);
	/* tcp_connect() succeeded. */
	void (*connected)(void *ctx, struct tcp_conn *c, void *user);
	/* In-order bytes or the peer's FIN wait: tcp_recv(), tcp_recv_eof(). */
	void (*readable)(void *ctx, struct tcp_conn *c, void *user);
	/* tcp_send_space() grew to at least half of the buffer, or everything sent was
	 * acknowledged. */
	void (*writable)(void *ctx, struct tcp_conn *c, void *user);
	/* The connection is gone and @p c invalid after this call. Not called after tcp_abort().
	 * After tcp_close() it is called when both sides are done, before TIME_WAIT, but not before
	 * tcp_recv() has taken all received bytes. After a reset, it is the last chance to. */
	void (*ended)(void *ctx, struct tcp_conn *c, void *user, enum tcp_end why);
	/* May be NULL. The connection's turn comes after those of @p left others, 1 to TCP_AHEAD:
	 * time to fetch what its upcalls will touch. Told again each time one of them is
	 * through. */
	void (*ahead)(void *ctx, void *user, uint32_t left);
};

#define TCP_AHEAD 3

enum tcp_congestion {
	TCP_CONGESTION_CUBIC,   /* RFC 9438 */
	TCP_CONGESTION_NEWRENO, /* RFC 5681, RFC 6582 */
};

/* Explicit congestion notification (RFC 3168). */
enum tcp_ecn {
	TCP_ECN_PASSIVE, /* where the peer asks for it */
	TCP_ECN_ON,      /* asked for, too */
	TCP_ECN_OFF,
};

struct tcp_config {
	uint32_t connection_limit; /* control blocks */
	uint32_t syn_limit;        /* half-open connections */
	uint32_t rcv_buf_bytes;    /* largest receive window, per connection */
	uint32_t snd_buf_bytes;    /* most bytes queued and unacknowledged, per connection */
	uint32_t rto_min_ms;   /* RFC 6298 asks for 1000; a data centre wants less. Default 200 */
	uint32_t time_wait_ms; /* 0 for 30,000 */
	uint32_t keepalive_ms; /* idle time before the first probe; 0 for none */
	uint32_t connect_timeout_ms; /* 0 for 10,000 */
	enum tcp_congestion congestion;
	enum tcp_ecn ecn;
	/* Replies to the local ports that are chosen come to this worker: see net/owner.h. */
	uint16_t worker_index;
	uint16_t worker_count;
	uint8_t secret[16]; /* of ISNs and cookies (RFC 6528) */
	uint64_t seed;
	/* For headers, copied payload and references to payload; data room >= 2 KiB, private area
	 * >= NET_META_BYTES. Its free share decides when payloads are packed and windows kept
	 * shut. */
	struct rte_mempool *pool;
	uint64_t *drops; /* DROP_COUNT counters; counted by net_drop(), not used here */
	struct tcp_counters *counters; /* in this worker's statistics; may be NULL */
};

/* Counters beside the drops; each has one writer. Listed in tcp_counters.def. */
struct tcp_counters {
#define TCP_COUNTER(name, text) uint64_t name;
#include "lib/shm/tcp_counters.def"
#undef TCP_COUNTER
};

/** @return NULL and errno. @p net and what config points to must outlive the stack; config is
 * copied. */
struct tcp_stack *tcp_stack_create(
	const struct tcp_config *config, struct net *net, const struct tcp_ops *ops, void *ctx);

/** Frees every connection without a word to the peers or the application. */
void tcp_stack_destroy(struct tcp_stack *stack);

/** How much of the mbuf pool is free. */
enum tcp_pool {
	TCP_POOL_FINE,
	TCP_POOL_COPY, /**< below 25 %: queues out of order are given up, buffers are an eighth */
	TCP_POOL_SHUT, /**< below 10 %: SYNs are dropped, and payload of who has taken nothing yet */
	TCP_POOL_LAST, /**< below 2.5 %: windows close and all payload is dropped */
};
enum tcp_pool tcp_pool_level(const struct tcp_stack *stack);

/** Bytes of the memory that tcp_stack_create() would take: for the arithmetic printed at start. */
uint64_t tcp_stack_bytes(const struct tcp_config *config);

/**
 * Listen. @param addr  one of net's addresses  @param backlog  half-open and not yet accepted
 * connections @param id  given back in accepted()
 * @return 0, -EADDRINUSE, -EADDRNOTAVAIL, -ENOSPC
 */
int tcp_listen(struct tcp_stack *stack, const struct ip_addr *addr, uint16_t port, uint32_t backlog,
	uint32_t id);

/** Change the backlog. What is half open beyond it stays. @return 0, -ENOENT */
int tcp_set_backlog(
	struct tcp_stack *stack, const struct ip_addr *addr, uint16_t port, uint32_t backlog);

/** Stop listening. Connections stay. @return 0, -ENOENT */
int tcp_unlisten(struct tcp_stack *stack, const struct ip_addr *addr, uint16_t port);

/**
 * Begin to connect. The SYN leaves with this loop's output; connected() or ended() follows.
 * @param user  the application's pointer for this connection
 * @return 0, -ENETUNREACH, -EADDRNOTAVAIL (no free local port), -ENOMEM
 */
int tcp_connect(struct tcp_stack *stack, const struct ip_addr *remote, uint16_t port, void *user,
	uint64_t now_ns, struct tcp_conn **out);

/* Stages of a worker's loop, in this order. now_ns is sampled once a loop. */

/** Work a burst of segments from net_input(); consumes all. */
void tcp_input(struct tcp_stack *stack, struct rte_mbuf **segs, uint16_t n, uint64_t now_ns);
/** Run what is due. */
void tcp_timers(struct tcp_stack *stack, uint64_t now_ns);
/** Deliver the upcalls that input and timers collected. */
void tcp_dispatch(struct tcp_stack *stack, uint64_t now_ns);
/** Send what the application queued and the ACKs that are owed, at most one pure ACK a
 * connection. */
void tcp_output(struct tcp_stack *stack, uint64_t now_ns);

/** Time of the next timer, or UINT64_MAX: lets an idle loop sleep. */
uint64_t tcp_next_timer(const struct tcp_stack *stack);

/* A connection. */

/** Fetch the connection into the cache: it will be asked or given something soon. */
void tcp_fetch(const struct tcp_conn *c);

/** Replace the application's pointer. */
void tcp_set_user(struct tcp_conn *c, void *user);

/** Take all in-order bytes: a chain whose data begins at the first unread byte, or NULL. The caller
 * owns it. The receive window does not open again before tcp_recv_credit(). */
struct rte_mbuf *tcp_recv(struct tcp_conn *c);

/** tcp_recv(), but no more mbufs than hold @p bytes; what is left waits, without a readable() of
 * its own. */
struct rte_mbuf *tcp_recv_some(struct tcp_conn *c, uint32_t bytes);

/** The application is done with @p bytes of what it took; the window may open by as much. */
void tcp_recv_credit(struct tcp_conn *c, uint32_t bytes);

/** True when the peer's FIN arrived and all bytes before it were taken. */
bool tcp_recv_eof(const struct tcp_conn *c);

/** True while both directions are open, every byte that was sent is acknowledged and nothing has
 * arrived that tcp_recv() has not given: neither in order nor behind a gap. */
bool tcp_quiet(const struct tcp_conn *c);

/** A request follows on a quiet connection: bytes that arrive before any of it is acknowledged were
 * sent before the peer could know of it. */
void tcp_ask(struct tcp_conn *c);
/** Bytes that came meanwhile were no response: the same from here on, for what of the request is not
 * acknowledged. */
void tcp_ask_on(struct tcp_conn *c);
/** True when such bytes have come since tcp_ask(). */
bool tcp_unasked(const struct tcp_conn *c);

/** Bytes that tcp_send() takes now without going over snd_buf_bytes; 0 when closed, or when what is
 * queued takes too many mbufs. */
uint32_t tcp_send_space(const struct tcp_conn *c);

/** Mbufs that its queues hold, in both directions and out of order. */
uint32_t tcp_mbufs(const struct tcp_conn *c);

/** Bytes that wait for tcp_recv(). */
uint32_t tcp_recv_pending(const struct tcp_conn *c);

/** A sequence number that moves with tcp_recv_credit(): its difference between two looks is what
 * the application was done with meanwhile, in bytes modulo 2^32. */
uint32_t tcp_recv_taken(const struct tcp_conn *c);

/** Bytes queued or sent and not yet acknowledged. */
uint32_t tcp_send_pending(const struct tcp_conn *c);

/** The sequence number that the peer acknowledged: its difference between two looks is what the
 * peer took meanwhile, in bytes modulo 2^32. */
uint32_t tcp_send_acked(const struct tcp_conn *c);

/**
 * Queue a chain; consumes it, also on failure. More than tcp_send_space() is taken too (the caller
 * overshoots by one chain at most). Payload is kept by reference until acknowledged and not written
 * to. @return 0, or -EPIPE after tcp_close() or when the connection is gone
 */
int tcp_send(struct tcp_conn *c, struct rte_mbuf *chain);

/** Send FIN after what is queued. The peer may still send: go on reading until tcp_recv_eof(). */
void tcp_close(struct tcp_conn *c);

/** Close, and do not read any more: what arrives from now on is answered with RST (RFC 9293
 * §3.10.7.4), but what is queued is still delivered. */
void tcp_close_both(struct tcp_conn *c);

/** Send RST and forget the connection at once; @p c is invalid after. No upcall. */
void tcp_abort(struct tcp_conn *c);

/** At the end, once the application has closed its connections: whether the peers have everything,
 * or at least do not answer any more. It stays so; cheap to ask in each turn. */
bool tcp_stack_settled(struct tcp_stack *stack);

/** tcp_abort() for every connection: the last call before tcp_stack_destroy(), without upcalls. */
void tcp_stack_abort(struct tcp_stack *stack, uint64_t now_ns);

/* The four-tuple, ports in host order. */
struct tcp_peer {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
};
void tcp_peer(const struct tcp_conn *c, struct tcp_peer *out);

/** Smoothed round trip in microseconds, 0 before the first sample. */
uint32_t tcp_srtt_us(const struct tcp_conn *c);

#endif
