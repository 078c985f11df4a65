/* SPDX-License-Identifier: Apache-2.0 */
/* See segment.h. */
#include "bench/common/segment.h"

#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "bench/engine/engine.h"

static const uint8_t mss_option[] = { 2, 4, 1460 >> 8, 1460 & 0xff };

struct rte_ether_addr segment_router_mac(void)
{
	return (struct rte_ether_addr){ { 2, 0, 0, 0, 1, 0xfe } };
}

struct rte_mbuf *segment_make(struct rte_mempool *pool, const struct rte_ether_addr *gateway,
	const struct segment_fields *f, const void *payload, uint32_t bytes)
{
	uint32_t options = f->flags & RTE_TCP_SYN_FLAG ? sizeof(mss_option) : 0;
	uint32_t header = sizeof(struct rte_tcp_hdr) + options;
	uint32_t total = sizeof(struct rte_ipv4_hdr) + header + bytes;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip;
	struct rte_tcp_hdr *tcp;

	if (!m)
		return NULL;
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*eth) + total));
	ip = (struct rte_ipv4_hdr *)(eth + 1);
	tcp = (struct rte_tcp_hdr *)(ip + 1);
	*eth = (struct rte_ether_hdr){ *gateway, segment_router_mac(),
		rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) };
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)total),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(f->src),
		.dst_addr = rte_cpu_to_be_32(ENGINE_GATEWAY_OUTSIDE),
	};
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(f->src_port),
		.dst_port = rte_cpu_to_be_16(ENGINE_LISTEN_PORT),
		.sent_seq = rte_cpu_to_be_32(f->seq),
		.recv_ack = rte_cpu_to_be_32(f->ack),
		.data_off = (uint8_t)(header / 4 << 4),
		.tcp_flags = f->flags,
		.rx_win = rte_cpu_to_be_16(f->window),
	};
	memcpy(tcp + 1, mss_option, options);
	memcpy((char *)tcp + header, payload, bytes);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}
