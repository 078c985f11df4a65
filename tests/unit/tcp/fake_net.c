/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fake network layer. A packet that was handed over stays with the wire until it is delivered, as
 * it would with a NIC, and is compared with a copy from before: what TCP writes to a sent mbuf, or
 * frees too early, shows here.
 */
#include "tests/unit/tcp/fake_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_tcp.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/kernel.h"

struct fake_packet {
	uint64_t at_ns, order;
	unsigned to;
	struct ip_addr src, dst;
	struct rte_mbuf *m; /* as it was sent; NULL in repetitions */
	bool lost, corrupt;
	uint8_t ecn;
	uint32_t len;
	uint8_t bytes[];
};

uint64_t fake_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool chance(struct fake_wire *w, uint32_t of_thousand)
{
	return of_thousand > 0 && fake_random(&w->rng) % 1000 < of_thousand;
}

void fake_wire_init(struct fake_wire *w, const struct fake_faults *faults, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->faults = *faults;
	w->rng = seed;
}

static void packet_free(struct fake_packet *p)
{
	rte_pktmbuf_free(p->m);
	free(p);
}

void fake_wire_fini(struct fake_wire *w)
{
	for (unsigned side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < w->way[side].count; i++)
			packet_free(w->way[side].at[i]);
		free(w->way[side].at);
	}
	memset(w, 0, sizeof(*w));
}

void fake_net_init(struct net *net, struct fake_wire *w, unsigned side, struct rte_mempool *pool,
	uint16_t mtu, bool multi_segs)
{
	memset(net, 0, sizeof(*net));
	net->wire = w;
	net->side = side;
	net->addr = ip_from_v4(rte_cpu_to_be_32(0x0a000001 + side));
	net->mtu = mtu;
	net->pool = pool;
	net->port.mtu = mtu;
	net->port.caps.multi_segs = multi_segs;
	net->tx.port = &net->port;
}

static bool earlier(const struct fake_packet *a, const struct fake_packet *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(struct fake_heap *h, struct fake_packet *p)
{
	uint32_t i;

	if (h->count == h->room) {
		h->room = h->room > 0 ? h->room * 2 : 64;
		h->at = realloc(h->at, h->room * sizeof(*h->at));
	}
	for (i = h->count++; i > 0 && earlier(p, h->at[(i - 1) / 2]); i = (i - 1) / 2)
		h->at[i] = h->at[(i - 1) / 2];
	h->at[i] = p;
}

static struct fake_packet *heap_pop(struct fake_heap *h)
{
	struct fake_packet *top = h->at[0];
	struct fake_packet *last = h->at[--h->count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count && earlier(h->at[child + 1], h->at[child]))
			child++;
		if (!earlier(h->at[child], last))
			break;
		h->at[i] = h->at[child];
		i = child;
	}
	h->at[i] = last;
	return top;
}

/* A middlebox that overwrites options of SYNs with no-operations. */
static void options_strip(const struct fake_wire *w, uint8_t *bytes)
{
	struct rte_tcp_hdr *h = (struct rte_tcp_hdr *)bytes;
	uint8_t *end = bytes + (h->data_off >> 4) * 4;
	uint8_t *at = (uint8_t *)(h + 1);

	if (w->faults.strip == 0 || !(h->tcp_flags & RTE_TCP_SYN_FLAG))
		return;
	while (at + 1 < end && *at != 0) {
		uint8_t kind = at[0], len = kind == 1 ? 1 : at[1];

		if ((kind == 8 && (w->faults.strip & FAKE_STRIP_TS)) ||
			(kind == 4 && (w->faults.strip & FAKE_STRIP_SACK)) ||
			(kind == 3 && (w->faults.strip & FAKE_STRIP_WSCALE)) ||
			(kind == 2 && (w->faults.strip & FAKE_STRIP_MSS)))
			memset(at, 1, len);
		at += len;
	}
}

/* A link of the path became narrow, and nobody says so. The model finds that out no more than a
 * kernel without probes does: what comes from no stack passes. */
static bool too_large(const struct fake_wire *w, const struct fake_packet *p)
{
	return w->faults.narrow != 0 && w->now_ns >= w->faults.narrow_ns && p->m != NULL &&
	       p->len + 20 > w->faults.narrow;
}

