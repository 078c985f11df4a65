/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP (RFC 792, RFC 1122 §3.2.2): echo is answered, within a limit, and errors that quote one of
 * our TCP segments go up to TCP, which alone can judge whether to believe them (RFC 5927).
 * Redirects, source quench (RFC 6633), timestamps and the rest are counted and dropped.
 */
#include "dataplane/net/checksum.h"
#include "dataplane/net/net_priv.h"

#define ICMP_UNREACHABLE   3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER     12
#define ICMP_CODE_TOO_BIG  4 /* of ICMP_UNREACHABLE: fragmentation needed and DF set */

#define ECHO_INTERVAL_NS   MILLISECOND_NS          /* 1,000 answers a second */
#define ECHO_BURST_NS      (50 * ECHO_INTERVAL_NS) /* and 50 at once */

/* GCRA: the theoretical arrival time may run ahead of the clock by one burst. */
bool icmp_take(struct net *net, uint64_t now_ns)
{
	uint64_t tat = RTE_MAX(net->icmp_tat_ns, now_ns);

	if (tat - now_ns >= ECHO_BURST_NS)
		return false;
	net->icmp_tat_ns = tat + ECHO_INTERVAL_NS;
	return true;
}

void icmp_leave(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint32_t ip_bytes)
{
	if (kernel_shares(net, port_index))
		kernel_hand_back(net, port_index, m, ip_bytes, KERNEL_ICMP);
	else
		net_drop(net, m, DROP_ICMP_UNHANDLED);
}

static void echo_answer(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint64_t now_ns)
{
	struct rte_icmp_hdr *icmp;
	struct net_path path;

	if (!icmp_take(net, now_ns)) {
		net_drop(net, m, DROP_ICMP_RATE);
		return;
	}
	if (net_path_find(net, src, dst, &path) != 0) {
		net_drop(net, m, DROP_IP_NO_ROUTE);
		return;
	}
	/* The request's own buffer carries the answer: what was received is ours alone. */
	icmp = rte_pktmbuf_mtod(m, struct rte_icmp_hdr *);
	icmp->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~checksum_fold(checksum_sum_mbuf(m, 0));
	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
	ipv4_output_any(net, &path, src, m, IPPROTO_ICMP, now_ns);
}

/* What a quoting router must send back: the IP header and eight bytes after it (RFC 792). */
struct quote {
	struct rte_ipv4_hdr ip;
	rte_be16_t src_port, dst_port;
	rte_be32_t seq;
} __rte_packed;

void icmp_quoted(
	struct net *net, struct rte_mbuf *m, uint32_t ip_bytes, const struct net_icmp_error *error)
{
	const struct net_meta *quoted = &error->quoted;
	bool kernel = kernel_serves(net, quoted->port_index, quoted->src_port, quoted->dst_port);

	if (!kernel && net->relay && net->relay->icmp_error(net->relay_ctx, error))
		rte_pktmbuf_free(m);
	else if (net->ops->icmp_error(net->ops_ctx, error) || !kernel)
		rte_pktmbuf_free(m);
	else
		icmp_leave(net, quoted->port_index, m, ip_bytes);
}

static void error_input(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct rte_icmp_hdr *icmp)
{
	struct net_icmp_error error = { .quoted.port_index = (uint8_t)port_index,
		.type = icmp->icmp_type,
		.code = icmp->icmp_code };
	struct net_meta *quoted = &error.quoted;
	const struct quote *q;

	/* Our packets carry no options: a quote with some is of none of them. */
	if (m->data_len < sizeof(*icmp) + sizeof(*q)) {
		net_drop(net, m, DROP_ICMP_INVALID);
		return;
	}
	q = rte_pktmbuf_mtod_offset(m, const struct quote *, sizeof(*icmp));
	quoted->src = ip_from_v4(q->ip.src_addr);
	quoted->dst = ip_from_v4(q->ip.dst_addr);
	if (q->ip.version_ihl != RTE_IPV4_VHL_DEF ||
		!net_port_owns(&net->ports[port_index], &quoted->src) ||
		(q->ip.fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK))) {
		net_drop(net, m, DROP_ICMP_INVALID);
		return;
	}
	if (q->ip.next_proto_id != IPPROTO_TCP || !net->ops || !net->ops->icmp_error) {
		icmp_leave(net, port_index, m, sizeof(struct rte_ipv4_hdr));
		return;
	}
	quoted->src_port = rte_be_to_cpu_16(q->src_port);
	quoted->dst_port = rte_be_to_cpu_16(q->dst_port);
	error.seq = rte_be_to_cpu_32(q->seq);
	/* RFC 1191 §4: the header's last two bytes. */
	if (icmp->icmp_type == ICMP_UNREACHABLE && icmp->icmp_code == ICMP_CODE_TOO_BIG)
		error.mtu = rte_be_to_cpu_16(icmp->icmp_seq_nb);
	icmp_quoted(net, m, sizeof(struct rte_ipv4_hdr), &error);
}

void icmp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint64_t now_ns)
{
	const struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod(m, const struct rte_icmp_hdr *);

	if (m->data_len < sizeof(*icmp)) {
		net_drop(net, m, DROP_ICMP_INVALID);
		return;
	}
	if (checksum_fold(checksum_sum_mbuf(m, 0)) != 0xffff) {
		net_drop(net, m, DROP_ICMP_CHECKSUM);
		return;
	}
	switch (icmp->icmp_type) {
	case RTE_IP_ICMP_ECHO_REQUEST:
		if (icmp->icmp_code != 0)
			net_drop(net, m, DROP_ICMP_INVALID);
		else
			echo_answer(net, m, src, dst, now_ns);
		return;
	case RTE_IP_ICMP_ECHO_REPLY:
		icmp_leave(net, port_index, m, sizeof(struct rte_ipv4_hdr));
		return;
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER:
		error_input(net, port_index, m, icmp);
		return;
	default:
		net_drop(net, m, DROP_ICMP_UNHANDLED);
	}
}
