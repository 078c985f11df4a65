/* SPDX-License-Identifier: Apache-2.0 */
/* From the first snapshot to running workers, on the main core. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/gateway_priv.h"
#include "dataplane/io/driver.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/kernel_port.h"
#include "lib/base/log.h"
#include "lib/base/plural.h"

static int start_eal(struct gateway *g, const struct snapshot *snapshot)
{
	const char *devices[PORT_MAX];
	char names[PORT_MAX][128];
	struct eal_config config = {
		.program = "sluice-dataplane",
		.lcores = g->options->lcores ? g->options->lcores : g->plan.lcores,
		.file_prefix = g->options->file_prefix,
		.log_level = g->options->eal_log_level,
		.memory_mb = g->plan.memory_mb,
		.no_huge = g->options->no_huge,
		.device_count = g->plan.port_count,
		.devices = devices,
		.extra_count = g->options->extra_count,
		.extra = g->options->extra,
	};
	int rc;

	for (uint32_t i = 0; i < g->plan.port_count; i++) {
		struct str device =
			snap_str(snapshot, SNAP_AT(snapshot, SNAP_PORTS, snap_port, i)->device);

		snprintf(names[i], sizeof(names[i]), "%.*s", (int)device.len, device.data);
		devices[i] = names[i];
	}
	rc = eal_start(&config);
	g->eal_started = rc == 0;
	return rc;
}

static int make_pools(struct gateway *g)
{
	for (uint32_t w = 0; w < g->plan.worker_count; w++) {
		char name[32];

		snprintf(name, sizeof(name), "mbufs%u", w);
		g->pools[w] = port_pool_create(name, g->plan.mbufs, g->plan.mbuf_cache,
			NET_META_BYTES, g->plan.data_room, SOCKET_ID_ANY);
		if (!g->pools[w])
			return -rte_errno;
	}
	return 0;
}

static uint32_t fill_gateways(
	const struct snapshot *snapshot, struct snap_range from, struct ip_addr *to)
{
	uint32_t count = RTE_MIN(from.count, (uint32_t)NET_PORT_GATEWAYS);

	for (uint32_t i = 0; i < count; i++)
		to[i] = SNAP_AT(snapshot, SNAP_GATEWAYS, snap_address, from.first + i)->addr;
	return count;
}

static void fill_port(const struct snapshot *snapshot, uint32_t index, struct net_port_config *to)
{
	const struct snap_port *from = SNAP_AT(snapshot, SNAP_PORTS, snap_port, index);

	to->vlan = (uint16_t)from->vlan;
	to->address_count = RTE_MIN(from->addresses.count, (uint32_t)NET_PORT_ADDRESSES);
	for (uint32_t i = 0; i < to->address_count; i++) {
		const struct snap_address *a =
			SNAP_AT(snapshot, SNAP_ADDRESSES, snap_address, from->addresses.first + i);

		to->addresses[i] = (struct net_address){ a->addr, (uint8_t)a->prefix_len };
	}
	to->gateway_count = fill_gateways(snapshot, from->gateways, to->gateways);
	to->way_count = RTE_MIN(from->ways.count, (uint32_t)NET_PORT_WAYS);
	for (uint32_t i = 0; i < to->way_count; i++) {
		const struct snap_way *w =
			SNAP_AT(snapshot, SNAP_WAYS, snap_way, from->ways.first + i);

		to->ways[i].to = (struct net_address){ w->to, (uint8_t)w->prefix_len };
		to->ways[i].gateway_count =
			fill_gateways(snapshot, w->gateways, to->ways[i].gateways);
	}
}

/* IPv6 neighbours ask by multicast. A port that does not hear them is no use with IPv6. */
static int join_groups(const struct gateway *g, const struct snapshot *snapshot, uint32_t index)
{
	struct net_port_config config = { .port = &g->ports[index] };
	struct rte_ether_addr macs[NET_MULTICAST_MAX];

	fill_port(snapshot, index, &config);
	return port_multicast(&g->ports[index], macs, net_multicast_macs(&config, macs));
}