/* When the packet is through the bottleneck; lost when too much waits before it. */
static uint64_t bottleneck_pass(struct fake_wire *w, struct fake_packet *p)
{
	uint64_t start = w->busy_ns[p->to] > w->now_ns ? w->busy_ns[p->to] : w->now_ns;
	uint64_t waiting = (start - w->now_ns) * w->faults.rate / 1000000;

	if (w->faults.rate == 0)
		return w->now_ns;
	if (waiting > w->faults.queue_bytes) {
		p->lost = true;
		return w->now_ns;
	}
	w->busy_ns[p->to] = start + (uint64_t)(p->len + 40) * 1000000 / w->faults.rate;
	return w->busy_ns[p->to];
}

static bool burst_takes(struct fake_wire *w, unsigned to)
{
	if (w->burst_left[to] > 0)
		w->burst_left[to]--;
	else if (w->faults.burst_len > 0 && chance(w, w->faults.burst))
		w->burst_left[to] = 1 + (uint32_t)(fake_random(&w->rng) % w->faults.burst_len);
	return w->burst_left[to] > 0;
}

static uint32_t seq_of(const struct fake_packet *p)
{
	return rte_be_to_cpu_32(((const struct rte_tcp_hdr *)p->bytes)->sent_seq);
}

/* The same ACK is not lost for ever, whatever passes in between: keep-alive probes, which lie one
 * below and whose ACK is rightly not looked at, are answered again and again while the data that
 * the ACK is for times out. */
static bool ack_loss_allowed(struct fake_row *row, unsigned to, uint32_t seq, uint32_t ack)
{
	if (row->ack_seq[to] == seq + 1 && row->ack[to] == ack)
		return true;
	if (row->ack_seq[to] != seq || row->ack[to] != ack)
		row->ack_lost[to] = 0;
	row->ack_seq[to] = seq;
	row->ack[to] = ack;
	return row->ack_lost[to]++ < FAKE_LOST_IN_ROW;
}

/* Whether fairness allows one more loss. */
static bool loss_allowed(struct fake_row *row, const struct fake_packet *p)
{
	const struct rte_tcp_hdr *h = (const struct rte_tcp_hdr *)p->bytes;
	uint32_t seq = seq_of(p);
	bool text = p->len > (uint32_t)(h->data_off >> 4) * 4 || (h->tcp_flags & RTE_TCP_FIN_FLAG);

	if (row->lost >= FAKE_LOST_IN_ROW)
		return false;
	if (!text)
		return ack_loss_allowed(row, p->to, seq, rte_be_to_cpu_32(h->recv_ack));
	if (row->same_seq[p->to] != seq)
		row->same_lost[p->to] = 0;
	row->same_seq[p->to] = seq;
	return row->same_lost[p->to]++ < FAKE_LOST_IN_ROW;
}

static struct fake_row *fair_row(struct fake_wire *w, const struct fake_packet *p)
{
	unsigned client = p->to == 1 ? 0 : 2; /* where its port is in the header */

	return &w->row[p->bytes[client + 1] % FAKE_ROWS];
}

/* Chance would at some seed take everything that a connection sends until it rightly gives up. */
static void fairness_keep(struct fake_wire *w, struct fake_packet *p)
{
	struct fake_row *row;

	if (!w->faults.fair || p->len < sizeof(struct rte_tcp_hdr))
		return;
	row = fair_row(w, p);
	if ((p->lost || p->corrupt) && loss_allowed(row, p)) {
		row->lost++;
		row->lost_order = w->order;
		row->passed = 0;
		return;
	}
	p->lost = p->corrupt = false;
	if (seq_of(p) == row->ack_seq[p->to])
		row->ack_lost[p->to] = 0;
}

/* What found an mbuf at its destination has passed; what did not was lost all the same. */
static void fairness_arrived(struct fake_wire *w, const struct fake_packet *p, bool taken)
{
	struct fake_row *row = fair_row(w, p);

	if (p->order < row->lost_order)
		return; /* it was under way before the loss */
	if (!taken) {
		row->lost = FAKE_LOST_IN_ROW;
		row->passed = 0;
		return;
	}
	row->passed |= (uint8_t)(1u << p->to);
	if (row->passed == 3) {
		row->lost = 0;
		row->passed = 0;
	}
}

