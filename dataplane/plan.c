/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a start, see plan.h. */
#include "dataplane/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/io/port_setup.h"
#include "dataplane/tls/tls.h"
#include "lib/base/log.h"
#include "lib/shm/snapshot_rows.h"

#define MBUF_BYTES       (sizeof(struct rte_mbuf) + NET_META_BYTES + 64) /* without the data room */
#define MBUFS_PER_PORT   8192 /* descriptors of both directions and what the drivers hold back */
#define MBUFS_PER_KERNEL 1024 /* the same of a port's kernel side */
#define MBUFS_BASE       16384
#define MBUF_CACHE       256
#define KEY_BYTES        288 /* of the key table: record, name, and what rte_hash takes at most */
#define EAL_BASE_MB      48

static uint32_t online_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : (uint32_t)n;
}

/* Lcore 0, the main core, sleeps most of the time and shares a CPU when it must; lcores 1.. are the
 * workers. */
static int map_lcores(
	const struct snapshot *snapshot, struct start_plan *plan, char *why, size_t why_bytes)
{
	uint32_t n, cpus = online_cpus();
	const uint32_t *listed = snap_records(snapshot, SNAP_LCORES, &n);
	uint32_t wanted = snap_settings(snapshot)->workers, main_cpu = 0;
	size_t used;

	plan->worker_count = n ? n : wanted ? wanted : cpus > 1 ? cpus - 1 : 1;
	if (plan->worker_count > TABLES_WORKERS_MAX) {
		snprintf(why, why_bytes, "%u workers are more than this build's %u",
			plan->worker_count, TABLES_WORKERS_MAX);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < n; i++)
		if (listed[i] == main_cpu && main_cpu + 1 < cpus)
			main_cpu++;
	used = (size_t)snprintf(plan->lcores, sizeof(plan->lcores), "0@%u", main_cpu);
	for (uint32_t w = 0; w < plan->worker_count; w++) {
		uint32_t cpu = n ? listed[w] : (1 + w) % cpus;

		if (cpu >= cpus) {
			snprintf(why, why_bytes,
				"dataplane.lcores names CPU %u, this machine has 0 to %u", cpu,
				cpus - 1);
			return -EINVAL;
		}
		used += (size_t)snprintf(
			plan->lcores + used, sizeof(plan->lcores) - used, ",%u@%u", w + 1, cpu);
		if (used >= sizeof(plan->lcores)) {
			snprintf(why, why_bytes, "too many workers for one core map");
			return -EINVAL;
		}
	}
	return 0;
}

static void size_connections(const struct snap_settings *settings, struct start_plan *plan)
{
	uint32_t connections = settings->connections;

	/* A proxied connection may have a second one towards its backend. */
	plan->tcp = (struct tcp_config){
		.connection_limit = 2 * connections,
		.syn_limit = connections / 4 < 1024 ? 1024 : connections / 4,
		.rcv_buf_bytes = settings->rcv_buf_bytes,
		.snd_buf_bytes = settings->snd_buf_bytes,
		.rto_min_ms = settings->rto_min_ms,
		.ecn = (enum tcp_ecn)settings->ecn,
		.time_wait_ms = 30000,
		.keepalive_ms = 75000,
		.connect_timeout_ms = 30000,
	};
	plan->proxy = (struct proxy_config){
		.client_limit = connections,
		.exchange_limit = connections,
		.upstream_limit = connections,
		.endpoint_slots = settings->endpoint_capacity,
	};
}

static uint16_t largest_data_room(const struct snapshot *snapshot, uint32_t ports)
{
	uint32_t mtu = PORT_MTU_USUAL;

	for (uint32_t i = 0; i < ports; i++)
		mtu = RTE_MAX(mtu, SNAP_AT(snapshot, SNAP_PORTS, snap_port, i)->mtu);
	return port_data_room((uint16_t)mtu);
}

/* A worker's connections may all be those of a listener with TLS, and to backends with TLS. */
static void size_tls(const struct snapshot *snapshot, struct start_plan *plan)
{
	uint32_t n;
	uint64_t connections = 0;
	const struct snap_listener *listeners = snap_records(snapshot, SNAP_LISTENERS, &n);

	for (uint32_t i = 0; i < n && connections == 0; i++)
		connections = listeners[i].tls ? plan->proxy.client_limit : 0;
	if (snapshot->sections[SNAP_PEERS].count > 0)
		connections += plan->proxy.upstream_limit;
	plan->tls_bytes = connections * TLS_OPEN_HEAP_BYTES;
	plan->tls_handshake_bytes = connections * TLS_HANDSHAKE_HEAP_BYTES;
}

