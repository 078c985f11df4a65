/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 and ICMPv6: what is let in, the extension headers that are stepped over, what is refused. */
#include "tests/unit/net/rig6.h"

#include <stdlib.h>
#include <string.h>

/* Neighbour known by an advertisement that it was asked for. */
static void know_the_peer(void)
{
	struct ip_addr peer = ip_of(PEER_IP6);
	struct net_path path;
	struct frame6 f;

	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	frame6_ndp(&f, PEER_IP6, OUR_IP6, 136);
	frame6_ndp_put(&f, OVERRIDE, PEER_IP6, 2, &peer_mac);
	assert_null(feed6(&f, 0));
	rig_reset_tx();
}

static void whole_segment_comes_out_described(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP6), own = ip_of(OUR_IP6);
	struct net_meta *meta;
	struct rte_mbuf *m;
	struct frame6 f;

	frame6_segment(&f, 33);
	f.bytes[15] |= 0x20; /* traffic class 2 */
	m = feed6(&f, 0);
	assert_non_null(m);
	meta = net_meta(m);
	assert_true(ip_equal(&meta->src, &peer));
	assert_true(ip_equal(&meta->dst, &own));
	assert_int_equal(meta->src_port, 40000);
	assert_int_equal(meta->dst_port, 443);
	assert_int_equal(meta->ecn, 2);
	assert_int_equal(meta->payload_bytes, 33);
	assert_int_equal(m->pkt_len, 53);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), f.bytes + f.upper, 53);
	rte_pktmbuf_free(m);
}

static void ethernet_padding_is_cut_off(void **state)
{
	struct rte_mbuf *m;
	struct frame6 f;

	frame6_segment(&f, 1);
	f.len += 9;
	m = feed6(&f, 0);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 21);
	rte_pktmbuf_free(m);
}

static void truncated_frames_end_in_their_drop(void **state)
{
	struct frame6 f;
	uint32_t len;

	frame6_segment(&f, 12);
	len = f.len;
	for (f.len = 0; f.len < 54; f.len++)
		feed6_dropped(&f, DROP_FRAME_SHORT);
	for (; f.len < len; f.len++)
		feed6_dropped(&f, DROP_IP_LENGTH);
}

/* However the extension headers are cut, with the payload length in agreement. */
static void truncated_extensions_end_in_their_drop(void **state)
{
	struct frame6 f;
	uint32_t len;

	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	frame6_extend(&f, 60, "\1\4\0\0\0\0", 6);
	frame6_extend(&f, 43, "\1\14\0\0\0\0\0\0\0\0\0\0\0\0", 14);
	frame6_extend(&f, IPPROTO_TCP, "\0\0", 2);
	frame6_tcp(&f, 5);
	len = f.len;
	for (f.len = 54; f.len < len; f.len++) {
		struct frame6 cut = f;

		cut.bytes[19] = (uint8_t)(f.len - 54);
		feed6_dropped(&cut, f.len < 54 + 8 + 16 + 8        ? DROP_IP_EXTENSION
				    : f.len < 54 + 8 + 16 + 8 + 20 ? DROP_TCP_HEADER
								   : DROP_TCP_CHECKSUM);
	}
}

static void damage_is_refused_by_name(void **state)
{
	struct frame6 f;

	frame6_segment(&f, 12);
	f.bytes[14] = 0x40;
	feed6_dropped(&f, DROP_IP_VERSION);
	frame6_segment(&f, 12);
	f.bytes[f.len - 1] ^= 1;
	feed6_dropped(&f, DROP_TCP_CHECKSUM);
	frame6_segment(&f, 12);
	f.bytes[5] ^= 1; /* another's MAC address */
	feed6_dropped(&f, DROP_NOT_FOR_US);
	frame6_begin(&f, PEER_IP6, "2001:db8::2", IPPROTO_TCP);
	frame6_tcp(&f, 1);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	frame6_begin(&f, PEER_IP6, INSIDE_IP6, IPPROTO_TCP); /* the other port's */
	frame6_tcp(&f, 1);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	frame6_begin(&f, PEER_IP6, OUR_GROUP, IPPROTO_TCP); /* TCP to a group we are in */
	frame6_tcp(&f, 1);
	feed6_dropped(&f, DROP_IP_PROTOCOL);
	frame6_begin(&f, PEER_IP6, "ff02::2", IPPROTO_TCP);
	frame6_tcp(&f, 1);
	feed6_dropped(&f, DROP_NOT_FOR_US);
}

