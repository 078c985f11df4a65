/* SPDX-License-Identifier: Apache-2.0 */
/* See crowd.h. Nothing is lost on the way; what the gateway refuses by silence is said again. */
#include "bench/starvation/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "bench/common/segment.h"

#define ROUND_TRIP_NS UINT64_C(50000000)
#define ISN           1000u
#define FIRST_WINDOW  1000 /* of who reads nothing after that */
#define PORT_FIRST    1024
#define HEAD_MAX      1024 /* of an answer */
#define REQUEST_MAX   1400
#define REFUSED       "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n"
#define REFUSED_TIMES 20

enum member_state { MEMBER_OUT, MEMBER_KNOCKS, MEMBER_IN, MEMBER_ASKED };

struct member {
	uint64_t since_ns; /* of the first SYN */
	uint32_t irs, rcv_nxt;
	uint32_t visit; /* connections so far */
	uint16_t port;
	uint8_t state;
	bool queued, again; /* to say something; as the last time it was not heard */
	bool heard;         /* the request was acknowledged */
	bool leaving;       /* FIN came */
	uint8_t piece;      /* of the request, to be sent next */
};

struct crowd {
	struct crowd_config config;
	struct crowd_stats stats;
	struct member *members; /* newcomers, then the slow */
	uint32_t count, open;
	bool asking, going;
	/* Who says something, first come first served; all are as far away. */
	struct {
		uint64_t due_ns;
		uint32_t member;
	} * queue;
	uint32_t head, tail;
	uint32_t next_look;
	uint64_t looked_ns;
	char *answers; /* of newcomers, as they come in */
	char failure[128];
};

static uint32_t answer_room(const struct crowd *c)
{
	return c->config.body_bytes + HEAD_MAX;
}

struct crowd *crowd_create(const struct crowd_config *config)
{
	struct crowd *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->config = *config;
	c->count = config->slow + config->newcomers;
	c->members = calloc(c->count, sizeof(*c->members));
	c->queue = calloc(c->count, sizeof(*c->queue));
	c->answers = calloc(config->newcomers, answer_room(c));
	if (!c->members || !c->queue || !c->answers) {
		crowd_destroy(c);
		return NULL;
	}
	/* The worker's memory is what is looked at: ours is all there from the start. */
	memset(c->queue, 1, c->count * sizeof(*c->queue));
	for (uint32_t i = 0; i < c->count; i++)
		c->members[i].port = PORT_FIRST;
	return c;
}

void crowd_destroy(struct crowd *c)
{
	if (!c)
		return;
	free(c->members);
	free(c->queue);
	free(c->answers);
	free(c);
}

void crowd_ask(struct crowd *c)
{
	c->asking = true;
}

void crowd_go(struct crowd *c)
{
	c->going = true;
}

uint32_t crowd_open(const struct crowd *c)
{
	return c->open;
}

struct crowd_stats *crowd_stats(struct crowd *c)
{
	return &c->stats;
}

const char *crowd_failure(const struct crowd *c)
{
	return c->failure[0] ? c->failure : NULL;
}

static uint32_t number_of(const struct crowd *c, const struct member *m)
{
	return (uint32_t)(m - c->members);
}

static bool is_newcomer(const struct crowd *c, const struct member *m)
{
	return number_of(c, m) < c->config.newcomers;
}

static bool asks(const struct crowd *c, const struct member *m)
{
	return c->asking || is_newcomer(c, m);
}

static void fail(struct crowd *c, const struct member *m, const char *what)
{
	if (!c->failure[0])
		snprintf(c->failure, sizeof(c->failure), "newcomer %u: %s", number_of(c, m), what);
}

static void say(struct crowd *c, struct member *m, uint64_t when_ns)
{
	if (m->queued)
		return;
	m->queued = true;
	c->queue[c->tail % c->count].due_ns = when_ns;
	c->queue[c->tail++ % c->count].member = number_of(c, m);
}

static uint64_t id_of(const struct crowd *c, const struct member *m)
{
	return UINT64_C(0xc0) << 56 | (uint64_t)number_of(c, m) << 32 | m->visit;
}

static enum crowd_manner manner_of(const struct crowd *c, const struct member *m)
{
	return is_newcomer(c, m) ? CROWD_READERS : c->config.manner;
}

/* Segments that one's request consists of. */
static uint32_t pieces_of(const struct crowd *c, const struct member *m)
{
	static const uint8_t pieces[] = { 1, 2, 64, 1 };

	return pieces[manner_of(c, m)];
}

static uint32_t request_write(const struct crowd *c, const struct member *m, char *out)
{
	return (uint32_t)snprintf(out, REQUEST_MAX,
		"GET " ENGINE_PATH "%016llx HTTP/1.1\r\nHost: " ENGINE_HOST "\r\n%s\r\n",
		(unsigned long long)id_of(c, m), is_newcomer(c, m) ? "Connection: close\r\n" : "");
}

