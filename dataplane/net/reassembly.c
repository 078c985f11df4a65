/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments put together again, by DPDK's table: those of ICMP alone, since an echo request may be
 * longer than a frame (RFC 1122 §3.2.2.6, RFC 4443 §4.1). TCP has path MTU discovery and needs
 * none; what of UDP is the kernel's goes to the kernel as it came.
 *
 * What waits here is bounded: 64 datagrams of at most eight fragments each, for two seconds, and
 * nothing while the pool is low. RFC 1122 §3.3.2 and RFC 8200 §4.5 say 60 s, with which 64 lone
 * fragments a minute would keep everybody's out; the fragments of one echo request follow each
 * other at once. Nobody is told of a datagram that did not become whole: whoever sent an echo
 * request notices.
 *
 * The library refuses fragments that overlap (RFC 5722), with all of their datagram, and a doubled
 * one alike. What it does not look at is judged before: lengths that are no whole units, ends
 * beyond 64 KiB, and a fragment that is whole by itself (RFC 6946). Its key for IPv4 lacks the
 * protocol, of which only one comes here. It takes a fragment header right behind the IPv6 header;
 * others are refused.
 */
#define ALLOW_EXPERIMENTAL_API /* for rte_ip_frag_table_del_expired_entries() */

#include <errno.h>
#include <stdlib.h>

#include <rte_ip_frag.h>
#include <rte_mempool.h>

#include "dataplane/net/net_priv.h"

#define DATAGRAMS              64
#define BUCKETS                DATAGRAMS
#define BUCKET_ENTRIES         2
#define TIMEOUT_NS             (2 * SECOND_NS)
#define POOL_PART              4 /* of the pool must be free */

#define PARAMETER_FIELD        0 /* code of ICMPV6_PARAMETER */
#define PAYLOAD_LENGTH_POINTER 4
#define OFFSET_POINTER         (sizeof(struct rte_ipv6_hdr) + 2)

struct reassembly {
	struct rte_ip_frag_tbl *table;
	struct rte_ip_frag_death_row dead; /* what the library gave up in a call */
	uint64_t until_ns;                 /* when nothing can be left in the table */
};

int reassembly_init(struct net *net)
{
	struct reassembly *r = calloc(1, sizeof(*r));

	net->reassembly = r;
	if (!r)
		return -ENOMEM;
	r->table = rte_ip_frag_table_create(
		BUCKETS, BUCKET_ENTRIES, DATAGRAMS, TIMEOUT_NS, SOCKET_ID_ANY);
	return r->table ? 0 : -ENOMEM;
}

void reassembly_fini(struct net *net)
{
	if (net->reassembly && net->reassembly->table)
		rte_ip_frag_table_destroy(net->reassembly->table);
	free(net->reassembly);
}

static void reassembly_bury(struct net *net, enum drop why)
{
	struct rte_ip_frag_death_row *dead = &net->reassembly->dead;

	for (uint32_t i = 0; i < dead->cnt; i++)
		net_drop(net, dead->row[i], why);
	dead->cnt = 0;
}

/* Mbufs in the cores' caches are not counted: they are few. */
static bool pool_is_low(const struct net *net)
{
	const struct rte_mempool *pool = net->config.pool;

	return rte_mempool_get_ops(pool->ops_index)->get_count(pool) < pool->size / POOL_PART;
}

void reassembly_timers(struct net *net, uint64_t now_ns)
{
	struct reassembly *r = net->reassembly;
	bool low;

	if (likely(r->until_ns == 0))
		return;
	low = pool_is_low(net);
	/* One call gives up as many as the row holds. */
	do {
		reassembly_bury(net, low ? DROP_POOL_LOW : DROP_IP_FRAGMENT_TIMEOUT);
		rte_ip_frag_table_del_expired_entries(
			r->table, &r->dead, low ? UINT64_MAX : now_ns);
	} while (r->dead.cnt > 0);
	if (low || now_ns > r->until_ns)
		r->until_ns = 0;
}

/* @param offset, len of the fragment's data in bytes, the latter without headers @param most bytes
 * of a whole datagram's data @return DROP_COUNT for a fragment to take */
static enum drop reassembly_judge(
	const struct net *net, uint32_t offset, uint32_t len, bool more, uint32_t most)
{
	if (len == 0 || (more && len % 8 != 0) || offset + len > most)
		return DROP_IP_FRAGMENT_INVALID;
	return pool_is_low(net) ? DROP_POOL_LOW : DROP_COUNT;
}

/* The library wants the frame, so that the Ethernet header stays in front of a whole datagram. */
static void frame_restore(struct rte_mbuf *m, uint16_t l3_len)
{
	rte_pktmbuf_prepend(m, RTE_ETHER_HDR_LEN);
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = l3_len;
}

/* After the library's look at @p fragment. @return the datagram, from its IP header on, or NULL */
static struct rte_mbuf *reassembly_complete(
	struct net *net, const struct rte_mbuf *fragment, struct rte_mbuf *whole)
{
	struct reassembly *r = net->reassembly;
	/* Nothing given up but the new one: the table has no place. */
	bool full = r->dead.cnt == 1 && r->dead.row[0] == fragment;

