/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reference peer sends: everything that the stack's window and its own allow, again from
 * the first unacknowledged byte after a timeout (go-back-N), and acknowledgements as often as the
 * scenario says.
 */
#include <string.h>

#include "tests/sim/model.h"

#define RTO_NS       UINT64_C(300000000)
#define BACKOFF_MAX  5
#define KEEPALIVE_NS UINT64_C(5000000000)
#define MS           UINT64_C(1000000)

static const struct scenario *scenario(const struct model_conn *c)
{
	return &c->flow->side->world->o;
}

/* Options that both sides of a SYN know. */
static uint8_t syn_options(const struct model_conn *c)
{
	uint8_t all = TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS;

	if (c->state == MODEL_SYN_SENT)
		return all & (uint8_t)~scenario(c)->model_options;
	return (uint8_t)((scenario(c)->model_options & TCP_OPT_MSS ? 0 : TCP_OPT_MSS) |
			 (c->rcv_scale > 0 || c->snd_scale > 0 ? TCP_OPT_WSCALE : 0) |
			 (c->sack ? TCP_OPT_SACK_OK : 0) | (c->ts ? TCP_OPT_TS : 0));
}

static uint8_t own_scale(const struct model_conn *c)
{
	uint64_t buf = SCENARIO_OF(scenario(c), rcv_buf, c->flow->side->index);
	uint8_t scale = 1; /* never 0, so that its being agreed can be seen */

	while (buf >> scale > UINT16_MAX)
		scale++;
	return scale;
}

static size_t write_block(uint8_t *out, uint32_t left, uint32_t right)
{
	uint32_t words[2] = { rte_cpu_to_be_32(left), rte_cpu_to_be_32(right) };

	memcpy(out, words, sizeof(words));
	return sizeof(words);
}

/* The range of marks that holds @p at. */
static struct tcp_range have_range(const struct model_conn *c, uint32_t at)
{
	struct tcp_range r = { at, at };

	while (r.left > c->rcv && c->have[r.left - 1])
		r.left--;
	while (r.right < c->high && c->have[r.right])
		r.right++;
	return r;
}

/* RFC 2883's block, then the range that was last added to, then the others from below. */
static size_t write_sack(struct model_conn *c, uint8_t *out)
{
	unsigned most = c->ts ? 3 : 4, n = 0;
	struct tcp_range latest = { 0, 0 };
	size_t at = 4;

	if (!c->sack)
		return 0;
	if (c->twice_due) {
		at += write_block(out + at, c->irs + c->twice.left, c->irs + c->twice.right);
		n++;
	}
	if (c->latest > c->rcv && c->have[c->latest]) {
		latest = have_range(c, c->latest);
		at += write_block(out + at, c->irs + latest.left, c->irs + latest.right);
		n++;
	}
	for (uint32_t i = c->rcv; n < most && i < c->high;) {
		const uint8_t *mark = memchr(c->have + i, 1, c->high - i);
		struct tcp_range r;

		if (mark == NULL)
			break;
		r = have_range(c, (uint32_t)(mark - c->have));
		i = r.right;
		if (r.left == latest.left)
			continue;
		at += write_block(out + at, c->irs + r.left, c->irs + r.right);
		n++;
	}
	if (n == 0)
		return 0;
	out[0] = out[1] = 1;
	out[2] = 5;
	out[3] = (uint8_t)(2 + 8 * n);
	c->twice_due = false;
	return at;
}

static size_t write_options(struct model_conn *c, uint8_t flags, uint8_t *out)
{
	struct tcp_reply r = { .mss = (uint16_t)(scenario(c)->mtu - 40),
		.wscale = own_scale(c),
		.ts_val = model_clock_ms(c),
		.ts_ecr = c->ts_recent };
	size_t n;

	if (flags & TCP_SYN) {
		r.options = syn_options(c);
		return tcp_write_syn_options(out, &r);
	}
	if (c->ts)
		r.options = TCP_OPT_TS;
	n = tcp_write_syn_options(out, &r);
	return n + (flags & TCP_RST ? 0 : write_sack(c, out + n));
}

