/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbour discovery (RFC 4861) and duplicate address detection (RFC 4862 §5.4), with the manners
 * of arp.c: answer for our addresses only, announce them at start, and learn from others no more
 * than what we already wanted to know. Routers are the operator's to name: nobody is asked for one.
 *
 * An address is tentative for the first second. What is to be sent from it waits with the neighbour
 * that it is for, so that a connection made meanwhile comes late and does not fail.
 */
#include "dataplane/net/net_priv.h"
#include "lib/base/log.h"

#define HOP_LIMIT      255 /* from the link itself: nobody forwarded it (RFC 4861 §7.1) */
#define RETRANS_NS     SECOND_NS
#define ADVERTISEMENTS 2 /* unsolicited ones; MAX_NEIGHBOR_ADVERTISEMENT is 3 */

#define FLAG_SOLICITED 0x40000000u
#define FLAG_OVERRIDE  0x20000000u

enum { OPTION_SOURCE_MAC = 1, OPTION_TARGET_MAC = 2, OPTION_NONCE = 14 };

static const struct ip_addr unspecified;
static const struct ip_addr all_nodes = { { 0xff, 2, [15] = 1 } };

struct message {
	struct icmpv6_hdr icmp;
	uint8_t target[16];
} __attribute__((packed, aligned(2)));

/* Every option that we send or read is of this size. */
struct option {
	uint8_t type, length; /* of eight bytes */
	uint8_t data[6];
};

struct outgoing {
	uint8_t type, option;
	uint32_t flags;
	const struct ip_addr *target, *src, *dst;
	const struct rte_ether_addr *mac; /* NULL: the group's, or whatever the neighbour's is */
};

static struct ip_addr solicited_node(const struct ip_addr *addr)
{
	struct ip_addr group = { { 0xff, 2, [11] = 1, 0xff } };

	memcpy(group.bytes + 13, addr->bytes + 13, 3);
	return group;
}

struct rte_ether_addr ndp_group_mac(const struct ip_addr *group)
{
	struct rte_ether_addr mac = { { 0x33, 0x33 } };

	memcpy(mac.addr_bytes + 2, group->bytes + 12, 4);
	return mac;
}

/* RFC 4291 appendix A: the MAC address as an interface identifier. */
static struct ip_addr link_local(const struct rte_ether_addr *mac)
{
	const uint8_t *m = mac->addr_bytes;

	return (struct ip_addr){ { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe,
		m[3], m[4], m[5] } };
}

/* All addresses of a port; those of the configuration first. @return how many */
static uint32_t ndp_collect(const struct net_port_config *config, struct ndp_address *out)
{
	uint32_t count = 0;
	bool linked = false;

	for (uint32_t i = 0; i < config->address_count; i++) {
		const struct net_address *a = &config->addresses[i];

		if (ip_is_v4(&a->addr))
			continue;
		out[count++] = (struct ndp_address){ .addr = a->addr, .prefix_len = a->prefix_len };
		linked |= ip_is_link_local(&a->addr);
	}
	if (count && !linked)
		out[count++] = (struct ndp_address){ .addr = link_local(&config->port->mac),
			.prefix_len = 64 };
	return count;
}

uint32_t net_multicast_macs(const struct net_port_config *config, struct rte_ether_addr *macs)
{
	struct ndp_address addresses[NDP_ADDRESSES];
	uint32_t count = ndp_collect(config, addresses), out = 0;

	if (count)
		macs[out++] = ndp_group_mac(&all_nodes);
	for (uint32_t i = 0; i < count; i++) {
		struct ip_addr group = solicited_node(&addresses[i].addr);

		macs[out++] = ndp_group_mac(&group);
	}
	return out;
}

/* One worker speaks for all, as with ARP. */
static uint8_t ndp_advertisements(const struct net *net)
{
	return net->config.queue == 0 ? ADVERTISEMENTS : 0;
}

void ndp_init(struct net *net, uint32_t port_index)
{
	struct net_port *port = &net->ports[port_index];

	port->ndp_count = (uint8_t)ndp_collect(&port->config, port->ndp);
	for (uint32_t i = 0; i < port->ndp_count; i++) {
		port->ndp[i].state = net->config.dad_transmits ? NDP_TENTATIVE : NDP_PREFERRED;
		port->ndp[i].left = net->config.dad_transmits ? net->config.dad_transmits
							      : ndp_advertisements(net);
	}
	mld_start(net, port_index);
}

static struct ndp_address *ndp_entry(struct net_port *port, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < port->ndp_count; i++)
		if (ip_equal(&port->ndp[i].addr, addr))
			return &port->ndp[i];
	return NULL;
}

