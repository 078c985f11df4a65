/* SPDX-License-Identifier: Apache-2.0 */
/* One stack against a scripted peer: see rig.h. */
#include "tests/unit/tcp/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void *on_accepted(void *ctx, struct tcp_conn *c, uint32_t listener_id)
{
	struct rig *r = ctx;

	assert_int_equal(listener_id, 3);
	r->accepted++;
	r->conn = c;
	return r->refuse ? NULL : r;
}

static void on_connected(void *ctx, struct tcp_conn *c, void *user)
{
	struct rig *r = ctx;

	assert_ptr_equal(user, r);
	assert_ptr_equal(c, r->conn);
	r->connected++;
}

static void on_readable(void *ctx, struct tcp_conn *c, void *user)
{
	struct rig *r = ctx;

	assert_ptr_equal(user, r);
	assert_ptr_equal(c, r->conn);
	r->readable++;
}

static void on_writable(void *ctx, struct tcp_conn *c, void *user)
{
	struct rig *r = ctx;

	assert_ptr_equal(user, r);
	assert_ptr_equal(c, r->conn);
	r->writable++;
}

static void on_ended(void *ctx, struct tcp_conn *c, void *user, enum tcp_end why)
{
	struct rig *r = ctx;

	assert_ptr_equal(user, r);
	assert_ptr_equal(c, r->conn);
	r->ended++;
	r->end = why;
	r->conn = NULL;
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.ended = on_ended,
};

struct tcp_config rig_config(void)
{
	return (struct tcp_config){ .connection_limit = 8,
		.syn_limit = 8,
		.rcv_buf_bytes = 65536,
		.snd_buf_bytes = 65536,
		.rto_min_ms = 200,
		.time_wait_ms = 30000,
		.connect_timeout_ms = 20000,
		.worker_count = 1,
		.secret = "0123456789abcde",
		.seed = 9 };
}

void rig_init(struct rig *r, const struct tcp_config *config, struct rte_mempool *pool)
{
	static const struct fake_faults none;

	memset(r, 0, sizeof(*r));
	r->config = config != NULL ? *config : rig_config();
	r->config.pool = pool;
	r->config.counters = &r->counters;
	r->pool = pool;
	r->now_ns = UINT64_C(5000000000);
	fake_wire_init(&r->wire, &none, 1);
	fake_net_init(&r->net, &r->wire, 0, pool, 1500, true);
	fake_net_init(&r->peer, &r->wire, 1, pool, 1500, true);
	r->wire.now_ns = r->now_ns;
	r->stack = tcp_stack_create(&r->config, &r->net, &ops, r);
	assert_non_null(r->stack);
	r->ts_val = 1000;
	r->peer_port = RIG_PEER_PORT;
	r->port = RIG_PORT;
}

void rig_fini(struct rig *r)
{
	assert_null(tcp_stack_check(r->stack));
	tcp_stack_destroy(r->stack);
	fake_wire_fini(&r->wire);
	assert_int_equal(rte_mempool_avail_count(r->pool), r->pool->size);
}

static struct rig_seg segment_read(struct rig *r, struct rte_mbuf *m)
{
	const struct net_meta *meta = net_meta(m);
	const struct rte_tcp_hdr *h = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	struct rig_seg seg = { .flags = h->tcp_flags,
		.seq = rte_be_to_cpu_32(h->sent_seq),
		.ack = rte_be_to_cpu_32(h->recv_ack),
		.wnd = rte_be_to_cpu_16(h->rx_win),
		.src_port = meta->src_port,
		.dst_port = meta->dst_port,
		.len = meta->payload_bytes };
	uint32_t at = meta->header_bytes;

	assert_true(tcp_options_parse(
		(const uint8_t *)(h + 1), meta->header_bytes - sizeof(*h), &seg.opt));
	for (uint32_t i = 0; i < seg.len; i++) {
		uint8_t byte;

		byte = *(const uint8_t *)rte_pktmbuf_read(m, at + i, 1, &byte);
		seg.bad_payload |= r->conn != NULL &&
				   byte != (uint8_t)(seg.seq + i - (tcp_cold(r->conn)->iss + 1));
	}
	if (seg.opt.present & TCP_OPT_TS)
		r->ts_ecr = seg.opt.ts_val;
	return seg;
}

void rig_loop(struct rig *r)
{
	struct rte_mbuf *segs[PORT_RX_BURST];
	uint16_t n;

	r->wire.now_ns = r->now_ns;
	n = fake_net_receive(&r->net, segs, PORT_RX_BURST);
	tcp_input(r->stack, segs, n, r->now_ns);
	tcp_timers(r->stack, r->now_ns);
	tcp_dispatch(r->stack, r->now_ns);
	tcp_output(r->stack, r->now_ns);
	assert_null(tcp_stack_check(r->stack));
	while ((n = fake_net_receive(&r->peer, segs, 1)) > 0) {
		assert_true(r->out_count < RIG_OUT_MAX);
		r->out[(r->out_head + r->out_count++) % RIG_OUT_MAX] = segment_read(r, segs[0]);
		rte_pktmbuf_free(segs[0]);
	}
	assert_null(r->wire.broken);
}

