/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the generator: Ethernet, IPv4 and TCP headers from a template, and what is read of
 * those that come. One mbuf a frame; the payload is written before the header, at its final place.
 */
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "bench/engine/engine_priv.h"
#include "dataplane/net/checksum.h"

#define IP_AT       14
#define TCP_AT      34
#define TS_BYTES    12
#define SYN_OPTIONS 20 /* MSS, SACK permitted, timestamps, NOP, window scale */
#define BACKEND_MAC(n)                                                                             \
	{                                                                                          \
		{                                                                                  \
			2, 0, 0, 0, 2, (uint8_t)(n)                                                \
		}                                                                                  \
	}

struct rte_ether_addr backend_mac(uint32_t backend)
{
	return (struct rte_ether_addr)BACKEND_MAC(backend);
}

void frame_init(struct engine *e)
{
	e->router_mac = (struct rte_ether_addr){ { 2, 0, 0, 0, 1, 0xfe } };
	e->header_bytes = e->config.timestamps ? 20 + TS_BYTES : 20;
	for (unsigned side = 0; side < ENGINE_SIDES; side++) {
		struct rte_ether_hdr *eth = (struct rte_ether_hdr *)e->frame[side];
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(e->frame[side] + IP_AT);

		eth->dst_addr = e->config.gateway_mac[side];
		eth->src_addr = e->router_mac;
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
		ip->version_ihl = 0x45;
		ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
		ip->time_to_live = 64;
		ip->next_proto_id = IPPROTO_TCP;
	}
}

struct rte_mbuf *frame_new(struct engine *e, char **payload)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(e->config.pool);

	if (!m) {
		engine_fail(e, "the mbuf pool is empty");
		return NULL;
	}
	*payload = rte_pktmbuf_mtod_offset(m, char *, TCP_AT + e->header_bytes);
	return m;
}

static void put_timestamps(const struct engine *e, uint8_t *at, const struct header *h)
{
	uint32_t be[2] = { rte_cpu_to_be_32(e->ts_now), rte_cpu_to_be_32(h->ts_ecr) };

	at[0] = 8;
	at[1] = 10;
	memcpy(at + 2, be, 8);
}

/* @return bytes of the TCP header */
static uint32_t put_options(const struct engine *e, uint8_t *at, const struct header *h)
{
	if (h->flags & SYN) {
		memcpy(at, "\x02\x04\x05\xb4\x04\x02", 6);
		if (e->config.timestamps)
			put_timestamps(e, at + 6, h);
		else
			memset(at + 6, 1, 10);
		at[16] = 1;
		at[17] = 3;
		at[18] = 3;
		at[19] = WINDOW_SHIFT;
		return 20 + SYN_OPTIONS;
	}
	if (e->config.timestamps) {
		at[0] = at[1] = 1;
		put_timestamps(e, at + 2, h);
	}
	return e->header_bytes;
}

static void put_checksums(
	const struct engine *e, struct rte_mbuf *m, uint8_t *frame, uint32_t segment_bytes)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + IP_AT);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(frame + TCP_AT);

	if (e->config.no_checksums) {
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		return;
	}
	ip->hdr_checksum = (uint16_t)~checksum_fold(checksum_sum(ip, sizeof(*ip)));
	tcp->cksum = (uint16_t)~checksum_fold(
		checksum_sum(tcp, segment_bytes) +
		checksum_pseudo_v4(ip->src_addr, ip->dst_addr, IPPROTO_TCP, segment_bytes));
}

void frame_finish(struct engine *e, enum engine_side side, struct rte_mbuf *m,
	const struct header *h, uint32_t payload_bytes)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + IP_AT);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(frame + TCP_AT);
	uint32_t tcp_bytes;

	memcpy(frame, e->frame[side], TCP_AT);
	if (side == ENGINE_INSIDE)
		eth->src_addr = backend_mac(h->src - ENGINE_BACKEND_FIRST);
	ip->src_addr = rte_cpu_to_be_32(h->src);
	ip->dst_addr = rte_cpu_to_be_32(h->dst);
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(h->src_port),
		.dst_port = rte_cpu_to_be_16(h->dst_port),
		.sent_seq = rte_cpu_to_be_32(h->seq),
		.recv_ack = rte_cpu_to_be_32(h->ack),
		.tcp_flags = h->flags,
		.rx_win = rte_cpu_to_be_16(ADVERTISED),
	};
	tcp_bytes = put_options(e, frame + TCP_AT + 20, h);
	tcp->data_off = (uint8_t)(tcp_bytes / 4 << 4);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(20 + tcp_bytes + payload_bytes));
	put_checksums(e, m, frame, tcp_bytes + payload_bytes);
	m->data_len = (uint16_t)(TCP_AT + tcp_bytes + payload_bytes);
	m->pkt_len = m->data_len;
	e->stats.frames_out++;
}