const struct ndp_address *ndp_find(const struct net_port *port, const struct ip_addr *addr)
{
	return ndp_entry((struct net_port *)(uintptr_t)port, addr);
}

bool ndp_accepts(const struct net_port *port, const struct ip_addr *addr)
{
	struct ip_addr group;

	for (uint32_t i = 0; i < port->ndp_count; i++)
		if (port->ndp[i].state == NDP_PREFERRED && ip_equal(&port->ndp[i].addr, addr))
			return true;
	if (addr->bytes[0] != 0xff)
		return false;
	if (ip_equal(addr, &all_nodes))
		return true;
	for (uint32_t i = 0; i < port->ndp_count; i++) {
		group = solicited_node(&port->ndp[i].addr);
		if (port->ndp[i].state != NDP_DUPLICATE && ip_equal(&group, addr))
			return true;
	}
	return false;
}

static uint32_t group_add(struct ip_addr *groups, uint32_t count, const struct ip_addr *addr)
{
	groups[count] = solicited_node(addr);
	for (uint32_t i = 0; i < count; i++)
		if (ip_equal(&groups[i], &groups[count]))
			return count;
	return count + 1;
}

uint32_t ndp_groups(const struct net_port *port, struct ip_addr *groups)
{
	const struct net_kernel *k = port->config.kernel;
	uint32_t count = 0;

	for (uint32_t i = 0; i < port->ndp_count; i++)
		if (port->ndp[i].state != NDP_DUPLICATE)
			count = group_add(groups, count, &port->ndp[i].addr);
	for (uint32_t i = 0; k && i < k->address_count; i++)
		if (!ip_is_v4(&k->addresses[i]))
			count = group_add(groups, count, &k->addresses[i]);
	return count;
}

static bool message_write(const struct net_port *port, struct rte_mbuf *m, const struct outgoing *o)
{
	struct message *message = (void *)rte_pktmbuf_append(m, sizeof(*message));
	struct option *option = (void *)rte_pktmbuf_append(m, sizeof(*option));

	if (!message || !option)
		return false;
	message->icmp = (struct icmpv6_hdr){ o->type, 0, 0, rte_cpu_to_be_32(o->flags) };
	memcpy(message->target, o->target->bytes, sizeof(message->target));
	*option = (struct option){ o->option, 1, { 0 } };
	memcpy(option->data, port->config.port->mac.addr_bytes, sizeof(option->data));
	icmpv6_seal(m, o->src, o->dst);
	return ipv6_push(m, o->src, o->dst, IPPROTO_ICMPV6, HOP_LIMIT);
}

static void message_send(
	struct net *net, uint32_t port_index, const struct outgoing *o, uint64_t now_ns)
{
	struct net_port *port = &net->ports[port_index];
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->config.pool);
	const struct rte_ether_addr group = ndp_group_mac(o->dst), *mac = o->mac;

	if (!mac && o->dst->bytes[0] == 0xff)
		mac = &group;
	if (!m || !message_write(port, m, o) ||
		!net_ether_push(port, m, mac, RTE_ETHER_TYPE_IPV6)) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	if (mac)
		port_tx_put(&port->tx, m);
	else
		neigh_output(net, port_index, o->dst, NEIGH_NONE, m, now_ns);
}

void ndp_solicit(struct net *net, uint32_t port_index, const struct ip_addr *target,
	const struct rte_ether_addr *mac)
{
	const struct net_port *port = &net->ports[port_index];
	const struct ip_addr *source = net_port_source(port, target);
	struct ip_addr group = solicited_node(target);

	if (!source || ndp_find(port, source)->state != NDP_PREFERRED)
		return;
	message_send(net, port_index,
		&(struct outgoing){ .type = NDP_SOLICITATION,
			.option = OPTION_SOURCE_MAC,
			.target = target,
			.src = source,
			.dst = mac ? target : &group,
			.mac = mac },
		net->now_ns);
}

/* Is somebody there (RFC 4862 §5.4.2)? Our MAC address as the nonce tells a probe of our own that
 * comes back from another's (RFC 7527); it is the same for all workers. */
static void ndp_probe(struct net *net, uint32_t port_index, const struct ndp_address *a)
{
	struct ip_addr group = solicited_node(&a->addr);

	message_send(net, port_index,
		&(struct outgoing){ .type = NDP_SOLICITATION,
			.option = OPTION_NONCE,
			.target = &a->addr,
			.src = &unspecified,
			.dst = &group },
		net->now_ns);
}

