/* SPDX-License-Identifier: Apache-2.0 */
/* Workers and their memory, see world.h. */
#include "bench/common/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "bench/common/report.h"
#include "bench/engine/engine.h"

#define BOOT_ID 1

static __attribute__((noreturn)) void give_up(const char *what)
{
	progress("bench: %s", what);
	exit(1);
}

static void fill_ports(struct world *w)
{
	bool offload = w->options.offload;

	for (uint16_t i = 0; i < 2; i++)
		w->ports[i] = (struct port){
			.id = i,
			.mtu = 1500,
			.rx_queues = (uint16_t)w->options.workers,
			.tx_queues = (uint16_t)w->options.workers,
			.mac = { { 2, 0, 0, 0, 0xee, (uint8_t)i } },
			.caps = { .tx_ipv4_checksum = offload,
				.tx_tcp_checksum = offload,
				.rx_checksum = offload,
				.multi_segs = w->options.multi_segs,
				.tso = offload && w->options.multi_segs },
		};
}

static void fill_net(struct world *w, struct net_config *net)
{
	static const uint32_t addresses[2] = { ENGINE_GATEWAY_OUTSIDE, ENGINE_GATEWAY_INSIDE };

	net->port_count = 2;
	net->neighbour_limit = 4096;
	net->neighbour_queue_limit = 1024;
	for (unsigned i = 0; i < 2; i++) {
		net->ports[i].port = &w->ports[i];
		net->ports[i].address_count = 1;
		net->ports[i].addresses[0] =
			(struct net_address){ ip_from_v4(rte_cpu_to_be_32(addresses[i])), 24 };
	}
	net->ports[0].gateway_count = 1;
	net->ports[0].gateways[0] = ip_from_v4(rte_cpu_to_be_32(ENGINE_ROUTER));
}

static void make_worker(struct world *w, uint32_t index)
{
	const struct snap_settings *settings = snap_settings(&w->tables->snapshot);
	struct stats_shape shape = { 2, settings->listener_capacity, settings->api_capacity,
		settings->endpoint_capacity };
	struct worker_config config = {
		.index = index,
		.count = w->options.workers,
		.tcp = w->plan.tcp,
		.proxy = w->plan.proxy,
		.pool = w->at[index].pool,
		.stats = &w->at[index].stats,
		.events = &w->at[index].events,
		.shared = &w->shared,
		.seed = 1 + index * 16,
	};

	if (stats_create(index, &shape, BOOT_ID, &w->at[index].stats) ||
		event_ring_create(index, settings->event_records, BOOT_ID, &w->at[index].events))
		give_up("no memory for statistics");
	fill_net(w, &config.net);
	w->at[index].worker = worker_create(&config, clock_ns(&w->shared.clock, rte_rdtsc()));
	if (!w->at[index].worker)
		give_up("no memory for a worker");
}

static void make_pool(struct world *w, uint32_t index)
{
	static unsigned number;
	char name[32];

	snprintf(name, sizeof(name), "bench_mbufs%u", number++);
	w->at[index].pool = rte_pktmbuf_pool_create(name, w->plan.mbufs, w->plan.mbuf_cache,
		NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!w->at[index].pool)
		give_up("no memory for mbufs");
}

static void make_qsbr(struct world *w)
{
	size_t bytes = rte_rcu_qsbr_get_memsize(WORLD_WORKERS_MAX);

	w->shared.qsbr = rte_zmalloc("qsbr", bytes, RTE_CACHE_LINE_SIZE);
	if (!w->shared.qsbr || rte_rcu_qsbr_init(w->shared.qsbr, WORLD_WORKERS_MAX))
		give_up("no memory for quiescent states");
}

void world_create(struct world *w, const struct world_options *options)
{
	static const struct tls_tickets tickets;
	struct rte_mempool *pools[WORLD_WORKERS_MAX];
	struct snapshot snapshot;
	struct secrets secrets;
	char why[256] = "";

	memset(w, 0, sizeof(*w));
	w->options = *options;
	world_snapshot(options, &snapshot, options->tls ? &secrets : NULL);
	if (start_plan_make(&snapshot, &w->plan, why, sizeof(why)))
		give_up(why);
	clock_init(&w->shared.clock, rte_get_tsc_hz());
	make_qsbr(w);
	for (uint32_t i = 0; i < options->workers; i++) {
		make_pool(w, i);
		pools[i] = w->at[i].pool;
	}
	fill_ports(w);
	if (usage_create(RTE_MAX(options->keys, 1u), BOOT_ID, &w->usage))
		give_up("no memory for usage lines");
	struct tables_config config = { options->workers, pools, &tickets, &w->usage, NULL, NULL };

	w->tables = tables_create(
		&config, &snapshot, options->tls ? &secrets : NULL, NULL, why, sizeof(why));
	if (!w->tables)
		give_up(why);
	if (options->tls)
		secrets_close(&secrets);
	for (uint32_t i = 0; i < options->workers; i++)
		make_worker(w, i);
	atomic_store(&w->shared.tables, w->tables);
}

void world_destroy(struct world *w)
{
	for (uint32_t i = 0; i < w->options.workers; i++) {
		worker_destroy(w->at[i].worker);
		stats_close(&w->at[i].stats);
		event_ring_close(&w->at[i].events);
	}
	tables_destroy(w->tables);
	usage_close(&w->usage);
	rte_free(w->shared.qsbr);
	for (uint32_t i = 0; i < w->options.workers; i++)
		rte_mempool_free(w->at[i].pool);
}

uint32_t world_memory_mb(uint32_t keys, uint32_t workers)
{
	/* Whole huge pages. */
	return RTE_ALIGN_CEIL(256 + 512 * workers + (uint32_t)((uint64_t)keys * 320 >> 20), 2);
}