static void impossible_sources_are_refused(void **state)
{
	static const char *const sources[] = { "::", "::1", "ff02::9", OUR_IP6, LINK_IP6,
		"::ffff:192.0.2.9" };
	struct frame6 f;

	for (unsigned i = 0; i < RTE_DIM(sources); i++) {
		frame6_begin(&f, sources[i], OUR_IP6, IPPROTO_TCP);
		frame6_tcp(&f, 1);
		feed6_dropped(&f, DROP_IP_SOURCE);
		frame6_begin(&f, sources[i], OUR_IP6, IPPROTO_ICMPV6);
		frame6_put(&f, "\x80\0\0\0\0\0\0\0", 8);
		frame6_seal(&f, IPPROTO_ICMPV6);
		feed6_dropped(&f, DROP_IP_SOURCE);
	}
}

/* An IPv4 address of ours in an IPv6 packet reaches nobody: how we write it is no address on the wire. */
static void mapped_addresses_are_not_taken_for_ipv4(void **state)
{
	struct frame6 f;

	frame6_begin(&f, PEER_IP6, "::ffff:" OUR_IP, IPPROTO_TCP);
	frame6_tcp(&f, 1);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	frame6_ndp(&f, PEER_IP6, OUR_IP6, 135);
	frame6_ndp_put(&f, 0, "::ffff:" OUR_IP, 1, &peer_mac);
	feed6_dropped(&f, DROP_NOT_FOR_US);
	assert_int_equal(rig.sent_count, 0);
}

static void extension_headers_are_stepped_over(void **state)
{
	struct rte_mbuf *m;
	struct frame6 f;

	frame6_begin(&f, PEER_IP6, OUR_IP6, 0);
	frame6_extend(&f, 60, "\1\4\0\0\0\0", 6);   /* PadN */
	frame6_extend(&f, 43, "\0\0\0\x1e\1\7", 6); /* Pad1s, an unknown one to skip */
	f.bytes[f.len - 1] = 0;
	f.bytes[f.len - 2] = 0;
	frame6_extend(&f, IPPROTO_TCP, "\4\0\0\0\0\0", 6); /* a routing header that is used up */
	frame6_tcp(&f, 7);
	m = feed6(&f, 0);
	assert_non_null(m);
	assert_int_equal(net_meta(m)->payload_bytes, 7);
	rte_pktmbuf_free(m);
}

static void fragments_are_refused(void **state)
{
	struct frame6 f;

	frame6_begin(&f, PEER_IP6, OUR_IP6, 44);
	frame6_extend(&f, IPPROTO_TCP, "\0\1\0\0\0\1", 6);
	frame6_tcp(&f, 7);
	feed6_dropped(&f, DROP_IP_FRAGMENT);
	/* Behind other headers too. */
	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	frame6_extend(&f, 44, "\1\4\0\0\0\0", 6);
	frame6_extend(&f, IPPROTO_TCP, "\0\1\0\0\0\1", 6);
	frame6_tcp(&f, 7);
	feed6_dropped(&f, DROP_IP_FRAGMENT);
	assert_int_equal(rig.sent_count, 0);
}

/* What icmpv6_refuse() sends: type, code and pointer, with the packet after them. */
static void refused(
	const struct frame6 *f, enum drop why, uint8_t type, uint8_t code, uint8_t pointer)
{
	const uint8_t *icmp;

	rig_reset_tx();
	know_the_peer();
	feed6_dropped(f, why);
	icmp = sent6_icmp(rig.sent_count - 1, type);
	assert_true(sent6_is(rig.sent_count - 1, OUR_IP6, PEER_IP6));
	assert_int_equal(icmp[1], code);
	assert_int_equal(icmp[7], pointer);
	assert_memory_equal(icmp + 8, f->bytes + 14, f->len - 14);
}

static void not_answered(const struct frame6 *f, enum drop why)
{
	rig_reset_tx();
	know_the_peer();
	feed6_dropped(f, why);
	assert_int_equal(rig.sent_count, 0);
}