	reassembly_bury(net, full ? DROP_IP_FRAGMENT_FULL : DROP_IP_FRAGMENT_INVALID);
	r->until_ns = net->now_ns + TIMEOUT_NS;
	if (whole) {
		whole->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
		rte_pktmbuf_adj(whole, RTE_ETHER_HDR_LEN);
	}
	return whole;
}

/* What is not ICMP: the kernel's, or refused. */
static void reassembly_leave(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, uint8_t protocol)
{
	if (protocol == IPPROTO_UDP && kernel_shares(net, port_index))
		kernel_hand(net, port_index, m, KERNEL_OTHER);
	else
		net_drop(net, m, DROP_IP_FRAGMENT);
}

struct rte_mbuf *reassembly_ipv4(struct net *net, uint32_t port_index, struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);
	enum drop verdict;

	if (ip->next_proto_id != IPPROTO_ICMP) {
		reassembly_leave(net, port_index, m, ip->next_proto_id);
		return NULL;
	}
	verdict = reassembly_judge(net, (field & RTE_IPV4_HDR_OFFSET_MASK) * 8u,
		rte_be_to_cpu_16(ip->total_length) - (uint32_t)sizeof(*ip),
		field & RTE_IPV4_HDR_MF_FLAG, UINT16_MAX - sizeof(*ip));
	if (verdict != DROP_COUNT) {
		net_drop(net, m, verdict);
		return NULL;
	}
	frame_restore(m, sizeof(*ip));
	return reassembly_complete(net, m,
		rte_ipv4_frag_reassemble_packet(
			net->reassembly->table, &net->reassembly->dead, m, net->now_ns, ip));
}

/* A fragment that cannot be: RFC 8200 §4.5 has its sender told. */
static void invalid_ipv6(struct net *net, uint32_t port_index, struct rte_mbuf *m, bool too_far)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	struct icmpv6_fault fault = { DROP_IP_FRAGMENT_INVALID, ICMPV6_PARAMETER, PARAMETER_FIELD,
		too_far ? OFFSET_POINTER : PAYLOAD_LENGTH_POINTER };

	if (ip->dst_addr[0] == 0xff || ip->src_addr[0] == 0xff)
		net_drop(net, m, fault.drop);
	else
		icmpv6_refuse(net, port_index, m, &fault, net->now_ns);
}

/* Whole by itself (RFC 6946): the header goes, nobody waits. */
static struct rte_mbuf *unwrap_ipv6(struct rte_mbuf *m, uint32_t len)
{
	const uint16_t headers = RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr);
	struct rte_ipv6_fragment_ext *ext;
	struct rte_ipv6_hdr *ip;
	uint8_t protocol, *frame;

	ext = rte_pktmbuf_mtod_offset(
		m, struct rte_ipv6_fragment_ext *, sizeof(struct rte_ipv6_hdr));
	protocol = ext->next_header;
	frame = (uint8_t *)ext - headers;
	memmove(frame + sizeof(*ext), frame, headers);
	ip = (void *)rte_pktmbuf_adj(m, sizeof(*ext));
	ip->proto = protocol;
	ip->payload_len = rte_cpu_to_be_16((uint16_t)len);
	return m;
}

struct rte_mbuf *reassembly_ipv6(struct net *net, uint32_t port_index, struct rte_mbuf *m)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	struct rte_ipv6_fragment_ext *ext = (struct rte_ipv6_fragment_ext *)(ip + 1);
	uint32_t payload = rte_be_to_cpu_16(ip->payload_len), offset;
	enum drop verdict;
	uint16_t field;

	if (payload < sizeof(*ext) || m->data_len < sizeof(*ip) + sizeof(*ext)) {
		net_drop(net, m, DROP_IP_EXTENSION);
		return NULL;
	}
	if (ext->next_header != IPPROTO_ICMPV6) {
		reassembly_leave(net, port_index, m, ext->next_header);
		return NULL;
	}
	field = rte_be_to_cpu_16(ext->frag_data);
	offset = field & RTE_IPV6_EHDR_FO_MASK;
	payload -= (uint32_t)sizeof(*ext);
	if (offset == 0 && !(field & RTE_IPV6_EHDR_MF_MASK))
		return unwrap_ipv6(m, payload);
	verdict = reassembly_judge(net, offset, payload, field & RTE_IPV6_EHDR_MF_MASK, UINT16_MAX);
	if (verdict == DROP_IP_FRAGMENT_INVALID) {
		invalid_ipv6(net, port_index, m, offset + payload > UINT16_MAX);
		return NULL;
	}
	if (verdict != DROP_COUNT) {
		net_drop(net, m, verdict);
		return NULL;
	}
	frame_restore(m, sizeof(*ip) + sizeof(*ext));
	return reassembly_complete(net, m,
		rte_ipv6_frag_reassemble_packet(
			net->reassembly->table, &net->reassembly->dead, m, net->now_ns, ip, ext));
}
