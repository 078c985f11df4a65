/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backends: accept, read a request, answer with content made from its id, as fast as the
 * gateway's window allows. A request has no body, so that it ends where its empty line does.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/engine/engine_priv.h"

static uint32_t backend_of(const struct engine *e, const struct backend *b)
{
	return (uint32_t)(b - e->backends) >> 16;
}

static struct rte_mbuf *send_segment(struct engine *e, struct backend *b, uint8_t flags,
	struct rte_mbuf *m, uint32_t payload_bytes)
{
	struct header h = {
		.src = ENGINE_BACKEND_FIRST + backend_of(e, b),
		.dst = ENGINE_GATEWAY_INSIDE,
		.src_port = ENGINE_BACKEND_PORT,
		.dst_port = (uint16_t)(b - e->backends),
		.seq = b->snd_nxt,
		.ack = b->rcv_nxt,
		.ts_ecr = b->ts_recent,
		.flags = flags,
	};

	frame_finish(e, ENGINE_INSIDE, m, &h, payload_bytes);
	b->snd_nxt += payload_bytes + !!(flags & (SYN | FIN));
	b->ack_due = false;
	return m;
}

/* Bytes of the answer that the gateway's window has room for. */
static uint32_t sendable(const struct engine *e, const struct backend *b)
{
	uint32_t flight = b->snd_nxt - b->snd_una, most = MSS - (e->header_bytes - 20);

	if (b->state != BACKEND_OPEN || b->left == 0 || flight >= b->window)
		return 0;
	return RTE_MIN(RTE_MIN(b->left, most), b->window - flight);
}

/* Write the next @p n bytes of head and content. */
static void put_answer(struct engine *e, struct backend *b, char *out, uint32_t n)
{
	char head[sizeof(e->answer.text)];
	uint32_t of_head = 0;

	b->left -= n;
	if (b->at < e->answer.bytes) {
		of_head = RTE_MIN(n, e->answer.bytes - b->at);
		if (b->at == 0 && of_head == e->answer.bytes) {
			message_answer_head(e, b->id, out);
		} else {
			message_answer_head(e, b->id, head);
			memcpy(out, head + b->at, of_head);
		}
	}
	if (n > of_head)
		message_content(
			e, b->id, b->at + of_head - e->answer.bytes, n - of_head, out + of_head);
	b->at += n;
}

struct rte_mbuf *engine_backend_send(struct engine *e, struct backend *b)
{
	uint32_t n = sendable(e, b);
	struct rte_mbuf *m;
	char *payload;

	if (b->state == BACKEND_CLOSED || (b->state == BACKEND_OPEN && n == 0 && !b->ack_due))
		return NULL;
	m = frame_new(e, &payload);
	if (!m)
		return NULL;
	if (b->state == BACKEND_SYN_DUE) {
		b->state = BACKEND_OPEN;
		return send_segment(e, b, SYN | ACK, m, 0);
	}
	if (b->state == BACKEND_FIN_DUE) {
		b->state = BACKEND_CLOSED;
		return send_segment(e, b, FIN | ACK, m, 0);
	}
	if (n)
		put_answer(e, b, payload, n);
	send_segment(e, b, n ? PSH | ACK : ACK, m, n);
	if (sendable(e, b))
		ready_backend(e, b);
	return m;
}

/* Everything from the first unacknowledged byte on. */
void engine_backend_look(struct engine *e, struct backend *b)
{
	uint32_t flight = b->snd_nxt - b->snd_una;
	bool stuck = b->state == BACKEND_OPEN && flight > 0 && b->snd_una == b->una_looked;

	b->una_looked = b->snd_una;
	if (!stuck || flight > b->at)
		return;
	b->at -= flight;
	b->left += flight;
	b->snd_nxt = b->snd_una;
	ready_backend(e, b);
}

