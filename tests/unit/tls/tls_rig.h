/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the TLS tests stand on: certificates made at run time, a snapshot with listeners, our side with
 * real mbufs, and OpenSSL's own client over memory BIOs.
 */
#ifndef SLUICE_TESTS_UNIT_TLS_TLS_RIG_H
#define SLUICE_TESTS_UNIT_TLS_TLS_RIG_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <rte_mbuf.h>

#include "dataplane/tls/tls.h"
#include "tests/unit/policy/eal.h"
#include "tests/unit/route/snap_fixture.h"

#define RIG_CERTS 4
enum { RIG_DEFAULT, RIG_SHOP, RIG_WILD, RIG_OTHER };
/* Listeners: the first has three certificates, the second only the last, the third no TLS. */
enum { RIG_PUBLIC, RIG_SECOND, RIG_CLEAR };

struct rig {
	struct snapshot snapshot;
	struct secrets secrets;
	struct rte_mempool *pool;
	struct tls_contexts *contexts;
	SSL_CTX *client_ctx;
	unsigned free_at_start; /* mbufs */
};

extern struct rig rig;
extern const char *const rig_common_names[RIG_CERTS];

int rig_begin(void **state);
int rig_end(void **state);

/** New contexts of the same snapshot, as another worker or generation has them. */
/* Of all contexts. */
extern struct tls_tickets rig_tickets;

struct tls_contexts *rig_contexts(void);

/** Every mbuf is back. */
void rig_assert_no_leak(void);

/* Both ends of a connection. */
struct pair {
	struct tls_conn *server;
	SSL *client;
	BIO *to_client, *from_client;
	struct rte_mbuf *received; /* plaintext at the server */
	uint32_t step;             /* bytes of ciphertext given to the server at once */
	uint64_t now_ns;
	enum tls_state state;
	bool client_closed;                    /* the client saw close_notify */
	uint32_t records_seen, longest_record; /* from the server */
};

struct pair pair_open(struct tls_contexts *contexts, uint32_t listener, const char *server_name);
void pair_close(struct pair *pair);

/** Copy bytes into a chain of mbufs, @p segment bytes in each. */
struct rte_mbuf *rig_chain(const void *data, size_t length, uint32_t segment);

/** Carry ciphertext both ways until nothing moves. */
void pair_pump(struct pair *pair);
/** Pump, with the client's handshake. @return true when both ends are open */
bool pair_handshake(struct pair *pair);

/** Take the plaintext that arrived at the server so far into @p out. @return bytes */
size_t pair_server_read(struct pair *pair, void *out, size_t room);

#endif
