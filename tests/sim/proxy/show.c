/* SPDX-License-Identifier: Apache-2.0 */
/* A frame in a line: time, way, TCP's flags and numbers, the first bytes. */
#include "tests/sim/proxy/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

static void show_time(const struct sim *s)
{
	printf("%10.6f  ", (double)(s->now_ns - s->begin_ns) / 1e9);
}

void sim_trace(const struct sim *s, const char *format, ...)
{
	va_list args;

	if (!s->trace)
		return;
	show_time(s);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static void show_payload(const uint8_t *data, uint32_t len)
{
	printf(" \"");
	for (uint32_t i = 0; i < len && i < 60; i++)
		putchar(data[i] >= ' ' && data[i] < 127 ? data[i] : '.');
	printf("\"");
}

void show_frame(const struct sim *s, enum sim_port from, const uint8_t *data, uint32_t len)
{
	static const char *const names[SIM_PORTS] = { "outside > client ", "inside  > backend",
		"client  > outside", "backend > inside " };
	const struct rte_ipv4_hdr *ip = (const void *)(data + 14);
	const struct rte_tcp_hdr *tcp = (const void *)(data + 14 + 20);
	uint32_t header, payload;

	if (len < 14 + 40 || data[12] != 8 || ip->next_proto_id != IPPROTO_TCP)
		return;
	header = 14 + 20 + (tcp->data_off >> 4) * 4u;
	payload = 14u + rte_be_to_cpu_16(ip->total_length) - header;
	show_time(s);
	printf("%s  %u > %u %s%s%s%s%u:%u ack %u win %u", names[from],
		rte_be_to_cpu_16(tcp->src_port), rte_be_to_cpu_16(tcp->dst_port),
		tcp->tcp_flags & RTE_TCP_SYN_FLAG ? "S" : "",
		tcp->tcp_flags & RTE_TCP_FIN_FLAG ? "F" : "",
		tcp->tcp_flags & RTE_TCP_RST_FLAG ? "R" : "",
		tcp->tcp_flags & RTE_TCP_ACK_FLAG ? ". " : " ", rte_be_to_cpu_32(tcp->sent_seq),
		rte_be_to_cpu_32(tcp->sent_seq) + payload, rte_be_to_cpu_32(tcp->recv_ack),
		rte_be_to_cpu_16(tcp->rx_win));
	if (payload)
		show_payload(data + header, payload);
	printf("\n");
}