/* The window that the model offers; its edge moves in steps that are worth it. */
static uint16_t window(struct model_conn *c, uint8_t flags)
{
	uint64_t buf = SCENARIO_OF(scenario(c), rcv_buf, c->flow->side->index);
	uint32_t edge = c->taken + (uint32_t)buf;
	uint32_t step = buf / 2 < c->mss ? (uint32_t)buf / 2 : c->mss;
	uint32_t room;

	if ((flags & TCP_SYN) && c->offered == 0)
		c->offered = 1 + (buf < UINT16_MAX ? (uint32_t)buf : UINT16_MAX);
	else if (!(flags & TCP_SYN) && edge > c->offered && edge - c->offered >= step)
		c->offered = edge;
	room = c->rcv > 0 ? c->rcv : 1;
	room = c->offered > room ? c->offered - room : 0;
	room >>= flags & TCP_SYN ? 0 : c->rcv_scale;
	return (uint16_t)(room < UINT16_MAX ? room : UINT16_MAX);
}

void model_send(struct model_conn *c, uint32_t at, uint32_t len, uint8_t flags)
{
	uint8_t bytes[60 + 9000];
	struct rte_tcp_hdr *h = (struct rte_tcp_hdr *)bytes;
	struct sim_side *side = c->flow->side;
	size_t header = sizeof(*h) + write_options(c, flags, (uint8_t *)(h + 1));

	*h = (struct rte_tcp_hdr){ .src_port = rte_cpu_to_be_16(c->local_port),
		.dst_port = rte_cpu_to_be_16(c->remote_port),
		.sent_seq = rte_cpu_to_be_32(c->iss + at),
		.recv_ack = flags & TCP_ACK ? rte_cpu_to_be_32(c->irs + c->rcv) : 0,
		.data_off = (uint8_t)(header / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(window(c, flags)) };
	for (uint32_t i = 0; i < len; i++)
		bytes[header + i] = sim_byte(c->flow, at - 1 + i);
	fake_wire_put(&side->world->wire, &side->net, &side->net.addr,
		&side->world->sides[!side->index].net.addr, bytes, (uint32_t)(header + len));
	c->ack_now = false;
	c->unacked = 0;
	c->ack_ns = MODEL_NEVER;
	c->acked = c->rcv;
}

void model_reset(struct sim_side *side, uint16_t local, uint16_t remote, uint32_t seq)
{
	struct rte_tcp_hdr h = { .src_port = rte_cpu_to_be_16(local),
		.dst_port = rte_cpu_to_be_16(remote),
		.sent_seq = rte_cpu_to_be_32(seq),
		.data_off = sizeof(h) / 4 << 4,
		.tcp_flags = TCP_RST };

	fake_wire_put(&side->world->wire, &side->net, &side->net.addr,
		&side->world->sides[!side->index].net.addr, (const uint8_t *)&h, sizeof(h));
}

void model_timeout_set(struct model_conn *c)
{
	c->rtx_ns = c->flow->side->model->now_ns + (RTO_NS << c->backoff);
}

static void backoff(struct model_conn *c)
{
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
	model_timeout_set(c);
}

static bool may_close(const struct model_conn *c)
{
	const struct sim_flow *f = c->flow;

	return f->style != SIM_ABORT && (f->style != SIM_CLOSE_AT_EOF || f->eof);
}

/* New data, or after a timeout old data again, and the FIN. */
static void send_data(struct model_conn *c)
{
	uint32_t limit = c->una + (uint32_t)scenario(c)->model_window;

	limit = limit < c->edge ? limit : c->edge;
	while (c->nxt < limit) {
		uint32_t len = model_end(c) > c->nxt ? model_end(c) - c->nxt : 0;

		len = len < c->mss ? len : c->mss;
		len = len < limit - c->nxt ? len : limit - c->nxt;
		if (len > 1 && scenario(c)->model_small)
			len = 1 + sim_pick(c->flow->side->world, len);
		if (len > 0) {
			model_send(c, c->nxt, len, TCP_ACK | TCP_PSH);
		} else if (c->nxt == model_end(c) && may_close(c)) {
			model_send(c, c->nxt, 0, TCP_ACK | TCP_FIN);
			c->flow->closed = true;
			len = 1;
		} else {
			break;
		}
		c->nxt += len;
		if (c->rtx_ns == MODEL_NEVER)
			model_timeout_set(c);
	}
	c->top = c->top > c->nxt ? c->top : c->nxt;
	c->flow->sent = (c->top < model_end(c) ? c->top : model_end(c)) - 1;
}

static bool waits(const struct model_conn *c)
{
	return c->nxt < model_end(c) || (c->nxt == model_end(c) && may_close(c));
}

static void timeout_run(struct model_conn *c)
{
	if (c->una < c->nxt) {
		c->nxt = c->una;
	} else if (c->nxt < model_end(c)) { /* a probe of the closed window: one byte */
		model_send(c, c->nxt, 1, TCP_ACK);
		c->top = c->top > c->nxt + 1 ? c->top : c->nxt + 1;
		c->flow->sent = c->top - 1;
	} else if (waits(c)) {
		model_send(c, c->nxt - 1, 0, TCP_ACK);
	}
	backoff(c);
}

static uint64_t open_run(struct model_conn *c)
{
	uint64_t now_ns = c->flow->side->model->now_ns, next;
	uint64_t buf = SCENARIO_OF(scenario(c), rcv_buf, c->flow->side->index);
	uint32_t step = buf / 2 < c->mss ? (uint32_t)buf / 2 : c->mss;
	struct sim_flow *f = c->flow;

	if (f->style == SIM_ABORT && f->sent >= f->to_send / 2) {
		model_reset(f->side, c->local_port, c->remote_port, c->iss + c->nxt);
		c->state = MODEL_DEAD;
		f->ended = f->closed = true;
		f->end = TCP_END_RESET;
		return MODEL_NEVER;
	}
	if (c->rtx_ns <= now_ns)
		timeout_run(c);
	send_data(c);
	if (c->una == c->nxt && !waits(c))
		c->rtx_ns = MODEL_NEVER;
	else if (c->rtx_ns == MODEL_NEVER)
		model_timeout_set(c);
	if (now_ns - c->heard_ns >= KEEPALIVE_NS && c->rtx_ns == MODEL_NEVER) {
		model_send(c, c->nxt - 1, 0, TCP_ACK);
		c->heard_ns = now_ns;
	}
	/* The window opened after it was almost closed: tell. */
	if (c->offered - c->rcv < step && c->taken + buf - c->offered >= step)
		c->ack_now = true;
	if (c->ack_now || c->ack_ns <= now_ns)
		model_send(c, c->nxt, 0, TCP_ACK);
	next = c->rtx_ns != MODEL_NEVER ? c->rtx_ns : c->heard_ns + KEEPALIVE_NS;
	return next < c->ack_ns ? next : c->ack_ns;
}

uint64_t model_output(struct model_conn *c)
{
	switch (c->state) {
	case MODEL_SYN_SENT:
	case MODEL_SYN_RCVD:
		if (c->rtx_ns <= c->flow->side->model->now_ns) {
			model_send(c, 0, 0, TCP_SYN | (c->state == MODEL_SYN_RCVD ? TCP_ACK : 0));
			backoff(c);
		}
		return c->rtx_ns;
	case MODEL_OPEN:
		return open_run(c);
	case MODEL_DONE:
		if (c->ack_now)
			model_send(c, c->nxt, 0, TCP_ACK);
		return MODEL_NEVER;
	default:
		return MODEL_NEVER;
	}
}
