/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 (RFC 8200) as a server needs it and no wider. Extension headers are stepped over within
 * bounds, as hosts may bound them (RFC 8504 §5.3, RFC 9288); fragments are refused and counted, as
 * with IPv4, but for those of ICMPv6 right behind the IPv6 header: TCP with path MTU discovery
 * needs none, and they are how filters are walked around.
 *
 * An address of ::ffff:0:0/96 is how this program writes IPv4 down. On the wire it is an attack
 * (RFC
 * 4942 §2.2), and refused before anything can take it for the other family.
 */
#include "dataplane/net/segment.h"

#define HOP_LIMIT      64
#define EXTENSIONS_MAX 8 /* headers of one packet */

enum {
	EXT_HOP_BY_HOP = 0,
	EXT_ROUTING = 43,
	EXT_FRAGMENT = 44,
	EXT_DESTINATION = 60,
};

#define OPTION_PAD1            0
#define PARAMETER_FIELD        0 /* codes of ICMPV6_PARAMETER */
#define PARAMETER_NEXT_HEADER  1
#define PARAMETER_OPTION       2
#define UNREACHABLE_PORT       4
#define PAYLOAD_LENGTH_POINTER 4

struct extension {
	uint8_t type;
	uint16_t at, len;
};

/* The headers between the IPv6 header and what it carries; offsets from the IPv6 header. */
struct chain {
	unsigned count;
	struct extension ext[EXTENSIONS_MAX];
	uint8_t protocol;
	uint16_t named_at; /* of the byte that names the protocol */
	uint16_t payload_at;
};

static bool is_unspecified(const struct ip_addr *addr)
{
	static const struct ip_addr unspecified;

	return ip_equal(addr, &unspecified);
}

static bool is_loopback(const struct ip_addr *addr)
{
	static const struct ip_addr loopback = { { [15] = 1 } };

	return ip_equal(addr, &loopback);
}

/* Sources that no packet from a wire may have (RFC 4291 §2.5.2, §2.5.3, §2.7). The unspecified one
 * probes for duplicate addresses, and a host that has ours must be heard: both only with ICMPv6. */
static bool source_is_martian(
	const struct net_port *port, const struct ip_addr *src, uint8_t protocol)
{
	if (src->bytes[0] == 0xff || is_loopback(src) || ip_is_v4(src))
		return true;
	return protocol != IPPROTO_ICMPV6 && (is_unspecified(src) || net_port_owns(port, src));
}

/* The header's verdict; DROP_COUNT for a packet to accept. */
static enum drop header_judge(const struct net_port *port, const struct rte_mbuf *m,
	const struct rte_ipv6_hdr *ip, const struct ipv6_info *info)
{
	if ((rte_be_to_cpu_32(ip->vtc_flow) >> 28) != 6)
		return DROP_IP_VERSION;
	if (sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len) > m->pkt_len)
		return DROP_IP_LENGTH;
	if (ip_is_v4(&info->dst) || !ndp_accepts(port, &info->dst))
		return DROP_NOT_FOR_US;
	return DROP_COUNT;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == EXT_HOP_BY_HOP || protocol == EXT_ROUTING || protocol == EXT_FRAGMENT ||
	       protocol == EXT_DESTINATION;
}

/*
 * Step over the extension headers. Offsets stay below 64 KiB, as the packet does, and every header
 * is at least eight bytes, so that this ends. On failure the fault says where.
 */
static bool chain_read(const struct rte_mbuf *m, struct chain *c, struct icmpv6_fault *fault)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t at = sizeof(struct rte_ipv6_hdr);

	c->count = 0;
	c->named_at = offsetof(struct rte_ipv6_hdr, proto);
	c->protocol = p[c->named_at];
	while (unlikely(is_extension(c->protocol))) {
		uint32_t len;

		if (c->protocol == EXT_FRAGMENT) {
			*fault = (struct icmpv6_fault){ .drop = DROP_IP_FRAGMENT };
			return false;
		}
		/* RFC 8200 §4.1: hop-by-hop options only at the start. */
		if (c->protocol == EXT_HOP_BY_HOP && c->count > 0) {
			*fault = (struct icmpv6_fault){ DROP_IP_EXTENSION, ICMPV6_PARAMETER,
				PARAMETER_NEXT_HEADER, c->named_at };
			return false;
		}
		len = at + 8 <= m->data_len ? (p[at + 1] + 1u) * 8 : 8;
		if (c->count == EXTENSIONS_MAX || at + len > m->data_len) {
			*fault = (struct icmpv6_fault){ .drop = DROP_IP_EXTENSION };
			return false;
		}
		c->ext[c->count++] = (struct extension){ c->protocol, (uint16_t)at, (uint16_t)len };
		c->named_at = (uint16_t)at;
		c->protocol = p[at];
		at += len;
	}
	c->payload_at = (uint16_t)at;
	return true;
}

