/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of tls share: queues of mbufs, contexts and a connection's insides. */
#ifndef SLUICE_DATAPLANE_TLS_TLS_PRIV_H
#define SLUICE_DATAPLANE_TLS_TLS_PRIV_H

#include <stdatomic.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "dataplane/tls/tls.h"
#include "lib/tls/server.h"

/* A byte stream in mbufs. The head's pkt_len and nb_segs are set when it is taken. */
struct tls_queue {
	struct rte_mbuf *head, *tail;
	uint32_t bytes;
	uint16_t segments;
};

/** Append a chain, whose bytes are then the queue's. Little ones are copied behind what is there, so that
 *  a peer that sends single bytes cannot pin an mbuf with each. */
void tls_queue_push(struct tls_queue *queue, struct rte_mbuf *chain);
/** Room at the end for at least @p want bytes: in the last mbuf, or a new one.
 *  @return NULL when the pool is empty; *room is set otherwise */
char *tls_queue_room(
	struct tls_queue *queue, struct rte_mempool *pool, uint32_t want, uint32_t *room);
/** Say that @p n bytes were written where tls_queue_room() said. */
void tls_queue_wrote(struct tls_queue *queue, uint32_t n);
/** Copy @p n bytes from @p offset without taking them; the queue has them. */
void tls_queue_peek(const struct tls_queue *queue, uint32_t offset, void *out, uint32_t n);
/** Take at most @p n bytes off the front. @return how many */
uint32_t tls_queue_read(struct tls_queue *queue, void *out, uint32_t n);
/** Take @p n bytes off the front, which the queue has, and forget them. */
void tls_queue_drop(struct tls_queue *queue, uint32_t n);
/** Take everything, as a chain; NULL when there is nothing. */
struct rte_mbuf *tls_queue_take(struct tls_queue *queue);
void tls_queue_free(struct tls_queue *queue);

/** Into the worker's library context, read what the secrets hold for certificate @p index. @return
 * false and a sentence in @p why */
bool tls_cert_load(struct tls_cert *cert, OSSL_LIB_CTX *library, const struct secrets *secrets,
	uint32_t index, char *why, size_t why_bytes);

/* A name that one of a listener's certificates serves. */
struct tls_name {
	struct str name; /* lower case; of "*.x" the "x" */
	bool wildcard;
	uint32_t rank; /* of its certificate in the listener's list */
	uint32_t cert;
};

#define TLS_TICKET_NAME_BYTES 16
#define TLS_TICKET_KEY_BYTES  (TLS_TICKET_NAME_BYTES + 32 + 32) /* name, HMAC-SHA-256, AES-256 */

/* Keys that a listener derived from a secret. */
struct tls_ticket_keys {
	bool valid;
	uint32_t epoch;
	uint8_t bytes[TLS_TICKET_KEY_BYTES];
};

/** OpenSSL's callback for sealing and opening a ticket. */
int tls_ticket_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int sealing);

struct tls_listener {
	struct tls_ticket_keys ticket_keys[2]; /* by the secret's epoch, odd and even */
	uint32_t slot;
	struct tls_contexts *contexts;
	SSL_CTX *ssl_ctx; /* NULL: a listener without TLS */
	uint32_t default_cert;
	uint32_t name_count;
	struct tls_name *names; /* sorted */
	char *text;             /* what their names point into */
};

/* A backend's side, as SNAP_PEERS says. */
struct tls_peer {
	SSL_CTX *ssl_ctx;
	struct str ca_pem; /* by its place only, to share what is made of it */
	char *server_name; /* NULL: the endpoint's address has to be in its certificate */
};

struct tls_peer_config {
	struct str ca_pem;           /* not kept */
	struct str server_name;      /* copied; empty: the address */
	const struct tls_cert *cert; /* of this end; NULL: none */
};

/* A session that an endpoint gave: worth something with this endpoint and this peer's rules only. */
struct tls_session {
	SSL_SESSION *session; /* NULL: none */
	struct ip_addr addr;
	uint32_t peer;
};

/** Room for peers, and for a session of each endpoint's slot. @return false when out of memory;
 *  tls_contexts_release() frees what there is */
bool tls_peers_alloc(struct tls_contexts *contexts, uint32_t peers, uint32_t slots);
/** Make a peer ready. @return NULL, or what is wrong, of static lifetime */
const char *tls_peer_use(
	struct tls_contexts *contexts, uint32_t number, const struct tls_peer_config *config);
void tls_peers_free(struct tls_contexts *contexts);

#define TLS_GATHER_BYTES 16384 /* the longest record (RFC 8446 §5.1) */

struct tls_contexts {
	_Atomic uint32_t holders;   /* each generation and each connection: the last one frees */
	uint8_t secrets_digest[32]; /* SHA-256 of the certificates and keys they were made of */
	OSSL_LIB_CTX *library;
	EVP_CIPHER *ticket_cipher;
	const struct tls_tickets *tickets;
	BIO_METHOD *bio_method;
	struct rte_mempool *pool;
	uint32_t listener_count, cert_count, peer_count, session_count;
	struct tls_listener *listeners;
	struct tls_cert *certs;
	struct tls_peer *peers;           /* by index into SNAP_PEERS */
	struct tls_session *sessions;     /* by endpoint's slot: to be resumed */
	uint8_t gather[TLS_GATHER_BYTES]; /* where a record's plaintext is put together */
};

void tls_contexts_release(struct tls_contexts *contexts);

/** Copy a listener's names from the snapshot. @return false when out of memory */
bool tls_names_fill(struct tls_listener *listener, const struct snapshot *snapshot,
	const struct snap_listener *record);
/** The certificate for a server name (lower case): exact, then "*.x", then the default. */
uint32_t tls_names_choose(const struct tls_listener *listener, struct str server_name);

/** The BIO method that reads conn.in and writes conn.out. @return NULL when out of memory */
BIO_METHOD *tls_bio_method(void);

struct tls_conn {
	SSL *ssl;
	struct tls_contexts *contexts;
	uint8_t state; /* enum tls_state */
	bool client;   /* this end is: the peer is a backend */
	bool shut;     /* close_notify was sent */
	bool raw;      /* what came is no record: OpenSSL gets it as it is, to say what it is */
	bool clear_http;
	bool no_mbuf;
	struct tls_queue in, out;
	uint32_t ready;           /* bytes of whole records at the front of in */
	uint32_t handshake_bytes; /* taken before the handshake was complete */
	uint32_t controls; /* handshake messages after the handshake: KeyUpdate, renegotiation */
	uint32_t controls_allowed;
	uint32_t started_bytes; /* written since the last idle second, up to the limit */
	uint64_t read_bytes;
	uint64_t write_ns;
	const char *failure;
	/* To a backend: where its sessions are kept, and what they are worth something with. */
	uint32_t slot, peer;
	struct ip_addr addr;
	uint8_t server_name_bytes;
	char *server_name;
};

/** A connection that is no side yet. @return NULL when out of memory */
struct tls_conn *tls_conn_alloc(struct tls_contexts *contexts, SSL_CTX *ssl_ctx);
/** Go on with the handshake, as far as it goes. */
void tls_conn_handshake(struct tls_conn *conn);
/** Remember the name that a handshake asks for. @return false when out of memory */
bool tls_conn_set_server_name(struct tls_conn *conn, const char *name);
/** Called for each handshake message that arrives after the handshake. */
void tls_conn_count_control(struct tls_conn *conn);

#endif