bool gateway_link_is_up(const struct port *port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static int start_ports(
	struct gateway *g, const struct snapshot *snapshot, char *why, size_t why_bytes)
{
	for (uint32_t i = 0; i < g->plan.port_count; i++) {
		const struct snap_port *port = SNAP_AT(snapshot, SNAP_PORTS, snap_port, i);
		struct str name = snap_str(snapshot, port->name),
			   device = snap_str(snapshot, port->device);
		struct port_setup_config config = {
			.rx_queues = (uint16_t)g->plan.worker_count,
			.tx_queues = (uint16_t)g->plan.worker_count,
			.mtu = (uint16_t)port->mtu,
			.pools = g->pools,
		};
		char text[128];
		int rc;

		snprintf(text, sizeof(text), "%.*s", (int)device.len, device.data);
		rc = port_setup(text, &config, &g->ports[i]);
		g->started_ports += rc == 0;
		if (!rc)
			rc = join_groups(g, snapshot, i);
		if (rc) {
			snprintf(why, why_bytes,
				"port %.*s (%s) does not start: %s; the dataplane's log says more",
				(int)name.len, name.data, text,
				rc == -EPERM ? "refused by its driver" : strerror(-rc));
			return rc;
		}
		if (g->ports[i].tx_queues < g->plan.worker_count ||
			g->ports[i].rx_queues < g->plan.worker_count) {
			snprintf(why, why_bytes,
				"port %.*s (%s) has %u receive and %u transmit queues for %u worker%s; "
				"set dataplane.workers to %u",
				(int)name.len, name.data, text, g->ports[i].rx_queues,
				g->ports[i].tx_queues, g->plan.worker_count,
				plural(g->plan.worker_count),
				RTE_MIN(g->ports[i].rx_queues, g->ports[i].tx_queues));
			return -EINVAL;
		}
		g->link_up[i] = gateway_link_is_up(&g->ports[i]);
	}
	return 0;
}

static void fill_kernel(
	const struct snapshot *snapshot, const struct snap_kernel *from, struct net_kernel *to)
{
	to->address_count = from->addresses.count;
	for (uint32_t i = 0; i < to->address_count; i++)
		to->addresses[i] = SNAP_AT(
			snapshot, SNAP_KERNEL_ADDRESSES, snap_address, from->addresses.first + i)
					   ->addr;
	to->port_count = from->ports.count;
	for (uint32_t i = 0; i < to->port_count; i++)
		to->ports[i] =
			(uint16_t)SNAP_INDEX_AT(snapshot, SNAP_KERNEL_PORTS, from->ports.first + i);
	to->burst = from->burst;
	memcpy(to->interval_ns, from->interval_ns, sizeof(to->interval_ns));
}

/* The kernel's sides of the ports that have one. */
static int start_kernels(
	struct gateway *g, const struct snapshot *snapshot, char *why, size_t why_bytes)
{
	for (uint32_t i = 0; i < snapshot->sections[SNAP_KERNELS].count; i++) {
		const struct snap_kernel *from = SNAP_AT(snapshot, SNAP_KERNELS, snap_kernel, i);
		struct net_kernel *to = &g->kernels[from->port];
		struct str name = snap_str(snapshot, from->interface);
		char interface[SNAP_KERNEL_INTERFACE_BYTES + 1];
		int rc;

		snprintf(interface, sizeof(interface), "%.*s", (int)name.len, name.data);
		rc = kernel_port_setup(interface, &g->ports[from->port],
			(uint16_t)g->plan.worker_count, g->pools, &to->port);
		if (rc) {
			snprintf(why, why_bytes, "kernel interface %s: %s", interface,
				strerror(-rc));
			return rc;
		}
		g->has_kernel[from->port] = true;
		fill_kernel(snapshot, from, to);
		/* The kernel's addresses are asked for by groups that are not the port's. */
		for (uint32_t k = 0; k < to->address_count; k++)
			if (!ip_is_v4(&to->addresses[k]))
				(void)rte_eth_allmulticast_enable(g->ports[from->port].id);
	}
	return 0;
}

static int make_segments(struct gateway *g, const struct snapshot *snapshot)
{
	const struct snap_settings *settings = snap_settings(snapshot);
	struct stats_shape shape = { g->plan.port_count, settings->listener_capacity,
		settings->api_capacity, settings->endpoint_capacity };

	for (uint32_t w = 0; w < g->plan.worker_count; w++) {
		int rc = stats_create(w, &shape, g->boot_id, &g->stats[w]);

		if (rc == 0)
			rc = history_create(w, &shape, g->boot_id, &g->history[w]);
		if (rc == 0)
			rc = event_ring_create(
				w, settings->event_records, g->boot_id, &g->events[w]);
		if (rc == 0)
			rc = ask_ring_create(w, ASK_RECORDS, g->boot_id, &g->asks[w]);
		if (rc)
			return rc;
	}
	return 0;
}

/* Who gets what of each port, for several workers. */
static int make_steering(struct gateway *g)
{
	if (g->plan.worker_count == 1)
		return 0;
	for (uint32_t i = 0; i < g->plan.port_count; i++) {
		g->rss[i] = owner_rss_create(&g->ports[i].rss, g->plan.worker_count);
		if (!g->rss[i] && errno != EINVAL)
			return -errno;
		log_notice("port %u: workers get their segments by %s", i,
			g->rss[i] ? "the port's RSS" : "handing them over");
	}
	g->mesh = steer_mesh_create(g->plan.worker_count);
	return g->mesh ? 0 : -ENOMEM;
}

static void fill_net(struct gateway *g, const struct snapshot *snapshot, struct net_config *net)
{
	net->port_count = g->plan.port_count;
	/* A stranger's flood can fill both: together they hold a quarter of the worker's mbufs at
	 * most. */
	net->neighbour_limit = RTE_MAX(RTE_MIN(g->plan.mbufs / 8, 4096U), 64U);
	net->neighbour_queue_limit = net->neighbour_limit / 4;
	net->dad_transmits = 1;
	for (uint32_t i = 0; i < net->port_count; i++) {
		net->ports[i].port = &g->ports[i];
		fill_port(snapshot, i, &net->ports[i]);
		net->ports[i].kernel = g->has_kernel[i] ? &g->kernels[i] : NULL;
		net->ports[i].rss = g->rss[i];
	}
}

/* Ids go on upwards over restarts: a second's worth of a million requests for each second since 2020, modulo
 * 48 bits (8.5 years). Two runs share ids only where one answered more than that on average. */
static uint64_t request_id_base(void)
{
	const time_t from = 1577836800;

	return ((uint64_t)(time(NULL) - from) << 20) & UINT64_C(0xffffffffffff);
}

static int make_worker(struct gateway *g, const struct snapshot *snapshot, uint32_t index)
{
	struct worker_config config = {
		.index = index,
		.count = g->plan.worker_count,
		.tcp = g->plan.tcp,
		.proxy = g->plan.proxy,
		.pool = g->pools[index],
		.stats = &g->stats[index],
		.events = &g->events[index],
		.asks = &g->asks[index],
		.ask_bell = g->ask_bell,
		.shared = &g->shared,
		.mesh = g->mesh,
		.seed = g->seed + index * 16,
	};

	config.proxy.request_id_base = request_id_base();
	fill_net(g, snapshot, &config.net);
	memcpy(config.tcp.secret, g->tcp_secret, sizeof(g->tcp_secret));
	g->workers[index] = worker_create(&config, clock_ns(&g->shared.clock, rte_rdtsc()));
	return g->workers[index] ? 0 : -errno;
}

static int make_qsbr(struct gateway *g)
{
	size_t bytes = rte_rcu_qsbr_get_memsize(TABLES_WORKERS_MAX);

	g->shared.qsbr = rte_zmalloc("qsbr", bytes, RTE_CACHE_LINE_SIZE);
	if (!g->shared.qsbr || rte_rcu_qsbr_init(g->shared.qsbr, TABLES_WORKERS_MAX))
		return -ENOMEM;
	return 0;
}

static int launch(struct gateway *g)
{
	uint32_t w = 0;
	unsigned lcore;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (w == g->plan.worker_count)
			break;
		int rc = rte_eal_remote_launch(worker_main, g->workers[w], lcore);

		if (rc)
			return rc;
		w++;
	}
	return w == g->plan.worker_count ? 0 : -EINVAL;
}