void rig_run(struct rig *r, uint32_t ms)
{
	while (ms-- > 0) {
		r->now_ns += 1000000;
		rig_loop(r);
	}
}

static uint32_t options_write(const struct tcp_options *opt, uint8_t *out)
{
	struct tcp_reply reply = { .options = opt->present,
		.mss = opt->mss,
		.wscale = opt->wscale,
		.ts_val = opt->ts_val,
		.ts_ecr = opt->ts_ecr };
	uint32_t n = (uint32_t)tcp_write_syn_options(out, &reply);

	if (opt->sack_count == 0)
		return n;
	out[n++] = 1;
	out[n++] = 1;
	out[n++] = 5;
	out[n++] = (uint8_t)(2 + 8 * opt->sack_count);
	for (unsigned i = 0; i < opt->sack_count; i++) {
		uint32_t words[2] = { rte_cpu_to_be_32(opt->sack[i].left),
			rte_cpu_to_be_32(opt->sack[i].right) };

		memcpy(out + n, words, sizeof(words));
		n += sizeof(words);
	}
	return n;
}

void rig_queue(struct rig *r, struct rig_seg seg)
{
	uint8_t bytes[60 + 9000] = { 0 };
	struct rte_tcp_hdr *h = (struct rte_tcp_hdr *)bytes;
	uint32_t header;

	assert_true(seg.len <= 9000);
	if (r->ts && !(seg.flags & TCP_RST)) {
		seg.opt.present |= TCP_OPT_TS;
		if (seg.opt.ts_val == 0)
			seg.opt.ts_val = r->ts_val;
		seg.opt.ts_ecr = r->ts_ecr;
	}
	header = (uint32_t)sizeof(*h) + options_write(&seg.opt, bytes + sizeof(*h));
	h->src_port = rte_cpu_to_be_16(seg.src_port ? seg.src_port : r->peer_port);
	h->dst_port = rte_cpu_to_be_16(seg.dst_port ? seg.dst_port : r->port);
	h->sent_seq = rte_cpu_to_be_32(seg.seq);
	h->recv_ack = rte_cpu_to_be_32(seg.ack);
	h->data_off = (uint8_t)(header / 4 << 4);
	h->tcp_flags = seg.flags;
	h->rx_win = rte_cpu_to_be_16(seg.wnd);
	for (uint32_t i = 0; i < seg.len; i++)
		bytes[header + i] = (uint8_t)(seg.seq + i);
	fake_wire_put(&r->wire, &r->peer, &r->peer.addr, &r->net.addr, bytes, header + seg.len);
}

void rig_put(struct rig *r, struct rig_seg seg)
{
	rig_queue(r, seg);
	rig_loop(r);
}

void rig_say(struct rig *r, uint8_t flags, uint32_t len)
{
	struct rig_seg seg = {
		.flags = flags, .seq = r->snd, .ack = r->rcv, .wnd = RIG_WND, .len = len
	};

	r->snd += len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
	rig_put(r, seg);
}

struct rig_seg rig_take(struct rig *r)
{
	struct rig_seg seg;

	assert_true(r->out_count > 0);
	seg = r->out[r->out_head];
	r->out_head = (r->out_head + 1) % RIG_OUT_MAX;
	r->out_count--;
	assert_false(seg.bad_payload);
	return seg;
}

void rig_none(struct rig *r)
{
	assert_int_equal(r->out_count, 0);
}

void rig_icmp(
	struct rig *r, const struct net_meta *quoted, uint32_t seq, uint8_t code, uint32_t mtu)
{
	struct net_icmp_error error = {
		.quoted = *quoted, .seq = seq, .mtu = mtu, .type = 3, .code = code
	};

	r->net.ops.icmp_error(r->net.ops_ctx, &error);
}

void rig_forget(struct rig *r)
{
	r->out_count = 0;
}

struct tcp_options rig_modern(struct rig *r)
{
	r->ts = true;
	return (struct tcp_options){
		.present = TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK,
		.mss = 1460,
		.wscale = 2,
	};
}

void rig_accept(struct rig *r, const struct tcp_options *opt)
{
	struct rig_seg seg;

	assert_int_equal(tcp_listen(r->stack, &r->net.addr, RIG_PORT, 4, 3), 0);
	r->snd = 1000;
	rig_put(r,
		(struct rig_seg){ .flags = TCP_SYN, .seq = r->snd++, .wnd = RIG_WND, .opt = *opt });
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(seg.ack, r->snd);
	r->rcv = seg.seq + 1;
	assert_int_equal(r->accepted, 0);
	rig_say(r, TCP_ACK, 0);
	assert_int_equal(r->accepted, 1);
}

