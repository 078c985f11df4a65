/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with OpenSSL, towards clients and backends (RFC 8446, RFC 5246), sans I/O: mbuf chains of ciphertext in, mbuf
 * chains of plaintext out, and the reverse. A custom BIO reads records from the chain of received
 * mbufs and writes records into fresh mbufs; sockets are unknown here.
 */
#ifndef SLUICE_DATAPLANE_TLS_TLS_H
#define SLUICE_DATAPLANE_TLS_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "lib/base/ip.h"
#include "lib/base/str.h"
#include "lib/shm/snapshot.h"

/* One worker's contexts: its own library context and SSL_CTX for each TLS listener, so that no
 * reference count is shared between workers. Built by the main core before it publishes;
 * generations share them while listeners and certificates stay the same. */
struct tls_contexts;

#define TLS_TICKET_SECRET_BYTES 80
#define TLS_TICKET_SECRETS      3 /* the newest, the one before, and one that is not used */

struct tls_ticket_secret {
	uint32_t epoch;
	uint8_t secret[TLS_TICKET_SECRET_BYTES];
};

/* What session tickets are sealed with. Zeroed, it is ready: with a secret of zeros. */
struct tls_tickets {
	_Atomic uint32_t newest; /* epoch */
	struct tls_ticket_secret secrets[TLS_TICKET_SECRETS];
};

/**
 * Seal new tickets with another secret. Those of the one before are taken, older ones not any more.
 * One caller, while workers read; not twice within a handshake's time.
 * @param secret  TLS_TICKET_SECRET_BYTES, copied
 */
void tls_tickets_rotate(struct tls_tickets *tickets, const uint8_t *secret);

struct tls_config {
	struct rte_mempool *pool; /* for what is written: ciphertext, plaintext */
	/* The same of all workers and generations of one start, so that resumption works on any
	 * worker and after an apply; outlives all contexts. */
	const struct tls_tickets *tickets;
};

/** @param why  on failure, a sentence  @return NULL on failure */
struct tls_contexts *tls_contexts_create(const struct tls_config *config,
	const struct snapshot *snapshot, const struct secrets *secrets, char *why,
	size_t why_bytes);
/** Connections keep what they use: contexts may go while connections live. */
void tls_contexts_destroy(struct tls_contexts *contexts);
/**
 * Share contexts with another generation that has the same listeners and certificates. They are
 * freed with the last share, each of which goes with tls_contexts_destroy().
 * @return @p contexts
 */
struct tls_contexts *tls_contexts_hold(struct tls_contexts *contexts);
/** @return were they made of these certificates and private keys? */
bool tls_contexts_match(const struct tls_contexts *contexts, const struct secrets *secrets);

/* A connection: a client's, or one to a backend. */
struct tls_conn;

/* What one takes of the heap at most, OpenSSL's part with it: open, and in its handshake, for which
 * OpenSSL has buffers of whole records. tests/unit/tls/heap_test.c counts. */
#define TLS_OPEN_HEAP_BYTES      16384
#define TLS_HANDSHAKE_HEAP_BYTES 49152

/** @param listener  index into SNAP_LISTENERS, one with tls  @return NULL when out of memory */
struct tls_conn *tls_conn_create(struct tls_contexts *contexts, uint32_t listener);
/**
 * Begin a connection to a backend: the first message is to be taken with tls_output().
 * @param number  index into SNAP_PEERS
 * @param slot    the endpoint's, whose latest session is resumed
 * @param addr    the endpoint's; copied
 * @return NULL when out of memory
 */
struct tls_conn *tls_conn_connect(
	struct tls_contexts *contexts, uint32_t number, uint32_t slot, const struct ip_addr *addr);
void tls_conn_destroy(struct tls_conn *conn);

enum tls_state {
	TLS_HANDSHAKE, /* more input is needed, or output waits */
	TLS_OPEN,
	TLS_CLOSED, /* the peer sent close_notify: its data has ended, ours may go on */
	TLS_FAILED, /* send what tls_output() gives (the alert), then close */
};

/**
 * Feed ciphertext; consumes the chain, whose mbufs must be nobody else's. Goes as far as it can:
 * handshake, then decryption. May make output in any state: take it with tls_output() each time.
 * @param plaintext  set to a chain of decrypted bytes (new mbufs), or NULL
 * @return the state after it
 */
enum tls_state tls_input(
	struct tls_conn *conn, struct rte_mbuf *ciphertext, struct rte_mbuf **plaintext);

/**
 * Encrypt a chain; consumes it. Records are small (about one segment) for the first 64 KiB after an
 * idle second, then 16 KiB. In TLS_CLOSED an answer may still be written: only the peer's direction
 * ended.
 * @param now_ns  for that rule
 * @return 0, -EPIPE when the connection is not open or tls_shutdown() was called, -ENOMEM; after an
 *         error other than the state's own the connection is TLS_FAILED
 */
int tls_write(struct tls_conn *conn, struct rte_mbuf *plaintext, uint64_t now_ns);

/** Queue close_notify. */
void tls_shutdown(struct tls_conn *conn);

/** Take the ciphertext that waits to be sent: a chain, or NULL. The caller owns it. */
struct rte_mbuf *tls_output(struct tls_conn *conn);

enum tls_state tls_state(const struct tls_conn *conn);
bool tls_resumed(const struct tls_conn *conn);
/** Whether the peer has sent no data yet: it may still owe the handshake's last messages. */
bool tls_fresh(const struct tls_conn *conn);
/** Ciphertext that was taken and is no whole record yet, and the mbufs it lies in. */
uint32_t tls_held_bytes(const struct tls_conn *conn);
uint32_t tls_held_mbufs(const struct tls_conn *conn);
/** True when the client spoke HTTP without TLS: a method is where its first record should be. */
bool tls_clear_http(const struct tls_conn *conn);
/** Why the connection is TLS_FAILED: what is wrong with the backend's certificate, OpenSSL's reason or
 *  ours, static lifetime; empty otherwise. */
const char *tls_failure(const struct tls_conn *conn);
/** The server name the client asked for, lower case, or empty. */
struct str tls_server_name(const struct tls_conn *conn);

#endif
