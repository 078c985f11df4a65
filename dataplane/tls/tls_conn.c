/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: feeds OpenSSL whole records, reads plaintext straight into fresh mbufs, and
 * cuts what is written into records. What a peer can make it hold or do without sending data is
 * bounded: handshake bytes, one record of ciphertext, handshake messages after the handshake.
 */
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "dataplane/tls/tls_priv.h"

#define RECORD_HEADER_BYTES 5
#define RECORD_BYTES_MAX    (16384 + 2048) /* TLS 1.2; 1.3 has less (RFC 5246 §6.2.3) */

#define HANDSHAKE_BYTES_MAX                                                                        \
	65536 /* a ClientHello is a few KiB at most, and no client certificate is asked for */
#define CONTROLS_MAX       32 /* and one more for each 64 KiB of data */
#define CONTROL_DATA_SHIFT 16

/* A record that fits one segment lets the client use what came without waiting for more; when the
 * window has grown, long records cost less (HAProxy's tune.ssl.maxrecord advice). */
#define SMALL_RECORD_BYTES 1370
#define START_BYTES        65536
#define IDLE_NS            UINT64_C(1000000000)

#define READ_ROOM          512 /* less than this in an mbuf is not worth a call */

static void conn_fail(struct tls_conn *conn, const char *why)
{
	const unsigned long error = ERR_peek_last_error();
	const long verified = SSL_get_verify_result(conn->ssl);

	conn->state = TLS_FAILED;
	if (why == NULL && conn->client && verified != X509_V_OK)
		why = X509_verify_cert_error_string(verified);
	if (why == NULL && error != 0)
		why = ERR_reason_error_string(error);
	conn->failure = why != NULL ? why : "unexpected end";
	ERR_clear_error();
}

struct tls_conn *tls_conn_alloc(struct tls_contexts *contexts, SSL_CTX *ssl_ctx)
{
	struct tls_conn *conn = calloc(1, sizeof(*conn));
	BIO *bio;

	if (conn == NULL)
		return NULL;
	ERR_clear_error();
	conn->state = TLS_HANDSHAKE;
	conn->controls_allowed = CONTROLS_MAX;
	conn->failure = "";
	conn->ssl = SSL_new(ssl_ctx);
	bio = BIO_new(contexts->bio_method);
	if (conn->ssl == NULL || bio == NULL) {
		SSL_free(conn->ssl);
		BIO_free(bio);
		free(conn);
		ERR_clear_error();
		return NULL;
	}
	BIO_set_data(bio, conn);
	SSL_set_bio(conn->ssl, bio, bio);
	SSL_set_app_data(conn->ssl, conn);
	conn->contexts = tls_contexts_hold(contexts);
	return conn;
}

struct tls_conn *tls_conn_create(struct tls_contexts *contexts, uint32_t listener)
{
	struct tls_conn *conn;

	if (listener >= contexts->listener_count || contexts->listeners[listener].ssl_ctx == NULL)
		return NULL;
	conn = tls_conn_alloc(contexts, contexts->listeners[listener].ssl_ctx);
	if (conn != NULL)
		SSL_set_accept_state(conn->ssl);
	return conn;
}

void tls_conn_destroy(struct tls_conn *conn)
{
	if (conn == NULL)
		return;
	/* Without a word of the end OpenSSL would not resume the session: the word is TCP's, often. */
	if (conn->client && (conn->state == TLS_OPEN || conn->state == TLS_CLOSED))
		SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(conn->ssl);
	tls_queue_free(&conn->in);
	tls_queue_free(&conn->out);
	tls_contexts_release(conn->contexts);
	free(conn->server_name);
	free(conn);
}

bool tls_conn_set_server_name(struct tls_conn *conn, const char *name)
{
	size_t length = strlen(name);

	/* RFC 6066 §3 has no dot at the end, but some clients send the name as their user wrote
	 * it. */
	if (length > 1 && name[length - 1] == '.')
		length--;
	free(conn->server_name);
	conn->server_name_bytes = 0;
	conn->server_name = length <= UINT8_MAX ? malloc(length + 1) : NULL;
	if (conn->server_name == NULL)
		return false;
	for (size_t i = 0; i < length; i++)
		conn->server_name[i] = ascii_lower(name[i]);
	conn->server_name_bytes = (uint8_t)length;
	return true;
}

