/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting ports. Software devices are plugged in here, after the EAL is up, so that one that fails
 * is an error message and a fallback. What holds for the drivers of DPDK 22.11 (tried on veth
 * pairs):
 *
 * af_xdp Holds no frame that is larger than a page with its mbuf, on any port of a pool: with an
 * MTU
 *             above 1,500 somewhere its socket does not start. Receives and sends straight from the
 *             mbuf pool, which becomes the socket's UMEM: the pool must come from
 *             port_pool_create(). Pins 2,048 mbufs a queue in the fill ring, whatever the
 *             descriptor count, and up to 32 sent ones until the next burst. Does not give them
 *             back on close. Follows no chains; a reference kept on a sent mbuf is respected. A
 *             program left on the interface by a killed process is used again. "No bpffs" in its
 *             output is harmless.
 * af_packet   Takes frames of its ring's frame size, whatever MTU ethdev believes in.
 *             Copies in both directions; sends chains. Pins nothing of a pool. Sends from a ring of
 *             its own, in poll() without a timeout when that is full.
 * tap Pins one mbuf a receive descriptor. Its sums of sent TCP are its own code's, which takes
 * every mbuf of
 *             a chain to begin at an even byte: wrong behind each of odd length. Its TSO refuses a
 *             segment of which a piece with its Ethernet header is longer than the MTU, that is
 *             any; and cuts IPv4 only.
 * ring        Hands over the mbufs themselves: a payload that is kept for retransmission would be
 *             written to by its receiver, so that it is treated as a port without chains.
 * memif Copies; does not start with --no-shconf. A client does not start without its server, and
 * one that
 *             loses it stays down. The client makes the queues: a server that has fewer sends it
 *             away; one that has more is not told, and what it sends by the others goes into the
 *             first one's memory.
 * virtio Over a vhost-user socket (virtio_user) it shares its memory as files, few of them: huge
 * pages and
 *             --eal=--single-file-segments.
 */
#include "dataplane/io/port_setup.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf_pool_ops.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/iface.h"
#include "dataplane/io/port_mtu.h"
#include "dataplane/io/port_rss.h"
#include "lib/base/log.h"

#define DESC_DEFAULT    1024
#define AF_PACKET_BLOCK 32         /* frames */
#define AF_PACKET_RING  (4u << 20) /* bytes */

/* TX_OFFLOAD_MBUF_FAST_FREE is never among them: TCP keeps references to what it sends. */
#define TX_WANTED                                                                                  \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |                            \
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_TSO)
#define RX_CHECKSUMS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)

