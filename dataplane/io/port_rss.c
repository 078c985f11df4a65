/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSS of a port: a key of our own is offered, and what the port then has is read back and believed.
 * A driver may keep its own key, and one that names no indirection table (net_tap in 22.11) does
 * not spread by RSS, whatever it says of its hash types.
 */
#include "dataplane/io/port_rss.h"

#include <string.h>
#include <sys/random.h>

#define WANTED (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)

static void bit_set(uint8_t *key, unsigned bit, bool value)
{
	uint8_t mask = (uint8_t)(0x80u >> bit % 8);

	key[bit / 8] = (uint8_t)(value ? key[bit / 8] | mask : key[bit / 8] & ~mask);
}

/*
 * Our port is bits 80 to 95 of an IPv4 tuple, 272 to 287 of an IPv6 one; bit b adds the key's bits
 * b to b + 31 to the hash, and the slot is at most the low nine of these. With a single one among
 * the key's bits that meet so, the port's low nine bits give the slot's, in reverse: every slot has
 * as many local ports as any other.
 */
static void port_bits_set(uint8_t *key, unsigned first)
{
	for (unsigned i = 0; i < 24; i++)
		bit_set(key, first + 23 + i, i == 15);
}

void port_rss_key(uint8_t *key, uint32_t bytes)
{
	/* Without randomness, which the kernel has from early on, strangers know who gets what: no
	 * more. */
	if (getrandom(key, bytes, 0) != (ssize_t)bytes)
		memset(key, 0x6d, bytes);
	port_bits_set(key, 80);
	port_bits_set(key, 272);
}

void port_rss_choose(const struct rte_eth_dev_info *info, uint8_t *key, struct rte_eth_conf *conf)
{
	uint64_t types = info->flow_type_rss_offloads & WANTED;

	if (!types)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = types;
	if (info->hash_key_size < PORT_RSS_KEY_BYTES)
		return;
	port_rss_key(key, info->hash_key_size);
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
}

static bool table_read(const struct port *port, uint16_t size, uint16_t *reta)
{
	struct rte_eth_rss_reta_entry64 groups[PORT_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];

	if (size == 0 || size > PORT_RETA_MAX)
		return false;
	memset(groups, 0, sizeof(groups));
	for (unsigned i = 0; i < RTE_DIM(groups); i++)
		groups[i].mask = UINT64_MAX;
	if (rte_eth_dev_rss_reta_query(port->id, groups, size))
		return false;
	for (unsigned i = 0; i < size; i++)
		reta[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	return true;
}

void port_rss_read(struct port *port)
{
	uint8_t key[UINT8_MAX] = { 0 };
	struct rte_eth_rss_conf conf = { .rss_key = key };
	struct rte_eth_dev_info info;

	memset(&port->rss, 0, sizeof(port->rss));
	if (rte_eth_dev_info_get(port->id, &info))
		return;
	/* Drivers that name no size have the usual one; a key that stays zero is nobody's and
	 * refused later. */
	conf.rss_key_len = info.hash_key_size ? info.hash_key_size : PORT_RSS_KEY_BYTES;
	if (conf.rss_key_len < PORT_RSS_KEY_BYTES ||
		rte_eth_dev_rss_hash_conf_get(port->id, &conf) ||
		!table_read(port, info.reta_size, port->rss.reta))
		return;
	memcpy(port->rss.key, key, sizeof(port->rss.key));
	port->rss.ipv4 = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0;
	port->rss.ipv6 = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0;
	port->rss.reta_size = info.reta_size;
}