void tls_conn_count_control(struct tls_conn *conn)
{
	if (conn->state == TLS_OPEN)
		conn->controls++;
}

/* Find the ends of the records that came. What is no record is all ready. */
static void count_ready(struct tls_conn *conn)
{
	while (!conn->raw && conn->in.bytes - conn->ready >= RECORD_HEADER_BYTES) {
		uint8_t header[RECORD_HEADER_BYTES];
		uint32_t length;

		tls_queue_peek(&conn->in, conn->ready, header, sizeof(header));
		length = (uint32_t)header[3] << 8 | header[4];
		if (header[0] < SSL3_RT_CHANGE_CIPHER_SPEC ||
			header[0] > SSL3_RT_APPLICATION_DATA || header[1] != SSL3_VERSION_MAJOR ||
			length > RECORD_BYTES_MAX) {
			conn->raw = true;
			/* A method: no record begins with a letter. */
			conn->clear_http = !conn->client && conn->state == TLS_HANDSHAKE &&
					   conn->ready == 0 && header[0] >= 'A' && header[0] <= 'Z';
			break;
		}
		if (conn->in.bytes - conn->ready < RECORD_HEADER_BYTES + length)
			break;
		conn->ready += RECORD_HEADER_BYTES + length;
	}
	if (conn->raw)
		conn->ready = conn->in.bytes;
}

/* OpenSSL could not go on: is it for want of input? @return false, and the state is set, when
 * not */
static bool conn_waits(struct tls_conn *conn, int result)
{
	const int error = SSL_get_error(conn->ssl, result);

	if (error == SSL_ERROR_WANT_READ && conn->controls <= conn->controls_allowed)
		return true;
	if (error == SSL_ERROR_WANT_READ) {
		/* Nothing more is read. An alert tells the peer that this end is no attack's. */
		conn->shut = true;
		SSL_shutdown(conn->ssl);
		conn_fail(conn, "too many handshake messages after the handshake");
	} else if (error == SSL_ERROR_ZERO_RETURN) {
		conn->state = TLS_CLOSED;
		ERR_clear_error();
	} else if (conn->no_mbuf) {
		conn_fail(conn, "out of mbufs");
	} else {
		conn_fail(conn, NULL);
	}
	return false;
}

void tls_conn_handshake(struct tls_conn *conn)
{
	const int result = SSL_do_handshake(conn->ssl);

	if (result == 1)
		conn->state = TLS_OPEN;
	else if (conn_waits(conn, result) && conn->handshake_bytes > HANDSHAKE_BYTES_MAX)
		conn_fail(conn, "handshake too long");
	if (conn->state == TLS_CLOSED)
		conn_fail(conn, "closed during the handshake");
}

static void decrypt(struct tls_conn *conn, struct tls_queue *plain)
{
	while (conn->ready > 0 || SSL_pending(conn->ssl) > 0) {
		const uint32_t before = conn->ready;
		uint32_t room;
		char *to = tls_queue_room(plain, conn->contexts->pool, READ_ROOM, &room);
		int n;

		if (to == NULL) {
			conn_fail(conn, "out of mbufs");
			return;
		}
		n = SSL_read(conn->ssl, to, (int)room);
		if (n <= 0) {
			/* Records without data are passed over, to the next if it is there. */
			if (!conn_waits(conn, n) || conn->ready == before)
				return;
			continue;
		}
		tls_queue_wrote(plain, (uint32_t)n);
		conn->read_bytes += (uint32_t)n;
		conn->controls_allowed =
			CONTROLS_MAX + (uint32_t)(conn->read_bytes >> CONTROL_DATA_SHIFT);
	}
}