/* The two upper bits say what one who does not know an option must do (RFC 8200 §4.2). We know the
 * paddings only. */
static bool options_judge(const uint8_t *p, const struct extension *e, bool multicast,
	bool *may_answer, struct icmpv6_fault *fault)
{
	uint32_t at = e->at + 2u, end = (uint32_t)e->at + e->len;

	while (at < end) {
		uint8_t type = p[at];

		if (type == OPTION_PAD1) {
			at++;
			continue;
		}
		if (at + 2 > end || at + 2u + p[at + 1] > end) {
			*fault = (struct icmpv6_fault){ .drop = DROP_IP_EXTENSION };
			*may_answer = false;
			return false;
		}
		if (type >> 6) {
			*fault = (struct icmpv6_fault){ DROP_IP_EXTENSION, ICMPV6_PARAMETER,
				PARAMETER_OPTION, at };
			*may_answer &= type >> 6 == 2 || (type >> 6 == 3 && !multicast);
			return false;
		}
		at += 2u + p[at + 1];
	}
	return true;
}

/* An error message is never answered by another (RFC 4443 §2.4 (e.1), (e.2)). */
static bool is_icmp_error(const struct rte_mbuf *m, const struct chain *c)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return c->protocol == IPPROTO_ICMPV6 &&
	       (c->payload_at >= m->data_len || p[c->payload_at] < ICMPV6_ECHO_REQUEST ||
		       p[c->payload_at] == ICMPV6_REDIRECT);
}

/* @return true when nothing in the extension headers forbids going on */
static bool chain_judge(const struct rte_mbuf *m, const struct chain *c, bool multicast,
	bool *may_answer, struct icmpv6_fault *fault)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	*may_answer = !is_icmp_error(m, c);
	for (unsigned i = 0; i < c->count; i++) {
		const struct extension *e = &c->ext[i];

		if (e->type != EXT_ROUTING) {
			if (!options_judge(p, e, multicast, may_answer, fault))
				return false;
			continue;
		}
		/* We are no router on the way: whatever its type (RFC 5095 for type 0), a routing
		 * header that is used up is stepped over, any other refused (RFC 8200 §4.4). */
		if (p[e->at + 3] == 0)
			continue;
		*fault = (struct icmpv6_fault){ DROP_IP_EXTENSION, ICMPV6_PARAMETER,
			PARAMETER_FIELD, e->at + 2u };
		*may_answer &= !multicast;
		return false;
	}
	return true;
}

static void ipv6_refuse(struct net *net, uint32_t port_index, struct rte_mbuf *m, bool may_answer,
	const struct icmpv6_fault *fault, uint64_t now_ns)
{
	if (may_answer && fault->type)
		icmpv6_refuse(net, port_index, m, fault, now_ns);
	else
		net_drop(net, m, fault->drop);
}

/* @return false when @p m was consumed */
static bool extensions_pass(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	struct chain *c, bool multicast, uint64_t now_ns)
{
	struct icmpv6_fault fault;
	bool may_answer = true;

	if (!chain_read(m, c, &fault))
		may_answer = !multicast;
	else if (likely(c->count == 0) || chain_judge(m, c, multicast, &may_answer, &fault))
		return true;
	ipv6_refuse(net, port_index, m, may_answer, &fault, now_ns);
	return false;
}

/* @param m  begins at the TCP header */
static struct rte_mbuf *tcp_accept(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint32_t vtc_flow)
{
	uint64_t pseudo =
		checksum_pseudo_v6(info->src.bytes, info->dst.bytes, IPPROTO_TCP, m->pkt_len);

	m = segment_accept(net, port_index, m, pseudo, vtc_flow >> 20 & 3);
	if (likely(m != NULL)) {
		net_meta(m)->src = info->src;
		net_meta(m)->dst = info->dst;
		net_meta(m)->ip_bytes = info->ip_bytes;
	}
	return m;
}

/* A protocol that nobody here handles: UDP finds its port closed, others are unknown. */
static void protocol_refuse(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct chain *c, bool multicast, uint64_t now_ns)
{
	struct icmpv6_fault fault = { DROP_IP_PROTOCOL, ICMPV6_PARAMETER, PARAMETER_NEXT_HEADER,
		c->named_at };

	if (c->protocol == IPPROTO_UDP)
		fault = (struct icmpv6_fault){ DROP_IP_PROTOCOL, ICMPV6_UNREACHABLE,
			UNREACHABLE_PORT, 0 };
	ipv6_refuse(net, port_index, m, !multicast && c->protocol != IPPROTO_NONE, &fault, now_ns);
}