static void unusable_packets_are_refused_with_the_reason(void **state)
{
	struct frame6 f;

	frame6_begin(&f, PEER_IP6, OUR_IP6, 253);
	frame6_put(&f, "what", 4);
	frame6_seal(&f, 253);
	refused(&f, DROP_IP_PROTOCOL, 4, 1, 6);
	frame6_begin(&f, PEER_IP6, OUR_IP6, IPPROTO_UDP);
	frame6_put(&f, "\0\1\0\2\0\x08\0\0", 8);
	frame6_seal(&f, IPPROTO_UDP);
	refused(&f, DROP_IP_PROTOCOL, 1, 4, 0);
	/* A routing header that is not used up (RFC 5095 §3). */
	frame6_begin(&f, PEER_IP6, OUR_IP6, 43);
	frame6_extend(&f, IPPROTO_TCP, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
	frame6_tcp(&f, 1);
	refused(&f, DROP_IP_EXTENSION, 4, 0, 42);
	/* Hop-by-hop options that are not first (RFC 8200 §4.1). */
	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	frame6_extend(&f, 0, "\1\4\0\0\0\0", 6);
	frame6_extend(&f, IPPROTO_TCP, "\1\4\0\0\0\0", 6);
	frame6_tcp(&f, 1);
	refused(&f, DROP_IP_EXTENSION, 4, 1, 40);
	/* Options by their two upper bits (RFC 8200 §4.2). */
	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	frame6_extend(&f, IPPROTO_TCP, "\x9e\4\0\0\0\0", 6);
	frame6_tcp(&f, 1);
	refused(&f, DROP_IP_EXTENSION, 4, 2, 42);
	f.bytes[56] = 0xde;
	frame6_seal(&f, IPPROTO_TCP);
	refused(&f, DROP_IP_EXTENSION, 4, 2, 42);
	f.bytes[56] = 0x5e;
	not_answered(&f, DROP_IP_EXTENSION);
	/* An option beyond its header. */
	f.bytes[56] = 0x1e;
	f.bytes[57] = 5;
	not_answered(&f, DROP_IP_EXTENSION);
}

static void refusals_are_not_sent_where_they_could_do_harm(void **state)
{
	struct frame6 f;

	/* To an error message (RFC 4443 §2.4 (e.1)), a group, from nobody. */
	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	frame6_extend(&f, IPPROTO_ICMPV6, "\x9e\4\0\0\0\0", 6);
	frame6_put(&f, "\1\0\0\0\0\0\0\0", 8);
	frame6_seal(&f, IPPROTO_ICMPV6);
	not_answered(&f, DROP_IP_EXTENSION);
	frame6_begin(&f, PEER_IP6, OUR_GROUP, 253);
	frame6_put(&f, "what", 4);
	frame6_seal(&f, 253);
	not_answered(&f, DROP_IP_PROTOCOL);
	frame6_begin(&f, "::", OUR_IP6, 253);
	frame6_put(&f, "what", 4);
	frame6_seal(&f, 253);
	not_answered(&f, DROP_IP_SOURCE);
}

static void headers_without_end_are_refused(void **state)
{
	struct frame6 f;

	frame6_begin(&f, PEER_IP6, OUR_IP6, 60);
	for (unsigned i = 0; i < 100; i++)
		frame6_extend(&f, 60, "\1\4\0\0\0\0", 6);
	frame6_seal(&f, 59);
	feed6_dropped(&f, DROP_IP_EXTENSION);
	assert_int_equal(rig.sent_count, 0);
}

static void echo_is_answered_with_its_data(void **state)
{
	const uint8_t *icmp;
	struct frame6 f;

	know_the_peer();
	frame6_echo(&f, OUR_IP6, 37);
	assert_null(feed6(&f, 0));
	icmp = sent6_icmp(rig.sent_count - 1, 129);
	assert_true(sent6_is(rig.sent_count - 1, OUR_IP6, PEER_IP6));
	assert_memory_equal(icmp + 4, f.bytes + f.upper + 4, 4 + 37);
	/* Asked through a group: from the address that we have for the asker. */
	rig_reset_tx();
	frame6_echo(&f, "ff02::1", 5);
	assert_null(feed6(&f, 0));
	sent6_icmp(rig.sent_count - 1, 129);
	assert_true(sent6_is(rig.sent_count - 1, OUR_IP6, PEER_IP6));
}

static void echo_shares_the_limit_with_icmpv4(void **state)
{
	struct icmp_frame four;
	uint32_t len = icmp_frame_make(&four, RTE_IP_ICMP_ECHO_REQUEST, 0, 8);
	struct frame6 six;

	know_the_peer();
	frame6_echo(&six, OUR_IP6, 8);
	for (int i = 0; i < 30; i++) {
		assert_null(feed(0, &four, len, SECOND));
		assert_null(feed6(&six, SECOND));
	}
	assert_int_equal(rig.drops[DROP_ICMP_RATE], 10);
}

static void damaged_messages_are_refused(void **state)
{
	struct frame6 f;

	frame6_echo(&f, OUR_IP6, 8);
	f.bytes[f.len - 1] ^= 1;
	feed6_dropped(&f, DROP_ICMP_CHECKSUM);
	for (uint32_t bytes = 0; bytes < 8; bytes++) {
		frame6_begin(&f, PEER_IP6, OUR_IP6, IPPROTO_ICMPV6);
		f.len += bytes;
		f.bytes[19] = (uint8_t)bytes;
		feed6_dropped(&f, DROP_ICMP_INVALID);
	}
	frame6_echo(&f, OUR_IP6, 8);
	f.bytes[f.upper + 1] = 1;
	frame6_seal(&f, IPPROTO_ICMPV6);
	feed6_dropped(&f, DROP_ICMP_INVALID);
}

/* Routers' advertisements and redirects among them. */
static void other_types_are_dropped(void **state)
{
	for (unsigned type = 0; type < 256; type++) {
		struct frame6 f;

		if (type == 128 || type == 130 || type == 135 || type == 136 ||
			(type >= 1 && type <= 4))
			continue;
		frame6_echo(&f, OUR_IP6, 32);
		f.bytes[f.upper] = (uint8_t)type;
		frame6_seal(&f, IPPROTO_ICMPV6);
		feed6_dropped(&f, DROP_ICMP_UNHANDLED);
	}
}

/* "Packet too big" that quotes a segment of ours. */
static void too_big_make(struct frame6 *f, uint32_t mtu, const char *quoted_src)
{
	struct rte_ipv6_hdr ip = { .vtc_flow = rte_cpu_to_be_32(6u << 28), .proto = IPPROTO_TCP };
	struct ip_addr src = ip_of(quoted_src), dst = ip_of(PEER_IP6);
	rte_be32_t word = rte_cpu_to_be_32(mtu);

	memcpy(ip.src_addr, &src, 16);
	memcpy(ip.dst_addr, &dst, 16);
	frame6_begin(f, GATEWAY_IP6, OUR_IP6, IPPROTO_ICMPV6);
	frame6_put(f, "\2\0\0\0", 4);
	frame6_put(f, &word, 4);
	frame6_put(f, &ip, sizeof(ip));
	frame6_put(f, "\x01\xbb\x9c\x40\0\0\x30\x39", 8); /* 443 to 40000, sequence number 12345 */
	frame6_seal(f, IPPROTO_ICMPV6);
}

static void errors_are_handed_to_tcp(void **state)
{
	struct ip_addr own = ip_of(OUR_IP6), peer = ip_of(PEER_IP6);
	struct frame6 f;

	too_big_make(&f, 1400, OUR_IP6);
	assert_null(feed6(&f, 0));
	assert_int_equal(rig.icmp_count, 1);
	assert_int_equal(rig.icmp_mtu, 1400);
	assert_int_equal(rig.icmp_seq, 12345);
	assert_true(ip_equal(&rig.icmp_quoted.src, &own));
	assert_true(ip_equal(&rig.icmp_quoted.dst, &peer));
	assert_int_equal(rig.icmp_quoted.src_port, 443);
	assert_int_equal(rig.icmp_quoted.dst_port, 40000);
	/* Of packets that were never ours, and cut short. */
	too_big_make(&f, 1400, PEER_IP6);
	feed6_dropped(&f, DROP_ICMP_INVALID);
	too_big_make(&f, 1400, OUR_IP6);
	f.len--;
	frame6_seal(&f, IPPROTO_ICMPV6);
	feed6_dropped(&f, DROP_ICMP_INVALID);
	/* What no network of IPv6 has: still handed on, for TCP to raise to 1,280. */
	too_big_make(&f, 68, OUR_IP6);
	assert_null(feed6(&f, 0));
	assert_int_equal(rig.icmp_mtu, 68);
}

static struct rte_mbuf *segment_of(uint32_t payload)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	struct frame6 f;

	frame6_segment(&f, payload);
	memcpy(rte_pktmbuf_append(m, (uint16_t)(20 + payload)), f.bytes + f.upper, 20 + payload);
	return m;
}