static void ndp_advertise(struct net *net, uint32_t port_index, const struct ndp_address *a,
	const struct ip_addr *dst, const struct rte_ether_addr *mac)
{
	uint32_t flags = FLAG_OVERRIDE | (dst == &all_nodes ? 0 : FLAG_SOLICITED);

	message_send(net, port_index,
		&(struct outgoing){ .type = NDP_ADVERTISEMENT,
			.option = OPTION_TARGET_MAC,
			.flags = flags,
			.target = &a->addr,
			.src = &a->addr,
			.dst = dst,
			.mac = mac },
		net->now_ns);
}

struct options {
	const struct rte_ether_addr *mac;
	const uint8_t *nonce;
};

/* @param mac_type  the option that holds the MAC address  @return false when they are malformed */
static bool options_read(const uint8_t *p, uint32_t len, uint8_t mac_type, struct options *out)
{
	*out = (struct options){ NULL, NULL };
	while (len > 0) {
		if (len < 8 || p[1] == 0 || p[1] * 8u > len)
			return false;
		if (p[0] == mac_type && p[1] == 1)
			out->mac = (const struct rte_ether_addr *)(p + 2);
		else if (p[0] == OPTION_NONCE)
			out->nonce = p[1] == 1 ? p + 2 : NULL;
		len -= p[1] * 8u;
		p += p[1] * 8u;
	}
	return !out->mac || rte_is_valid_assigned_ether_addr(out->mac);
}

/* RFC 4861 §7.1.1, §7.1.2 */
static bool message_valid(
	const struct rte_mbuf *m, const struct ipv6_info *info, struct options *options)
{
	const struct message *message = rte_pktmbuf_mtod(m, const struct message *);
	bool solicitation = message->icmp.type == NDP_SOLICITATION;
	bool solicited = message->icmp.word & rte_cpu_to_be_32(FLAG_SOLICITED);

	if (info->hop_limit != HOP_LIMIT || m->data_len < sizeof(*message) ||
		message->icmp.code != 0 || message->target[0] == 0xff)
		return false;
	if (!options_read((const uint8_t *)(message + 1), m->data_len - (uint32_t)sizeof(*message),
		    solicitation ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC, options))
		return false;
	if (!solicitation)
		return !ip_equal(&info->src, &unspecified) && !(info->multicast && solicited);
	return !ip_equal(&info->src, &unspecified) ||
	       (info->multicast && !ip_equal(&info->dst, &all_nodes) && !options->mac);
}

void ndp_conflict(struct net *net, uint32_t port_index, const struct ip_addr *addr,
	const struct rte_ether_addr *mac, uint64_t now_ns)
{
	struct net_port *port = &net->ports[port_index];
	struct ndp_address *a = ndp_entry(port, addr);
	char text[IP_TEXT_BYTES];

	if (!a || a->state == NDP_DUPLICATE)
		return;
	if (a->state == NDP_PREFERRED) {
		net_conflict_report(net, port, addr, mac, now_ns);
		return;
	}
	a->state = NDP_DUPLICATE;
	a->left = 0;
	/* The worker that speaks for all says it once. */
	if (net->config.queue != 0)
		return;
	ip_format(addr, text);
	if (rte_is_zero_ether_addr(mac))
		log_error("address %s is not used: another host is about to take it", text);
	else
		log_error("address %s is not used: " RTE_ETHER_ADDR_PRT_FMT " has it", text,
			RTE_ETHER_ADDR_BYTES(mac));
}

/* Somebody claims or asks for an address of ours. A tentative one is theirs. */
static void ndp_claimed(struct net *net, uint32_t port_index, const struct ndp_address *a,
	const struct rte_ether_addr *mac, uint64_t now_ns)
{
	static const struct rte_ether_addr not_told;
	bool tentative = a->state == NDP_TENTATIVE;

	ndp_conflict(net, port_index, &a->addr, mac ? mac : &not_told, now_ns);
	if (tentative && net->relay)
		net->relay->neighbour_seen(
			net->relay_ctx, port_index, &a->addr, mac ? mac : &not_told, false);
}

