/* SPDX-License-Identifier: Apache-2.0 */
/* See link.h. */
#include "bench/gen/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_launch.h>

#include "bench/common/bench_eal.h"
#include "bench/common/report.h"
#include "bench/common/world.h"
#include "bench/gen/line.h"

#define MBUFS       32767
#define LINK_WAIT_S 30

static struct world world;
static struct gen_link made[ENGINE_SIDES];
static struct rte_ether_addr macs[ENGINE_SIDES];
static bool worker_runs;
static double round_trip;

static __attribute__((noreturn)) void give_up(const char *what)
{
	progress("gen: %s", what);
	exit(1);
}

void gen_gateway_macs(struct rte_ether_addr *out)
{
	memcpy(out, macs, sizeof(macs));
}

void gen_worker_look(struct gen_worker *out)
{
	const struct stats *stats = &world.at[0].stats;

	*out = (struct gen_worker){ 0 };
	if (!worker_runs)
		return;
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		out->stage[i] = stats->stage_cycles[i];
		out->busy += i == STAGE_IDLE ? 0 : stats->stage_cycles[i];
	}
	out->requests = stats->worker->requests;
	out->loops = stats->worker->busy_loops;
}

static struct rte_mempool *make_pool(void)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"gen", MBUFS, 256, NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (!pool)
		give_up("no memory for mbufs");
	return pool;
}

static bool start_rings(const struct gen_options *o, struct rte_mempool **pool)
{
	static const uint32_t weights[] = { 5, 3, 2 };
	struct bench_eal eal = { "0@0,1@1", world_memory_mb(o->keys, 1) + 256, false };
	struct world_options options = { 1, o->connections, o->keys, 1, 3, weights, 1000000000,
		true, true, false, o->tls };
	bool huge = bench_eal_start(&eal);

	world_create(&world, &options);
	*pool = make_pool();
	for (uint16_t side = 0; side < ENGINE_SIDES; side++) {
		made[side].ring = ring_port_create(side, world.at[0].pool, *pool);
		if (!made[side].ring)
			give_up("no memory for rings");
		macs[side] = world.ports[side].mac;
	}
	atomic_store(&world.shared.wall_offset_ns,
		clock_system_ns(CLOCK_REALTIME) - clock_system_ns(CLOCK_MONOTONIC));
	round_trip = line_round_trip(1);
	rte_eal_remote_launch(worker_main, world.at[0].worker, 1);
	worker_runs = true;
	return huge;
}

static void start_memif(const struct gen_options *o, unsigned side, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { 0 };
	char name[16], args[256];

	snprintf(name, sizeof(name), "net_memif%u", side);
	snprintf(args, sizeof(args),
		"role=server,id=%u,socket=%s/memif.sock,socket-abstract=no,rsize=10", side,
		o->socket_dir);
	if (rte_eal_hotplug_add("vdev", name, args) ||
		rte_eth_dev_get_port_by_name(name, &made[side].port))
		give_up("no memif port");
	if (rte_eth_dev_configure(made[side].port, 1, 1, &conf) ||
		rte_eth_rx_queue_setup(made[side].port, 0, 1024, SOCKET_ID_ANY, NULL, pool) ||
		rte_eth_tx_queue_setup(made[side].port, 0, 1024, SOCKET_ID_ANY, NULL) ||
		rte_eth_dev_start(made[side].port))
		give_up("the memif port does not start");
	/* bench/gen.py gives the gateway's ports these. */
	macs[side] = (struct rte_ether_addr){ { 2, 0, 0, 0, 0xee, (uint8_t)side } };
}

static void wait_for_gateway(void)
{
	for (unsigned ms = 0; ms < LINK_WAIT_S * 1000; ms += 10) {
		struct rte_eth_link a, b;

		rte_eth_link_get_nowait(made[0].port, &a);
		rte_eth_link_get_nowait(made[1].port, &b);
		if (a.link_status && b.link_status)
			return;
		rte_delay_ms(10);
	}
	give_up("no gateway at the memif sockets");
}

static bool start_memifs(const struct gen_options *o, struct rte_mempool **pool)
{
	char *argv[] = { strdup("gen"), strdup("--lcores=0@0"), strdup("-m"), strdup("256"),
		strdup("--no-huge"), strdup("--no-pci"), strdup("--no-telemetry"),
		strdup("--log-level=error"), strdup("--iova-mode=va"),
		strdup("--file-prefix=sluice-gen") };

	if (!o->socket_dir)
		give_up("--form=memif is started by bench/gen.py, which names the --socket-dir");
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		give_up("the EAL does not start");
	*pool = make_pool();
	for (unsigned side = 0; side < ENGINE_SIDES; side++)
		start_memif(o, side, *pool);
	progress("gen: ready");
	wait_for_gateway();
	return false;
}

bool gen_start(const struct gen_options *o, struct gen_link *links, struct rte_mempool **pool)
{
	bool huge = o->form == GEN_MEMIF ? start_memifs(o, pool) : start_rings(o, pool);

	memcpy(links, made, sizeof(made));
	return huge;
}

double gen_line_round_trip(void)
{
	return round_trip;
}

void gen_stop(void)
{
	if (!worker_runs)
		return;
	atomic_store(&world.shared.stop, WORKER_STOP);
	rte_eal_wait_lcore(1);
}