static void segments_leave_with_header_and_sum(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP6);
	const struct rte_ipv6_hdr *ip;
	struct net_path path;
	uint32_t label;

	know_the_peer();
	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	net_output_tcp(rig.net, &path, &peer, segment_of(33), 2, 0);
	ip = sent6(rig.sent_count - 1);
	assert_true(sent6_is(rig.sent_count - 1, OUR_IP6, PEER_IP6));
	assert_int_equal(ip->proto, IPPROTO_TCP);
	assert_int_equal(ip->hop_limits, 64);
	sent6_sum(rig.sent_count - 1);
	assert_int_equal(rte_be_to_cpu_32(ip->vtc_flow) >> 20, 0x602);
	label = rte_be_to_cpu_32(ip->vtc_flow) & 0xfffff;
	assert_int_not_equal(label, 0);
	net_output_tcp(rig.net, &path, &peer, segment_of(1), 0, 0);
	ip = sent6(rig.sent_count - 1);
	assert_int_equal(rte_be_to_cpu_32(ip->vtc_flow), 0x60000000 | label);
}

static void with_offloads(void)
{
	rig.ports[0].caps.tx_tcp_checksum = rig.ports[0].caps.tx_ipv4_checksum = true;
	rig.config.ports[0].addresses[1] = (struct net_address){ ip_of(OUR_IP6), 64 };
	rig.config.ports[0].address_count = 2;
}

