/* SPDX-License-Identifier: Apache-2.0 */
/* See link.h. */
#include "bench/gen/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_launch.h>

#include "bench/common/bench_eal.h"
#include "bench/common/report.h"
#include "bench/common/world.h"
#include "dataplane/io/port_setup.h"

#define RING_FRAMES 1024
#define MBUFS       32767
#define LINK_WAIT_S 30

static struct world world;
static struct gen_link made[ENGINE_SIDES];
static struct rte_ether_addr macs[ENGINE_SIDES];
static bool worker_runs;

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

static struct rte_ring *ring(const char *name, unsigned side)
{
	char text[32];
	struct rte_ring *r;

	snprintf(text, sizeof(text), "%s%u", name, side);
	r = rte_ring_create(text, RING_FRAMES, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!r)
		give_up("no memory for rings");
	return r;
}

/* The gateway's ends of the rings become its ports, started by its own code. */
static void start_ring_ports(struct world *w)
{
	for (unsigned side = 0; side < ENGINE_SIDES; side++) {
		struct gen_link *l = &made[side];
		struct port_setup_config config = {
			.rx_queues = 1, .tx_queues = 1, .pools = &w->at[0].pool
		};
		char name[32], device[64];

		l->to_gateway = ring("to_gateway", side);
		l->from_gateway = ring("from_gateway", side);
		snprintf(name, sizeof(name), "gateway%u", side);
		if (rte_eth_from_rings(name, &l->to_gateway, 1, &l->from_gateway, 1, 0) < 0)
			give_up("no ring port");
		snprintf(device, sizeof(device), "net_ring_%s", name);
		if (port_setup(device, &config, &w->ports[side]))
			give_up("the ring port does not start");
		macs[side] = w->ports[side].mac;
	}
}

static bool start_rings(const struct gen_options *o)
{
	static const uint32_t weights[] = { 5, 3, 2 };
	struct bench_eal eal = { "0@0,1@1", world_memory_mb(o->keys, 1) + 256, false };
	struct world_options options = { 1, o->connections, o->keys, 1, 3, weights, 1000000000,
		true, false, false, start_ring_ports };
	bool huge = bench_eal_start(&eal);

	world_create(&world, &options);
	atomic_store(&world.shared.wall_offset_s,
		(uint64_t)time(NULL) - clock_system_ns(CLOCK_MONOTONIC) / 1000000000u);
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
	*pool = rte_pktmbuf_pool_create(
		"gen", MBUFS, 256, NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!*pool)
		give_up("no memory for mbufs");
	for (unsigned side = 0; side < ENGINE_SIDES; side++)
		start_memif(o, side, *pool);
	progress("gen: ready");
	wait_for_gateway();
	return false;
}

bool gen_start(const struct gen_options *o, struct gen_link *links, struct rte_mempool **pool)
{
	bool huge;

	if (o->form == GEN_MEMIF) {
		huge = start_memifs(o, pool);
	} else {
		huge = start_rings(o);
		*pool = rte_pktmbuf_pool_create("gen", MBUFS, 256, NET_META_BYTES,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		if (!*pool)
			give_up("no memory for mbufs");
	}
	memcpy(links, made, sizeof(made));
	return huge;
}

void gen_stop(void)
{
	if (!worker_runs)
		return;
	atomic_store(&world.shared.stop, WORKER_STOP);
	rte_eal_wait_lcore(1);
}