struct rte_mempool *port_pool_create(const char *name, uint32_t count, uint32_t cache,
	uint16_t priv_bytes, uint16_t data_room, int socket)
{
	struct rte_pktmbuf_pool_private priv = {
		.mbuf_data_room_size = data_room,
		.mbuf_priv_size = priv_bytes,
	};
	uint32_t element = (uint32_t)sizeof(struct rte_mbuf) + priv_bytes + data_room;
	struct rte_mempool *pool;
	int err;

	/* Addresses are virtual (--iova-mode=va), so that whatever is in one piece for us is for
	 * the port too: pages need not be looked at, and the mbufs lie close together. */
	pool = rte_mempool_create_empty(
		name, count, element, cache, sizeof(priv), socket, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (!pool)
		return NULL;
	err = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	if (err == 0) {
		rte_pktmbuf_pool_init(pool, &priv);
		err = rte_mempool_populate_default(pool);
	}
	if (err < 0) {
		rte_mempool_free(pool);
		rte_errno = -err;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static bool is_tap(const struct rte_eth_dev_info *info)
{
	return strcmp(info->driver_name, "net_tap") == 0;
}

/* What is used of the port's ways to send; see the head of this file. */
static uint64_t tx_choose(const struct rte_eth_dev_info *info)
{
	uint64_t tx = info->tx_offload_capa & TX_WANTED;

	if (strcmp(info->driver_name, "net_ring") == 0)
		tx &= ~(uint64_t)RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (is_tap(info))
		tx &= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	return tx;
}

/* Segments are cut by ports that also take their chains and make TCP's sums; at most
 * PORT_RUN_PIECES and a header make one. The pieces' IPv4 headers get their sums from whoever cuts:
 * virtio offers that for nothing else. */
static bool tso_choose(
	const struct rte_eth_dev_info *info, const struct port_caps *caps, uint64_t tx)
{
	uint16_t most = info->tx_desc_lim.nb_seg_max;

	return (tx & RTE_ETH_TX_OFFLOAD_TCP_TSO) && caps->multi_segs && caps->tx_tcp_checksum &&
	       (most == 0 || most > PORT_RUN_PIECES);
}

static void conf_choose(const struct port_setup_config *config, const struct rte_eth_dev_info *info,
	struct port *port, uint8_t *key, struct rte_eth_conf *conf)
{
	uint64_t tx = tx_choose(info);

	memset(conf, 0, sizeof(*conf));
	port->rx_queues = RTE_MIN(config->rx_queues, info->max_rx_queues);
	port->tx_queues = RTE_MIN(config->tx_queues, info->max_tx_queues);
	conf->txmode.offloads = tx;
	port->caps = (struct port_caps){
		.tx_ipv4_checksum = (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0,
		.tx_tcp_checksum = (tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0,
		.multi_segs = (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0,
	};
	port->caps.tso = tso_choose(info, &port->caps, tx);
	if ((info->rx_offload_capa & RX_CHECKSUMS) == RX_CHECKSUMS) {
		conf->rxmode.offloads |= RX_CHECKSUMS;
		port->caps.rx_checksum = true;
	}
	if (port->rx_queues > 1)
		port_rss_choose(info, key, conf);
}

static int queues_setup(const struct port_setup_config *config, const struct rte_eth_dev_info *info,
	const struct port *port)
{
	uint16_t rx_desc = config->rx_desc ? config->rx_desc : DESC_DEFAULT;
	uint16_t tx_desc = config->tx_desc ? config->tx_desc : DESC_DEFAULT;
	struct rte_eth_txconf tx_conf = info->default_txconf;
	struct rte_eth_rxconf rx_conf = info->default_rxconf;
	int socket = rte_eth_dev_socket_id(port->id), err;

	err = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_desc, &tx_desc);
	if (err)
		return err;
	tx_conf.offloads &= ~(uint64_t)RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	for (uint16_t q = 0; q < port->tx_queues; q++) {
		err = rte_eth_tx_queue_setup(port->id, q, tx_desc, (unsigned)socket, &tx_conf);
		if (err)
			return err;
	}
	for (uint16_t q = 0; q < port->rx_queues; q++) {
		err = rte_eth_rx_queue_setup(
			port->id, q, rx_desc, (unsigned)socket, &rx_conf, config->pools[q]);
		if (err)
			return err;
	}
	return 0;
}

/* The kernel's limit of one frame in the memory that it shares with a socket. */
static bool af_xdp_fits(const struct port_setup_config *config)
{
	return rte_mempool_calc_obj_size(config->pools[0]->elt_size, config->pools[0]->flags,
		       NULL) <= (uint32_t)getpagesize();
}

/* af_xdp registers the pool's first piece of memory and believes that it is all. */
static int pools_check(const struct port_setup_config *config, const struct rte_eth_dev_info *info,
	const struct port *port)
{
	if (strcmp(info->driver_name, "net_af_xdp") != 0)
		return 0;
	if (!af_xdp_fits(config)) {
		log_error(
			"af_xdp's mbufs do not fit jumbo frames: no port beside one of it may have an MTU above %u",
			PORT_MTU_USUAL);
		return -EINVAL;
	}
	for (uint16_t q = 0; q < port->rx_queues; q++) {
		const struct rte_mempool *pool = config->pools[q];

		if (pool->nb_mem_chunks == 1 && (pool->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG))
			continue;
		log_error("pool %s does not lie in one piece, which af_xdp needs", pool->name);
		return -EINVAL;
	}
	return 0;
}

/* Drivers that fail for a reason of their own return -1, which reads as a lack of rights. */
static const char *setup_failure(int err)
{
	return err == -EPERM ? "its driver says why, before this line" : rte_strerror(-err);
}

/* A server cannot know whether its client brings a queue for each worker, and must not find out by
 * sending. */
static int memif_check(
	const char *device, const struct rte_eth_dev_info *info, const struct port *port)
{
	if (strcmp(info->driver_name, "net_memif") != 0 || port->tx_queues == 1 ||
		(!strstr(device, "role=server") && !strstr(device, "role=master")))
		return 0;
	log_error(
		"%s: with %u workers a memif must be the client (role=client), which says how many queues there are",
		device, port->tx_queues);
	return -EINVAL;
}

static const char *setup_where(bool hardware)
{
	return hardware ? "port" : "software";
}

static void choice_log(
	const char *device, const struct rte_eth_dev_info *info, const struct port *port)
{
	log_notice("port %u is %s: driver %s, MAC " RTE_ETHER_ADDR_PRT_FMT
		   ", MTU %u, %u receive and %u transmit queues%s",
		port->id, device, info->driver_name, RTE_ETHER_ADDR_BYTES(&port->mac), port->mtu,
		port->rx_queues, port->tx_queues, port->rss.reta_size ? ", RSS" : "");
	log_notice(
		"port %u: sums of received packets by %s, of sent IPv4 by %s, of sent TCP by %s; %s%s",
		port->id, setup_where(port->caps.rx_checksum),
		setup_where(port->caps.tx_ipv4_checksum), setup_where(port->caps.tx_tcp_checksum),
		port->caps.multi_segs ? "sends chains" : "sends one mbuf a packet",
		port->caps.tso ? ", cuts segments (TSO)" : "");
	if (is_tap(info))
		log_notice(
			"port %u: net_tap offers sums and TSO, which are wrong in this DPDK and not used",
			port->id);
	if (strcmp(info->driver_name, "net_memif") == 0)
		log_notice("port %u: its link is up once the other side is there, which must have "
			   "%u queues in each direction",
			port->id, port->rx_queues);
}

/* Configure and start an ethdev that exists. */
static int port_start(const char *device, const struct port_setup_config *config, struct port *port)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	uint8_t rss_key[UINT8_MAX];
	int err;

	err = rte_eth_dev_info_get(port->id, &info);
	if (err)
		return err;
	conf_choose(config, &info, port, rss_key, &conf);
	if (port->rx_queues == 0 || port->tx_queues == 0)
		return -EINVAL;
	err = memif_check(device, &info, port);
	if (!err)
		err = pools_check(config, &info, port);
	if (!err)
		err = rte_eth_dev_configure(port->id, port->rx_queues, port->tx_queues, &conf);
	if (!err)
		err = port_mtu_choose(device, config, &info, port);
	if (!err)
		err = queues_setup(config, &info, port);
	if (!err)
		err = rte_eth_dev_start(port->id);
	if (!err)
		err = rte_eth_macaddr_get(port->id, &port->mac);
	if (err)
		return err;
	if (rte_is_zero_ether_addr(&port->mac)) /* net_ring has none: any local one serves */
		port->mac = (struct rte_ether_addr){ { 2, 0, 0, 0, 0, (uint8_t)(port->id + 1) } };
	/* Not every driver knows promiscuous mode; where one does, off is what we want. */
	(void)rte_eth_promiscuous_disable(port->id);
	if (conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS)
		port_rss_read(port);
	choice_log(device, &info, port);
	return 0;
}

/*
 * Find the device by its name, which ends at the first comma; a software device is plugged in with
 * the arguments that follow, unless the EAL's own arguments did.
 */
static int device_find(const char *device, struct port *port)
{
	bool pci = eal_is_pci(device);
	/* The PCI bus names its devices with their domain. */
	const char *domain = pci && strchr(device, ':') == strrchr(device, ':') ? "0000:" : "";
	const char *comma = strchr(device, ',');
	int len = comma ? (int)(comma - device) : (int)strlen(device);
	char name[RTE_DEV_NAME_MAX_LEN];
	int err;

	if (len == 0 ||
		snprintf(name, sizeof(name), "%s%.*s", domain, len, device) >= (int)sizeof(name))
		return -EINVAL;
	if (rte_eth_dev_get_port_by_name(name, &port->id) == 0)
		return 0;
	if (pci)
		return -ENODEV;
	err = rte_eal_hotplug_add("vdev", name, comma ? comma + 1 : "");
	if (err)
		return err;
	return rte_eth_dev_get_port_by_name(name, &port->id) == 0 ? 0 : -ENODEV;
}

/* @return the device behind the port, which stays */
static struct rte_device *port_end(uint16_t id)
{
	struct rte_eth_dev_info info = { 0 };
	struct rte_device *device = NULL;
	unsigned xdp_index = 0;
	int err;

	if (rte_eth_dev_info_get(id, &info) == 0) {
		device = info.device;
		if (strcmp(info.driver_name, "net_af_xdp") == 0)
			xdp_index = info.if_index;
	}
	(void)rte_eth_dev_stop(id);
	(void)rte_eth_dev_close(id);
	err = xdp_index ? iface_xdp_detach(xdp_index) : 0;
	if (err)
		log_warning(
			"the XDP program of %s stays: %s; 'ip link set dev INTERFACE xdp off' takes it off",
			rte_dev_name(device), strerror(-err));
	return device;
}

/* After a start that failed: another driver may try the interface. */
static void port_unplug(uint16_t id)
{
	struct rte_device *device = port_end(id);

	if (device)
		(void)rte_dev_remove(device);
}

static int device_setup(
	const char *device, const struct port_setup_config *config, struct port *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	err = device_find(device, out);
	if (err) {
		log_error("device %s: %s", device, setup_failure(err));
		return err;
	}
	err = port_start(device, config, out);
	if (err) {
		log_error("device %s does not start: %s", device, setup_failure(err));
		port_unplug(out->id);
	}
	return err;
}

/*
 * af_xdp on a kernel interface, else af_packet. af_xdp must give every worker a queue of its own;
 * it counts "combined" channels, of which a veth has none, so that there it gives one.
 */
static int auto_setup(const char *iface, const struct port_setup_config *config, struct port *out)
{
	uint16_t queues = RTE_MAX(config->rx_queues, config->tx_queues);
	uint32_t frame = port_frame_bytes(config->mtu);
	char device[256];
	int err;

	if (strlen(iface) == 0 || strlen(iface) >= IFNAMSIZ || if_nametoindex(iface) == 0) {
		log_error("no network interface named \"%s\"", iface);
		return -ENODEV;
	}
	if (queues <= iface_channels(iface) && af_xdp_fits(config)) {
		/* Without a driver's zero-copy mode, polling through the socket finds nothing that
		 * the ring does not show: 270 ns a poll instead of 30. With it, an empty fill ring
		 * makes the driver ask to be woken, and with no busy budget the PMD then sleeps in
		 * poll() for up to 1 s. */
		snprintf(device, sizeof(device),
			"net_af_xdp_%s,iface=%s,start_queue=0,queue_count=%u%s", iface, iface,
			queues, iface_is_veth(iface) ? ",force_copy=1,busy_budget=0" : "");
		err = device_setup(device, config, out);
		if (err == 0)
			return 0;
	}
	log_notice("%s: af_xdp does not serve %u queues%s, af_packet is used", iface, queues,
		af_xdp_fits(config) ? "" : " of jumbo frames");
	/* Whole frames to a block, as the driver takes the ring to be without gaps; 4 MiB of
	 * them. */
	snprintf(device, sizeof(device),
		"net_af_packet_%s,iface=%s,qpairs=%u,qdisc_bypass=1,blocksz=%u,framesz=%u,framecnt=%u",
		iface, iface, queues, frame * AF_PACKET_BLOCK, frame,
		AF_PACKET_RING / (frame * AF_PACKET_BLOCK) * AF_PACKET_BLOCK);
	return device_setup(device, config, out);
}

int port_setup(const char *device, const struct port_setup_config *config, struct port *out)
{
	static const char automatic[] = "auto:";

	if (config->rx_queues == 0 || config->tx_queues == 0)
		return -EINVAL;
	if (strncmp(device, automatic, sizeof(automatic) - 1) == 0)
		return auto_setup(device + sizeof(automatic) - 1, config, out);
	return device_setup(device, config, out);
}

void port_close(const struct port *port)
{
	port_multicast_end(port);
	/* rte_eal_cleanup() removes devices. rte_dev_remove() would ask other DPDK processes first,
	 * of which there are none, in a folder that was root's. */
	(void)port_end(port->id);
}
