/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BIO between OpenSSL and mbufs. It hands out whole records only: OpenSSL would take a buffer
 * of
 * 16 KiB for the first byte of one and keep it until the last came, so a slow sender would hold
 * that instead of its few bytes in mbufs.
 */
#include "dataplane/tls/tls_priv.h"

#define WRITE_ROOM 1 /* a record may begin in what is left of the last mbuf */

static int bio_write(BIO *bio, const char *data, int length)
{
	struct tls_conn *conn = BIO_get_data(bio);
	uint32_t left = length > 0 ? (uint32_t)length : 0;

	BIO_clear_retry_flags(bio);
	while (left > 0) {
		uint32_t room, part;
		char *to = tls_queue_room(&conn->out, conn->contexts->pool, WRITE_ROOM, &room);

		if (to == NULL) {
			conn->no_mbuf = true;
			return -1;
		}
		part = room < left ? room : left;
		memcpy(to, data, part);
		tls_queue_wrote(&conn->out, part);
		data += part;
		left -= part;
	}
	return length;
}

static int bio_read(BIO *bio, char *out, int length)
{
	struct tls_conn *conn = BIO_get_data(bio);
	uint32_t n = length > 0 ? (uint32_t)length : 0;

	BIO_clear_retry_flags(bio);
	if (conn->ready == 0 || conn->controls > conn->controls_allowed) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = tls_queue_read(&conn->in, out, n < conn->ready ? n : conn->ready);
	conn->ready -= n;
	if (conn->state == TLS_HANDSHAKE)
		conn->handshake_bytes += n;
	return (int)n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	/* All else, kernel TLS among it, is answered with no. */
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mbufs");

	if (method == NULL)
		return NULL;
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_ctrl(method, bio_control);
	BIO_meth_set_create(method, bio_create);
	return method;
}