static void packet_trace(const struct fake_wire *w, const struct fake_packet *p)
{
	static const char letters[] = "FSRP.UEC";
	uint8_t h[20] = { 0 };
	char flags[9];
	size_t n = 0;

	memcpy(h, p->bytes, p->len < sizeof(h) ? p->len : sizeof(h));
	for (unsigned i = 0; i < 8; i++)
		if (h[13] & (1u << i))
			flags[n++] = letters[i];
	flags[n] = '\0';
	printf("%.6f %s %u>%u %s seq %u ack %u win %u len %u%s\n", (double)w->now_ns / 1e9,
		p->to ? "->" : "<-", h[0] << 8 | h[1], h[2] << 8 | h[3], flags,
		(unsigned)h[4] << 24 | h[5] << 16 | h[6] << 8 | h[7],
		(unsigned)h[8] << 24 | h[9] << 16 | h[10] << 8 | h[11], h[14] << 8 | h[15],
		p->len - (h[12] >> 4) * 4, p->lost || p->corrupt ? " lost" : "");
}

static void packet_schedule(struct fake_wire *w, struct fake_packet *p)
{
	p->lost |= burst_takes(w, p->to);
	p->corrupt = chance(w, w->faults.corrupt);
	fairness_keep(w, p);
	p->at_ns = bottleneck_pass(w, p) + w->faults.delay_ns;
	if (chance(w, w->faults.reorder) && w->faults.jitter_ns > 0)
		p->at_ns += fake_random(&w->rng) % w->faults.jitter_ns;
	if (p->ecn != 0 && chance(w, w->faults.mark))
		p->ecn = 3;
	p->lost |= too_large(w, p);
	w->lost += p->lost;
	if (w->trace)
		packet_trace(w, p);
	p->order = w->order++;
	heap_push(&w->way[p->to], p);
}

static struct fake_packet *packet_new(
	unsigned from, const struct ip_addr *src, const struct ip_addr *dst, uint32_t len)
{
	struct fake_packet *p = calloc(1, sizeof(*p) + len);

	p->to = !from;
	p->src = *src;
	p->dst = *dst;
	p->len = len;
	return p;
}

void fake_wire_put(struct fake_wire *w, struct net *from, const struct ip_addr *src,
	const struct ip_addr *dst, const uint8_t *bytes, uint32_t len)
{
	struct fake_packet *p = packet_new(from->side, src, dst, len);

	memcpy(p->bytes, bytes, len);
	packet_schedule(w, p);
}

bool net_kernel_offer(struct net *net, struct rte_mbuf *m)
{
	(void)net;
	(void)m;
	return false;
}

void net_output_tcp(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t ecn, uint64_t now_ns)
{
	struct fake_wire *w = net->wire;
	struct fake_packet *p = packet_new(net->side, &path->local, remote, m->pkt_len);
	uint32_t at = 0;

	(void)now_ns;
	rte_mbuf_sanity_check(m, 1);
	if (m->data_off < RTE_PKTMBUF_HEADROOM || m->pkt_len + 20 > net->mtu)
		w->broken = "a segment has no headroom or is larger than the MTU";
	if (m->nb_segs > 1 && !net->port.caps.multi_segs)
		w->broken = "a chain was sent on a port that takes none";
	for (struct rte_mbuf *s = m; s != NULL; s = s->next) {
		memcpy(p->bytes + at, rte_pktmbuf_mtod(s, void *), s->data_len);
		at += s->data_len;
	}
	if (at != m->pkt_len)
		w->broken = "pkt_len is not the sum of the pieces";
	p->m = m;
	p->ecn = ecn;
	net->sent++;
	w->filter_ecn = ecn;
	p->lost = chance(w, w->faults.lose) ||
		  (w->filter != NULL && w->filter(w->filter_ctx,
						(const struct rte_tcp_hdr *)p->bytes, net->side));
	if (!p->lost && !too_large(w, p) && chance(w, w->faults.repeat))
		fake_wire_put(w, net, &path->local, remote, p->bytes, p->len);
	packet_schedule(w, p);
}

uint64_t fake_wire_next(const struct fake_wire *w, unsigned side)
{
	return w->way[side].count > 0 ? w->way[side].at[0]->at_ns : UINT64_MAX;
}

/* Turn one bit. @return true when the checksum finds it, as net's does (RFC 9293 §3.1) */
static bool damage_found(struct fake_wire *w, struct fake_packet *p)
{
	uint16_t before = checksum_fold(checksum_sum(p->bytes, p->len));
	uint32_t bit = (uint32_t)(fake_random(&w->rng) % (8 * p->len));

	p->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	w->corrupted++;
	return checksum_fold(checksum_sum(p->bytes, p->len)) != before;
}

