/* SPDX-License-Identifier: Apache-2.0 */
/* Byte streams in mbuf chains: what the BIO reads from and writes to. */
#include <rte_memcpy.h>

#include "dataplane/tls/tls_priv.h"

#define COPY_BYTES 256 /* up to here a copy is cheaper than an mbuf held */

static void queue_link(struct tls_queue *queue, struct rte_mbuf *segment)
{
	if (queue->tail == NULL)
		queue->head = segment;
	else
		queue->tail->next = segment;
	queue->tail = segment;
	queue->segments++;
}

static bool tail_is_ours(const struct tls_queue *queue)
{
	return queue->tail != NULL && RTE_MBUF_DIRECT(queue->tail) &&
	       rte_mbuf_refcnt_read(queue->tail) == 1;
}

void tls_queue_push(struct tls_queue *queue, struct rte_mbuf *chain)
{
	while (chain != NULL) {
		struct rte_mbuf *segment = chain;
		const uint16_t len = segment->data_len;

		chain = segment->next;
		segment->next = NULL;
		segment->nb_segs = 1;
		queue->bytes += len;
		if (len == 0 || (len <= COPY_BYTES && tail_is_ours(queue) &&
					rte_pktmbuf_tailroom(queue->tail) >= len)) {
			if (len > 0) {
				rte_memcpy(rte_pktmbuf_mtod_offset(
						   queue->tail, char *, queue->tail->data_len),
					rte_pktmbuf_mtod(segment, char *), len);
				queue->tail->data_len += len;
			}
			rte_pktmbuf_free_seg(segment);
			continue;
		}
		queue_link(queue, segment);
	}
}

char *tls_queue_room(
	struct tls_queue *queue, struct rte_mempool *pool, uint32_t want, uint32_t *room)
{
	if (!tail_is_ours(queue) || rte_pktmbuf_tailroom(queue->tail) < want) {
		struct rte_mbuf *segment = rte_pktmbuf_alloc(pool);

		if (segment == NULL)
			return NULL;
		queue_link(queue, segment);
	}
	*room = rte_pktmbuf_tailroom(queue->tail);
	return rte_pktmbuf_mtod_offset(queue->tail, char *, queue->tail->data_len);
}

void tls_queue_wrote(struct tls_queue *queue, uint32_t n)
{
	queue->tail->data_len += (uint16_t)n;
	queue->bytes += n;
}

void tls_queue_peek(const struct tls_queue *queue, uint32_t offset, void *out, uint32_t n)
{
	const struct rte_mbuf *segment = queue->head;

	while (offset >= segment->data_len) {
		offset -= segment->data_len;
		segment = segment->next;
	}
	for (uint8_t *to = out; n > 0; segment = segment->next, offset = 0) {
		uint32_t part = segment->data_len - offset;

		part = part < n ? part : n;
		memcpy(to, rte_pktmbuf_mtod_offset(segment, uint8_t *, offset), part);
		to += part;
		n -= part;
	}
}

/* Take at most n bytes off the front, with or without a copy. */
static uint32_t queue_take_bytes(struct tls_queue *queue, uint8_t *out, uint32_t n)
{
	uint32_t taken = 0;

	while (taken < n && queue->head != NULL) {
		struct rte_mbuf *segment = queue->head;
		uint32_t part = segment->data_len;

		part = part < n - taken ? part : n - taken;
		if (out != NULL)
			rte_memcpy(out + taken, rte_pktmbuf_mtod(segment, uint8_t *), part);
		taken += part;
		segment->data_off += (uint16_t)part;
		segment->data_len -= (uint16_t)part;
		if (segment->data_len > 0)
			break;
		queue->head = segment->next;
		queue->segments--;
		segment->next = NULL;
		rte_pktmbuf_free_seg(segment);
	}
	if (queue->head == NULL)
		queue->tail = NULL;
	queue->bytes -= taken;
	return taken;
}

uint32_t tls_queue_read(struct tls_queue *queue, void *out, uint32_t n)
{
	return queue_take_bytes(queue, out, n);
}

void tls_queue_drop(struct tls_queue *queue, uint32_t n)
{
	queue_take_bytes(queue, NULL, n);
}

/* The last mbuf may have been made for bytes that did not come. */
static void trim_empty_tail(struct tls_queue *queue)
{
	struct rte_mbuf *segment = queue->head;

	if (queue->tail->data_len > 0)
		return;
	while (segment->next != queue->tail)
		segment = segment->next;
	rte_pktmbuf_free_seg(queue->tail);
	segment->next = NULL;
	queue->tail = segment;
	queue->segments--;
}

struct rte_mbuf *tls_queue_take(struct tls_queue *queue)
{
	struct rte_mbuf *head = queue->head;

	if (queue->bytes == 0) {
		tls_queue_free(queue);
		return NULL;
	}
	trim_empty_tail(queue);
	head->pkt_len = queue->bytes;
	head->nb_segs = queue->segments;
	*queue = (struct tls_queue){ 0 };
	return head;
}

void tls_queue_free(struct tls_queue *queue)
{
	while (queue->head != NULL) {
		struct rte_mbuf *segment = queue->head;

		queue->head = segment->next;
		segment->next = NULL;
		rte_pktmbuf_free_seg(segment);
	}
	*queue = (struct tls_queue){ 0 };
}