/* @return false when it was not for the kernel; @p m begins at the IPv6 header then as before */
static bool udp_to_kernel(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct chain *c, bool multicast)
{
	if (multicast || c->protocol != IPPROTO_UDP || !kernel_shares(net, port_index))
		return false;
	rte_pktmbuf_adj(m, c->payload_at);
	if (kernel_take_udp(net, port_index, m, c->payload_at))
		return true;
	rte_pktmbuf_prepend(m, c->payload_at);
	return false;
}

struct rte_mbuf *ipv6_input(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns)
{
	const struct net_port *port = &net->ports[port_index];
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	struct ipv6_info info;
	struct chain chain;
	enum drop verdict;
	uint32_t vtc_flow, total;

	if (unlikely(m->data_len < sizeof(*ip))) {
		net_drop(net, m, DROP_FRAME_SHORT);
		return NULL;
	}
	memcpy(info.src.bytes, ip->src_addr, sizeof(info.src.bytes));
	memcpy(info.dst.bytes, ip->dst_addr, sizeof(info.dst.bytes));
	info.hop_limit = ip->hop_limits;
	info.multicast = info.dst.bytes[0] == 0xff;
	info.fragmented = ip->proto == EXT_FRAGMENT;
	vtc_flow = rte_be_to_cpu_32(ip->vtc_flow);
	verdict = header_judge(port, m, ip, &info);
	if (unlikely(verdict != DROP_COUNT)) {
		if (verdict != DROP_NOT_FOR_US || !kernel_take_ipv6(net, port_index, m, &info.dst))
			net_drop(net, m, verdict);
		return NULL;
	}
	/* Ethernet pads short frames: cut to what IP says. */
	total = (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (m->pkt_len > total)
		rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - total));
	if (unlikely(info.fragmented)) {
		m = reassembly_ipv6(net, port_index, m);
		if (!m)
			return NULL;
	}
	if (!extensions_pass(net, port_index, m, &chain, info.multicast, now_ns))
		return NULL;
	if (unlikely(source_is_martian(port, &info.src, chain.protocol))) {
		net_drop(net, m, DROP_IP_SOURCE);
		return NULL;
	}
	info.ip_bytes = chain.payload_at;
	if (likely(chain.protocol == IPPROTO_TCP && !info.multicast)) {
		/* A port may look no further than the IPv6 header for what to sum. */
		if (unlikely(chain.count))
			m->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
		rte_pktmbuf_adj(m, chain.payload_at);
		return tcp_accept(net, port_index, m, &info, vtc_flow);
	}
	if (chain.protocol != IPPROTO_ICMPV6) {
		if (!udp_to_kernel(net, port_index, m, &chain, info.multicast))
			protocol_refuse(net, port_index, m, &chain, info.multicast, now_ns);
		return NULL;
	}
	rte_pktmbuf_adj(m, chain.payload_at);
	icmpv6_input(net, port_index, m, &info, now_ns);
	return NULL;
}

bool ipv6_push(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t protocol, uint8_t hop_limit)
{
	uint32_t payload = m->pkt_len;
	struct rte_ipv6_hdr *ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip));

	if (unlikely(!ip))
		return false;
	ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)payload);
	ip->proto = protocol;
	ip->hop_limits = hop_limit;
	memcpy(ip->src_addr, src->bytes, sizeof(src->bytes));
	memcpy(ip->dst_addr, dst->bytes, sizeof(dst->bytes));
	return true;
}

/*
 * A label for all packets of a flow, so that routers can keep them on one path without reading
 * further (RFC 6437 §3). The ports of TCP are enough to tell the flows between two hosts from each
 * other.
 */
static uint32_t flow_label(
	const struct net_path *path, const struct ip_addr *remote, uint32_t ports)
{
	uint32_t words[2];

	memcpy(&words[0], path->local.bytes + 12, 4);
	memcpy(&words[1], remote->bytes + 12, 4);
	return ((ports ^ words[0] * 0x85ebca6bu ^ words[1]) * 0x9e3779b1u) >> 12;
}

void ipv6_output(struct net *net, const struct net_path *path, const struct ip_addr *remote,
	struct rte_mbuf *m, uint8_t protocol, uint8_t tclass, uint64_t now_ns)
{
	struct net_port *port = &net->ports[path->port_index];
	uint32_t ports = 0, label = 0;

	if (likely(protocol == IPPROTO_TCP)) {
		memcpy(&ports, rte_pktmbuf_mtod(m, const void *), sizeof(ports));
		label = flow_label(path, remote, ports);
	}
	if (unlikely(!ipv6_push(m, &path->local, remote, protocol, HOP_LIMIT))) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *)->vtc_flow =
		rte_cpu_to_be_32(6u << 28 | (uint32_t)tclass << 20 | label);
	if (unlikely(!net_ether_push(port, m, NULL, RTE_ETHER_TYPE_IPV6))) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	neigh_output(net, path->port_index, &path->next_hop, path->neighbour, m, now_ns);
}
