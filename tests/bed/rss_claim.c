/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the dataplane to have ports with RSS where there is no such NIC: a memif port then names a key and
 * an indirection table, and memif_bridge.c on its other side spreads by them, or not.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>

#include "tests/bed/rss_key.h"

#define TYPES (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)

int rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	int (*real)(uint16_t, struct rte_eth_dev_info *) = (int (*)(
		uint16_t, struct rte_eth_dev_info *))dlsym(RTLD_NEXT, "rte_eth_dev_info_get");
	int err = real(port, info);

	if (err == 0 && strcmp(info->driver_name, "net_memif") == 0) {
		info->flow_type_rss_offloads = TYPES;
		info->hash_key_size = RSS_KEY_BYTES;
		info->reta_size = RSS_SLOTS;
	}
	return err;
}

/* The driver itself hears nothing of it. */
int rte_eth_dev_configure(
	uint16_t port, uint16_t rx_queues, uint16_t tx_queues, const struct rte_eth_conf *conf)
{
	int (*real)(uint16_t, uint16_t, uint16_t, const struct rte_eth_conf *) =
		(int (*)(uint16_t, uint16_t, uint16_t, const struct rte_eth_conf *))dlsym(
			RTLD_NEXT, "rte_eth_dev_configure");
	struct rte_eth_conf plain = *conf;

	plain.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	memset(&plain.rx_adv_conf.rss_conf, 0, sizeof(plain.rx_adv_conf.rss_conf));
	return real(port, rx_queues, tx_queues, &plain);
}

int rte_eth_dev_rss_hash_conf_get(uint16_t port, struct rte_eth_rss_conf *conf)
{
	(void)port;
	conf->rss_hf = TYPES;
	rss_key_fill(conf->rss_key);
	return 0;
}

int rte_eth_dev_rss_reta_query(
	uint16_t port, struct rte_eth_rss_reta_entry64 *groups, uint16_t slots)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port, &info))
		return -EINVAL;
	for (uint32_t i = 0; i < slots; i++)
		groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			rss_slot_queue(i, info.nb_rx_queues);
	return 0;
}
