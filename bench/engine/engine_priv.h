/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the engine share. */
#ifndef SLUICE_BENCH_ENGINE_ENGINE_PRIV_H
#define SLUICE_BENCH_ENGINE_ENGINE_PRIV_H

#include <stdarg.h>
#include <stddef.h>

#include <openssl/types.h>

#include "bench/engine/engine.h"

#define MSS             1460
#define RING_NONE       UINT32_MAX
#define WINDOW_SHIFT    7
#define ADVERTISED      65535u /* << WINDOW_SHIFT: 8 MiB */
#define GATHER_BYTES    4096   /* of a head that comes in pieces */
#define ARRIVALS        65536  /* requests that may wait for a connection; a power of two */
#define DEPTH_MAX       64
#define ARP_ANSWERS     32
#define SAMPLE_MASK     63 /* what is costly to check is checked in one of 64 */
#define POPULAR_SAMPLES (1u << 20)

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* A received segment; the payload is walked with segment_piece(). */
struct segment {
	const struct rte_mbuf *mbuf;
	uint32_t src, dst; /* host order */
	uint16_t src_port, dst_port;
	uint32_t seq, ack, ts_val;
	uint16_t window;
	uint8_t flags;
	uint8_t window_shift; /* of a SYN */
	uint16_t payload_at;  /* in the first mbuf */
	uint32_t payload_bytes;
};

/* A segment to send; the payload lies at frame_payload() already. */
struct header {
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint32_t seq, ack, ts_ecr;
	uint8_t flags;
};

/* Connections that have something to send, first come first served, linked by their index. */
struct fifo {
	uint32_t first, last;
};

enum client_state { CLIENT_CLOSED, CLIENT_SYN_SENT, CLIENT_OPEN, CLIENT_LEAVING };

struct client {
	uint32_t snd_una, snd_nxt, rcv_nxt, ts_recent;
	uint32_t una_looked;
	uint32_t next; /* in the fifo of ready or idle ones */
	uint16_t port;
	uint8_t state, under_way, segs_unacked, granted;
	bool queued, ack_due, fin_seen, idle, again;
	bool shaken;                       /* TLS: hands */
	SSL *ssl;                          /* NULL: clear */
	uint32_t sent, answered;           /* ever: the next request's number */
	uint32_t conn_sent, conn_answered; /* on this connection */
	/* The answer that is being received. */
	bool in_body, refused;
	uint16_t gathered;
	uint32_t body_at, body_bytes;
	char *gather; /* of GATHER_BYTES, made when first needed */
};

enum backend_state { BACKEND_CLOSED, BACKEND_SYN_DUE, BACKEND_OPEN, BACKEND_FIN_DUE };

struct backend {
	uint32_t snd_nxt, snd_una, rcv_nxt, ts_recent, window;
	uint32_t una_looked;
	uint32_t next;
	uint8_t state, window_shift;
	bool queued, ack_due;
	uint16_t gathered;
	uint64_t id;       /* of the request that is being answered */
	uint32_t left, at; /* bytes of the answer, head included */
	char *gather;
};

/* A text with places to fill in. */
struct template
{
	uint32_t bytes;
	uint32_t id_at, key_at;
	char text[2048];
};

struct engine {
	struct engine_config config;
	struct engine_stats stats;
	uint64_t now_ns;
	uint32_t ts_now, header_bytes, client_base;
	uint32_t open, started;
	bool stopping, ack_idle;
	bool overrun; /* the failure is that of an open loop beyond what the gateway takes */
	uint64_t left, under_way; /* requests to begin, and those without their answer */
	struct fifo ready[ENGINE_SIDES], idle;
	uint64_t looked_ns;
	uint32_t next_client, next_backend; /* that are looked at */
	struct client *clients;
	SSL_CTX *tls;             /* NULL: clear */
	uint64_t *due_ns;         /* of requests under way: depth for each client */
	struct backend *backends; /* by backend << 16 | gateway's port */
	bool backends_used[ENGINE_BACKENDS_MAX];
	uint16_t arp_count[ENGINE_SIDES];
	struct rte_mbuf *arp_answers[ENGINE_SIDES][ARP_ANSWERS];
	struct rte_ether_addr router_mac;
	/* Open loop. */
	double interval_ns, next_arrival_ns;
	uint64_t random;
	uint64_t arrivals[ARRIVALS];
	uint32_t arrival_head, arrival_tail;
	/* Messages. */
	struct template request[2]; /* the second one closes */
	struct template answer;
	uint64_t pattern[128];
	uint32_t *popular; /* POPULAR_SAMPLES keys, drawn by Zipf's law; NULL: uniform */
	uint32_t head_seen, length_seen; /* where the last answer's head and length were */
	uint8_t frame[ENGINE_SIDES][64]; /* Ethernet and IP headers to begin with */
	bool failed;
	char failure[512];
};