static void a_port_that_sums_is_told_what(void **state)
{
	struct ip_addr peer = ip_of(PEER_IP6);
	const struct rte_ipv6_hdr *ip;
	const struct rte_tcp_hdr *tcp;
	struct net_path path;
	struct rte_mbuf *m;

	net_destroy(rig.net);
	rig_start(with_offloads);
	know_the_peer();
	assert_int_equal(net_path_find(rig.net, &peer, NULL, &path), 0);
	net_output_tcp(rig.net, &path, &peer, segment_of(33), 0, 0);
	m = rig.sent[rig.sent_count - 1];
	ip = sent6(rig.sent_count - 1);
	tcp = (const struct rte_tcp_hdr *)(ip + 1);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK,
		RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 40);
	assert_int_equal(m->l4_len, 20);
	assert_int_equal(tcp->cksum, rte_ipv6_phdr_cksum(ip, m->ol_flags));
}

static void path_is_chosen_by_prefix_scope_and_gateway(void **state)
{
	struct ip_addr near = ip_of(PEER_IP6), far = ip_of("2606::1"), inside = ip_of("fd00::11"),
		       link = ip_of("fe80::9"), own = ip_of(OUR_IP6), own_link = ip_of(LINK_IP6),
		       own_inside = ip_of(INSIDE_IP6), gateway = ip_of(GATEWAY_IP6);
	static const char *const nobodys[] = { "::", "::1", "ff02::1", OUR_IP6, LINK_IP6 };
	struct net_path path;

	assert_int_equal(net_path_find(rig.net, &near, NULL, &path), 0);
	assert_true(ip_equal(&path.local, &own) && ip_equal(&path.next_hop, &near));
	assert_int_equal(net_path_find(rig.net, &far, NULL, &path), 0);
	assert_true(ip_equal(&path.local, &own) && ip_equal(&path.next_hop, &gateway));
	assert_int_equal(net_path_find(rig.net, &inside, NULL, &path), 0);
	assert_true(ip_equal(&path.local, &own_inside) && path.port_index == 1);
	assert_int_equal(net_path_find(rig.net, &far, &own_inside, &path), -ENETUNREACH);
	/* A link-local address is on every link: one of ours must say on which. */
	assert_int_equal(net_path_find(rig.net, &link, &own_link, &path), 0);
	assert_true(path.port_index == 0 && ip_equal(&path.next_hop, &link));
	for (unsigned i = 0; i < RTE_DIM(nobodys); i++) {
		struct ip_addr remote = ip_of(nobodys[i]);

		assert_int_equal(net_path_find(rig.net, &remote, NULL, &path), -ENETUNREACH);
	}
}

