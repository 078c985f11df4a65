/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARP (RFC 826) with the manners of RFC 5227: answer for our addresses only, announce them at
 * start, and learn from others no more than what we already wanted to know, so that a flood of
 * invented senders finds no table to fill.
 */
#include <rte_arp.h>

#include "dataplane/net/net_priv.h"
#include "lib/base/log.h"

#define CONFLICT_LOG_NS (10 * SECOND_NS)

static const struct rte_ether_addr broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static const struct rte_ether_addr unknown = { { 0, 0, 0, 0, 0, 0 } };

static void arp_send(struct net *net, uint32_t port_index, uint16_t opcode,
	const struct rte_ether_addr *frame_dst, const struct rte_arp_ipv4 *data)
{
	struct net_port *port = &net->ports[port_index];
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->config.pool);
	struct rte_arp_hdr *arp;

	if (!m) {
		net_drop(net, NULL, DROP_NO_MBUF);
		return;
	}
	arp = (struct rte_arp_hdr *)rte_pktmbuf_append(m, sizeof(*arp));
	if (!arp || !net_ether_push(port, m, frame_dst, RTE_ETHER_TYPE_ARP)) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = RTE_ETHER_ADDR_LEN;
	arp->arp_plen = 4;
	arp->arp_opcode = rte_cpu_to_be_16(opcode);
	arp->arp_data = *data;
	port_tx_put(&port->tx, m);
}

void arp_request(struct net *net, uint32_t port_index, const struct ip_addr *target,
	const struct rte_ether_addr *mac)
{
	struct net_port *port = &net->ports[port_index];
	const struct ip_addr *source = net_port_source(port, target);
	struct rte_arp_ipv4 data = {
		.arp_sha = port->config.port->mac,
		.arp_tha = unknown,
		.arp_tip = ip_to_v4(target),
	};

	if (!source)
		return;
	data.arp_sip = ip_to_v4(source);
	arp_send(net, port_index, RTE_ARP_OP_REQUEST, mac ? mac : &broadcast, &data);
}

void arp_announce(struct net *net)
{
	for (uint32_t p = 0; p < net->config.port_count; p++) {
		const struct net_port_config *port = &net->ports[p].config;

		for (uint32_t i = 0; i < port->address_count; i++) {
			struct rte_arp_ipv4 data = { .arp_sha = port->port->mac,
				.arp_tha = unknown };

			if (!ip_is_v4(&port->addresses[i].addr))
				continue;
			data.arp_sip = data.arp_tip = ip_to_v4(&port->addresses[i].addr);
			arp_send(net, p, RTE_ARP_OP_REQUEST, &broadcast, &data);
		}
	}
}

static bool arp_valid(const struct rte_arp_hdr *arp)
{
	uint32_t sender;

	if (arp->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
		arp->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		arp->arp_hlen != RTE_ETHER_ADDR_LEN || arp->arp_plen != 4)
		return false;
	if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) &&
		arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REPLY))
		return false;
	if (!rte_is_valid_assigned_ether_addr(&arp->arp_data.arp_sha))
		return false;
	sender = rte_be_to_cpu_32(arp->arp_data.arp_sip);
	return sender >> 24 != 127 && sender >> 24 < 224 && (sender == 0 || sender >> 24 != 0);
}

void net_conflict_report(struct net *net, const struct net_port *port, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns)
{
	char text[IP_TEXT_BYTES];

	if (rte_is_same_ether_addr(mac, &port->config.port->mac) || now_ns < net->conflict_log_ns)
		return;
	net->conflict_log_ns = now_ns + CONFLICT_LOG_NS;
	ip_format(addr, text);
	log_warning("address %s is also used by " RTE_ETHER_ADDR_PRT_FMT, text,
		RTE_ETHER_ADDR_BYTES(mac));
}

void arp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m, uint64_t now_ns)
{
	struct net_port *port = &net->ports[port_index];
	struct ip_addr sender, target;
	struct rte_arp_hdr arp;
	bool for_us, is_reply;

	if (m->data_len < sizeof(arp)) {
		net_drop(net, m, DROP_FRAME_SHORT);
		return;
	}
	arp = *rte_pktmbuf_mtod(m, const struct rte_arp_hdr *);
	if (!arp_valid(&arp)) {
		net_drop(net, m, DROP_ARP_INVALID);
		return;
	}
	sender = ip_from_v4(arp.arp_data.arp_sip);
	target = ip_from_v4(arp.arp_data.arp_tip);
	is_reply = arp.arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	for_us = net_port_owns(port, &target);
	if (net_port_owns(port, &sender)) {
		net_conflict_report(net, port, &sender, &arp.arp_data.arp_sha, now_ns);
		net_drop(net, m, DROP_NOT_FOR_US);
		return;
	}
	/* A sender of 0.0.0.0 probes whether an address is free (RFC 5227 §2.1): answered, not
	 * learned. */
	if (arp.arp_data.arp_sip != 0) {
		neigh_learn(net, port_index, &sender, &arp.arp_data.arp_sha, is_reply && for_us,
			now_ns);
		if (for_us && net->relay)
			net->relay->neighbour_seen(net->relay_ctx, port_index, &sender,
				&arp.arp_data.arp_sha, is_reply);
	}
	/* A reply to us may answer what the kernel asked from an address of ours. */
	if (for_us ? is_reply && kernel_shares(net, port_index)
		   : kernel_owns(net, port_index, &target)) {
		kernel_hand(net, port_index, m, KERNEL_NEIGHBOUR);
		return;
	}
	if (!for_us) {
		net_drop(net, m, DROP_NOT_FOR_US);
		return;
	}
	rte_pktmbuf_free(m);
	if (!is_reply) {
		struct rte_arp_ipv4 answer = {
			.arp_sha = port->config.port->mac,
			.arp_sip = arp.arp_data.arp_tip,
			.arp_tha = arp.arp_data.arp_sha,
			.arp_tip = arp.arp_data.arp_sip,
		};

		arp_send(net, port_index, RTE_ARP_OP_REPLY, &arp.arp_data.arp_sha, &answer);
	}
}