/* Timestamps and window scale; what is malformed is left out. */
static void read_options(struct segment *s, const uint8_t *at, const uint8_t *end)
{
	/* What nearly every segment has. */
	if (end - at >= 12 && at[0] == 1 && at[1] == 1 && at[2] == 8) {
		memcpy(&s->ts_val, at + 4, 4);
		s->ts_val = rte_be_to_cpu_32(s->ts_val);
		return;
	}
	while (at + 1 < end && at[0] != 0) {
		if (at[0] == 1) {
			at++;
			continue;
		}
		if (at[1] < 2 || at + at[1] > end)
			return;
		if (at[0] == 8 && at[1] == 10) {
			memcpy(&s->ts_val, at + 2, 4);
			s->ts_val = rte_be_to_cpu_32(s->ts_val);
		} else if (at[0] == 3 && at[1] == 3) {
			s->window_shift = at[2];
		}
		at += at[1];
	}
}

static bool checksum_right(const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip, uint32_t tcp_at)
{
	uint32_t bytes = m->pkt_len - tcp_at;

	return checksum_fold(checksum_sum(ip, sizeof(*ip))) == 0xffff &&
	       checksum_fold(checksum_sum_mbuf(m, tcp_at) +
			     checksum_pseudo_v4(ip->src_addr, ip->dst_addr, IPPROTO_TCP, bytes)) ==
		       0xffff;
}

bool frame_parse(struct engine *e, const struct rte_mbuf *m, struct segment *s)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(frame + IP_AT);
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(frame + TCP_AT);
	uint32_t header, total;

	if (m->data_len < TCP_AT + 20 || ip->version_ihl != 0x45 ||
		ip->next_proto_id != IPPROTO_TCP) {
		engine_fail(e, "the gateway sent a frame that is not TCP over IPv4");
		return false;
	}
	header = (uint32_t)(tcp->data_off >> 4) * 4;
	total = rte_be_to_cpu_16(ip->total_length);
	if (m->data_len < TCP_AT + header || total + IP_AT != m->pkt_len) {
		engine_fail(e, "the gateway sent a frame of %u bytes with an IP packet of %u",
			m->pkt_len, total);
		return false;
	}
	if (!e->config.no_checksums && (e->stats.frames_in & SAMPLE_MASK) == 0 &&
		!checksum_right(m, ip, TCP_AT)) {
		engine_fail(e, "the gateway sent a frame with a wrong checksum");
		return false;
	}
	*s = (struct segment){
		.mbuf = m,
		.src = rte_be_to_cpu_32(ip->src_addr),
		.dst = rte_be_to_cpu_32(ip->dst_addr),
		.src_port = rte_be_to_cpu_16(tcp->src_port),
		.dst_port = rte_be_to_cpu_16(tcp->dst_port),
		.seq = rte_be_to_cpu_32(tcp->sent_seq),
		.ack = rte_be_to_cpu_32(tcp->recv_ack),
		.window = rte_be_to_cpu_16(tcp->rx_win),
		.flags = tcp->tcp_flags,
		.payload_at = (uint16_t)(TCP_AT + header),
		.payload_bytes = total - 20 - header,
	};
	read_options(s, frame + TCP_AT + 20, frame + TCP_AT + header);
	return true;
}

void segment_walk(struct engine *e, const struct segment *s, uint32_t skip, void *conn, piece_fn fn)
{
	uint32_t at = s->payload_at + skip;

	for (const struct rte_mbuf *m = s->mbuf; m && !e->failed; m = m->next) {
		if (at < m->data_len) {
			fn(e, conn, rte_pktmbuf_mtod_offset(m, const char *, at), m->data_len - at);
			at = 0;
		} else {
			at -= m->data_len;
		}
	}
}

static bool arp_mac(
	const struct engine *e, enum engine_side side, uint32_t ip, struct rte_ether_addr *mac)
{
	if (side == ENGINE_OUTSIDE && ip == ENGINE_ROUTER)
		*mac = e->router_mac;
	else if (side == ENGINE_INSIDE && ip - ENGINE_BACKEND_FIRST < e->config.backends)
		*mac = backend_mac(ip - ENGINE_BACKEND_FIRST);
	else
		return false;
	return true;
}

void frame_arp(struct engine *e, enum engine_side side, const struct rte_mbuf *m)
{
	const struct rte_arp_hdr *asked =
		rte_pktmbuf_mtod_offset(m, const struct rte_arp_hdr *, IP_AT);
	uint32_t target = rte_be_to_cpu_32(asked->arp_data.arp_tip);
	struct rte_ether_addr mac;
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	struct rte_mbuf *answer;
	char *unused;

	if (asked->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) ||
		!arp_mac(e, side, target, &mac))
		return;
	answer = frame_new(e, &unused);
	if (!answer)
		return;
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(answer, IP_AT + sizeof(*arp));
	arp = (struct rte_arp_hdr *)(eth + 1);
	*eth = (struct rte_ether_hdr){ asked->arp_data.arp_sha, mac,
		rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP) };
	*arp = *asked;
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_tha = asked->arp_data.arp_sha;
	arp->arp_data.arp_tip = asked->arp_data.arp_sip;
	arp->arp_data.arp_sha = mac;
	arp->arp_data.arp_sip = asked->arp_data.arp_tip;
	answer->next = NULL;
	if (e->arp_count[side] == ARP_ANSWERS)
		rte_pktmbuf_free(answer);
	else
		e->arp_answers[side][e->arp_count[side]++] = answer;
}
