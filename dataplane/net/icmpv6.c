/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMPv6 (RFC 4443): echo is answered and unusable packets are refused, within the limit that
 * ICMPv4 has too; errors that quote one of our TCP segments go up to TCP, which alone can judge
 * whether to believe them (RFC 5927). Neighbour discovery is ndp.c's. Routers' advertisements and
 * redirects are counted and dropped: the ways are the operator's to say.
 */
#include "dataplane/net/checksum.h"
#include "dataplane/net/net_priv.h"

#define HOP_LIMIT 64
#define MTU_LEAST 1280 /* an error message is no longer (RFC 4443 §2.4 (c)) */

void icmpv6_seal(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst)
{
	struct icmpv6_hdr *icmp = rte_pktmbuf_mtod(m, struct icmpv6_hdr *);

	icmp->checksum = 0;
	icmp->checksum = (uint16_t)~checksum_fold(
		checksum_pseudo_v6(src->bytes, dst->bytes, IPPROTO_ICMPV6, m->pkt_len) +
		checksum_sum_mbuf(m, 0));
	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
}

/* Send a message from the port that the packet it answers came to. */
static void icmpv6_respond(struct net *net, struct rte_mbuf *m, const struct ip_addr *local,
	const struct ip_addr *remote, uint64_t now_ns)
{
	struct net_path path;

	if (!icmp_take(net, now_ns)) {
		net_drop(net, m, DROP_ICMP_RATE);
		return;
	}
	if (net_path_find(net, remote, local, &path) != 0) {
		net_drop(net, m, DROP_IP_NO_ROUTE);
		return;
	}
	icmpv6_seal(m, local, remote);
	if (likely(m->pkt_len + sizeof(struct rte_ipv6_hdr) <= path.mtu))
		ipv6_output(net, &path, remote, m, IPPROTO_ICMPV6, 0, now_ns);
	else if (ipv6_push(m, local, remote, IPPROTO_ICMPV6, HOP_LIMIT))
		fragment_output(net, &path, m, now_ns);
	else
		net_drop(net, m, DROP_NO_MBUF);
}

static void echo_answer(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns)
{
	/* A group is no source: then it is the address that we have for the asker (RFC 4443
	 * §4.2). */
	const struct ip_addr *local =
		info->multicast ? net_port_source(&net->ports[port_index], &info->src) : &info->dst;

	if (!local) {
		net_drop(net, m, DROP_IP_NO_ROUTE);
		return;
	}
	/* The request's own buffer carries the answer: what was received is ours alone. */
	rte_pktmbuf_mtod(m, struct icmpv6_hdr *)->type = ICMPV6_ECHO_REPLY;
	icmpv6_respond(net, m, local, &info->src, now_ns);
}

void icmpv6_refuse(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct icmpv6_fault *fault, uint64_t now_ns)
{
	const struct net_port *port = &net->ports[port_index];
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	const struct ip_addr *local;
	struct icmpv6_hdr *icmp;
	struct ip_addr src, dst;

	memcpy(src.bytes, ip->src_addr, sizeof(src.bytes));
	memcpy(dst.bytes, ip->dst_addr, sizeof(dst.bytes));
	local = dst.bytes[0] == 0xff ? net_port_source(port, &src) : &dst;
	icmp = local ? (void *)rte_pktmbuf_prepend(m, sizeof(*icmp)) : NULL;
	if (!icmp) {
		net_drop(net, m, fault->drop);
		return;
	}
	net_drop(net, NULL, fault->drop);
	*icmp = (struct icmpv6_hdr){ fault->type, fault->code, 0,
		rte_cpu_to_be_32(fault->pointer) };
	if (m->pkt_len > MTU_LEAST - sizeof(*ip))
		rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - (MTU_LEAST - sizeof(*ip))));
	icmpv6_respond(net, m, local, &src, now_ns);
}

/* What comes back of our packets: the IPv6 header and the start of TCP's (RFC 4443 §3). */
struct quote {
	struct rte_ipv6_hdr ip;
	rte_be16_t src_port, dst_port;
	rte_be32_t seq;
} __rte_packed;