enum tls_state tls_input(
	struct tls_conn *conn, struct rte_mbuf *ciphertext, struct rte_mbuf **plaintext)
{
	struct tls_queue plain = { 0 };

	*plaintext = NULL;
	if (conn->state == TLS_CLOSED || conn->state == TLS_FAILED) {
		rte_pktmbuf_free(ciphertext);
		return conn->state;
	}
	tls_queue_push(&conn->in, ciphertext);
	count_ready(conn);
	ERR_clear_error();
	if (conn->state == TLS_HANDSHAKE && conn->ready > 0)
		tls_conn_handshake(conn);
	if (conn->state == TLS_OPEN)
		decrypt(conn, &plain);
	*plaintext = tls_queue_take(&plain);
	if (conn->state == TLS_CLOSED || conn->state == TLS_FAILED)
		tls_queue_free(&conn->in);
	return conn->state;
}

static uint32_t record_limit(const struct tls_conn *conn)
{
	return conn->started_bytes < START_BYTES ? SMALL_RECORD_BYTES : TLS_GATHER_BYTES;
}

/* The bytes of the next record: where they lie when one mbuf has them all, else put together. */
static const void *gather(
	struct tls_contexts *contexts, struct tls_queue *queue, uint32_t limit, uint32_t *length)
{
	const struct rte_mbuf *head = queue->head;

	*length = queue->bytes < limit ? queue->bytes : limit;
	if (head->data_len >= *length)
		return rte_pktmbuf_mtod(head, const void *);
	tls_queue_peek(queue, 0, contexts->gather, *length);
	return contexts->gather;
}

int tls_write(struct tls_conn *conn, struct rte_mbuf *plaintext, uint64_t now_ns)
{
	struct tls_queue queue = { 0 };
	int result = 0;

	if ((conn->state != TLS_OPEN && conn->state != TLS_CLOSED) || conn->shut) {
		rte_pktmbuf_free(plaintext);
		return -EPIPE;
	}
	tls_queue_push(&queue, plaintext);
	if (now_ns - conn->write_ns >= IDLE_NS)
		conn->started_bytes = 0;
	conn->write_ns = now_ns;
	ERR_clear_error();
	while (queue.bytes > 0) {
		uint32_t length;
		const void *data = gather(conn->contexts, &queue, record_limit(conn), &length);

		if (SSL_write(conn->ssl, data, (int)length) <= 0) {
			result = conn->no_mbuf ? -ENOMEM : -EPIPE;
			conn_fail(conn, conn->no_mbuf ? "out of mbufs" : NULL);
			break;
		}
		tls_queue_drop(&queue, length);
		if (conn->started_bytes < START_BYTES)
			conn->started_bytes += length;
	}
	tls_queue_free(&queue);
	return result;
}

void tls_shutdown(struct tls_conn *conn)
{
	if ((conn->state != TLS_OPEN && conn->state != TLS_CLOSED) || conn->shut)
		return;
	ERR_clear_error();
	conn->shut = true;
	SSL_shutdown(conn->ssl);
	ERR_clear_error();
}

struct rte_mbuf *tls_output(struct tls_conn *conn)
{
	return tls_queue_take(&conn->out);
}

enum tls_state tls_state(const struct tls_conn *conn)
{
	return conn->state;
}

uint32_t tls_held_bytes(const struct tls_conn *conn)
{
	return conn->in.bytes;
}

uint32_t tls_held_mbufs(const struct tls_conn *conn)
{
	return conn->in.segments;
}

bool tls_resumed(const struct tls_conn *conn)
{
	return SSL_session_reused(conn->ssl) == 1;
}

bool tls_fresh(const struct tls_conn *conn)
{
	return conn->read_bytes == 0;
}

bool tls_clear_http(const struct tls_conn *conn)
{
	return conn->clear_http;
}

const char *tls_failure(const struct tls_conn *conn)
{
	return conn->failure;
}

struct str tls_server_name(const struct tls_conn *conn)
{
	return (struct str){ conn->server_name, conn->server_name_bytes };
}