/* The next piece, for its place in the stream: @p offset. @return its bytes */
static uint32_t piece_write(
	const struct crowd *c, const struct member *m, char *out, uint32_t *offset)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: nobody.example\r\nX: ";

	*offset = 0;
	switch (manner_of(c, m)) {
	case CROWD_HEADS:
		memset(out, 'x', REQUEST_MAX);
		*offset = m->piece * REQUEST_MAX;
		if (m->piece == 0)
			memcpy(out, head, sizeof(head) - 1);
		return REQUEST_MAX;
	case CROWD_DISORDER:
		*out = 'x';
		*offset = 1 + 2 * m->piece;
		return 1;
	case CROWD_REFUSALS:
		for (uint32_t i = 0; i < REFUSED_TIMES; i++)
			memcpy(out + i * (sizeof(REFUSED) - 1), REFUSED, sizeof(REFUSED) - 1);
		return REFUSED_TIMES * (sizeof(REFUSED) - 1);
	case CROWD_READERS:
		break;
	}
	return request_write(c, m, out);
}

/* What the gateway acknowledges of it. */
static uint32_t request_bytes(const struct crowd *c, const struct member *m)
{
	char unused[REQUEST_MAX];

	switch (manner_of(c, m)) {
	case CROWD_HEADS:
		return 2 * REQUEST_MAX;
	case CROWD_DISORDER:
		return 0;
	case CROWD_REFUSALS:
		return REFUSED_TIMES * (sizeof(REFUSED) - 1);
	case CROWD_READERS:
		break;
	}
	return request_write(c, m, unused);
}

static uint16_t window_of(const struct crowd *c, const struct member *m)
{
	if (is_newcomer(c, m))
		return 65535;
	if (number_of(c, m) % 2)
		return 1;
	if (m->state < MEMBER_IN)
		return FIRST_WINDOW;
	return (uint16_t)(m->irs + 1 + FIRST_WINDOW - m->rcv_nxt);
}

static void leave(struct crowd *c, struct member *m)
{
	if (m->state >= MEMBER_IN && !is_newcomer(c, m))
		c->open--;
	m->state = MEMBER_OUT;
}

/* What one has to say now. */
static struct rte_mbuf *speak(struct crowd *c, struct member *m, uint64_t now_ns)
{
	struct segment_fields f = {
		.src = CROWD_FIRST + number_of(c, m),
		.seq = ISN,
		.flags = RTE_TCP_SYN_FLAG,
	};
	char request[REQUEST_MAX];
	uint32_t bytes = 0, offset;
	bool more = m->state == MEMBER_ASKED && m->piece < pieces_of(c, m);
	bool asking =
		m->state == MEMBER_IN ? asks(c, m) : more || (m->state == MEMBER_ASKED && m->again);
	struct rte_mbuf *frame;

	if (m->state < MEMBER_IN && c->going && !is_newcomer(c, m))
		return NULL;
	if (m->state == MEMBER_OUT) {
		m->port = m->port == UINT16_MAX ? PORT_FIRST : (uint16_t)(m->port + 1);
		m->visit++;
		m->since_ns = now_ns;
		m->heard = m->leaving = false;
		m->piece = 0;
		m->state = MEMBER_KNOCKS;
	} else if (m->state >= MEMBER_IN) {
		f.flags = RTE_TCP_ACK_FLAG;
		f.ack = m->rcv_nxt;
		f.seq = ISN + 1 + (m->heard ? request_bytes(c, m) : 0);
		if (asking) {
			bytes = piece_write(c, m, request, &offset);
			f.seq = ISN + 1 + offset;
		} else if (m->state == MEMBER_ASKED) {
			f.seq = ISN + 1 + request_bytes(c, m);
		}
		if (m->leaving)
			f.flags |= RTE_TCP_FIN_FLAG;
	}
	m->again = false;
	f.src_port = m->port;
	f.window = window_of(c, m);
	frame = segment_make(c->config.pool, &c->config.gateway, &f, request, bytes);
	if (!frame) {
		c->stats.dry++;
		m->again = asking;
		return NULL;
	}
	if (asking && m->state == MEMBER_IN) {
		m->state = MEMBER_ASKED;
		c->stats.asked += !is_newcomer(c, m);
	}
	m->piece = (uint8_t)(m->piece + asking);
	if (m->leaving)
		leave(c, m);
	else if (asking && m->piece < pieces_of(c, m))
		say(c, m, now_ns + ROUND_TRIP_NS);
	return frame;
}

uint16_t crowd_send(struct crowd *c, struct rte_mbuf **frames, uint16_t n, uint64_t now_ns)
{
	uint16_t count = 0;

	while (count < n && c->head != c->tail && c->queue[c->head % c->count].due_ns <= now_ns) {
		struct member *m = &c->members[c->queue[c->head++ % c->count].member];
		struct rte_mbuf *frame;

		m->queued = false;
		frame = speak(c, m, now_ns);
		if (frame)
			frames[count++] = frame;
	}
	return count;
}