static void solicitation_input(struct net *net, uint32_t port_index, const struct ndp_address *own,
	const struct ipv6_info *info, const struct options *options, uint64_t now_ns)
{
	const struct rte_ether_addr *our_mac = &net->ports[port_index].config.port->mac;

	if (ip_equal(&info->src, &unspecified)) {
		if (options->nonce && memcmp(options->nonce, our_mac->addr_bytes, 6) == 0)
			return;
		if (own->state == NDP_TENTATIVE)
			ndp_claimed(net, port_index, own, NULL, now_ns);
		else
			ndp_advertise(net, port_index, own, &all_nodes, NULL);
		return;
	}
	if (own->state != NDP_PREFERRED || net_port_owns(&net->ports[port_index], &info->src))
		return;
	if (options->mac) {
		neigh_learn(net, port_index, &info->src, options->mac, false, now_ns);
		if (net->relay)
			net->relay->neighbour_seen(
				net->relay_ctx, port_index, &info->src, options->mac, false);
	}
	ndp_advertise(net, port_index, own, &info->src, options->mac);
}

static void advertisement_input(struct net *net, uint32_t port_index, const struct ip_addr *target,
	uint32_t flags, const struct options *options, uint64_t now_ns)
{
	const struct net_port *port = &net->ports[port_index];
	const struct ndp_address *own = ndp_find(port, target);
	struct neigh_news news = { options->mac, flags & FLAG_SOLICITED, flags & FLAG_OVERRIDE };

	if (!own)
		neigh_advertised(net, port_index, target, &news, now_ns);
	else if (!options->mac || !rte_is_same_ether_addr(options->mac, &port->config.port->mac))
		ndp_claimed(net, port_index, own, options->mac, now_ns);
}

void ndp_input(struct net *net, uint32_t port_index, struct rte_mbuf *m,
	const struct ipv6_info *info, uint64_t now_ns)
{
	const struct message *message = rte_pktmbuf_mtod(m, const struct message *);
	const struct ndp_address *own;
	struct options options;
	struct ip_addr target;

	if (!message_valid(m, info, &options)) {
		net_drop(net, m, DROP_NDP_INVALID);
		return;
	}
	memcpy(target.bytes, message->target, sizeof(target.bytes));
	own = ip_is_v4(&target) ? NULL : ndp_find(&net->ports[port_index], &target);
	if (!own && kernel_owns(net, port_index, &target)) {
		kernel_hand_back(net, port_index, m, info->ip_bytes, KERNEL_NEIGHBOUR);
		return;
	}
	if (ip_is_v4(&target) ||
		(message->icmp.type == NDP_SOLICITATION && (!own || own->state == NDP_DUPLICATE))) {
		net_drop(net, m, DROP_NOT_FOR_US);
		return;
	}
	if (message->icmp.type == NDP_SOLICITATION)
		solicitation_input(net, port_index, own, info, &options, now_ns);
	else
		advertisement_input(net, port_index, &target, rte_be_to_cpu_32(message->icmp.word),
			&options, now_ns);
	/* An advertisement may answer what the kernel asked from an address of ours. */
	if (message->icmp.type == NDP_ADVERTISEMENT && kernel_shares(net, port_index))
		kernel_hand_back(net, port_index, m, info->ip_bytes, KERNEL_NEIGHBOUR);
	else
		rte_pktmbuf_free(m);
}

/* One step of an address's start: probes, the end of the wait, advertisements. */
static void address_step(
	struct net *net, uint32_t port_index, struct ndp_address *a, uint64_t now_ns)
{
	if (a->state == NDP_DUPLICATE || now_ns < a->due_ns)
		return;
	if (a->state == NDP_TENTATIVE && a->left == 0) {
		a->state = NDP_PREFERRED;
		a->left = ndp_advertisements(net);
		neigh_ask_again(net, port_index, now_ns);
		/* Now from an address that switches take reports from (RFC 3590 §4). */
		if (ip_is_link_local(&a->addr))
			mld_start(net, port_index);
	}
	if (a->left == 0)
		return;
	a->left--;
	a->due_ns = now_ns + RETRANS_NS;
	if (a->state == NDP_PREFERRED)
		ndp_advertise(net, port_index, a, &all_nodes, NULL);
	else if (net->config.queue == 0)
		ndp_probe(net, port_index, a);
}

void ndp_announce(struct net *net)
{
	for (uint32_t p = 0; p < net->config.port_count; p++) {
		struct net_port *port = &net->ports[p];

		for (uint32_t i = 0; i < port->ndp_count; i++) {
			if (port->ndp[i].state != NDP_PREFERRED)
				continue;
			port->ndp[i].left = ndp_advertisements(net);
			port->ndp[i].due_ns = 0;
		}
		mld_start(net, p);
	}
}

void ndp_timers(struct net *net, uint64_t now_ns)
{
	for (uint32_t p = 0; p < net->config.port_count; p++)
		for (uint32_t i = 0; i < net->ports[p].ndp_count; i++)
			address_step(net, p, &net->ports[p].ndp[i], now_ns);
}