/* Memory that is not there would be found out later, by whoever the kernel kills for it. */
static int check_memory(const struct gateway *g, char *why, size_t why_bytes)
{
	uint64_t huge_mb = g->options->no_huge ? 0 : eal_free_huge_mb();
	int rc = start_plan_fits(&g->plan, huge_mb, eal_available_mb(), why, why_bytes);

	if (rc > 0)
		log_warning("%s", why);
	return rc < 0 ? rc : 0;
}

/* Names of devices and interfaces come from control. Nothing has been started with them yet. */
static int check_devices(
	const struct gateway *g, const struct snapshot *snapshot, char *why, size_t why_bytes)
{
	char text[256], reason[200];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < g->plan.port_count; i++) {
		struct str device =
			snap_str(snapshot, SNAP_AT(snapshot, SNAP_PORTS, snap_port, i)->device);

		snprintf(text, sizeof(text), "%.*s", (int)device.len, device.data);
		rc = driver_allowed(text, g->options->drivers, g->options->driver_count, reason,
			sizeof(reason));
	}
	for (uint32_t i = 0; rc == 0 && i < snapshot->sections[SNAP_KERNELS].count; i++) {
		struct str name = snap_str(
			snapshot, SNAP_AT(snapshot, SNAP_KERNELS, snap_kernel, i)->interface);

		snprintf(text, sizeof(text), "%.*s", (int)name.len, name.data);
		rc = driver_interface_allowed(text, reason, sizeof(reason));
	}
	if (rc)
		snprintf(why, why_bytes, "device %.60s is refused: %s", text, reason);
	return rc;
}