static void answer(struct engine *e, struct backend *b, const char *head, uint32_t len)
{
	static const char start[] = "GET " ENGINE_PATH;
	const uint32_t n = sizeof(start) - 1;

	if (len < n + 16 || memcmp(head, start, n) != 0 || !message_id(head + n, &b->id)) {
		engine_fail(e, "a backend got: %.*s", (int)RTE_MIN(len, 400u), head);
		return;
	}
	if ((e->stats.requests & SAMPLE_MASK) == 0 &&
		!message_forwarded_right(e, b->id, head, len)) {
		engine_fail(e, "a backend got another consumer's name, or the key: %.*s",
			(int)RTE_MIN(len, 600u), head);
		return;
	}
	e->stats.requests++;
	e->stats.by_backend[backend_of(e, b)]++;
	b->at = 0;
	b->left = e->answer.bytes + e->config.body_bytes;
}

static void take(struct engine *e, void *conn, const char *data, uint32_t len)
{
	struct backend *b = conn;

	if (b->left) {
		engine_fail(e, "a backend got a second request before it answered the first");
		return;
	}
	if (b->gathered == 0 && len >= 4 && memcmp(data + len - 4, "\r\n\r\n", 4) == 0) {
		answer(e, b, data, len);
		return;
	}
	if (!b->gather)
		b->gather = malloc(GATHER_BYTES);
	if (b->gathered + len > GATHER_BYTES) {
		engine_fail(e, "a request's head is longer than %u bytes", GATHER_BYTES);
		return;
	}
	memcpy(b->gather + b->gathered, data, len);
	b->gathered = (uint16_t)(b->gathered + len);
	if (memcmp(b->gather + b->gathered - 4, "\r\n\r\n", 4) == 0) {
		uint32_t bytes = b->gathered;

		b->gathered = 0;
		answer(e, b, b->gather, bytes);
	}
}

static void accept_syn(struct engine *e, struct backend *b, const struct segment *s)
{
	char *gather = b->gather;

	*b = (struct backend){
		.state = BACKEND_SYN_DUE,
		.queued = b->queued,
		.next = b->next,
		.rcv_nxt = s->seq + 1,
		.ts_recent = s->ts_val,
		.window_shift = s->window_shift,
		.window = s->window,
		.gather = gather,
	};
	b->snd_nxt = b->snd_una = (uint32_t)(e->now_ns >> 8);
	e->stats.backend_opened++;
	e->backends_used[backend_of(e, b)] = true;
	ready_backend(e, b);
}

static void data_in(struct engine *e, struct backend *b, const struct segment *s)
{
	if (s->seq != b->rcv_nxt) {
		if ((int32_t)(s->seq - b->rcv_nxt) > 0)
			e->stats.gaps++;
		else
			e->stats.duplicates++;
		b->ack_due = true;
		return;
	}
	b->ts_recent = s->ts_val;
	b->rcv_nxt += s->payload_bytes;
	segment_walk(e, s, 0, b, take);
	if (s->payload_bytes && b->left == 0)
		b->ack_due = true;
	if (s->flags & FIN) {
		b->rcv_nxt++;
		b->state = BACKEND_FIN_DUE;
	}
}

void engine_backend_segment(struct engine *e, const struct segment *s)
{
	uint32_t number = s->dst - ENGINE_BACKEND_FIRST;
	struct backend *b = &e->backends[number << 16 | s->src_port];

	if (number >= e->config.backends) {
		engine_fail(e, "a frame for backend %u, which is not there", number);
		return;
	}
	if (s->flags & SYN) {
		accept_syn(e, b, s);
		return;
	}
	if (b->state == BACKEND_CLOSED) {
		e->stats.late++;
		return;
	}
	if (s->flags & RST) {
		if (b->left && !e->config.resets)
			engine_fail(e,
				"the gateway reset a backend's connection with an answer under way");
		b->state = BACKEND_CLOSED;
		return;
	}
	b->snd_una = s->ack;
	b->window = (uint32_t)s->window << b->window_shift;
	if (s->payload_bytes || (s->flags & FIN))
		data_in(e, b, s);
	if (b->ack_due || b->state == BACKEND_FIN_DUE || sendable(e, b))
		ready_backend(e, b);
}