static void error_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint16_t ip_bytes)
{
	const struct icmpv6_hdr *icmp = rte_pktmbuf_mtod(m, const struct icmpv6_hdr *);
	struct net_icmp_error error = {
		.quoted.port_index = (uint8_t)port_index, .type = icmp->type, .code = icmp->code
	};
	struct net_meta *quoted = &error.quoted;
	const struct quote *q;

	if (m->data_len < sizeof(*icmp) + sizeof(*q)) {
		net_drop(net, m, DROP_ICMP_INVALID);
		return;
	}
	q = rte_pktmbuf_mtod_offset(m, const struct quote *, sizeof(*icmp));
	memcpy(quoted->src.bytes, q->ip.src_addr, sizeof(quoted->src.bytes));
	memcpy(quoted->dst.bytes, q->ip.dst_addr, sizeof(quoted->dst.bytes));
	if ((rte_be_to_cpu_32(q->ip.vtc_flow) >> 28) != 6 || ip_is_v4(&quoted->src) ||
		ip_is_v4(&quoted->dst) || !net_port_owns(&net->ports[port_index], &quoted->src)) {
		net_drop(net, m, DROP_ICMP_INVALID);
		return;
	}
	/* Our packets carry no extension headers: TCP follows at once, or it is none of them. */
	if (q->ip.proto != IPPROTO_TCP || !net->ops || !net->ops->icmp_error) {
		icmp_leave(net, port_index, m, ip_bytes);
		return;
	}
	quoted->src_port = rte_be_to_cpu_16(q->src_port);
	quoted->dst_port = rte_be_to_cpu_16(q->dst_port);
	error.seq = rte_be_to_cpu_32(q->seq);
	if (icmp->type == ICMPV6_TOO_BIG)
		error.mtu = rte_be_to_cpu_32(icmp->word);
	icmp_quoted(net, m, ip_bytes, &error);
}

static bool checksum_good(const struct rte_mbuf *m, const struct ipv6_info *info)
{
	return checksum_fold(checksum_pseudo_v6(
				     info->src.bytes, info->dst.bytes, IPPROTO_ICMPV6, m->pkt_len) +
			     checksum_sum_mbuf(m, 0)) == 0xffff;
}

/* Ours or nobody's: only neighbour discovery speaks from there, and hears who else has our
 * address. */
static bool source_is_usable(const struct net_port *port, const struct ip_addr *src)
{
	static const struct ip_addr unspecified;

	return !ip_equal(src, &unspecified) && !net_port_owns(port, src);
}

void icmpv6_input(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns)
{
	const struct icmpv6_hdr *icmp = rte_pktmbuf_mtod(m, const struct icmpv6_hdr *);

	if (m->data_len < sizeof(*icmp)) {
		net_drop(net, m, DROP_ICMP_INVALID);
		return;
	}
	if (!checksum_good(m, info)) {
		net_drop(net, m, DROP_ICMP_CHECKSUM);
		return;
	}
	if (icmp->type == NDP_SOLICITATION || icmp->type == NDP_ADVERTISEMENT) {
		/* RFC 6980 §5: in fragments it is how filters are walked around. */
		if (info->fragmented) {
			net_drop(net, m, DROP_NDP_INVALID);
			return;
		}
		ndp_input(net, port_index, m, info, now_ns);
		return;
	}
	if (!source_is_usable(&net->ports[port_index], &info->src)) {
		net_drop(net, m, DROP_IP_SOURCE);
		return;
	}
	switch (icmp->type) {
	case MLD_QUERY:
		mld_query(net, port_index, m, info, now_ns);
		return;
	case ICMPV6_ECHO_REQUEST:
		if (icmp->code != 0)
			net_drop(net, m, DROP_ICMP_INVALID);
		else
			echo_answer(net, port_index, m, info, now_ns);
		return;
	case ICMPV6_ECHO_REPLY:
		if (info->multicast)
			break;
		icmp_leave(net, port_index, m, info->ip_bytes);
		return;
	case ICMPV6_UNREACHABLE:
	case ICMPV6_TOO_BIG:
	case ICMPV6_TIME_EXCEEDED:
	case ICMPV6_PARAMETER:
		error_input(net, port_index, m, info->ip_bytes);
		return;
	default:
		break;
	}
	net_drop(net, m, DROP_ICMP_UNHANDLED);
}