static void look(struct crowd *c, struct member *m, uint64_t now_ns)
{
	bool unheard = m->state == MEMBER_ASKED && !m->heard;

	if (m->state >= MEMBER_IN && !unheard && !(m->state == MEMBER_IN && asks(c, m)))
		return;
	m->again = unheard;
	if (unheard)
		m->piece = 0;
	say(c, m, now_ns + ROUND_TRIP_NS);
}

void crowd_look(struct crowd *c, uint64_t now_ns)
{
	if (c->looked_ns == 0)
		c->looked_ns = now_ns;
	while (c->looked_ns < now_ns) {
		look(c, &c->members[c->next_look++ % c->count], now_ns);
		c->looked_ns += CROWD_ROUND / c->count;
	}
}

static void newcomer_reads(struct crowd *c, struct member *m, const struct rte_mbuf *frame,
	uint32_t at, uint32_t bytes)
{
	uint32_t got = m->rcv_nxt - m->irs - 1;
	char *answer = c->answers + (size_t)number_of(c, m) * answer_room(c);
	const void *data;

	if (got + bytes > answer_room(c)) {
		fail(c, m, "the answer is too long");
		return;
	}
	data = rte_pktmbuf_read(frame, at, bytes, answer + got);
	if (data != answer + got)
		memcpy(answer + got, data, bytes);
}

static void newcomer_judges(struct crowd *c, struct member *m, uint64_t now_ns)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\n";
	uint32_t got = m->rcv_nxt - m->irs - 1, body_bytes = c->config.body_bytes;
	const char *answer = c->answers + (size_t)number_of(c, m) * answer_room(c);
	const char *end = memmem(answer, got, "\r\n\r\n", 4);

	if (got < sizeof(ok) || memcmp(answer, ok, sizeof(ok) - 1) != 0 || !end)
		fail(c, m, "closed without an answer");
	else if (answer + got != end + 4 + body_bytes)
		fail(c, m, "closed before the answer was complete");
	else if (!engine_content_right(c->config.engine, id_of(c, m), 0, end + 4, body_bytes))
		fail(c, m, "wrong content");
	hdr_add(&c->stats.latency_ns, now_ns - m->since_ns);
	c->stats.answers++;
}

static void data_in(struct crowd *c, struct member *m, const struct rte_mbuf *frame,
	const struct rte_tcp_hdr *tcp, uint32_t payload_at, uint64_t now_ns)
{
	uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq), payload = frame->pkt_len - payload_at;
	uint32_t taken = seq == m->rcv_nxt ? RTE_MIN(payload, (uint32_t)window_of(c, m)) : 0;

	if (payload == 0 && !(tcp->tcp_flags & RTE_TCP_FIN_FLAG))
		return;
	if (is_newcomer(c, m))
		newcomer_reads(c, m, frame, payload_at, taken);
	else
		c->stats.taken_bytes += taken;
	m->rcv_nxt += taken;
	if ((tcp->tcp_flags & RTE_TCP_FIN_FLAG) && seq + payload == m->rcv_nxt) {
		if (is_newcomer(c, m))
			newcomer_judges(c, m, now_ns);
		m->rcv_nxt++;
		m->leaving = true;
	}
	say(c, m, now_ns + ROUND_TRIP_NS);
}

static void reset(struct crowd *c, struct member *m)
{
	if (is_newcomer(c, m))
		fail(c, m, "reset");
	else if (m->state == MEMBER_ASKED)
		c->stats.thrown_out++;
	else
		c->stats.turned_away++;
	leave(c, m);
}

static void segment_in(struct crowd *c, struct member *m, const struct rte_mbuf *frame,
	const struct rte_tcp_hdr *tcp, uint32_t tcp_at, uint64_t now_ns)
{
	uint32_t ack = rte_be_to_cpu_32(tcp->recv_ack);

	if (m->state == MEMBER_OUT || tcp->dst_port != rte_cpu_to_be_16(m->port))
		return;
	if (tcp->tcp_flags & RTE_TCP_RST_FLAG) {
		reset(c, m);
	} else if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		if (m->state == MEMBER_KNOCKS) {
			m->state = MEMBER_IN;
			m->irs = rte_be_to_cpu_32(tcp->sent_seq);
			m->rcv_nxt = m->irs + 1;
			c->open += !is_newcomer(c, m);
		}
		say(c, m, now_ns + ROUND_TRIP_NS);
	} else if (m->state >= MEMBER_IN) {
		if (ack == ISN + 1 + request_bytes(c, m))
			m->heard = true;
		data_in(c, m, frame, tcp, tcp_at + (uint32_t)(tcp->data_off >> 4) * 4, now_ns);
	}
}

bool crowd_receive(struct crowd *c, const struct rte_mbuf *frame, uint64_t now_ns)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(eth + 1);
	uint32_t number;

	if (eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		ip->next_proto_id != IPPROTO_TCP)
		return false;
	number = rte_be_to_cpu_32(ip->dst_addr) - CROWD_FIRST;
	if (number >= c->count)
		return false;
	segment_in(c, &c->members[number], frame, (const struct rte_tcp_hdr *)(ip + 1),
		sizeof(*eth) + sizeof(*ip), now_ns);
	return true;
}