static inline uint64_t mix64(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t request_id(uint32_t index, uint32_t client, uint32_t number)
{
	return (uint64_t)index << 56 | (uint64_t)client << 32 | number;
}

void engine_fail(struct engine *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* engine.c: the fifos; @p next reaches into either kind of connection. */
void ready_client(struct engine *e, struct client *c);
void ready_backend(struct engine *e, struct backend *b);
/* Open one more connection: each answer brings one, so that the first packets find neighbours
 * unknown and pools empty in small numbers. */
void start_another(struct engine *e);

/* frame.c */
void frame_init(struct engine *e);
bool frame_parse(struct engine *e, const struct rte_mbuf *m, struct segment *s);
struct rte_mbuf *frame_new(struct engine *e, char **payload);
void frame_finish(struct engine *e, enum engine_side side, struct rte_mbuf *m,
	const struct header *h, uint32_t payload_bytes);
/* Answer an ARP request. */
void frame_arp(struct engine *e, enum engine_side side, const struct rte_mbuf *m);
struct rte_ether_addr backend_mac(uint32_t backend);

typedef void (*piece_fn)(struct engine *e, void *conn, const char *data, uint32_t len);
/* Hand the payload's pieces over in order. */
void segment_walk(
	struct engine *e, const struct segment *s, uint32_t skip, void *conn, piece_fn fn);

/* message.c */
bool message_init(struct engine *e);
uint32_t message_key(const struct engine *e, uint64_t id);
/* @return bytes written */
uint32_t message_request(const struct engine *e, uint64_t id, bool last, char *out);
void message_answer_head(const struct engine *e, uint64_t id, char *out);
void message_content(const struct engine *e, uint64_t id, uint32_t at, uint32_t len, char *out);
bool message_id(const char *hex, uint64_t *id);
/* Does what the gateway forwarded name the key's consumer, and not the key? */
bool message_forwarded_right(const struct engine *e, uint64_t id, const char *head, uint32_t len);
/* Length of the head that @p data begins with; 0 when it is not complete. */
uint32_t message_head_end(struct engine *e, const char *data, uint32_t len);
bool message_length(struct engine *e, const char *head, uint32_t len, uint32_t *value);

/* secure.c */
bool secure_init(struct engine *e);
void secure_fini(struct engine *e);
/* Begin a handshake. */
void secure_open(struct engine *e, struct client *c);
void secure_close(struct client *c);
/* Is there something to send? */
bool secure_pending(const struct client *c);
void secure_write(struct engine *e, struct client *c, const char *plain, uint32_t bytes);
/* @return bytes of @p room that are used */
uint32_t secure_send(struct client *c, char *out, uint32_t room);
/* What came; its content goes to @p fn. */
void secure_take(struct engine *e, struct client *c, const char *data, uint32_t len, piece_fn fn);

/* client.c */
void engine_client_segment(struct engine *e, const struct segment *s);
struct rte_mbuf *engine_client_send(struct engine *e, struct client *c);
void engine_client_arrivals(struct engine *e);
void engine_client_look(struct engine *e, struct client *c);

/* backend.c */
void engine_backend_segment(struct engine *e, const struct segment *s);
struct rte_mbuf *engine_backend_send(struct engine *e, struct backend *b);
void engine_backend_look(struct engine *e, struct backend *b);

#endif
