/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicast listener discovery, the listener's side (RFC 3810): switches that snoop learn from it
 * behind which port the solicited-node groups are, and without it may let no neighbour ask for us
 * (RFC 4861 §7.2.1, RFC 4541 §3). All nodes' group is never reported (RFC 3810 §6).
 *
 * Our groups change at start only, so that there is one state a port and one report for all groups,
 * which is more than a query for one group asks for and no less. A query of version 1 is answered
 * in version 1, a report for each group (RFC 2710 §4), without remembering who asked. The worker
 * with queue 0 speaks unasked; a query is answered by whichever worker hears it.
 */
#include "dataplane/net/net_priv.h"

#define UNSOLICITED_NS SECOND_NS /* RFC 3810 §9.11: between the reports of a start */
#define ROBUSTNESS     2         /* how many of them (§9.1) */
#define HOP_LIMIT      1

enum { MLD_V1_REPORT = 131, MLD_V2_REPORT = 143 };
enum { RECORD_IS_EXCLUDE = 2, RECORD_TO_EXCLUDE = 4 };

#define ALERT_OPTION 5 /* router alert (RFC 2711) */

static const struct ip_addr unspecified;
static const struct ip_addr all_listeners = { { 0xff, 2, [15] = 0x16 } }; /* all MLDv2 routers */

/* RFC 3810 §5.1, as far as a listener reads it; version 1 ends with the group. */
struct query {
	uint8_t type, code;
	rte_be16_t checksum, max_response, reserved;
	uint8_t group[16];
} __attribute__((packed, aligned(2)));

#define QUERY_V2_BYTES (sizeof(struct query) + 4)

struct record {
	uint8_t type, aux_words;
	rte_be16_t sources;
	uint8_t group[16];
} __attribute__((packed, aligned(2)));

/* Hop-by-hop options: router alert for MLD, two bytes of padding. */
static const uint8_t alert[8] = { IPPROTO_ICMPV6, 0, ALERT_OPTION, 2, 0, 0, 1, 0 };

void mld_start(struct net *net, uint32_t port_index)
{
	struct mld *mld = &net->ports[port_index].mld;

	mld->unsolicited_left = net->config.queue == 0 ? ROBUSTNESS : 0;
	mld->unsolicited_ns = 0;
}

/* Before it is known to be ours alone, an address is no source (RFC 3590 §4). */
static const struct ip_addr *mld_source(const struct net_port *port)
{
	for (uint32_t i = 0; i < port->ndp_count; i++)
		if (port->ndp[i].state == NDP_PREFERRED && ip_is_link_local(&port->ndp[i].addr))
			return &port->ndp[i].addr;
	return &unspecified;
}

/* @param m  holds the ICMPv6 message */
static void report_send(
	struct net *net, uint32_t port_index, struct rte_mbuf *m, const struct ip_addr *dst)
{
	struct net_port *port = &net->ports[port_index];
	const struct rte_ether_addr mac = ndp_group_mac(dst);
	const struct ip_addr *src = mld_source(port);
	void *options;

	icmpv6_seal(m, src, dst);
	options = rte_pktmbuf_prepend(m, sizeof(alert));
	if (options)
		memcpy(options, alert, sizeof(alert));
	if (!options || !ipv6_push(m, src, dst, IPPROTO_HOPOPTS, HOP_LIMIT) ||
		!net_ether_push(port, m, &mac, RTE_ETHER_TYPE_IPV6))
		net_drop(net, m, DROP_NO_MBUF);
	else
		port_tx_put(&port->tx, m);
}

static void mld_report(struct net *net, uint32_t port_index, uint8_t record_type)
{
	struct ip_addr groups[MLD_GROUPS];
	uint32_t count = ndp_groups(&net->ports[port_index], groups);
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->config.pool);
	struct icmpv6_hdr *icmp = m ? (void *)rte_pktmbuf_append(m, sizeof(*icmp)) : NULL;
	struct record *records =
		icmp ? (void *)rte_pktmbuf_append(m, (uint16_t)(count * sizeof(*records))) : NULL;

	if (!records) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	*icmp = (struct icmpv6_hdr){ MLD_V2_REPORT, 0, 0, rte_cpu_to_be_32(count) };
	for (uint32_t i = 0; i < count; i++) {
		records[i] = (struct record){ .type = record_type };
		memcpy(records[i].group, groups[i].bytes, sizeof(records[i].group));
	}
	report_send(net, port_index, m, &all_listeners);
}