struct rig_seg rig_syn(struct rig *r)
{
	struct rig_seg seg;

	assert_int_equal(
		tcp_connect(r->stack, &r->peer.addr, r->peer_port, r, r->now_ns, &r->conn), 0);
	rig_loop(r);
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_SYN);
	r->port = seg.src_port;
	r->rcv = seg.seq + 1;
	return seg;
}

void rig_connect(struct rig *r, const struct tcp_options *opt)
{
	struct rig_seg seg;

	rig_syn(r);
	r->snd = 0xfffffff0; /* wraps soon */
	rig_put(r, (struct rig_seg){ .flags = TCP_SYN | TCP_ACK,
			   .seq = r->snd++,
			   .ack = r->rcv,
			   .wnd = RIG_WND,
			   .opt = *opt });
	assert_int_equal(r->connected, 1);
	seg = rig_take(r);
	assert_int_equal(seg.flags, TCP_ACK);
	assert_int_equal(seg.ack, r->snd);
}

void rig_data(struct rig *r, uint32_t len)
{
	/* Bytes are numbered from the first of the connection on. */
	uint32_t at = r->conn->snd_una + r->conn->sq_bytes - (tcp_cold(r->conn)->iss + 1);

	while (len > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
		uint16_t here = len < 2000 ? (uint16_t)len : 2000;
		uint8_t *bytes;

		assert_non_null(m);
		bytes = (uint8_t *)rte_pktmbuf_append(m, here);
		for (uint32_t i = 0; i < here; i++)
			bytes[i] = (uint8_t)(at + i);
		assert_int_equal(tcp_send(r->conn, m), 0);
		at += here;
		len -= here;
	}
}

void rig_restart(struct rig *r, const struct tcp_config *config)
{
	struct rte_mempool *pool = r->pool;

	rig_fini(r);
	rig_init(r, config, pool);
}

void rig_open(struct rig *r)
{
	struct tcp_options opt = rig_modern(r);

	rig_accept(r, &opt);
}

void rig_acks(struct rig *r, uint32_t ack, struct tcp_options opt)
{
	rig_put(r,
		(struct rig_seg){
			.flags = TCP_ACK, .seq = r->snd, .ack = ack, .wnd = RIG_WND, .opt = opt });
}

void rig_sacks(struct rig *r, uint32_t segs, unsigned blocks, const uint32_t (*block)[2])
{
	struct tcp_options opt = { .sack_count = (uint8_t)blocks };

	for (unsigned i = 0; i < blocks; i++)
		opt.sack[i] = (struct tcp_range){ r->rcv + block[i][0] * MSS,
			r->rcv + block[i][1] * MSS };
	rig_put(r, (struct rig_seg){ .flags = TCP_ACK,
			   .seq = r->snd,
			   .ack = r->rcv + segs * MSS,
			   .wnd = RIG_WND,
			   .opt = opt });
}

void rig_learn_rtt(struct rig *r)
{
	for (unsigned i = 0; i < 8; i++) {
		rig_data(r, MSS);
		rig_loop(r);
		rig_run(r, 20);
		rig_sacks(r, 1, 0, NULL);
		r->rcv += MSS;
	}
	rig_forget(r);
	assert_in_range(tcp_srtt_us(r->conn), 5000, 21000);
	r->conn->srtt = 20000 * 8;
	r->conn->min_rtt_us = 20000;
}

void rig_fly(struct rig *r, uint32_t segs, uint32_t queued)
{
	rig_learn_rtt(r);
	r->conn->cwnd = segs * MSS;
	rig_data(r, queued * MSS);
	rig_loop(r);
	assert_int_equal(r->out_count, segs);
	rig_forget(r);
}

void rig_read_all(struct rig *r)
{
	struct rte_mbuf *m = tcp_recv(r->conn);

	if (m != NULL)
		tcp_recv_credit(r->conn, m->pkt_len);
	rte_pktmbuf_free(m);
}

static struct rte_mempool *pool;
static struct rig rig;

int rig_setup(void **state)
{
	rig_init(&rig, NULL, pool);
	*state = &rig;
	return 0;
}

int rig_setup_open(void **state)
{
	rig_setup(state);
	rig_open(&rig);
	return 0;
}

int rig_teardown(void **state)
{
	rig_fini(*state);
	return 0;
}

int rig_teardown_open(void **state)
{
	struct rig *r = *state;

	if (r->conn != NULL)
		tcp_abort(r->conn);
	rig_loop(r);
	rig_fini(r);
	return 0;
}

int rig_main(const struct CMUnitTest *tests, size_t count)
{
	fake_eal_init();
	pool = fake_pool("pool", 2048);
	if (pool == NULL)
		return 1;
	return _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
}