int start_plan_make(
	const struct snapshot *snapshot, struct start_plan *plan, char *why, size_t why_bytes)
{
	const struct snap_settings *settings = snap_settings(snapshot);
	uint32_t keys;
	int rc;

	memset(plan, 0, sizeof(*plan));
	snap_records(snapshot, SNAP_PORTS, &plan->port_count);
	snap_records(snapshot, SNAP_KEYS, &keys);
	if (plan->port_count == 0 || plan->port_count > PORT_MAX) {
		snprintf(why, why_bytes, "%u ports; this build takes 1 to %u", plan->port_count,
			PORT_MAX);
		return -EINVAL;
	}
	rc = map_lcores(snapshot, plan, why, why_bytes);
	if (rc)
		return rc;
	size_connections(settings, plan);
	plan->mbufs =
		settings->mbufs ? settings->mbufs : MBUFS_BASE + MBUFS_PER_PORT * plan->port_count;
	if (!settings->mbufs)
		plan->mbufs += MBUFS_PER_KERNEL * snapshot->sections[SNAP_KERNELS].count;
	plan->mbuf_cache = MBUF_CACHE;
	plan->data_room = largest_data_room(snapshot, plan->port_count);
	plan->pool_bytes = (uint64_t)plan->mbufs * (MBUF_BYTES + plan->data_room);
	plan->tcp_bytes = tcp_stack_bytes(&plan->tcp);
	plan->proxy_bytes = proxy_bytes(&plan->proxy);
	size_tls(snapshot, plan);
	/* Two generations' key tables live side by side during an apply. */
	plan->table_bytes = 2 * (uint64_t)(keys + 4096) * KEY_BYTES;
	plan->memory_mb = EAL_BASE_MB +
			  (uint32_t)((plan->worker_count * (plan->pool_bytes + plan->tcp_bytes) +
					     plan->table_bytes) >>
				     20);
	return 0;
}

void start_plan_log(const struct start_plan *plan)
{
	log_notice("%u worker(s) on lcores %s, %u port(s)", plan->worker_count, plan->lcores,
		plan->port_count);
	log_notice("for each worker: %u client connections, TCP %" PRIu64 " MiB, proxy %" PRIu64
		   " MiB (touched as used), %u mbufs of %u bytes of data = %" PRIu64 " MiB",
		plan->proxy.client_limit, plan->tcp_bytes >> 20, plan->proxy_bytes >> 20,
		plan->mbufs, plan->data_room - RTE_PKTMBUF_HEADROOM, plan->pool_bytes >> 20);
	if (plan->tls_bytes > 0)
		log_notice("TLS, for each worker, as connections come: %" PRIu64
			   " MiB of heap for all connections, %" PRIu64
			   " MiB while all are in their handshakes",
			plan->tls_bytes >> 20, plan->tls_handshake_bytes >> 20);
	log_notice("key tables %" PRIu64 " MiB; the EAL gets %u MiB", plan->table_bytes >> 20,
		plan->memory_mb);
}

int start_plan_fits(const struct start_plan *plan, uint64_t huge_mb, uint64_t available_mb,
	char *why, size_t why_bytes)
{
	/* The heap is ordinary memory, which it shares with the EAL where huge pages do not
	 * suffice. */
	uint64_t tls_mb = plan->worker_count * plan->tls_bytes >> 20;
	uint64_t handshakes_mb = plan->worker_count * plan->tls_handshake_bytes >> 20;
	uint64_t beside_mb = plan->memory_mb <= huge_mb ? 0 : plan->memory_mb;

	if (beside_mb + tls_mb > available_mb) {
		snprintf(why, why_bytes,
			"connections, mbufs and keys need %u MiB, and TLS %" PRIu64 " MiB; %" PRIu64
			" MiB of huge pages are free and %" PRIu64
			" MiB of memory available: lower dataplane.connections or dataplane.mbufs",
			plan->memory_mb, tls_mb, huge_mb, available_mb);
		return -ENOMEM;
	}
	if (beside_mb + handshakes_mb > available_mb) {
		snprintf(why, why_bytes,
			"if all connections are in TLS handshakes at once, these need %" PRIu64
			" MiB, and %" PRIu64
			" MiB of memory are available: lower dataplane.connections to be safe",
			handshakes_mb, available_mb - beside_mb);
		return 1;
	}
	return 0;
}

static bool same_port(const struct snapshot *a, const struct snapshot *b, uint32_t i)
{
	const struct snap_port *x = SNAP_AT(a, SNAP_PORTS, snap_port, i);
	const struct snap_port *y = SNAP_AT(b, SNAP_PORTS, snap_port, i);

	return !snap_rows_restart(snap_rows_port, a, x, b, y) &&
	       snapshot_same_ways(a, x->ways, b, y->ways) &&
	       snapshot_same_addresses(a, x->addresses, b, y->addresses, SNAP_ADDRESSES) &&
	       snapshot_same_addresses(a, x->gateways, b, y->gateways, SNAP_GATEWAYS);
}

static int needs_restart(char *why, size_t why_bytes, const char *what)
{
	snprintf(why, why_bytes,
		"%s cannot change while the dataplane runs; restart it to apply this", what);
	return -EOPNOTSUPP;
}

int start_plan_compatible(
	const struct snapshot *running, const struct snapshot *next, char *why, size_t why_bytes)
{
	const struct snap_settings *a = snap_settings(running), *b = snap_settings(next);
	uint32_t n, m;

	snap_records(running, SNAP_PORTS, &n);
	snap_records(next, SNAP_PORTS, &m);
	if (n != m)
		return needs_restart(why, why_bytes, "the number of ports");
	for (uint32_t i = 0; i < n; i++)
		if (!same_port(running, next, i))
			return needs_restart(why, why_bytes, "a port");
	if (!snapshot_same_kernels(running, next))
		return needs_restart(why, why_bytes, "what the kernel gets of a port");
	if (snap_rows_restart(snap_rows_dataplane, running, a, next, b) ||
		snap_rows_restart(snap_rows_buffers, running, a, next, b))
		return needs_restart(
			why, why_bytes, "workers, connections, mbufs or TCP's settings");
	if (snap_rows_restart(snap_rows_capacity, running, a, next, b) ||
		snap_rows_restart(snap_rows_access_log, running, a, next, b))
		return needs_restart(why, why_bytes, "a reserved capacity");
	return 0;
}
