/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and answers over IPv6, see rig6.h. */
#include "tests/unit/net/rig6.h"

#include <stdlib.h>
#include <string.h>

#define ETHER 14
#define IP6   40

static uint8_t dad;
static uint16_t queue_wanted;

static void with_ipv6(void)
{
	rig.config.ports[0].addresses[1] = (struct net_address){ ip_of(OUR_IP6), 64 };
	rig.config.ports[0].address_count = 2;
	rig.config.ports[0].gateways[1] = ip_of(GATEWAY_IP6);
	rig.config.ports[0].gateway_count = 2;
	rig.config.ports[1].addresses[1] = (struct net_address){ ip_of(INSIDE_IP6), 64 };
	rig.config.ports[1].address_count = 2;
	rig.config.queue = queue_wanted;
	rig.config.dad_transmits = dad;
}

void rig6_start(uint16_t queue, uint8_t dad_transmits)
{
	dad = dad_transmits;
	queue_wanted = queue;
	rig_start(with_ipv6);
}

int rig6_setup(void **state)
{
	rig6_start(1, 0);
	return 0;
}

void frame6_begin(struct frame6 *f, const char *src, const char *dst, uint8_t next)
{
	struct ip_addr from = ip_of(src), to = ip_of(dst);
	struct rte_ether_addr mac = rig.ports[0].mac;

	memset(f, 0, sizeof(*f));
	if (to.bytes[0] == 0xff) {
		mac = (struct rte_ether_addr){ { 0x33, 0x33 } };
		memcpy(mac.addr_bytes + 2, to.bytes + 12, 4);
	}
	memcpy(f->bytes, &mac, 6);
	memcpy(f->bytes + 6, &peer_mac, 6);
	f->bytes[12] = 0x86;
	f->bytes[13] = 0xdd;
	f->bytes[ETHER] = 0x60;
	f->bytes[ETHER + 6] = next;
	f->bytes[ETHER + 7] = 255;
	memcpy(f->bytes + ETHER + 8, &from, 16);
	memcpy(f->bytes + ETHER + 24, &to, 16);
	f->len = f->upper = ETHER + IP6;
}

void frame6_put(struct frame6 *f, const void *data, uint32_t len)
{
	memcpy(f->bytes + f->len, data, len);
	f->len += len;
}

void frame6_extend(struct frame6 *f, uint8_t next, const void *data, uint32_t len)
{
	uint32_t total = RTE_ALIGN_CEIL(len + 2, 8);

	f->bytes[f->len] = next;
	f->bytes[f->len + 1] = (uint8_t)(total / 8 - 1);
	memcpy(f->bytes + f->len + 2, data, len);
	f->len += total;
	f->upper = f->len;
}

static uint16_t sum_of(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void frame6_seal(struct frame6 *f, uint8_t protocol)
{
	uint32_t payload = f->len - ETHER - IP6, at = f->upper + (protocol == IPPROTO_TCP ? 16 : 2);
	uint16_t sum;

	f->bytes[ETHER + 4] = (uint8_t)(payload >> 8);
	f->bytes[ETHER + 5] = (uint8_t)payload;
	f->bytes[at] = f->bytes[at + 1] = 0;
	sum = sum_of(f->bytes + ETHER + 8, 32, protocol + f->len - f->upper);
	sum = (uint16_t)~sum_of(f->bytes + f->upper, f->len - f->upper, sum);
	f->bytes[at] = (uint8_t)(sum >> 8);
	f->bytes[at + 1] = (uint8_t)sum;
}

void frame6_tcp(struct frame6 *f, uint32_t payload)
{
	struct rte_tcp_hdr tcp = { .src_port = rte_cpu_to_be_16(40000),
		.dst_port = rte_cpu_to_be_16(443),
		.data_off = 5 << 4,
		.tcp_flags = RTE_TCP_ACK_FLAG };

	f->upper = f->len;
	frame6_put(f, &tcp, sizeof(tcp));
	for (uint32_t i = 0; i < payload; i++)
		f->bytes[f->len++] = (uint8_t)('a' + i % 26);
	frame6_seal(f, IPPROTO_TCP);
}

void frame6_segment(struct frame6 *f, uint32_t payload)
{
	frame6_begin(f, PEER_IP6, OUR_IP6, IPPROTO_TCP);
	frame6_tcp(f, payload);
}

void frame6_echo(struct frame6 *f, const char *dst, uint32_t data)
{
	frame6_begin(f, PEER_IP6, dst, IPPROTO_ICMPV6);
	frame6_put(f, "\x80\0\0\0\x12\x34\0\1", 8);
	for (uint32_t i = 0; i < data; i++)
		f->bytes[f->len++] = (uint8_t)i;
	frame6_seal(f, IPPROTO_ICMPV6);
}

void frame6_ndp(struct frame6 *f, const char *src, const char *dst, uint8_t type)
{
	frame6_begin(f, src, dst, IPPROTO_ICMPV6);
	frame6_put(f, &type, 1);
	frame6_put(f, "\0\0\0", 3);
}

void frame6_ndp_put(struct frame6 *f, uint8_t flags, const char *target, uint8_t option,
	const struct rte_ether_addr *mac)
{
	struct ip_addr addr = ip_of(target);

	frame6_put(f, (uint8_t[]){ flags, 0, 0, 0 }, 4);
	frame6_put(f, &addr, 16);
	if (option) {
		frame6_put(f, (uint8_t[]){ option, 1 }, 2);
		frame6_put(f, mac, 6);
	}
	frame6_seal(f, IPPROTO_ICMPV6);
}

struct rte_mbuf *feed6(const struct frame6 *f, uint64_t now_ns)
{
	return feed(0, f->bytes, f->len, now_ns);
}

void feed6_dropped(const struct frame6 *f, enum drop why)
{
	feed_dropped(f->bytes, f->len, why);
}

const struct rte_ipv6_hdr *sent6(unsigned index)
{
	const struct rte_ipv6_hdr *ip;

	assert_true(index < rig.sent_count);
	ip = rte_pktmbuf_mtod_offset(rig.sent[index], const struct rte_ipv6_hdr *, ETHER);
	assert_int_equal(rig.sent[index]->nb_segs, 1);
	assert_int_equal(rte_be_to_cpu_16(ip->payload_len), rig.sent[index]->pkt_len - ETHER - IP6);
	return ip;
}

void sent6_sum(unsigned index)
{
	const struct rte_ipv6_hdr *ip = sent6(index);
	uint32_t len = rte_be_to_cpu_16(ip->payload_len);
	const uint8_t *data = (const uint8_t *)(ip + 1);

	assert_int_equal(sum_of(data, len, sum_of(ip->src_addr, 32, ip->proto + len)), 0xffff);
}

const uint8_t *sent6_icmp(unsigned index, uint8_t type)
{
	const struct rte_ipv6_hdr *ip = sent6(index);
	const uint8_t *icmp = (const uint8_t *)(ip + 1);

	assert_int_equal(ip->proto, IPPROTO_ICMPV6);
	sent6_sum(index);
	assert_int_equal(icmp[0], type);
	return icmp;
}

bool sent6_is(unsigned index, const char *src, const char *dst)
{
	const struct rte_ipv6_hdr *ip = sent6(index);
	struct ip_addr from = ip_of(src), to = ip_of(dst);

	return memcmp(ip->src_addr, &from, 16) == 0 && memcmp(ip->dst_addr, &to, 16) == 0;
}