static void report_v1(struct net *net, uint32_t port_index)
{
	struct ip_addr groups[MLD_GROUPS];
	uint32_t count = ndp_groups(&net->ports[port_index], groups);

	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(net->config.pool);
		struct query *message = m ? (void *)rte_pktmbuf_append(m, sizeof(*message)) : NULL;

		if (!message) {
			net_drop(net, m, DROP_NO_MBUF);
			continue;
		}
		*message = (struct query){ .type = MLD_V1_REPORT };
		memcpy(message->group, groups[i].bytes, sizeof(message->group));
		report_send(net, port_index, m, &groups[i]);
	}
}

/* The option is what makes routers and us look (RFC 3810 §6.2); the headers are still in front of
 * @p m. */
static bool has_alert(const struct rte_mbuf *m, uint16_t ip_bytes)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *) - ip_bytes;
	uint32_t at = sizeof(struct rte_ipv6_hdr) + 2, end;

	if (ip[offsetof(struct rte_ipv6_hdr, proto)] != IPPROTO_HOPOPTS)
		return false;
	end = (uint32_t)sizeof(struct rte_ipv6_hdr) + (ip[at - 1] + 1u) * 8;
	while (at < end && ip[at] != ALERT_OPTION)
		at += ip[at] == 0 ? 1u : ip[at + 1] + 2u; /* within bounds: ipv6.c has looked */
	return at < end;
}

/* RFC 3810 §5.1.3: from 32768 on a floating point number. */
static uint64_t max_response_ns(uint16_t code, bool v1)
{
	uint64_t ms = code;

	if (!v1 && code >= 0x8000)
		ms = (uint64_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
	return ms * MILLISECOND_NS;
}

static bool asks_for_us(const struct net_port *port, const uint8_t *group)
{
	struct ip_addr groups[MLD_GROUPS];
	uint32_t count = ndp_groups(port, groups);

	if (memcmp(group, unspecified.bytes, sizeof(unspecified.bytes)) == 0)
		return true;
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(group, groups[i].bytes, sizeof(groups[i].bytes)) == 0)
			return true;
	return false;
}

void mld_query(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns)
{
	const struct query *query = rte_pktmbuf_mtod(m, const struct query *);
	struct net_port *port = &net->ports[port_index];
	uint64_t most_ns, due_ns;
	bool v1;

	if (m->data_len < sizeof(*query) ||
		(m->pkt_len != sizeof(*query) && m->pkt_len < QUERY_V2_BYTES) ||
		info->hop_limit != HOP_LIMIT || !ip_is_link_local(&info->src) ||
		!has_alert(m, info->ip_bytes)) {
		net_drop(net, m, DROP_MLD_INVALID);
		return;
	}
	if (!asks_for_us(port, query->group)) {
		net_drop(net, m, DROP_NOT_FOR_US);
		return;
	}
	v1 = m->pkt_len == sizeof(*query);
	most_ns = max_response_ns(rte_be_to_cpu_16(query->max_response), v1);
	due_ns = now_ns + net_random(net) % (most_ns + 1);
	/* One answer is for all groups: the earlier serves both (§6.2). */
	if (port->mld.answer_ns == 0 || due_ns < port->mld.answer_ns)
		port->mld.answer_ns = due_ns;
	port->mld.answer_v1 = v1;
	rte_pktmbuf_free(m);
}

void mld_timers(struct net *net, uint64_t now_ns)
{
	for (uint32_t p = 0; p < net->config.port_count; p++) {
		struct mld *mld = &net->ports[p].mld;

		if (net->ports[p].ndp_count == 0)
			continue;
		if (mld->unsolicited_left && now_ns >= mld->unsolicited_ns) {
			mld->unsolicited_left--;
			mld->unsolicited_ns = now_ns + 1 + net_random(net) % UNSOLICITED_NS;
			mld_report(net, p, RECORD_TO_EXCLUDE);
		}
		if (mld->answer_ns == 0 || now_ns < mld->answer_ns)
			continue;
		mld->answer_ns = 0;
		if (mld->answer_v1)
			report_v1(net, p);
		else
			mld_report(net, p, RECORD_IS_EXCLUDE);
	}
}