static void with_routes(void)
{
	rig.config.ports[0].addresses[1] = (struct net_address){ ip_of(OUR_IP6), 64 };
	rig.config.ports[0].address_count = 2;
	rig.config.ports[0].gateways[1] = ip_of(GATEWAY_IP6);
	rig.config.ports[0].gateways[2] = ip_of("fe80::fd");
	rig.config.ports[0].gateway_count = 3;
	rig.config.ports[1].ways[0] =
		(struct net_way){ { ip_of("198.18.0.0"), 15 }, 1, { ip_of("10.0.0.254") } };
	rig.config.ports[0].ways[0] =
		(struct net_way){ { ip_of("198.18.5.0"), 24 }, 1, { ip_of("192.0.2.250") } };
	rig.config.ports[0].ways[1] =
		(struct net_way){ { ip_of("2001:db8:9::"), 48 }, 1, { ip_of("2001:db8::fc") } };
	rig.config.ports[1].way_count = 1;
	rig.config.ports[0].way_count = 2;
}

static void leads(const char *remote, unsigned port_index, const char *gateway)
{
	struct ip_addr addr = ip_of(remote), hop = ip_of(gateway);
	struct net_path path;

	assert_int_equal(net_path_find(rig.net, &addr, NULL, &path), 0);
	assert_int_equal(path.port_index, port_index);
	assert_true(ip_equal(&path.next_hop, &hop));
}

static void the_longest_route_of_all_ports_decides(void **state)
{
	net_destroy(rig.net);
	rig_start(with_routes);
	leads("198.18.4.1", 1, "10.0.0.254");
	leads("198.18.5.1", 0, "192.0.2.250");
	leads("198.51.100.1", 0, GATEWAY_IP);
	leads("2001:db8:9::1", 0, "2001:db8::fc");
}

/* Which of the two gateways a remote is sent to: 0 or 1. */
static unsigned gateway_of(unsigned host)
{
	struct ip_addr addr = ip_of("2606:4700::"), first = ip_of(GATEWAY_IP6);
	struct net_path path;

	addr.bytes[15] = (uint8_t)host;
	assert_int_equal(net_path_find(rig.net, &addr, NULL, &path), 0);
	return !ip_equal(&path.next_hop, &first);
}

static void gateways_share_and_stand_in_for_each_other(void **state)
{
	struct ip_addr addr = ip_of("2606:4700::");
	unsigned second = 0, lost = 0;
	struct net_path path;

	net_destroy(rig.net);
	rig_start(with_routes);
	for (unsigned i = 1; i < 200; i++)
		second += gateway_of(i);
	assert_in_range(second, 60, 140);
	/* The first does not answer: what waited is lost, others go by the second, for ten seconds. */
	for (addr.bytes[15] = 1; gateway_of(addr.bytes[15]) != 0;)
		addr.bytes[15]++;
	lost = addr.bytes[15];
	assert_int_equal(net_path_find(rig.net, &addr, NULL, &path), 0);
	net_output_tcp(rig.net, &path, &addr, segment_of(1), 0, SECOND);
	for (unsigned t = 10; t < 60; t++)
		net_timers(rig.net, t * SECOND / 10);
	assert_int_equal(rig.drops[DROP_NEIGH_FAILED], 1);
	assert_int_equal(gateway_of(lost), 1);
	net_timers(rig.net, 20 * SECOND);
	assert_int_equal(gateway_of(lost), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, rig6_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(whole_segment_comes_out_described),
		CASE(ethernet_padding_is_cut_off),
		CASE(truncated_frames_end_in_their_drop),
		CASE(truncated_extensions_end_in_their_drop),
		CASE(damage_is_refused_by_name),
		CASE(impossible_sources_are_refused),
		CASE(mapped_addresses_are_not_taken_for_ipv4),
		CASE(extension_headers_are_stepped_over),
		CASE(fragments_are_refused),
		CASE(unusable_packets_are_refused_with_the_reason),
		CASE(refusals_are_not_sent_where_they_could_do_harm),
		CASE(headers_without_end_are_refused),
		CASE(echo_is_answered_with_its_data),
		CASE(echo_shares_the_limit_with_icmpv4),
		CASE(damaged_messages_are_refused),
		CASE(other_types_are_dropped),
		CASE(errors_are_handed_to_tcp),
		CASE(segments_leave_with_header_and_sum),
		CASE(a_port_that_sums_is_told_what),
		CASE(path_is_chosen_by_prefix_scope_and_gateway),
		CASE(the_longest_route_of_all_ports_decides),
		CASE(gateways_share_and_stand_in_for_each_other),
	};

	return cmocka_run_group_tests(tests, rig_eal_start, NULL);
}