static struct rte_mbuf *segment_new(struct net *net, const struct fake_packet *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->pool);
	uint32_t header = (uint32_t)(p->bytes[12] >> 4) * 4;
	uint32_t first = p->len;
	uint32_t at;

	if (m == NULL)
		return NULL;
	if (chance(net->wire, net->wire->faults.split) && p->len > header)
		first = header + (uint32_t)(fake_random(&net->wire->rng) % (p->len - header));
	if (first > rte_pktmbuf_tailroom(m))
		first = rte_pktmbuf_tailroom(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)first), p->bytes, first);
	for (at = first; at < p->len;) {
		struct rte_mbuf *more = rte_pktmbuf_alloc(net->pool);
		uint32_t here = p->len - at;

		if (more == NULL) {
			rte_pktmbuf_free(m);
			return NULL;
		}
		if (here > rte_pktmbuf_tailroom(more))
			here = rte_pktmbuf_tailroom(more);
		memcpy(rte_pktmbuf_append(more, (uint16_t)here), p->bytes + at, here);
		rte_pktmbuf_chain(m, more);
		at += here;
	}
	*net_meta(m) = (struct net_meta){ .src = p->src,
		.dst = p->dst,
		.src_port = (uint16_t)(p->bytes[0] << 8 | p->bytes[1]),
		.dst_port = (uint16_t)(p->bytes[2] << 8 | p->bytes[3]),
		.ecn = p->ecn,
		.header_bytes = (uint16_t)header,
		.payload_bytes = p->len - header };
	return m;
}

uint16_t fake_net_receive(struct net *net, struct rte_mbuf **segs, uint16_t room)
{
	struct fake_wire *w = net->wire;
	uint16_t n = 0;

	while (n < room && fake_wire_next(w, net->side) <= w->now_ns) {
		struct fake_packet *p = heap_pop(&w->way[net->side]);
		uint32_t at = 0;

		for (struct rte_mbuf *s = p->m; s != NULL; s = s->next) {
			if (memcmp(rte_pktmbuf_mtod(s, void *), p->bytes + at, s->data_len) != 0)
				w->broken = "a sent mbuf changed";
			at += s->data_len;
		}
		rte_pktmbuf_free(p->m);
		p->m = NULL;
		options_strip(w, p->bytes);
		if (p->corrupt && !p->lost && p->len > 0)
			p->lost = damage_found(w, p);
		if (!p->lost && p->len >= 20) {
			segs[n] = segment_new(net, p);
			fairness_arrived(w, p, segs[n] != NULL);
			n += segs[n] != NULL;
		}
		packet_free(p);
	}
	return n;
}

struct port_tx *net_tx(struct net *net, uint32_t port_index)
{
	(void)port_index;
	return &net->tx;
}

const struct owner_rss *net_rss(const struct net *net, uint32_t port_index)
{
	(void)port_index;
	return net->rss;
}

int net_path_find(struct net *net, const struct ip_addr *remote, const struct ip_addr *local,
	struct net_path *path)
{
	if (net->unreachable)
		return -101;
	*path = (struct net_path){ .local = local != NULL ? *local : net->addr,
		.next_hop = *remote,
		.mtu = net_path_mtu(net, remote, net->mtu) };
	return 0;
}

void net_path_remember(struct net *net, const struct ip_addr *remote, uint16_t mtu)
{
	(void)remote;
	net->narrow = mtu;
}

uint16_t net_path_mtu(struct net *net, const struct ip_addr *remote, uint16_t most)
{
	(void)remote;
	return net->narrow != 0 && net->narrow < most ? net->narrow : most;
}

void net_set_ops(struct net *net, const struct net_ops *ops, void *ctx)
{
	net->ops = *ops;
	net->ops_ctx = ctx;
}

void net_drop(struct net *net, struct rte_mbuf *m, enum drop why)
{
	net->drops[why]++;
	rte_pktmbuf_free(m);
}

void fake_eal_init(void)
{
	/* Writable and for ever: the EAL keeps pointers to them. */
	static char options[][24] = { "tcp-test", "--no-huge", "--no-pci", "--no-shconf", "-m",
		"128", "-l", "0", "--no-telemetry", "--log-level=error" };
	static char *argv[RTE_DIM(options) + 1];

	for (unsigned i = 0; i < RTE_DIM(options); i++)
		argv[i] = options[i];
	if (rte_eal_init(RTE_DIM(options), argv) < 0) {
		fprintf(stderr, "rte_eal_init failed\n");
		exit(77); /* meson: skipped */
	}
}

struct rte_mempool *fake_pool(const char *name, unsigned mbufs)
{
	return rte_pktmbuf_pool_create(name, mbufs, 0,
		RTE_ALIGN(NET_META_BYTES, RTE_MBUF_PRIV_ALIGN), RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
}