static void add_needs(struct driver_needs *all, const struct port *port)
{
	struct rte_eth_dev_info info;
	struct driver_needs one;

	if (rte_eth_dev_info_get(port->id, &info))
		return;
	one = driver_needs(info.driver_name);
	all->capabilities |= one.capabilities;
	all->calls |= one.calls;
}

static int give_up_privileges(struct gateway *g, char *why, size_t why_bytes)
{
	struct driver_needs needs = { 0 };

	for (uint32_t i = 0; i < g->plan.port_count; i++) {
		add_needs(&needs, &g->ports[i]);
		if (g->has_kernel[i])
			add_needs(&needs, &g->kernels[i].port);
	}
	return privileges_drop(&g->options->privileges, &needs, why, why_bytes);
}

int gateway_start(struct gateway *g, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	int rc;

	if (g->eal_started) {
		snprintf(why, why_bytes,
			"the dataplane could not start its ports before: restart it");
		return -EOPNOTSUPP;
	}
	rc = start_plan_make(snapshot, &g->plan, why, why_bytes);
	if (rc == 0)
		rc = check_devices(g, snapshot, why, why_bytes);
	if (rc)
		return rc;
	start_plan_log(&g->plan);
	rc = check_memory(g, why, why_bytes);
	if (rc)
		return rc;
	snprintf(why, why_bytes, "the EAL does not start, its reason is in the log");
	rc = start_eal(g, snapshot);
	if (rc)
		return rc;
	clock_init(&g->shared.clock, rte_get_tsc_hz());
	gateway_update_wall_clock(g);
	snprintf(why, why_bytes, "not enough memory for %u mbufs for each of %u worker%s",
		g->plan.mbufs, g->plan.worker_count, plural(g->plan.worker_count));
	rc = make_pools(g);
	if (rc == 0)
		rc = start_ports(g, snapshot, why, why_bytes);
	if (rc == 0)
		rc = start_kernels(g, snapshot, why, why_bytes);
	if (rc)
		return rc;
	snprintf(why, why_bytes, "not enough memory for statistics and workers");
	rc = make_segments(g, snapshot);
	if (rc == 0)
		rc = make_qsbr(g);
	if (rc == 0)
		rc = make_steering(g);
	for (uint32_t w = 0; rc == 0 && w < g->plan.worker_count; w++)
		rc = make_worker(g, snapshot, w);
	if (rc == 0)
		rc = gateway_publish(g, snapshot, secrets, usage, why, why_bytes);
	if (rc)
		return rc;
	rc = launch(g);
	if (rc) {
		/* The snapshot stays the caller's. */
		g->shared.tables->snapshot = (struct snapshot){ 0 };
		return rc;
	}
	rc = give_up_privileges(g, why, why_bytes);
	if (rc) {
		atomic_store_explicit(&g->shared.stop, WORKER_STOP, memory_order_relaxed);
		rte_eal_mp_wait_lcore();
		g->shared.tables->snapshot = (struct snapshot){ 0 };
		return rc;
	}
	g->running = true;
	return 0;
}
